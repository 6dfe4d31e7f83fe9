using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Mamba.Broker.Server.Transport;

/// <summary>TLS over TCP, after a finished handshake.</summary>
internal sealed class TlsTransport(Socket socket, SslStream stream) : AsyncTransport
{
    public override IPEndPoint LocalEndPoint { get; } = (IPEndPoint)socket.LocalEndPoint!;

    public override IPEndPoint RemoteEndPoint { get; } = (IPEndPoint)socket.RemoteEndPoint!;

    public override bool IsTls => true;

    public override X509Certificate2? ClientCertificate { get; } = stream.RemoteCertificate as X509Certificate2;

    public override bool HasUnacknowledged => TcpState.HasUnacknowledged(socket);

    public override Stream OpenStream() => stream;

    public override async ValueTask ShutdownAsync()
    {
        try
        {
            await stream.ShutdownAsync();
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (IsDisconnect(e))
        {
            // The peer was faster: there is nobody left to tell.
            Dispose();
        }
    }

    protected override ValueTask<int> ReceiveOnceAsync(Memory<byte> buffer) => stream.ReadAsync(buffer, Closed);

    protected override ValueTask SendAllAsync(ReadOnlyMemory<byte> bytes) => stream.WriteAsync(bytes, Closed);

    protected override void DisposeStream()
    {
        stream.Dispose();
        socket.Dispose();
    }
}
