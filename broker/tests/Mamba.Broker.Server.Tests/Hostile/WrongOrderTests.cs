using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;
using Mamba.Broker.Testing.Hostile;

namespace Mamba.Broker.Server.Tests.Hostile;

/// <summary>
/// Every performative in every state of a connection: what is out of order ends the connection or the session that it concerns,
/// with the condition that says why, and nothing wider; what is in order is served.
/// </summary>
[TestFixture]
internal sealed class WrongOrderTests : RunningBroker
{
    private const string Fine = "";
    private const string Ignored = "ignored";
    private const ushort Elsewhere = 5;

    /// <summary>How far the conversation has come when the frame is sent.</summary>
    public enum State
    {
        BeforeOpen,
        Open,
        Begun,
        Attached,
        Detached,
        Ended,
        Closed,
    }

    private static readonly (string Name, byte[] Frame)[] Sent =
    [
        ("open", Frames.Open()),
        ("begin", Frames.Begin()),
        ("attach", Frames.Sender(0, "order", "other")),
        ("flow of the session", Frames.Of(new Flow { NextIncomingId = 0, IncomingWindow = 10, NextOutgoingId = 0, OutgoingWindow = 10 })),
        ("flow of a link", Frames.Of(new Flow { NextIncomingId = 0, IncomingWindow = 10, NextOutgoingId = 0, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0 })),
        ("transfer", Frames.Transfer(0, 0, Frames.Message("x"), settled: true)),
        ("disposition", Frames.Settle(0, Accepted.Instance, last: 1_000)),
        ("detach", Frames.Detach(0)),
        ("end", Frames.End()),
        ("close", Frames.Close()),
    ];

    private const string IllegalState = "close amqp:illegal-state";
    private const string NotAllowed = "close amqp:not-allowed";
    private const string Unattached = "end amqp:session:unattached-handle";
    private const string HandleInUse = "end amqp:session:handle-in-use";

    // In the order of Sent.
    private static readonly Dictionary<State, string[]> Expected = new()
    {
        [State.BeforeOpen] = [Fine, .. Enumerable.Repeat(IllegalState, 9)],
        [State.Open] = [IllegalState, Fine, .. Enumerable.Repeat(NotAllowed, 7), Fine],
        [State.Begun] = [IllegalState, NotAllowed, Fine, Fine, Unattached, Unattached, Fine, Unattached, Fine, Fine],
        [State.Attached] = [IllegalState, NotAllowed, HandleInUse, Fine, Fine, Fine, Fine, Fine, Fine, Fine],
        [State.Detached] = [IllegalState, NotAllowed, Fine, Fine, Unattached, Unattached, Fine, Unattached, Fine, Fine],
        [State.Ended] = [IllegalState, Fine, .. Enumerable.Repeat(NotAllowed, 7), Fine],
        [State.Closed] = [.. Enumerable.Repeat(Ignored, 10)],
    };

    public static IEnumerable<TestCaseData> Matrix =>
        from state in Enum.GetValues<State>()
        from number in Enumerable.Range(0, Sent.Length)
        select new TestCaseData(state, Sent[number].Frame, Expected[state][number]).SetArgDisplayNames(state.ToString(), Sent[number].Name);

    /// <summary>What no state has a place for, and what it ends the connection with.</summary>
    public static IEnumerable<TestCaseData> NowhereAtHome
    {
        get
        {
            const string Decode = "close amqp:decode-error";
            const string Framing = "close amqp:connection:framing-error";
            (string Name, byte[] Frame, string Expected)[] frames =
            [
                ("performative 0x19", Wire.Frame(Wire.Described(0x19, Wire.List())), Decode),
                ("performative 0x0f", Wire.Frame(Wire.Described(0x0f, Wire.List())), Decode),
                ("performative of a foreign domain", Wire.Frame(Wire.Cat([0x00, 0x80, 0, 0, 0x46, 0x8c, 0, 0, 0, 0x10], Wire.List(Wire.Text("c")))), Decode),
                ("a section of a message", Wire.Frame(Wire.Described(0x77, Wire.Text("x"))), Decode),
                ("a body that is no described value", Wire.Frame(Wire.Text("open")), Decode),
                ("frame of type 1", Wire.Frame(Wire.Described(0x41, Wire.List(Wire.Symbol("ANONYMOUS"))), type: 1), Framing),
                ("frame of type 2", Wire.Frame(Wire.Described(0x10, Wire.List(Wire.Text("c"))), type: 2), Framing),
                ("empty frame of type 255", Wire.Frame([], type: 255), Framing),
                ("data offset 0", Wire.Cat(Wire.U32(8), [0, 0, 0, 0]), Framing),
                ("data offset 1", Wire.Cat(Wire.U32(8), [1, 0, 0, 0]), Framing),
                ("data offset behind the end", Wire.Cat(Wire.U32(8), [3, 0, 0, 0]), Framing),
                ("size 7", Wire.Cat(Wire.U32(7), [2, 0, 0, 0]), Framing),
                ("size one above max-frame-size", Wire.Cat(Wire.U32(131_073), [2, 0, 0, 0]), Framing),
                ("size 2^32-1", Wire.Cat(Wire.U32(uint.MaxValue), [2, 0, 0, 0]), Framing),
                ("an AMQP header in the middle", Frames.AmqpHeader, Framing),
                ("HTTP", "GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Framing),
            ];
            return from state in Enum.GetValues<State>()
                   where state != State.Closed
                   from frame in frames
                   select new TestCaseData(state, frame.Frame, frame.Expected).SetArgDisplayNames(state.ToString(), frame.Name);
        }
    }

    /// <summary>Above channel-max there is nothing that could be meant.</summary>
    public static IEnumerable<TestCaseData> AboveChannelMax =>
        from channel in new ushort[] { 64, 256, ushort.MaxValue }
        from number in Enumerable.Range(1, 8)
        select new TestCaseData(channel, Sent[number].Frame).SetArgDisplayNames($"channel {channel}", Sent[number].Name);

    [TestCaseSource(nameof(Matrix))]
    public async Task A_performative_in_a_state(State state, byte[] frame, string expected)
    {
        await using var peer = await ComeToAsync(state);
        await peer.SendAsync(frame);
        await AssertAnswerAsync(peer, expected, isClose: frame.AsSpan().SequenceEqual(Frames.Close()));
    }

    [TestCaseSource(nameof(NowhereAtHome))]
    public async Task What_belongs_nowhere(State state, byte[] frame, string expected)
    {
        await using var peer = await ComeToAsync(state);
        await peer.SendAsync(frame);
        await AssertAnswerAsync(peer, expected, isClose: false);
    }

    [TestCaseSource(nameof(AboveChannelMax))]
    public async Task On_a_channel_above_channel_max(ushort channel, byte[] frame)
    {
        await using var peer = await ComeToAsync(State.Attached);
        byte[] moved = [.. frame[..6], (byte)(channel >> 8), (byte)channel, .. frame[8..]];
        await peer.SendAsync(moved);
        await AssertAnswerAsync(peer, "close amqp:connection:framing-error", isClose: false);
    }

    [TestCase(2)]
    [TestCase(3)]
    [TestCase(63)]
    [TestCase(255)]
    public async Task An_extended_header_is_passed_over(byte dataOffset)
    {
        await using var peer = await ComeToAsync(State.Open);
        var begin = Frames.Begin(Elsewhere);
        var extension = new byte[(dataOffset * 4) - 8];
        await peer.SendAsync(Wire.Cat(Wire.U32((uint)(begin.Length + extension.Length)), [dataOffset, 0, 0, (byte)Elsewhere], extension, begin[8..]));
        Assert.That((await peer.NextAsync<Begin>()).RemoteChannel, Is.EqualTo(Elsewhere));
        await peer.CloseAsync();
    }

    private async Task<RawPeer> ComeToAsync(State state)
    {
        if (state == State.BeforeOpen)
        {
            var early = await RawPeer.ConnectAsync(Endpoint);
            await early.SendAsync(Frames.AmqpHeader);
            await early.ReadHeaderAsync(Frames.AmqpHeader);
            return early;
        }

        var peer = await RawPeer.OpenAsync(Endpoint);
        if (state is State.Begun or State.Attached or State.Detached or State.Ended)
        {
            await peer.SendAsync(Frames.Begin());
            await peer.NextAsync<Begin>();
        }

        if (state is State.Attached or State.Detached)
        {
            await peer.AttachSenderAsync(0, "order");
        }

        if (state == State.Detached)
        {
            await peer.SendAsync(Frames.Detach(0));
            await peer.NextAsync<Detach>();
        }
        else if (state == State.Ended)
        {
            await peer.SendAsync(Frames.End());
            await peer.NextAsync<End>();
        }
        else if (state == State.Closed)
        {
            await peer.SendAsync(Frames.Close());
        }

        return peer;
    }

    private static async Task AssertAnswerAsync(RawPeer peer, string expected, bool isClose)
    {
        if (expected.StartsWith("close", StringComparison.Ordinal))
        {
            await AssertClosedAsync(peer, expected);
        }
        else if (expected.StartsWith("end", StringComparison.Ordinal))
        {
            await AssertEndedAsync(peer, expected);
        }
        else if (expected == Ignored)
        {
            var answer = await peer.ReadToEndAsync();
            Assert.That(answer.ConvertAll(static f => (f.Performative as Close)?.Error?.ToString() ?? f.Performative!.GetType().Name), Is.EqualTo(new[] { "Close" }));
        }
        else if (isClose)
        {
            Assert.That((await peer.NextAsync<Close>()).Error, Is.Null);
            Assert.That(await peer.TryNextAsync(), Is.Null);
        }
        else
        {
            await AssertSoundAsync(peer);
        }
    }

    /// <summary>An open, where there was none, then close, then the end of the stream and no reset.</summary>
    private static async Task AssertClosedAsync(RawPeer peer, string expected)
    {
        var answer = await peer.ReadToEndAsync();
        var last = answer.Count == 0 ? null : answer[^1].Performative as Close;
        Assert.That($"close {last?.Error?.Condition}", Is.EqualTo(expected), $"{last?.Error?.Description}\n{peer.Trace}");
        Assert.That(last!.Error!.Description, Is.Not.Empty);
        Assert.That(answer.SkipLast(1).Where(static f => f.Performative is not (Open or Flow)), Is.Empty);
        Assert.That(peer.WasReset, Is.False);
    }

    /// <summary>The session ends, what was under way on it is discarded, and its channel can be used again.</summary>
    private static async Task AssertEndedAsync(RawPeer peer, string expected)
    {
        var frame = await peer.NextFrameAsync<End>();
        var error = ((End)frame.Performative!).Error;
        Assert.That(($"end {error?.Condition}", frame.Channel), Is.EqualTo((expected, 0)), error?.Description);
        await peer.SendAsync(Frames.Transfer(0, 1, Frames.Message("late")), Frames.Credit(3, 1), Frames.Detach(9), Frames.Begin(Elsewhere));
        Assert.That((await peer.NextAsync<Begin>()).RemoteChannel, Is.EqualTo(Elsewhere), "another session");
        await peer.SendAsync(Frames.End(), Frames.Begin());
        Assert.That((await peer.NextAsync<Begin>()).RemoteChannel, Is.Zero, "the same channel again");
        await peer.AttachSenderAsync(0, "order");
        await peer.CloseAsync();
    }

    /// <summary>The connection goes on: another session can be begun, and nothing was complained about.</summary>
    private static async Task AssertSoundAsync(RawPeer peer)
    {
        await peer.SendAsync(Frames.Begin(Elsewhere));
        PeerFrame frame;
        do
        {
            frame = await peer.TryNextAsync() ?? throw new InvalidOperationException($"the stream ended. Trace:\n{peer.Trace}");
            var error = (frame.Performative as Close)?.Error ?? (frame.Performative as End)?.Error ?? (frame.Performative as Detach)?.Error;
            Assert.That(error, Is.Null, peer.Trace);
        }
        while (frame.Performative is not Begin { RemoteChannel: Elsewhere });

        await peer.SendAsync(Frames.Close());
        var rest = await peer.ReadToEndAsync();
        Assert.That(rest[^1].Performative, Is.InstanceOf<Close>().With.Property(nameof(Close.Error)).Null);
    }
}
