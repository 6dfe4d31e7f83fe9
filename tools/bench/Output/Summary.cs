using System.Globalization;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Load;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Output;

/// <summary>Makes a result of a finished run, and words of either.</summary>
internal static class Summary
{
    public static string NameOf(BenchMode mode) => mode switch
    {
        BenchMode.Send => "send",
        BenchMode.Receive => "receive",
        BenchMode.Both => "both",
        BenchMode.PingPong => "pingpong",
        _ => "hold",
    };

    public static string OfOptions(BenchOptions o)
    {
        var text = $"{NameOf(o.Mode)} {o.Uri.GetComponents(UriComponents.SchemeAndServer, UriFormat.Unescaped)}";
        if (o.Mode == BenchMode.Hold)
        {
            return $"{text}: {o.Connections} connections";
        }

        text += o.Sends ? $" to {o.Address}" : "";
        text += o.Receives ? $" from {o.ReceiveAddress}" : "";
        text += $": {o.Size} B, {(o.Durable ? "durable" : "non-durable")}, {(o.Settled ? "settled" : "unsettled")}";
        text += o.Sends ? $", {o.Senders} senders (window {o.Window}{(o.Rate > 0 ? $", {o.Rate}/s each" : "")})" : "";
        text += o.Receives ? $", {o.Receivers} receivers (credit {o.Credit})" : "";
        text += o.Backlog > 0 ? string.Create(CultureInfo.InvariantCulture, $", behind {o.Backlog:#,0} waiting") : "";
        text += o.Selector is null ? "" : $", selector {o.Selector}";
        text += o.Transaction > 0 ? $", {o.Transaction} sends a transaction, {o.TransactionsOpen} open at once" : "";
        text += o.Duration is { } duration ? $", for {duration.TotalSeconds:0.#} s" : $", {o.Count} messages each";
        return o.Warmup > 0 ? $"{text} behind {o.Warmup} of warm-up" : text;
    }

    public static string OfResult(BenchResult r)
    {
        var text = r.Ok ? "ok  " : "FAILED  ";
        if (r.MessagesPerSecond is { } rate)
        {
            text += string.Create(CultureInfo.InvariantCulture, $"sent {r.Sent:#,0}  accepted {r.Accepted:#,0}  received {r.Received:#,0}  in {r.Secs:0.00} s  {rate:#,0}/s  {r.MegabytesPerSecond:0.0} MB/s");
        }

        text += r.Value is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {r.Unit}") : "";
        text += r.Latency is { } latency ? $"\n    latency {latency}" : "";
        text += r.Acknowledgement is { } ack ? $"\n    outcome {ack}" : "";
        text += r.ClientCpuS is { } cpu ? string.Create(CultureInfo.InvariantCulture, $"\n    client CPU {cpu:0.00} s") : "";
        text += r.BrokerCpuUsPerMsg is { } each
            ? string.Create(CultureInfo.InvariantCulture, $"  broker CPU {r.BrokerCpuS:0.00} s, {each:0.0} µs a message, {r.BrokerRssMb:0} MiB (peak {r.BrokerPeakMb:0})")
            : "";
        return r.Failures is { } failures ? $"{text}\n    {string.Join("\n    ", failures)}" : text;
    }

    public static BenchResult OfRig(BenchOptions options, LoadRig rig, ProcessMeter? broker, Failures failures)
    {
        var spent = rig.Measurement.Spent();
        CheckCounts(options, rig, failures);
        var (messages, seconds) = Measured(options, rig);
        var perSecond = seconds > 0 ? messages / seconds : 0;
        return new BenchResult
        {
            Label = options.Label,
            Row = options.Row,
            Run = options.Run,
            Ok = !failures.Any,
            Failures = failures.Any ? failures.Messages : null,
            Mode = NameOf(options.Mode),
            Size = options.Size,
            Durable = options.Durable,
            Settled = options.Settled,
            Senders = options.Sends ? options.Senders : 0,
            Receivers = options.Receives ? options.Receivers : 0,
            Transaction = options.Transaction > 0 ? options.Transaction : null,
            TransactionsOpen = options.Transaction > 0 ? options.TransactionsOpen : null,
            Backlog = options.Backlog > 0 ? options.Backlog : null,
            MessagesOut = rig.Window?.Out,
            Sent = rig.Sent,
            Accepted = rig.Accepted,
            Received = rig.Received,
            Secs = Math.Round(seconds, 6),
            MessagesPerSecond = Math.Round(perSecond),
            MegabytesPerSecond = Math.Round(perSecond * options.Size / 1e6, 2),
            Latency = options.Receives ? Quantiles.Of(LoadRig.LatencyOf(rig.Receivers.Select(r => r.Checker.Latencies))) : null,
            Acknowledgement = Quantiles.Of(LoadRig.LatencyOf(rig.Senders.Select(s => s.Acknowledgements).Concat(rig.Transactions.Select(t => t.Commits)))),
            ClientCpuS = Math.Round(spent.Client, 3),
            BrokerCpuS = broker is null ? null : Math.Round(spent.Broker, 3),
            BrokerCpuUsPerMsg = broker is null || messages == 0 ? null : Math.Round(spent.Broker / messages * 1e6, 2),
            BrokerRssMb = broker is null ? null : Math.Round(broker.ResidentMegabytes(), 1),
            BrokerPeakMb = broker is null ? null : Math.Round(broker.PeakMegabytes(), 1),
        };
    }

    /// <summary>Loss and excess, when nothing else has failed the run before.</summary>
    private static void CheckCounts(BenchOptions options, LoadRig rig, Failures failures)
    {
        if (failures.Any)
        {
            return;
        }

        if (options.Sends && !options.Settled && rig.Accepted != rig.Sent)
        {
            failures.Add($"{rig.Accepted} of {rig.Sent} messages were accepted");
        }

        if (options is { Sends: true, Receives: true } && rig.Received != options.ExpectedOf(rig.Sent))
        {
            failures.Add($"{rig.Received} messages arrived, {options.ExpectedOf(rig.Sent)} should have");
        }
    }

    /// <summary>
    /// Messages behind the warm-up and the time they took: from the first one out to the last one in, or the last outcome, or
    /// the peer's answer to the detach behind the last settled one.
    /// </summary>
    private static (long Messages, double Seconds) Measured(BenchOptions options, LoadRig rig)
    {
        if (rig.Window is { } window)
        {
            return (window.Through, window.Nanoseconds / 1e9);
        }

        long messages, last;
        if (options.Receives)
        {
            messages = rig.Receivers.Sum(r => r.Checker.Measured);
            last = rig.Receivers.Max(r => r.Checker.LastArrival);
        }
        else
        {
            messages = Math.Max(0, rig.Sent - options.Senders * options.Warmup);
            last = Math.Max(rig.Senders.Select(s => s.LastOutcome).DefaultIfEmpty().Max(), rig.Transactions.Select(t => t.LastCommit).DefaultIfEmpty().Max());
        }

        var began = rig.Measurement.Began;
        if (options.Mode == BenchMode.Receive)
        {
            var first = rig.Receivers.Select(r => r.Checker.FirstMeasuredArrival).Where(t => t > 0).DefaultIfEmpty().Min();
            began = options.Warmup > 0 ? first : Math.Min(first, rig.Went);
        }

        return (messages, last > began && began > 0 ? (last - began) / 1e9 : 0);
    }
}
