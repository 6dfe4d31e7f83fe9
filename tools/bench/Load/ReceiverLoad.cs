using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Tools.Bench.Checking;

namespace Mamba.Tools.Bench.Load;

/// <summary>Counts what all receivers got, and ends when that is all there should be. Thread-safe.</summary>
internal sealed class Arrivals
{
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _count;
    private long _expected = long.MaxValue;

    public long Count => Interlocked.Read(ref _count);

    /// <summary>Ends when as many messages have arrived as are expected.</summary>
    public Task Complete => _complete.Task;

    public void Expect(long messages)
    {
        Interlocked.Exchange(ref _expected, messages);
        if (Count >= messages)
        {
            _complete.TrySetResult();
        }
    }

    public void Add()
    {
        if (Interlocked.Increment(ref _count) >= Interlocked.Read(ref _expected))
        {
            _complete.TrySetResult();
        }
    }
}

/// <summary>One receiver of a run: checks each message in the receive buffer and accepts it.</summary>
internal sealed class ReceiverLoad(BenchOptions options, int index, DeliveryChecker checker, Arrivals arrivals, Failures failures)
{
    private readonly DeliveryState? _outcome = options.Settled ? null : Accepted.Instance;
    private bool _surprised;
    private AmqpReceiver? _receiver;

    public DeliveryChecker Checker => checker;

    /// <summary>Called after each message, on the connection's turn; for ping-pong.</summary>
    public Action? OnMessage { get; init; }

    public async Task AttachAsync(AmqpSession session, CancellationToken ct)
    {
        var address = options.ReceiveAddress.Replace("%d", $"{index}", StringComparison.Ordinal);
        _receiver = await session.CreateReceiverAsync(address, new ReceiverOptions
        {
            Credit = options.Credit,
            SenderSettleMode = options.Settled ? SenderSettleMode.Settled : SenderSettleMode.Unsettled,
            Filters = options.Selector is null ? null : SelectorFilter.Of(options.Selector, index),
            OnDelivery = OnDelivery,
        }, ct);
        if (options.Selector is not null && SelectorFilter.Refused(_receiver.RemoteAttach) is { } refused)
        {
            failures.Add($"receiver {index}: {refused}");
        }

        _ = WatchAsync(_receiver);
    }

    public Task CloseAsync(CancellationToken ct) => _receiver is { Ended.IsCompleted: false } ? _receiver.CloseAsync(ct) : Task.CompletedTask;

    private DeliveryState? OnDelivery(AmqpReceiver receiver, in RawDelivery delivery)
    {
        if (!options.Settled && delivery.IsSettled && !_surprised)
        {
            _surprised = true;
            failures.Add($"receiver {index}: asked for unsettled messages, got settled ones");
        }

        checker.Check(delivery.Payload);
        arrivals.Add();
        OnMessage?.Invoke();

        // A broker may send unsettled what was asked for settled; it must not wait for its outcome for ever.
        return _outcome ?? Accepted.Instance;
    }

    private async Task WatchAsync(AmqpReceiver receiver)
    {
        try
        {
            await receiver.Ended;
        }
        catch (AmqpException e)
        {
            failures.Add($"receiver {index}: {e.Message}");
        }
    }
}
