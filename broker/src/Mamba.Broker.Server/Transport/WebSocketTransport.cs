using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Transport;

/// <summary>
/// AMQP over WebSocket (AMQP WebSocket Binding 1.0): binary messages whose borders mean nothing to AMQP; a text message
/// closes the socket with 1003.
/// </summary>
/// <param name="socket">The WebSocket, accepted.</param>
/// <param name="listener">Where it arrived.</param>
/// <param name="carrier">What its bytes travel over, to be disposed of with it; null where that is another's.</param>
internal sealed class WebSocketTransport(WebSocket socket, ListenerContext listener, ByteTransport? carrier = null) : AsyncTransport
{
    /// <summary>Largest outgoing message, whatever the client takes.</summary>
    private const int MaxMessageBytes = 64 * 1024;

    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Some clients bound an inbound WebSocket frame by their max-frame-size: messages stay within it.</summary>
    private int _messageBytes = MaxMessageBytes;

    public override IPEndPoint LocalEndPoint => listener.Local;

    public override IPEndPoint RemoteEndPoint => listener.Remote;

    public override bool IsTls => listener.IsTls;

    public override X509Certificate2? ClientCertificate => listener.ClientCertificate;

    public override bool HasUnacknowledged => carrier?.HasUnacknowledged is true;

    public override void LimitMessages(uint maxFrameSize) => _messageBytes = (int)Math.Clamp(maxFrameSize, ProtocolConstants.MinMaxFrameSize, MaxMessageBytes);

    public override async ValueTask ShutdownAsync()
    {
        using var limit = new CancellationTokenSource(CloseTimeout);
        try
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, statusDescription: null, limit.Token);
        }
        catch (Exception e) when (IsDisconnect(e))
        {
            // The peer was faster: there is nobody left to tell.
            Dispose();
        }
    }

    protected override async ValueTask<int> ReceiveOnceAsync(Memory<byte> buffer)
    {
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer, Closed);
            switch (result.MessageType)
            {
                case WebSocketMessageType.Binary when result.Count > 0:
                    return result.Count;
                case WebSocketMessageType.Close:
                    // A close is answered with a close (RFC 6455 §5.5.1), unless ours came first.
                    if (socket.State == WebSocketState.CloseReceived)
                    {
                        await ShutdownAsync();
                    }

                    return 0;
                case WebSocketMessageType.Text:
                    await socket.CloseOutputAsync(
                        WebSocketCloseStatus.InvalidMessageType, "AMQP is carried in binary messages only", Closed);
                    return 0;
                default:
                    continue; // an empty binary message carries nothing
            }
        }
    }

    protected override async ValueTask SendAllAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var part = bytes[..Math.Min(bytes.Length, _messageBytes)];
            await socket.SendAsync(part, WebSocketMessageType.Binary, endOfMessage: true, Closed);
            bytes = bytes[part.Length..];
        }
    }

    protected override void DisposeStream()
    {
        socket.Dispose();
        carrier?.Dispose();
    }
}
