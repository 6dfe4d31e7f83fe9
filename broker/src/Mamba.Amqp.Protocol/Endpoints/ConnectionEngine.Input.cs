using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <content>Protocol headers and frames from the peer, up to the session they belong to.</content>
public sealed partial class ConnectionEngine
{
    private Phase _phase;
    private Open? _clientOpen;

    private enum Phase
    {
        /// <summary>The peer's first protocol header is expected.</summary>
        FirstHeader,

        /// <summary>SASL frames are expected.</summary>
        Sasl,

        /// <summary>SASL has succeeded; the peer's AMQP header is expected.</summary>
        AmqpHeader,

        /// <summary>AMQP frames are expected.</summary>
        Frames,
    }

    /// <summary>
    /// Takes in bytes that arrived. Whole frames are consumed, as many as there are; the rest is handed in again together with
    /// what arrives next. What the peer does wrong never throws here: it ends the link, the session or the connection.
    /// </summary>
    /// <returns>How many bytes were consumed.</returns>
    public int Receive(ReadOnlySpan<byte> bytes)
    {
        _idle.HasRead |= !bytes.IsEmpty;
        var consumed = 0;
        while (!IsClosed && !IsAwaitingOwner)
        {
            var step = Step(bytes[consumed..]);
            if (step == 0)
            {
                break;
            }

            consumed += step;
        }

        if (IsClosed)
        {
            BytesWanted = 0;
            return bytes.Length;
        }

        BytesWanted = IsAwaitingOwner ? 0 : BytesWanted;
        return consumed;
    }

    internal void WriteHeader(ProtocolHeader header)
    {
        header.Write(Output);
        _idle.HasWritten = true;
    }

    /// <summary>SASL has succeeded. The client speaks first in the AMQP layer (a server that does makes rhea hang).</summary>
    internal void OnSaslDone()
    {
        _phase = Phase.AmqpHeader;
        if (!Settings.IsServer)
        {
            WriteHeader(ProtocolHeader.Amqp);
            WriteOpen(_clientOpen!);
        }
    }

    /// <summary>Ends the connection without a Close: there is no AMQP layer to write it in.</summary>
    internal void Break() => IsClosed = true;

    private int Step(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return _phase is Phase.FirstHeader or Phase.AmqpHeader ? StepHeader(bytes) : StepFrame(bytes);
        }
        catch (AmqpException failure)
        {
            Fail(failure);
            return 0;
        }
    }

    private int StepHeader(ReadOnlySpan<byte> bytes)
    {
        BytesWanted = ProtocolHeader.Size;
        if (bytes.Length < ProtocolHeader.Size && ProtocolHeader.CouldBe(bytes))
        {
            return 0;
        }

        var isHeader = ProtocolHeader.TryParse(bytes, out var header);
        if (isHeader && Settings.IsServer)
        {
            AcceptHeader(header);
        }
        else if (isHeader)
        {
            CheckServerHeader(header);
        }
        else
        {
            RefuseHeader("The peer does not speak AMQP: its first bytes are no AMQP protocol header.");
        }

        return ProtocolHeader.Size;
    }

    private void AcceptHeader(ProtocolHeader header)
    {
        if (header == ProtocolHeader.Sasl && _sasl is not null && _phase == Phase.FirstHeader)
        {
            WriteHeader(ProtocolHeader.Sasl);
            _phase = Phase.Sasl;
            _sasl.Offer();
        }
        else if (header == ProtocolHeader.Amqp && (_phase == Phase.AmqpHeader || !Settings.RequireSasl))
        {
            WriteHeader(ProtocolHeader.Amqp);
            _phase = Phase.Frames;
        }
        else
        {
            RefuseHeader($"The client began with {header}, and {Wanted} is what is expected here.");
        }
    }

    /// <summary>A header that does not fit is answered with one that does, and the connection is over (AMQP 1.0 §2.2).</summary>
    private void RefuseHeader(string why)
    {
        if (Settings.IsServer)
        {
            WriteHeader(Wanted);
        }

        Fail(EndpointErrors.Connection(ErrorCondition.NotImplemented, why));
    }

    private ProtocolHeader Wanted =>
        _phase == Phase.FirstHeader && Settings.RequireSasl && _sasl is not null ? ProtocolHeader.Sasl : ProtocolHeader.Amqp;

    private void CheckServerHeader(ProtocolHeader header)
    {
        var wanted = _phase == Phase.FirstHeader && _sasl is not null ? ProtocolHeader.Sasl : ProtocolHeader.Amqp;
        if (header != wanted)
        {
            var hint = header == ProtocolHeader.Sasl ? "; it demands SASL, so give a user name, or allow ANONYMOUS" : "";
            RefuseHeader($"The server answered {wanted} with {header}{hint}.");
            return;
        }

        _phase = header == ProtocolHeader.Sasl ? Phase.Sasl : Phase.Frames;
    }

    private void StartClient(Open open)
    {
        _clientOpen = open;
        if (_sasl is not null)
        {
            WriteHeader(ProtocolHeader.Sasl);
            return;
        }

        WriteHeader(ProtocolHeader.Amqp);
        WriteOpen(open);
    }

    private int StepFrame(ReadOnlySpan<byte> bytes)
    {
        var limit = _phase == Phase.Sasl ? Settings.MaxSaslFrameSize
            : RemoteOpen is null || !IsOpenSent ? Settings.PreOpenMaxFrameSize
            : Settings.MaxFrameSize;
        if (!FrameReader.TryRead(bytes, limit, out var header, out var body, out var consumed))
        {
            BytesWanted = header.Size == 0 ? FrameHeader.Length : (int)header.Size;
            return 0;
        }

        BytesWanted = FrameHeader.Length;
        var expected = _phase == Phase.Sasl ? FrameType.Sasl : FrameType.Amqp;
        if (header.Type != expected)
        {
            throw EndpointErrors.Connection(ErrorCondition.FramingError, $"A frame of type {(byte)header.Type} came where {expected} frames are expected.");
        }

        if (_phase == Phase.Sasl)
        {
            _sasl!.Receive(body);
        }
        else if (!body.IsEmpty)
        {
            Dispatch(header.Channel, body);
        }

        return consumed;
    }

    private void Dispatch(ushort channel, ReadOnlySpan<byte> body)
    {
        var reader = new AmqpReader(body, Settings.DecodeLimits);
        var code = reader.ReadDescriptor();
        if (IsCloseSent && code != DescriptorCode.Close)
        {
            return;
        }

        switch (code)
        {
            case DescriptorCode.Open:
                OnRemoteOpen(LearnStyle(reader, Transport.Open.ReadFields(ref reader)));
                break;
            case DescriptorCode.Close:
                OnRemoteClose(Transport.Close.ReadFields(ref reader));
                break;
            case DescriptorCode.Begin:
                RequireOpen(code);
                OnBegin(channel, LearnStyle(reader, Begin.ReadFields(ref reader)));
                break;
            case >= DescriptorCode.Attach and <= DescriptorCode.End:
                RequireOpen(code);
                DispatchToSession(channel, code, ref reader);
                break;
            default:
                throw EndpointErrors.Connection(ErrorCondition.DecodeError, $"A frame holds {DescriptorCode.NameOf(code)}, which is no performative.");
        }
    }

    /// <summary>
    /// A peer that writes nulls at the end of its Open or Begin, where others leave fields out, is given them too: the stack of
    /// Azure's clients for Python writes all fields, and finds those of a frame by their number without a look at how many came.
    /// </summary>
    private T LearnStyle<T>(AmqpReader fields, T performative)
    {
        Output.WritesAbsentFields |= fields.ListEndsInNull();
        return performative;
    }

    private void DispatchToSession(ushort channel, ulong code, ref AmqpReader reader)
    {
        if (_byRemoteChannel[channel] is not { } session)
        {
            throw UnknownChannel(channel, code);
        }

        if (code == DescriptorCode.End)
        {
            session.OnEnd(End.ReadFields(ref reader).Error);
            return;
        }

        if (session.IsEndSent)
        {
            return;
        }

        try
        {
            Dispatch(session, code, ref reader);
        }
        catch (AmqpException failure) when (failure.Scope != AmqpErrorScope.Connection)
        {
            session.Fail(failure.Error);
        }
    }

    private static void Dispatch(SessionEndpoint session, ulong code, ref AmqpReader reader)
    {
        switch (code)
        {
            case DescriptorCode.Transfer:
                var transfer = Transfer.ReadFields(ref reader);
                session.OnTransfer(in transfer, reader.Rest);
                break;
            case DescriptorCode.Disposition:
                var disposition = Disposition.ReadFields(ref reader);
                session.OnDispositionFrame(in disposition);
                break;
            case DescriptorCode.Flow:
                var flow = Flow.ReadFields(ref reader);
                session.OnFlow(in flow);
                break;
            case DescriptorCode.Attach:
                session.OnAttach(Attach.ReadFields(ref reader));
                break;
            default:
                session.OnDetach(Detach.ReadFields(ref reader));
                break;
        }
    }

    private void OnRemoteOpen(Open open)
    {
        if (RemoteOpen is not null)
        {
            throw EndpointErrors.Connection(ErrorCondition.IllegalState, "A second Open came on the same connection.");
        }

        if (open.MaxFrameSize < ProtocolConstants.MinMaxFrameSize)
        {
            throw EndpointErrors.Connection(
                ErrorCondition.FramingError, $"max-frame-size {open.MaxFrameSize} is below {ProtocolConstants.MinMaxFrameSize}, the least there is.");
        }

        RemoteOpen = open;
        ChannelMax = Math.Min(ChannelMax, open.ChannelMax);
        _idle.OnRemoteOpen(open.IdleTimeOut);
        Handler.OnOpen(open);
    }

    private void OnRemoteClose(Close close)
    {
        if (RemoteOpen is null)
        {
            throw EndpointErrors.Connection(ErrorCondition.IllegalState, "Close came before Open.");
        }

        IsCloseReceived = true;
        if (CanWrite)
        {
            Write(0, new Close());
            IsCloseSent = true;
        }

        IsClosed = true;
        Handler.OnClose(close.Error);
    }

    private void RequireOpen(ulong code)
    {
        if (RemoteOpen is null)
        {
            throw EndpointErrors.Connection(ErrorCondition.IllegalState, $"A {DescriptorCode.NameOf(code)} came before Open.");
        }
    }

    private void OnBegin(ushort channel, Begin begin)
    {
        if (channel > ChannelMax || _byRemoteChannel[channel] is not null)
        {
            throw channel > ChannelMax
                ? UnknownChannel(channel, DescriptorCode.Begin)
                : EndpointErrors.Connection(ErrorCondition.NotAllowed, $"Begin came on channel {channel}, on which a session has been begun.");
        }

        var session = begin.RemoteChannel is { } ours ? AnsweredSession(ours) : NewSession(channel);
        session.OnRemoteBegin(channel, begin);
        _byRemoteChannel.Set(channel, session);
        if (!session.IsLocallyInitiated && _byLocalChannel.Count > Settings.MaxSessionsInUse)
        {
            session.End(new AmqpError(
                ErrorCondition.ResourceLimitExceeded, $"The connection has {Settings.MaxSessionsInUse} sessions already; end one first."));
        }
        else if (!session.IsEndSent)
        {
            GuardBegin(session, begin);
        }
    }

    private void GuardBegin(SessionEndpoint session, Begin begin)
    {
        try
        {
            Handler.OnBegin(session, begin);
        }
        catch (AmqpException failure) when (failure.Scope != AmqpErrorScope.Connection)
        {
            session.Fail(failure.Error);
        }
    }

    private SessionEndpoint AnsweredSession(ushort ours) =>
        _byLocalChannel[ours] is { IsLocallyInitiated: true, RemoteBegin: null } session
            ? session
            : throw EndpointErrors.Connection(ErrorCondition.NotAllowed, $"Begin answers channel {ours}, on which we have begun no session.");

    private SessionEndpoint NewSession(ushort channel)
    {
        uint local = channel;
        if (_byLocalChannel[local] is not null && !_byLocalChannel.TryFindFree(ChannelMax, out local))
        {
            throw EndpointErrors.Connection(ErrorCondition.ResourceLimitExceeded, $"All {ChannelMax + 1} channels are in use.");
        }

        var session = new SessionEndpoint(this, (ushort)local, isLocallyInitiated: false);
        _byLocalChannel.Set(local, session);
        return session;
    }

    private AmqpException UnknownChannel(ushort channel, ulong code) => channel > ChannelMax
        ? EndpointErrors.Connection(ErrorCondition.FramingError, $"Channel {channel} is above channel-max {ChannelMax}.")
        : EndpointErrors.Connection(ErrorCondition.NotAllowed, $"A {DescriptorCode.NameOf(code)} came on channel {channel}, on which no session is begun.");
}
