using Mamba.Tools.Bench.Load;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Checking;

/// <summary>
/// Looks at each message one receiver gets: whole, unaltered, of this run, in order per producer, none twice, and none
/// missing where this receiver must see all of them. Not thread-safe: one per receiver; <paramref name="arrived"/> is
/// shared by receivers that compete.
/// </summary>
/// <param name="name">How failures name the receiver.</param>
/// <param name="options">What was asked for.</param>
/// <param name="run">The run every message must be of; null takes any (the sender was another process).</param>
/// <param name="arrived">Per producer, what any competing receiver got; null when this receiver gets every message.</param>
/// <param name="failures">Where to report.</param>
/// <param name="key">The one key this receiver's selector lets through; null is any.</param>
internal sealed class DeliveryChecker(string name, BenchOptions options, uint? run, SequenceSet[]? arrived, Failures failures, int? key = null)
{
    private readonly byte[] _fill = MessageTemplate.FillOf(options.Size);
    private readonly long[] _next = new long[options.Senders];

    /// <summary>Times from when a message was due to be sent until it arrived here; messages of the warm-up, and runs with a backlog, left out.</summary>
    public LatencyHistogram Latencies { get; } = new();

    /// <summary>All messages that arrived, those of the warm-up included.</summary>
    public long Received { get; private set; }

    /// <summary>Messages behind the warm-up; none with a backlog, whose measured part is counted by the rig.</summary>
    public long Measured { get; private set; }

    /// <summary>When the last message arrived, in nanoseconds; 0 before the first.</summary>
    public long LastArrival { get; private set; }

    /// <summary>When the first measured message arrived; 0 before it.</summary>
    public long FirstMeasuredArrival { get; private set; }

    public void Check(ReadOnlySpan<byte> encoded)
    {
        var now = Clock.Now();
        Received++;
        LastArrival = now;
        if (!Stamp.TryRead(MessageTemplate.BodyOf(encoded, options.Size), out var stamp))
        {
            failures.Add($"{name}: a message of {encoded.Length} bytes has no stamp of a run with --size {options.Size}; empty the queue, or use another");
            return;
        }

        if (run is { } wanted && stamp.Run != wanted)
        {
            failures.Add($"{name}: a message of another run; empty the queue, or use another");
            return;
        }

        if (stamp.Producer >= (uint)_next.Length)
        {
            failures.Add($"{name}: a message of producer {stamp.Producer}, but there are {_next.Length}; give --senders as the sending run had it");
            return;
        }

        CheckOrder(stamp);
        if (key is { } own && stamp.Sequence % options.Keys != own)
        {
            failures.Add($"{name}: producer {stamp.Producer}, sequence {stamp.Sequence} does not match this receiver's selector");
        }

        if (!encoded[^_fill.Length..].SequenceEqual(_fill))
        {
            failures.Add($"{name}: producer {stamp.Producer}, sequence {stamp.Sequence}: the body was altered");
        }

        if (stamp.Sequence >= options.Warmup && options.Backlog == 0)
        {
            Measured++;
            FirstMeasuredArrival = FirstMeasuredArrival == 0 ? now : FirstMeasuredArrival;
            Latencies.Record(now - stamp.DueTime);
        }
    }

    private void CheckOrder(in Stamp stamp)
    {
        ref var next = ref _next[stamp.Producer];
        var complete = arrived is null;
        if (complete ? stamp.Sequence != next : stamp.Sequence < next)
        {
            var what = stamp.Sequence < next ? "came again, or late" : $"came, {stamp.Sequence - next} are missing before it";
            failures.Add($"{name}: producer {stamp.Producer}, sequence {stamp.Sequence} {what} (next was {next})");
        }

        next = stamp.Sequence + 1;
        if (arrived is not null && !arrived[stamp.Producer].Add(stamp.Sequence))
        {
            failures.Add($"{name}: producer {stamp.Producer}, sequence {stamp.Sequence} came twice");
        }
    }
}
