using Mamba.Broker.Engine;
using Mamba.Broker.Server.Messages;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>
/// An engine with one queue and one consumer. Durable messages go to a real file in the folder for temporary files, without
/// fdatasync, so that the disk does not hide what the code costs.
/// </summary>
internal sealed class QueueRig : IDisposable, IPublishObserver, ISettleObserver, ISubscriber
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mamba-micro-").FullName;
    private readonly bool _durable;
    private readonly AcquiredMessage[] _acquired;
    private readonly Settlement[] _settlements;
    private readonly AutoResetEvent _published = new(initialState: false);
    private readonly AutoResetEvent _settled = new(initialState: false);
    private int _unpublished;
    private int _unsettled;

    /// <param name="durable">Whether the messages are.</param>
    /// <param name="size">Messages at a time.</param>
    public QueueRig(bool durable, int size)
    {
        _durable = durable;
        _acquired = new AcquiredMessage[size];
        _settlements = new Settlement[size];
        Engine = MessageEngine.Open(new EngineOptions { Directory = _folder, Sync = false }, new MessageAnnotator(), TimeProvider.System, IEngineEvents.None);
        Queue = Engine.GetOrCreateAsync("q", NodeKind.Queue).GetAwaiter().GetResult();
        Subscription = Queue.Subscribe(new SubscribeOptions(), this);
    }

    public MessageEngine Engine { get; }

    public IMessageNode Queue { get; }

    public ISubscription Subscription { get; }

    /// <summary>Publishes one batch and returns when it is stored.</summary>
    public void Publish()
    {
        var batch = PublishBatch.Rent();
        for (var i = 0; i < _acquired.Length; i++)
        {
            batch.Add(Queue, MakeMessage(), this, i);
        }

        _unpublished = _acquired.Length;
        Engine.Publish(batch);
        _published.WaitOne();
    }

    /// <summary>Acquires what was published; its settlements.</summary>
    public ReadOnlySpan<Settlement> Acquire()
    {
        var count = Subscription.Acquire(_acquired);
        if (count != _acquired.Length)
        {
            throw new InvalidOperationException($"{count} messages were on the queue; {_acquired.Length} were stored.");
        }

        for (var i = 0; i < count; i++)
        {
            _settlements[i] = Settlement.Accept(_acquired[i].Token);
            _acquired[i].Message!.Release();
        }

        return _settlements;
    }

    /// <summary>Acquires a batch and accepts it; with <paramref name="confirmed"/> it returns when that is stored.</summary>
    public void Consume(bool confirmed)
    {
        var settlements = Acquire();
        _unsettled = settlements.Length;
        Subscription.Settle(settlements, confirmed ? this : null);
        if (confirmed)
        {
            _settled.WaitOne();
        }
    }

    public StoredMessage MakeMessage()
    {
        var message = StoredMessage.Rent(100);
        message.Buffer.AsSpan(0, 100).Clear();
        message.Durable = _durable;
        return message;
    }

    public void Dispose()
    {
        Engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Directory.Delete(_folder, recursive: true);
        _published.Dispose();
        _settled.Dispose();
    }

    void IPublishObserver.OnPublished(ReadOnlySpan<PublishResult> results)
    {
        if (Interlocked.Add(ref _unpublished, -results.Length) == 0)
        {
            _published.Set();
        }
    }

    void ISettleObserver.OnSettled(ReadOnlySpan<SettleResult> results)
    {
        if (Interlocked.Add(ref _unsettled, -results.Length) == 0)
        {
            _settled.Set();
        }
    }

    void ISubscriber.OnReady()
    {
        // It asks when it knows that something is there.
    }

    void ISubscriber.OnNodeDeleted()
    {
        // Nothing is held that would have to be given back.
    }
}
