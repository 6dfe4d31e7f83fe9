using Mamba.Amqp.Client;
using Mamba.Amqp.Transport;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Load;

/// <summary>
/// One message under way at a time: the next is sent when the last has arrived and, unless sent settled, been accepted. Runs
/// on the turns of two connections at once, so its steps are guarded.
/// </summary>
internal sealed class PingPong(BenchOptions options, uint run, Measurement measurement, Failures failures)
{
    private readonly Lock _gate = new();
    private readonly MessageTemplate _template = new(options.Size, options.Durable);
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _total = options.PerSender ?? long.MaxValue;
    private AmqpSender? _sender;
    private long _deadline = long.MaxValue;
    private long _sent;
    private long _arrived;

    public long Sent => Interlocked.Read(ref _sent);

    public long Accepted { get; private set; }

    /// <summary>Ends when the last message has arrived and been accepted.</summary>
    public Task Done => _done.Task;

    public async Task AttachAsync(AmqpSession session, CancellationToken ct)
    {
        var address = options.Address.Replace("%d", "0", StringComparison.Ordinal);
        _sender = await session.CreateSenderAsync(address, new SenderOptions
        {
            SettleMode = options.Settled ? SenderSettleMode.Settled : SenderSettleMode.Unsettled,
            OnOutcome = OnOutcome,
            OnSendable = _ => Step(),
        }, ct);
    }

    public void Start()
    {
        if (options.Duration is { } duration)
        {
            _deadline = Clock.Now() + (long)duration.TotalNanoseconds;
        }

        Step();
    }

    /// <summary>The message arrived at the receiver.</summary>
    public void OnArrival()
    {
        lock (_gate)
        {
            _arrived++;
        }

        Step();
    }

    private void OnOutcome(AmqpSender sender, SendOutcome outcome)
    {
        if (outcome.State is not Amqp.Messaging.Accepted)
        {
            failures.Add($"a message was not accepted: {outcome.State}");
        }

        lock (_gate)
        {
            Accepted++;
        }

        Step();
    }

    private void Step()
    {
        try
        {
            if (TryClaim(out var sequence)
                && _sender!.SendBatch(1, (Load: this, Sequence: sequence), static ((PingPong Load, long Sequence) s, out long context) => s.Load.Encode(s.Sequence, out context), options.Settled) == 0)
            {
                // OnSendable comes when it can be sent.
                lock (_gate)
                {
                    _sent--;
                }
            }
        }
        catch (AmqpException e)
        {
            failures.Add($"sender: {e.Message}");
        }
    }

    /// <summary>True for one caller only, when the last message is through: it sends the next.</summary>
    private bool TryClaim(out long sequence)
    {
        var now = Clock.Now();
        lock (_gate)
        {
            sequence = _sent;
            if (_arrived < _sent || (!options.Settled && Accepted < _sent))
            {
                return false;
            }

            if (_sent >= _total || now >= _deadline)
            {
                _done.TrySetResult();
                return false;
            }

            _sent++;
        }

        if (sequence == options.Warmup)
        {
            measurement.Begin(now);
        }

        return true;
    }

    private ReadOnlySpan<byte> Encode(long sequence, out long context)
    {
        context = sequence;
        return _template.With(new Stamp(run, 0, sequence, Clock.Now()));
    }
}
