using System.Text;

namespace Mamba.Broker.Engine.Tests;

/// <summary>Has credit for one message, and takes it the very moment it is told that there is one.</summary>
internal sealed class EagerSubscriber : ISubscriber, IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<string> _got = [];
    private readonly ISubscription _subscription;

    public EagerSubscriber(IMessageNode node) => _subscription = node.Subscribe(new SubscribeOptions(), this);

    public IReadOnlyList<string> Got
    {
        get
        {
            lock (_gate)
            {
                return [.. _got];
            }
        }
    }

    public void OnReady()
    {
        lock (_gate)
        {
            var into = new AcquiredMessage[1];
            if (_got.Count == 0 && _subscription.Acquire(into) == 1)
            {
                var message = into[0].Message ?? _subscription.LoadBody(into[0]);
                _got.Add(Encoding.UTF8.GetString(message!.Span));
                message.Release();
            }
        }
    }

    public void OnNodeDeleted()
    {
        // Nobody waits for it.
    }

    public void Dispose() => _subscription.Close(SettleOnClose.Released);
}
