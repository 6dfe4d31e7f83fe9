using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Load;

/// <summary>
/// One sender of a run: sends as fast as credit, window and output allow, or, with a rate, what is due. All of it happens on
/// its connection's turns, or on the pacer's thread, one at a time.
/// </summary>
internal sealed class SenderLoad(BenchOptions options, int index, uint run, Measurement measurement, Failures failures)
{
    // Long enough to fill a window in one go, short enough to look at the clock often.
    private const int Batch = 1024;

    private readonly MessageTemplate _template = new(options.Size, options.Durable, options.Keys);
    private volatile TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly double _interval = options.Rate > 0 ? 1e9 / options.Rate : 0;
    private AmqpSender? _sender;
    private long _total = options.Backlog > 0 ? options.Backlog : options.PerSender ?? long.MaxValue;
    private long _deadline = long.MaxValue;
    private long _began;
    private long _sent;
    private long _outcomes;

    public string Name { get; } = $"sender {index}";

    public long Sent => Interlocked.Read(ref _sent);

    public long Accepted { get; private set; }

    /// <summary>When the last outcome came, or the last settled message had been taken by the peer.</summary>
    public long LastOutcome { get; private set; }

    /// <summary>Times from when a message was sent (or due) until its outcome came.</summary>
    public LatencyHistogram Acknowledgements { get; } = new();

    /// <summary>Ends when all messages are sent and have their outcomes, or the run failed.</summary>
    public Task Done => _done.Task;

    public async Task AttachAsync(AmqpSession session, CancellationToken ct)
    {
        var address = options.Address.Replace("%d", $"{index}", StringComparison.Ordinal);
        _sender = await session.CreateSenderAsync(address, new SenderOptions
        {
            SettleMode = options.Settled ? SenderSettleMode.Settled : SenderSettleMode.Unsettled,
            MaxInFlight = options.Window,
            OnOutcome = OnOutcome,
            OnSendable = options.Rate > 0 ? null : _ => Pump(Clock.Now()),
        }, ct);
        _ = WatchAsync(_sender);
    }

    public void Start(long now)
    {
        _began = now;
        if (options.Duration is { } duration)
        {
            _deadline = now + (long)duration.TotalNanoseconds;
        }

        if (options.Rate == 0)
        {
            Pump(now);
        }
    }

    /// <summary>After the backlog is sent, and <see cref="Done"/> has ended: sends what is left; Done is a new task then.</summary>
    public void Continue(long now)
    {
        _total = options.PerSender!.Value;
        _done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Pump(now);
    }

    /// <summary>When the next message is due; only with a rate.</summary>
    public long NextDue => _began + (long)(_sent * _interval);

    /// <summary>Sends what may be sent now. Never throws: what goes wrong fails the run.</summary>
    public void Pump(long now)
    {
        try
        {
            if (now >= _deadline && _total == long.MaxValue)
            {
                _total = _sent;
            }

            var allowed = Math.Min(_total - _sent, Batch);
            if (_interval > 0)
            {
                allowed = Math.Min(allowed, now < _began ? 0 : (long)((now - _began) / _interval) + 1 - _sent);
            }

            while (allowed > 0 && _sender!.SendBatch((int)allowed, this, static (SenderLoad load, out long context) => load.Next(out context), options.Settled) == allowed)
            {
                allowed = _interval > 0 || Clock.Now() >= _deadline ? 0 : Math.Min(_total - _sent, Batch);
            }

            CheckDone();
        }
        catch (AmqpException e)
        {
            failures.Add($"{Name}: {e.Message}");
        }
    }

    /// <summary>Closes the link, whose answer says that the peer has taken all that was sent settled.</summary>
    public async Task CloseAsync(CancellationToken ct)
    {
        if (_sender is { Ended.IsCompleted: false })
        {
            await _sender.CloseAsync(ct);
            if (options.Settled)
            {
                LastOutcome = Clock.Now();
            }
        }
    }

    private ReadOnlySpan<byte> Next(out long context)
    {
        var sequence = _sent;
        var due = _interval > 0 ? NextDue : Clock.Now();
        if (sequence == options.Warmup && options.Backlog == 0)
        {
            measurement.Begin(due);
        }

        Interlocked.Increment(ref _sent);
        context = due;
        return _template.With(new Stamp(run, (uint)index, sequence, due));
    }

    private void OnOutcome(AmqpSender sender, SendOutcome outcome)
    {
        var now = Clock.Now();
        LastOutcome = now;
        if (outcome.State is not Amqp.Messaging.Accepted)
        {
            failures.Add($"{Name}: a message was not accepted: {outcome.State}");
            return;
        }

        Accepted++;
        if (_outcomes++ >= options.Warmup + options.Backlog)
        {
            Acknowledgements.Record(now - outcome.Context);
        }

        CheckDone();
    }

    private void CheckDone()
    {
        if (_sent == _total && (options.Settled || Accepted == _total))
        {
            _done.TrySetResult();
        }
    }

    private async Task WatchAsync(AmqpSender sender)
    {
        try
        {
            await sender.Ended;
        }
        catch (AmqpException e)
        {
            failures.Add($"{Name}: {e.Message}");
        }
    }
}
