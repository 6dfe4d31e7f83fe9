using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// Requests of one connection that are carried out one at a time, in their order, off the connection's turns, and none while the client
/// leaves many bytes of responses unread. Touched only by the connection's turns, except where a member says otherwise.
/// </summary>
/// <typeparam name="TRequest">A request that waits.</typeparam>
/// <typeparam name="TResponse">What carrying it out gives.</typeparam>
internal abstract class RequestRunner<TRequest, TResponse>(AmqpConnection connection)
{
    /// <summary>Responses that wait for credit, above which no more requests are carried out.</summary>
    private const long MaxUnreadBytes = 1024 * 1024;

    private readonly Queue<TRequest> _waiting = new();
    private bool _isRunning;

    protected AmqpConnection Connection { get; } = connection;

    /// <summary>Requests that are not begun.</summary>
    protected int Waiting => _waiting.Count;

    /// <summary>Takes a request in.</summary>
    public virtual void Submit(TRequest request)
    {
        _waiting.Enqueue(request);
        RunNext();
    }

    /// <summary>A response is on its way to the client.</summary>
    public void OnWritten()
    {
        if (_waiting.Count > 0 && !_isRunning)
        {
            Connection.Post(RunNext);
        }
    }

    /// <summary>Bytes of responses that the client has not read yet.</summary>
    protected abstract long UnreadBytes();

    /// <summary>What to do off the turn to carry a request out, made in the turn; null when it is done with. What is returned must not throw.</summary>
    protected abstract Func<Task<TResponse>>? Begin(TRequest request);

    /// <summary>Answers a request. The connection's turn.</summary>
    protected abstract void Finish(TRequest request, TResponse response);

    /// <summary>Begins the next request, if it may be.</summary>
    protected void RunNext()
    {
        while (!_isRunning && !Connection.IsBroken && UnreadBytes() < MaxUnreadBytes && _waiting.TryDequeue(out var next))
        {
            _isRunning = true;
            // What came before it on this connection is to be in its queues when it is carried out.
            Connection.PublishCollected();
            if (Begin(next) is { } execute)
            {
                _ = Task.Run(() => RunAsync(next, execute));
            }
            else
            {
                _isRunning = false;
            }
        }
    }

    private async Task RunAsync(TRequest request, Func<Task<TResponse>> execute)
    {
        var response = await execute();
        Connection.Post(() =>
        {
            _isRunning = false;
            Finish(request, response);
            RunNext();
        });
    }
}
