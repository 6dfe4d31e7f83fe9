namespace Mamba.Broker.Server.Transport;

/// <summary>
/// Adapts an awaitable stream (TLS, WebSocket) to <see cref="ByteTransport"/>. The subclass gives the two awaitable operations;
/// a failure of either reads as the end of the connection, whose cause the connection logs.
/// </summary>
internal abstract class AsyncTransport : ByteTransport
{
    private readonly CancellationTokenSource _closed = new();
    private int _disposed;

    protected CancellationToken Closed => _closed.Token;

    public sealed override int Receive(Memory<byte> buffer)
    {
        var pending = ReceiveOnceAsync(buffer);
        if (pending.IsCompletedSuccessfully)
        {
            return pending.GetAwaiter().GetResult();
        }

        _ = CompleteReceiveAsync(pending);
        return Pending;
    }

    public sealed override int Send(ReadOnlyMemory<byte> bytes)
    {
        var pending = SendAllAsync(bytes);
        if (pending.IsCompletedSuccessfully)
        {
            pending.GetAwaiter().GetResult();
            return 1;
        }

        _ = CompleteSendAsync(pending);
        return Pending;
    }

    public sealed override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _closed.Cancel();
            DisposeStream();
            _closed.Dispose();
        }
    }

    protected abstract ValueTask<int> ReceiveOnceAsync(Memory<byte> buffer);

    protected abstract ValueTask SendAllAsync(ReadOnlyMemory<byte> bytes);

    protected abstract void DisposeStream();

    /// <summary>The ways in which a stream says that its peer is gone.</summary>
    internal static bool IsDisconnect(Exception e) =>
        e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException
            or System.Net.Sockets.SocketException or System.Net.WebSockets.WebSocketException;

    private async Task CompleteReceiveAsync(ValueTask<int> pending)
    {
        int count;
        try
        {
            count = await pending;
        }
        catch (Exception e) when (IsDisconnect(e))
        {
            count = 0;
        }

        Owner.OnReceived(count);
    }

    private async Task CompleteSendAsync(ValueTask pending)
    {
        bool sent;
        try
        {
            await pending;
            sent = true;
        }
        catch (Exception e) when (IsDisconnect(e))
        {
            sent = false;
        }

        Owner.OnSent(sent);
    }
}
