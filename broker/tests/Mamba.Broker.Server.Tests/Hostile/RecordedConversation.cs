using System.Net;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Hostile;

/// <summary>
/// A valid conversation as bytes, to be cut and garbled. It has two parts, because between them the client has to wait for the
/// broker's credit and for a message:
/// <code>
///   Opening: SASL header, sasl-init, AMQP header, open, begin, attach (sender), attach (receiver), flow
///   Working: transfer (one message), transfer and transfer (another), disposition (accepts what came), detach, detach, end, close
/// </code>
/// </summary>
internal sealed class RecordedConversation
{
    public const string FirstBody = "a message in one frame";
    public const string SecondBody = "a message in two frames";

    private static int _made;

    private readonly int _firstMessageEnd;
    private readonly int _secondMessageEnd;
    private readonly int _acceptanceEnd;

    /// <summary>The same for every connection, but for the container-id: links of one container would be stolen from each other.</summary>
    /// <param name="into">The queue it sends two messages to.</param>
    /// <param name="from">The queue it takes one message from.</param>
    public RecordedConversation(string into, string from)
    {
        var container = $"c{Interlocked.Increment(ref _made):D6}";
        Opening =
        [
            .. Frames.SaslHeader, .. Frames.SaslAnonymous, .. Frames.AmqpHeader, .. Frames.Open(container), .. Frames.Begin(),
            .. Frames.Sender(0, into), .. Frames.Receiver(1, from), .. Frames.Credit(1, 1),
        ];
        var second = Frames.Message(SecondBody);
        byte[] first = Frames.Transfer(0, 0, Frames.Message(FirstBody));
        byte[] begun = [.. first, .. Frames.Transfer(0, 1, second[..10], more: true)];
        byte[] sent = [.. begun, .. Frames.Continuation(0, second[10..], more: false)];
        byte[] accepted = [.. sent, .. Frames.Settle(0, Accepted.Instance)];
        Working = [.. accepted, .. Frames.Detach(0), .. Frames.Detach(1), .. Frames.End(), .. Frames.Close()];
        _firstMessageEnd = first.Length;
        _secondMessageEnd = sent.Length;
        _acceptanceEnd = accepted.Length;
    }

    public byte[] Opening { get; }

    public byte[] Working { get; }

    /// <summary>Messages that are whole when the second part is cut there.</summary>
    public int MessagesSent(int cut) => cut >= _secondMessageEnd ? 2 : cut >= _firstMessageEnd ? 1 : 0;

    /// <summary>Messages that are accepted when the second part is cut there.</summary>
    public int MessagesAccepted(int cut) => cut >= _acceptanceEnd ? 1 : 0;

    /// <summary>A peer that has said the whole opening and has got credit and a message.</summary>
    public async Task<RawPeer> OpenAsync(IPEndPoint endpoint)
    {
        var peer = await ConnectAsync(endpoint);
        await peer.SendAsync(Opening);
        var (credit, message) = (false, false);
        while (!credit || !message)
        {
            var frame = await peer.TryNextAsync() ?? throw new InvalidOperationException($"the stream ended. Trace:\n{peer.Trace}");
            credit |= frame.Performative is Flow { Handle: 0, LinkCredit: > 0 };
            message |= frame.Performative is Transfer { Handle: 1 };
        }

        return peer;
    }

    public static async Task<RawPeer> ConnectAsync(IPEndPoint endpoint)
    {
        var peer = await RawPeer.ConnectAsync(endpoint);
        peer.FollowsHeaders = true;
        return peer;
    }
}
