using Mamba.Amqp.Client;
using Mamba.Amqp.Transport;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Load;

/// <summary>
/// One sender that sends in transactions. One at a time it begins, sends, commits, and waits for the answer before it begins the
/// next. With several open it begins ahead and does not wait for a commit before it fills the next transaction; discharges leave
/// in the order of the messages, so the messages must arrive in their order. The acknowledgement times are those of whole
/// transactions, from when one is begun until its commit is answered.
/// </summary>
internal sealed class TransactionLoad(BenchOptions options, int index, uint run, Measurement measurement, Failures failures)
{
    private readonly MessageTemplate _template = new(options.Size, options.Durable, options.Keys);
    private readonly Queue<(long Began, Task<AmqpTransaction> Begin)> _begun = new();
    private readonly Queue<(long Began, long First, Task Commit)> _committing = new();
    private long _deadline;
    private long _planned;
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
            MaxInFlight = Math.Max(options.Window, options.Transaction * options.TransactionsOpen),
            OnOutcome = (_, outcome) => _refused += outcome.State is Amqp.Messaging.Accepted ? 0 : 1,
        }, ct);
    }

    public async Task RunAsync(CancellationToken ct)
    {
        _deadline = options.Duration is { } duration ? Clock.Now() + (long)duration.TotalNanoseconds : long.MaxValue;
        try
        {
            while (BeginAhead(ct))
            {
                await SendOneAsync(ct);
                while (_committing.TryPeek(out var oldest) && (oldest.Commit.IsCompleted || _committing.Count >= options.TransactionsOpen))
                {
                    await FinishOldestAsync();
                }
            }

            while (_committing.Count > 0)
            {
                await FinishOldestAsync();
            }
        }
        catch (AmqpException e)
        {
            failures.Add($"{Name}: {e.Message}");
        }
    }

    public Task CloseAsync(CancellationToken ct) => _sender is { Ended.IsCompleted: false } ? _sender.CloseAsync(ct) : Task.CompletedTask;

    /// <summary>Begins as many transactions as may be open; false when there is nothing left to send.</summary>
    private bool BeginAhead(CancellationToken ct)
    {
        var total = options.PerSender ?? long.MaxValue;
        while (_begun.Count + _committing.Count < options.TransactionsOpen && _planned < total && Clock.Now() < _deadline)
        {
            _begun.Enqueue((Clock.Now(), _sender!.Session.BeginTransactionAsync(ct)));
            _planned += options.Transaction;
        }

        return _begun.Count > 0;
    }

    private async Task SendOneAsync(CancellationToken ct)
    {
        var (began, begin) = _begun.Dequeue();
        var transaction = await begin;
        var first = _sent;
        for (var left = options.Transaction; left > 0;)
        {
            var sent = _sender!.SendBatch(left, this, static (TransactionLoad load, out long context) => load.Next(out context), settled: false, transaction);
            left -= sent;
            if (sent == 0)
            {
                await _sender.WaitToSendAsync(ct);
            }
        }

        _committing.Enqueue((began, first, transaction.CommitAsync(ct)));
    }

    private async Task FinishOldestAsync()
    {
        var (began, first, commit) = _committing.Dequeue();
        await commit;
        if (Interlocked.Read(ref _refused) > 0)
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
