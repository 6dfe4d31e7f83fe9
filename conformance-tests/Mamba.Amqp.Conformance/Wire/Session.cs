using System.Globalization;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>A session of the suite's side, with the numbers it must keep.</summary>
public sealed class Session(Peer peer, ushort channel, ushort remoteChannel, Begin local, Begin remote)
{
    private uint _handles;

    public Peer Peer => peer;

    public AmqpWire Wire => peer.Wire;

    public CaseContext Context => peer.Context;

    public ushort Channel => channel;

    public ushort RemoteChannel => remoteChannel;

    public Begin Local => local;

    public Begin Remote => remote;

    /// <summary>The transfer-id of the next transfer frame sent.</summary>
    public uint NextOutgoingId { get; set; } = local.NextOutgoingId;

    /// <summary>The transfer-id of the next transfer frame that comes.</summary>
    public uint NextIncomingId { get; set; } = remote.NextOutgoingId;

    public uint NextDeliveryId { get; set; }

    /// <summary>What is told to the broker as incoming-window.</summary>
    public uint IncomingWindow { get; set; } = local.IncomingWindow;

    public uint TakeHandle() => _handles++;

    /// <summary>A flow with this session's state; link fields are the caller's.</summary>
    public Flow NewFlow() => new()
    {
        NextIncomingId = NextIncomingId,
        IncomingWindow = IncomingWindow,
        NextOutgoingId = NextOutgoingId,
        OutgoingWindow = 2048,
    };

    public Task SendAsync(IAmqpEncodable body, byte[]? payload = null) => Wire.SendAsync(body, channel, payload);

    /// <summary>The next such performative on this session.</summary>
    public async Task<T> ExpectAsync<T>(Func<T, bool>? matches = null, string? what = null, bool keep = false)
        where T : IAmqpEncodable =>
        (T)(await Wire.ExpectFrameAsync<T>((f, body) => f.Channel == remoteChannel && (matches is null || matches(body)), what, keep)).Body!;

    /// <summary>
    /// Everything sent before has been processed when this returns: an echo is asked for and comes. A broker that leaves the answer
    /// out fails the cases about echo; here it is waited for a second.
    /// </summary>
    public async Task FenceAsync()
    {
        Wire.Drop(f => f.Channel == remoteChannel && f.Body is Flow { Handle: null });
        await SendAsync(NewFlow() with { Echo = true });
        await Wire.TryExpectAsync(
            f => f.Channel == remoteChannel && f.Body is Flow { Handle: null }, "answer to a session flow with echo", TimeSpan.FromSeconds(1));
    }

    /// <summary>The answer to a session flow with echo.</summary>
    public async Task<Flow> EchoAsync()
    {
        Wire.Drop(f => f.Channel == remoteChannel && f.Body is Flow { Handle: null });
        await SendAsync(NewFlow() with { Echo = true });
        return await ExpectAsync<Flow>(f => f.Handle is null, "the answer to a session flow with echo");
    }

    /// <summary>Ends in order.</summary>
    public async Task EndAsync()
    {
        await SendAsync(new End());
        Check.NoError((await ExpectAsync<End>()).Error);
    }

    /// <summary>The broker must end the session with one of these conditions; the connection must live on.</summary>
    public async Task<AmqpError> ExpectEndAsync(params Symbol[] conditions)
    {
        var end = await ExpectAsync<End>(what: $"end with {string.Join(" or ", conditions)}");
        Check.Condition(end.Error, conditions);
        await SendAsync(new End());
        await peer.ProveAliveAsync();
        return end.Error!;
    }

    /// <summary>An attach as the suite sends it when a case says nothing else.</summary>
    public Attach NewAttach(Role role, ITarget? target, Source? source, string? name = null) => new()
    {
        Name = name ?? $"link-{_handles.ToString(CultureInfo.InvariantCulture)}-{Context.Name()}",
        Handle = TakeHandle(),
        Role = role,
        SndSettleMode = SenderSettleMode.Mixed,
        RcvSettleMode = ReceiverSettleMode.First,
        Source = source,
        Target = target,
        InitialDeliveryCount = role == Role.Sender ? 0u : null,
    };

    /// <summary>A link on which the suite sends.</summary>
    public async Task<SenderLink> SendToAsync(string? address, Action<Attach>? change = null)
    {
        var attach = NewAttach(Role.Sender, new Target { Address = address }, new Source { Address = Context.Name() });
        change?.Invoke(attach);
        return new SenderLink(this, attach, await AttachAsync(attach));
    }

    /// <summary>A link on which the suite receives.</summary>
    public async Task<ReceiverLink> ReceiveFromAsync(string? address, Action<Attach>? change = null)
    {
        var attach = NewAttach(Role.Receiver, new Target { Address = Context.Name() }, new Source { Address = address });
        change?.Invoke(attach);
        return new ReceiverLink(this, attach, await AttachAsync(attach));
    }

    /// <summary>Runs an attach that the broker is free to refuse; a refusal makes the case not applicable.</summary>
    public static async Task<T> OptionalAsync<T>(Task<T> attaching, string feature)
    {
        try
        {
            return await attaching;
        }
        catch (RefusedException e)
        {
            throw new NotApplicableException($"the broker refuses {feature}: {e.Error?.ToString() ?? "no error given"}");
        }
    }

    /// <summary>A control link to a transaction coordinator; not applicable where it is refused.</summary>
    public async Task<SenderLink> CoordinateAsync(Action<Attach>? change = null)
    {
        var attach = NewAttach(Role.Sender, new Coordinator { Capabilities = ["amqp:local-transactions"] }, new Source
        {
            Outcomes = ["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"],
        });
        change?.Invoke(attach);
        return new SenderLink(this, attach, await OptionalAsync(AttachAsync(attach), "a transaction coordinator"));
    }

    /// <summary>Sends an attach and takes the answer.</summary>
    /// <exception cref="RefusedException">The broker's answer has no terminus, or it ends the session or connection instead.</exception>
    public async Task<Attach> AttachAsync(Attach attach)
    {
        await SendAsync(attach);
        Attach answer;
        try
        {
            answer = await ExpectAsync<Attach>(a => a.Name == attach.Name && a.Role != attach.Role, $"attach for {attach.Name}");
        }
        catch (UnexpectedFrameException e) when (e.Frame.Body is Detach or End or Close)
        {
            throw new RefusedException(null, e.Error, $"the broker answers an attach with {e.Frame.Body}");
        }

        if ((attach.Role == Role.Sender && answer.Target is null) || (attach.Role == Role.Receiver && answer.Source is null))
        {
            var detach = await ExpectAsync<Detach>(what: "the detach that follows an attach without terminus");
            await SendAsync(new Detach { Handle = attach.Handle, Closed = true });
            throw new RefusedException(detach, detach.Error, $"the broker refuses the link: {detach}");
        }

        return answer;
    }
}

/// <summary>The broker refused a link.</summary>
public sealed class RefusedException(Detach? detach, AmqpError? error, string message) : Exception(message)
{
    /// <summary>The detach that followed the attach; null when the session or connection was ended instead.</summary>
    public Detach? Detach => detach;

    public AmqpError? Error => error;
}

/// <summary>Small changes to performatives.</summary>
public static class AttachExtensions
{
    public static Attach OnHandle(this Attach attach, uint handle)
    {
        ArgumentNullException.ThrowIfNull(attach);
        attach.Handle = handle;
        return attach;
    }
}
