using Mamba.Amqp.Codec;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>An open connection.</summary>
public sealed class Peer(CaseContext context, AmqpWire wire, Open local, Open remote)
{
    public CaseContext Context => context;

    public AmqpWire Wire => wire;

    public Open Local => local;

    public Open Remote => remote;

    /// <summary>Begins a session.</summary>
    public async Task<Session> BeginAsync(ushort channel = 0, Action<Begin>? change = null)
    {
        var begin = new Begin { NextOutgoingId = 0, IncomingWindow = 2048, OutgoingWindow = 2048, HandleMax = 255 };
        change?.Invoke(begin);
        await wire.SendAsync(begin, channel);
        var answer = await wire.ExpectFrameAsync<Begin>((_, b) => b.RemoteChannel == channel, $"begin with remote-channel {channel}");
        return new Session(this, channel, answer.Channel, begin, (Begin)answer.Body!);
    }

    /// <summary>Closes in order: close is answered without an error. That the socket is closed too is for the cases about that.</summary>
    public async Task CloseAsync()
    {
        await wire.SendAsync(new Close());
        Check.NoError((await wire.ExpectAsync<Close>()).Error);
    }

    /// <summary>The broker must close the connection with one of these conditions.</summary>
    public Task<AmqpError> ExpectCloseAsync(params Symbol[] conditions) => ExpectCloseAsync(wire, conditions);

    /// <summary>The broker must close the connection with one of these conditions; with any error when none is named.</summary>
    public static async Task<AmqpError> ExpectCloseAsync(AmqpWire wire, params Symbol[] conditions)
    {
        var what = conditions.Length > 0 ? string.Join(" or ", conditions) : "an error";
        var close = await wire.ExpectAsync<Close>(what: $"close with {what}");
        Check.Condition(close.Error, conditions);
        await wire.SendAsync(new Close());
        return close.Error!;
    }

    /// <summary>A round trip on the connection shows that it lives: a session is begun and ended on a channel of its own.</summary>
    public async Task ProveAliveAsync()
    {
        var session = await BeginAsync(Math.Min(remote.ChannelMax, local.ChannelMax));
        await session.EndAsync();
    }

    /// <summary>Sends a performative that no generated type would write.</summary>
    public Task SendRawAsync(ulong descriptor, string note, params object?[] fields) =>
        wire.SendBytesAsync(Raw.Frame(Raw.Composite(descriptor, fields)), $"[0] {note} {WireTrace.Hex(Raw.Composite(descriptor, fields))}");
}
