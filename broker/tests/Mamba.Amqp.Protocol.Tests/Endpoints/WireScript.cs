using Mamba.Amqp.Codec;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>
/// The peer of one engine, driven by a test that reads like a wire trace: <c>Send</c> what the peer writes,
/// <c>Expect</c> what the engine answers, frame by frame and in order.
/// </summary>
internal sealed class WireScript : IDisposable
{
    private readonly List<byte> _unread = [];
    private readonly List<byte> _output = [];

    public WireScript(ConnectionSettings? settings = null)
    {
        Handler = new RecordingHandler();
        Engine = new ConnectionEngine(settings ?? ServerSettings, Handler);
    }

    public static ConnectionSettings ServerSettings { get; } = new() { IsServer = true, ContainerId = "broker" };

    public static ConnectionSettings ClientSettings { get; } = new() { IsServer = false, ContainerId = "client" };

    public ConnectionEngine Engine { get; }

    public RecordingHandler Handler { get; }

    public SessionEndpoint Session => Handler.Sessions[^1];

    /// <summary>A server whose owner answers Open, Begin, Attach and Detach at once.</summary>
    public static WireScript Server(ConnectionSettings? settings = null)
    {
        var script = new WireScript(settings);
        script.Handler.WhenOpen = _ => script.Engine.Open(new Open());
        script.Handler.WhenBegin = session => session.Begin(new Begin());
        script.Handler.WhenAttach = (link, remote) => link.Attach(new Attach { Source = remote.Source, Target = remote.Target });
        script.Handler.WhenDetach = (link, closed) => link.Detach(closed);
        return script;
    }

    /// <summary>The same, with headers, Open and Begin on channel 0 already exchanged.</summary>
    public static WireScript ServerWithSession(ConnectionSettings? settings = null, uint window = 1000)
    {
        var script = Server(settings).SendHeader(ProtocolHeader.Amqp).Send(new Open { ContainerId = "peer" });
        script.Send(new Begin { NextOutgoingId = 0, IncomingWindow = window, OutgoingWindow = 1000 });
        script.ExpectHeader(ProtocolHeader.Amqp);
        script.Expect<Open>();
        script.Expect<Begin>();
        script.Handler.Clear();
        return script;
    }

    /// <summary>The same, with a link attached on which the engine sends.</summary>
    public static WireScript ServerWithSender(ConnectionSettings? settings = null, uint window = 1000, uint credit = 100)
    {
        var script = ServerWithSession(settings, window);
        script.Send(new Attach { Name = "out", Handle = 0, Role = Role.Receiver, Source = new Source { Address = "q" }, Target = new Target() });
        script.Expect<Attach>();
        if (credit > 0)
        {
            script.Send(new Flow { NextIncomingId = 0, IncomingWindow = window, NextOutgoingId = 0, OutgoingWindow = 1000, Handle = 0, DeliveryCount = 0, LinkCredit = credit });
        }

        script.Handler.Clear();
        return script;
    }

    /// <summary>The same, with a link attached on which the engine receives, and credit granted.</summary>
    public static WireScript ServerWithReceiver(ConnectionSettings? settings = null, uint credit = 100, uint initialDeliveryCount = 0)
    {
        var script = ServerWithSession(settings);
        script.Send(new Attach
        {
            Name = "in",
            Handle = 0,
            Role = Role.Sender,
            Source = new Source(),
            Target = new Target { Address = "q" },
            InitialDeliveryCount = initialDeliveryCount,
        });
        script.Expect<Attach>();
        if (credit > 0)
        {
            script.Handler.Receiver.SetCredit(credit);
            script.Expect<Flow>();
        }

        script.Handler.Clear();
        return script;
    }

    public static byte[] Encode<T>(ushort channel, T performative, ReadOnlySpan<byte> payload = default, FrameType type = FrameType.Amqp)
        where T : IAmqpEncodable
    {
        using var buffer = new ByteBuffer();
        var start = FrameWriter.Begin(buffer, type, channel);
        performative.Write(new AmqpWriter(buffer));
        buffer.Write(payload);
        FrameWriter.End(buffer, start);
        return buffer.ToArray();
    }

    public static byte[] Encode(ProtocolHeader header)
    {
        var bytes = new byte[ProtocolHeader.Size];
        header.Write(bytes);
        return bytes;
    }

    public WireScript SendHeader(ProtocolHeader header) => SendBytes(Encode(header));

    public WireScript Send<T>(T performative, byte[]? payload = null, ushort channel = 0)
        where T : IAmqpEncodable => SendBytes(Encode(channel, performative, payload));

    public WireScript SendSasl<T>(T body)
        where T : IAmqpEncodable => SendBytes(Encode(0, body, default, FrameType.Sasl));

    /// <summary>Hands bytes in as a transport does: what is not consumed is kept and handed in again with the next ones.</summary>
    public WireScript SendBytes(ReadOnlySpan<byte> bytes)
    {
        _unread.AddRange(bytes);
        return Resume();
    }

    /// <summary>Hands in again what is unread, after the owner has answered.</summary>
    public WireScript Resume()
    {
        var consumed = Engine.Receive(_unread.ToArray());
        _unread.RemoveRange(0, consumed);
        return this;
    }

    public WireScript ExpectHeader(ProtocolHeader header)
    {
        Drain();
        Assert.That(_output, Has.Count.GreaterThanOrEqualTo(8), "no protocol header was written");
        Assert.That(ProtocolHeader.TryParse(_output.ToArray(), out var actual), Is.True, "what was written is no protocol header");
        Assert.That(actual, Is.EqualTo(header));
        _output.RemoveRange(0, 8);
        return this;
    }

    /// <summary>The next frame, which must hold the performative.</summary>
    public T Expect<T>() => ExpectFrame<T>().Performative;

    /// <summary>The next frame with its channel and payload.</summary>
    public (T Performative, ushort Channel, byte[] Payload) ExpectFrame<T>()
    {
        var frame = Next() ?? throw new AssertionException($"expected {typeof(T).Name}, but nothing more was written");
        Assert.That(frame.Performative, Is.InstanceOf<T>(), $"next frame: {frame.Performative}");
        return ((T)frame.Performative!, frame.Channel, frame.Payload);
    }

    public WireScript ExpectHeartbeat()
    {
        var frame = Next() ?? throw new AssertionException("expected an empty frame, but nothing was written");
        Assert.That(frame.Performative, Is.Null);
        return this;
    }

    public WireScript ExpectNothing()
    {
        Assert.That(Next()?.Performative, Is.Null, "nothing more should have been written");
        Assert.That(_output, Is.Empty);
        return this;
    }

    /// <summary>All that is written and not expected yet, frame by frame.</summary>
    public List<object?> Rest()
    {
        var frames = new List<object?>();
        while (Next() is { } frame)
        {
            frames.Add(frame.Performative);
        }

        return frames;
    }

    /// <summary>The engine's output as raw bytes.</summary>
    public byte[] RestBytes()
    {
        Drain();
        var bytes = _output.ToArray();
        _output.Clear();
        return bytes;
    }

    public void Dispose() => Engine.Dispose();

    private void Drain()
    {
        Engine.FlushDispositions();
        _output.AddRange(Engine.Output.WrittenSpan);
        Engine.Output.Clear();
    }

    private WireFrame? Next()
    {
        Drain();
        if (_output.Count == 0)
        {
            return null;
        }

        Assert.That(FrameReader.TryRead(_output.ToArray(), int.MaxValue, out var header, out var body, out var consumed), Is.True, "half a frame was written");
        var frame = WireFrame.Decode(header, body);
        _output.RemoveRange(0, consumed);
        return frame;
    }
}

/// <summary>One frame as the peer sees it.</summary>
internal sealed record WireFrame(object? Performative, ushort Channel, byte[] Payload)
{
    public static WireFrame Decode(FrameHeader header, ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty)
        {
            return new WireFrame(null, header.Channel, []);
        }

        var reader = new AmqpReader(body);
        object performative = reader.ReadDescriptor() switch
        {
            DescriptorCode.Open => Open.ReadFields(ref reader),
            DescriptorCode.Begin => Begin.ReadFields(ref reader),
            DescriptorCode.Attach => Attach.ReadFields(ref reader),
            DescriptorCode.Flow => Flow.ReadFields(ref reader),
            DescriptorCode.Transfer => Transfer.ReadFields(ref reader),
            DescriptorCode.Disposition => Disposition.ReadFields(ref reader),
            DescriptorCode.Detach => Detach.ReadFields(ref reader),
            DescriptorCode.End => End.ReadFields(ref reader),
            DescriptorCode.Close => Close.ReadFields(ref reader),
            DescriptorCode.SaslMechanisms => SaslMechanisms.ReadFields(ref reader),
            DescriptorCode.SaslInit => SaslInit.ReadFields(ref reader),
            DescriptorCode.SaslChallenge => SaslChallenge.ReadFields(ref reader),
            DescriptorCode.SaslResponse => SaslResponse.ReadFields(ref reader),
            DescriptorCode.SaslOutcome => SaslOutcome.ReadFields(ref reader),
            var code => throw new AssertionException($"the engine wrote a frame with descriptor 0x{code:x}"),
        };
        return new WireFrame(performative, header.Channel, reader.Rest.ToArray());
    }
}
