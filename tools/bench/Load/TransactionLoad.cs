using Mamba.Amqp.Client;
using Mamba.Amqp.Transport;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Load;

/// <summary>One sender that sends in transactions, one after the other; the acknowledgement times are those of whole transactions.</summary>
internal sealed class TransactionLoad(BenchOptions options, int index, uint run, Measurement measurement, Failures failures)
{
    private readonly MessageTemplate _template = new(options.Size, options.Durable, options.Keys);
    private AmqpSender? _sender;
    private long _sent;
    private long _refused;

    public string Name { get; } = $"sender {index}";

    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Messages whose transaction was committed.</summary>
    public long Committed { get; private set; }

    public long LastCommit { get; private set; }

    public LatencyHistogram Commits { get; } = new();

    public async Task AttachAsync(AmqpSession session, CancellationToken ct)
    {
        var address = options.Address.Replace("%d", $"{index}", StringComparison.Ordinal);
        _sender = await session.CreateSenderAsync(address, new SenderOptions
        {
            SettleMode = SenderSettleMode.Unsettled,
            MaxInFlight = Math.Max(options.Window, options.Transaction),
            OnOutcome = (_, outcome) => _refused += outcome.State is Amqp.Messaging.Accepted ? 0 : 1,
        }, ct);
    }

    public async Task RunAsync(CancellationToken ct)
    {
        var deadline = options.Duration is { } duration ? Clock.Now() + (long)duration.TotalNanoseconds : long.MaxValue;
        var total = options.PerSender ?? long.MaxValue;
        try
        {
            while (_sent < total && Clock.Now() < deadline)
            {
                await RunOneAsync(ct);
            }
        }
        catch (AmqpException e)
        {
            failures.Add($"{Name}: {e.Message}");
        }
    }

    public Task CloseAsync(CancellationToken ct) => _sender is { Ended.IsCompleted: false } ? _sender.CloseAsync(ct) : Task.CompletedTask;

    private async Task RunOneAsync(CancellationToken ct)
    {
        var began = Clock.Now();
        var first = _sent;
        await using var transaction = await _sender!.Session.BeginTransactionAsync(ct);
        for (var left = options.Transaction; left > 0;)
        {
            var sent = _sender.SendBatch(left, this, static (TransactionLoad load, out long context) => load.Next(out context), settled: false, transaction);
            left -= sent;
            if (sent == 0)
            {
                await _sender.WaitToSendAsync(ct);
            }
        }

        await transaction.CommitAsync(ct);
        if (_refused > 0)
        {
            failures.Add($"{Name}: {_refused} messages of a committed transaction were not accepted");
        }

        Committed += options.Transaction;
        LastCommit = Clock.Now();
        if (first >= options.Warmup)
        {
            Commits.Record(LastCommit - began);
        }
    }

    private ReadOnlySpan<byte> Next(out long context)
    {
        var now = Clock.Now();
        if (_sent == options.Warmup)
        {
            measurement.Begin(now);
        }

        context = now;
        var stamp = new Stamp(run, (uint)index, _sent, now);
        Interlocked.Increment(ref _sent);
        return _template.With(stamp);
    }
}
