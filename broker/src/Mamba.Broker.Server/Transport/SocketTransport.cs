using System.Net;
using System.Net.Sockets;

namespace Mamba.Broker.Server.Transport;

/// <summary>
/// Plain TCP. Waits for readability with a zero-byte receive, which on Linux costs one system call less than a receive that
/// would block, and lets an idle connection give its buffer back.
/// </summary>
internal sealed class SocketTransport : ByteTransport
{
    private readonly Socket _socket;
    private readonly ReceiveOperation _receive;
    private readonly SendOperation _send;
    private int _disposed;

    public SocketTransport(Socket socket)
    {
        _socket = socket;
        _receive = new ReceiveOperation(this);
        _send = new SendOperation(this);
        LocalEndPoint = (IPEndPoint)socket.LocalEndPoint!;
        RemoteEndPoint = (IPEndPoint)socket.RemoteEndPoint!;
    }

    public override IPEndPoint LocalEndPoint { get; }

    public override IPEndPoint RemoteEndPoint { get; }

    public override bool CanWaitWithoutBuffer => true;

    public override bool HasUnacknowledged => TcpState.HasUnacknowledged(_socket);

    public override Stream OpenStream() => new NetworkStream(_socket, ownsSocket: false);

    public override int Receive(Memory<byte> buffer)
    {
        try
        {
            _receive.SetBuffer(buffer);
            if (_socket.ReceiveAsync(_receive))
            {
                return Pending;
            }

            return _receive.Outcome;
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
    }

    public override int Send(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            _send.Rest = bytes;
            return _send.Continue();
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
    }

    public override ValueTask ShutdownAsync()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer was faster: there is nobody left to tell.
            Dispose();
        }

        return ValueTask.CompletedTask;
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _socket.Dispose();
        }
    }

    private sealed class ReceiveOperation(SocketTransport transport)
        : SocketAsyncEventArgs(unsafeSuppressExecutionContextFlow: true)
    {
        /// <summary>A zero-byte wait that succeeds transfers nothing: 1 then tells the owner to receive in earnest.</summary>
        public int Outcome => SocketError != SocketError.Success ? 0 : MemoryBuffer.Length == 0 ? 1 : BytesTransferred;

        protected override void OnCompleted(SocketAsyncEventArgs e) => transport.Owner.OnReceived(Outcome);
    }

    private sealed class SendOperation(SocketTransport transport)
        : SocketAsyncEventArgs(unsafeSuppressExecutionContextFlow: true)
    {
        public ReadOnlyMemory<byte> Rest { get; set; }

        /// <summary>Sends what is left; a socket may take part of it.</summary>
        public int Continue()
        {
            while (!Rest.IsEmpty)
            {
                SetBuffer(System.Runtime.InteropServices.MemoryMarshal.AsMemory(Rest));
                if (transport._socket.SendAsync(this))
                {
                    return Pending;
                }

                if (!Account())
                {
                    return 0;
                }
            }

            return 1;
        }

        protected override void OnCompleted(SocketAsyncEventArgs e)
        {
            int result;
            try
            {
                result = Account() ? Continue() : 0;
            }
            catch (ObjectDisposedException)
            {
                result = 0;
            }

            if (result != Pending)
            {
                transport.Owner.OnSent(result == 1);
            }
        }

        private bool Account()
        {
            if (SocketError != SocketError.Success)
            {
                return false;
            }

            Rest = Rest[BytesTransferred..];
            return true;
        }
    }
}
