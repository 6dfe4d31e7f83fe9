using System.Net;
using System.Net.Sockets;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Server.Transport.WebSockets;

namespace Mamba.Broker.Server.Transport;

/// <summary>
/// Tells peers that there is no room for another one, where a connection of their own would be too much: a client that hears why may
/// come back later, one that is cut off may think what it likes. It costs little and is bounded: a few sockets at a time, each for a
/// moment, with small buffers; whoever comes beyond that is closed unanswered. Thread-safe.
/// </summary>
/// <remarks>
/// What the peer says first decides what it is told. After <c>AMQP 0.1.0.0</c>: the header, open with
/// amqp:connection-establishment-failed, and close with amqp:resource-limit-exceeded (AMQP 1.0 §2.4.1). After <c>AMQP 3.1.0.0</c>: the
/// header, the mechanisms, and when it has chosen one sasl-outcome sys-temp (§5.3.3.6), whatever its credentials. After <c>GET </c>: status 503.
/// </remarks>
internal sealed class DoorKeeper
{
    /// <summary>Sockets that are being answered at a time.</summary>
    private const int Room = 64;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private const string TooMany = "Too many connections to the broker, in all or from this address, have not authenticated yet; try again later.";

    private static readonly byte[] AmqpHeader = [.. "AMQP"u8, 0, 1, 0, 0];
    private static readonly byte[] SaslHeader = [.. "AMQP"u8, 3, 1, 0, 0];

    private static readonly byte[] Unavailable = new HttpAnswer(503, "Service Unavailable", TooMany).ToBytes();

    private readonly ISaslAuthenticator _authenticator;
    private readonly TimeProvider _time;
    private readonly byte[] _refusal;
    private readonly byte[] _tryLater;
    private int _inside;

    public DoorKeeper(string containerId, ISaslAuthenticator authenticator, TimeProvider time)
    {
        _authenticator = authenticator;
        _time = time;
        _refusal = Refusal(containerId);
        _tryLater = SaslFrame(new SaslOutcome { Code = SaslCode.SysTemp });
    }

    /// <summary>Takes the socket over: answers it if there is room for that, and closes it.</summary>
    public void TurnAway(Socket peer)
    {
        if (Interlocked.Increment(ref _inside) <= Room)
        {
            _ = AnswerAsync(peer);
            return;
        }

        Interlocked.Decrement(ref _inside);
        peer.Dispose();
    }

    private static byte[] Refusal(string containerId)
    {
        using var buffer = new ByteBuffer();
        buffer.Write(AmqpHeader);
        FrameWriter.Write(buffer, 0, new Open
        {
            ContainerId = containerId,
            Properties = new AmqpMap { { new Symbol("amqp:connection-establishment-failed"), "true" } },
        });
        FrameWriter.Write(buffer, 0, new Close
        {
            Error = new AmqpError(ErrorCondition.ResourceLimitExceeded, TooMany),
        });
        return buffer.ToArray();
    }

    private static byte[] SaslFrame(IAmqpEncodable body)
    {
        using var buffer = new ByteBuffer();
        var start = FrameWriter.Begin(buffer, FrameType.Sasl, 0);
        body.Write(new AmqpWriter(buffer));
        FrameWriter.End(buffer, start);
        return buffer.ToArray();
    }

    private async Task AnswerAsync(Socket peer)
    {
        try
        {
            using var deadline = new CancellationTokenSource(Patience, _time);
            await AnswerAsync(peer, new byte[512], deadline.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It left, or said nothing in time: there is nobody to tell.
        }
        finally
        {
            peer.Dispose();
            Interlocked.Decrement(ref _inside);
        }
    }

    private async Task AnswerAsync(Socket peer, byte[] buffer, CancellationToken deadline)
    {
        var got = 0;
        while (got < AmqpHeader.Length)
        {
            var more = await peer.ReceiveAsync(buffer.AsMemory(got), deadline);
            if (more == 0)
            {
                return;
            }

            got += more;
        }

        if (buffer.AsSpan().StartsWith(WebSocketDoor.Beginning))
        {
            await SendAsync(peer, Unavailable, deadline);
        }
        else if (buffer.AsSpan(0, SaslHeader.Length).SequenceEqual(SaslHeader))
        {
            await SendAsync(peer, Mechanisms(peer), deadline);
            if (got == SaslHeader.Length && await peer.ReceiveAsync(buffer, deadline) == 0)
            {
                return;
            }

            await SendAsync(peer, _tryLater, deadline);
        }
        else
        {
            // Whatever else it said, this is a header that we support (§2.2), and why nothing follows.
            await SendAsync(peer, _refusal, deadline);
        }

        // What is left unread would make of the close a reset, and of the answer nothing.
        peer.Shutdown(SocketShutdown.Send);
        while (await peer.ReceiveAsync(buffer, deadline) > 0)
        {
            // It is told to go; what it still says does not matter.
        }
    }

    private byte[] Mechanisms(Socket peer)
    {
        var listener = new ListenerContext((IPEndPoint)peer.LocalEndPoint!, (IPEndPoint)peer.RemoteEndPoint!, IsTls: false, ClientCertificate: null);
        var offered = _authenticator.Mechanisms(listener);
        return
        [
            .. SaslHeader,
            .. SaslFrame(new SaslMechanisms { SaslServerMechanisms = [.. offered.Select(static name => new Symbol(name))] }),
        ];
    }

    private static async Task SendAsync(Socket peer, ReadOnlyMemory<byte> bytes, CancellationToken deadline)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await peer.SendAsync(bytes, deadline)..];
        }
    }
}
