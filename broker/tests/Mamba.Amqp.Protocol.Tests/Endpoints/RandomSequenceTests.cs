using Mamba.Amqp.Codec;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>
/// Legal performatives in random order with random fields: whatever comes, no exception escapes, the output can be parsed,
/// each scope is closed once, and nothing follows End and Close.
/// </summary>
public sealed class RandomSequenceTests
{
    private static readonly uint[] Numbers = [0, 1, 2, 3, 7, 255, 256, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFD, 0xFFFFFFFF];

    [Test]
    public void Random_performatives_never_break_the_engine([Range(0, 7)] int group)
    {
        var events = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < 500; i++)
        {
            var seed = (group * 1000) + i;
            Assert.That(() => RunSequence(seed, events), Throws.Nothing, $"seed {seed}");
        }

        // A generator that only ever breaks the connection at once would prove nothing.
        foreach (var kind in new[] { "delivery", "aborted", "disposition", "flow", "detach", "end", "link-failed", "session-failed", "failed", "window-open" })
        {
            Assert.That(events.GetValueOrDefault(kind), Is.GreaterThan(10), kind);
        }
    }

    [Test]
    public void Random_bytes_never_break_the_engine()
    {
        var random = new Random(99);
        for (var i = 0; i < 2000; i++)
        {
            using var wire = WireScript.ServerWithSession();
            var bytes = WireScript.Encode(0, new Attach { Name = "l", Handle = 0, Role = Role.Sender, Source = new Source { Address = "q" } });
            for (var flips = random.Next(1, 4); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            Assert.That(() => wire.SendBytes(bytes), Throws.Nothing, Convert.ToHexString(bytes));
            wire.Rest();
        }
    }

    [Test]
    public void A_stream_split_at_every_position_gives_the_same_result()
    {
        var stream = Conversation();
        var whole = Feed(stream, stream.Length);
        for (var at = 0; at <= stream.Length; at++)
        {
            Assert.That(Feed(stream, at), Is.EqualTo(whole), $"split at {at}");
        }
    }

    private static (string Events, string Output) Feed(byte[] stream, int splitAt)
    {
        using var wire = WireScript.Server();
        wire.Handler.WhenAttach = (endpoint, remote) =>
        {
            endpoint.Attach(new Attach { Source = remote.Source, Target = remote.Target });
            (endpoint as ReceiverEndpoint)?.SetCredit(10);
        };
        wire.Handler.WhenDelivery = (endpoint, delivery) =>
            endpoint.Disposition(delivery.DeliveryId, delivery.DeliveryId, Accepted.Instance, settled: true);
        wire.SendBytes(stream.AsSpan(0, splitAt)).SendBytes(stream.AsSpan(splitAt));
        return (string.Join('\n', wire.Handler.Events), Convert.ToHexString(wire.RestBytes()));
    }

    private static byte[] Conversation()
    {
        var stream = new List<byte>();
        stream.AddRange(WireScript.Encode(ProtocolHeader.Amqp));
        stream.AddRange(WireScript.Encode(0, new Open { ContainerId = "peer" }));
        stream.AddRange(WireScript.Encode(0, new Begin { NextOutgoingId = 4294967293, IncomingWindow = 10, OutgoingWindow = 10 }));
        stream.AddRange(WireScript.Encode(0, new Attach { Name = "in", Handle = 0, Role = Role.Sender, InitialDeliveryCount = 5 }));
        stream.AddRange(WireScript.Encode(0, new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = DeliveryTag.FromUInt64(1), More = true }, new byte[30]));
        stream.AddRange(WireScript.Encode(0, new Transfer { Handle = 0 }, new byte[20]));
        stream.AddRange(new byte[] { 0, 0, 0, 8, 2, 0, 0, 0 });
        stream.AddRange(WireScript.Encode(0, new Transfer { Handle = 0, DeliveryId = 1, Settled = true }, new byte[5]));
        stream.AddRange(WireScript.Encode(0, new Attach { Name = "out", Handle = 1, Role = Role.Receiver }));
        stream.AddRange(WireScript.Encode(0, new Flow { IncomingWindow = 10, NextOutgoingId = 0, OutgoingWindow = 9, Handle = 1, LinkCredit = 0, Drain = true }));
        stream.AddRange(WireScript.Encode(0, new Detach { Handle = 0, Closed = true }));
        stream.AddRange(WireScript.Encode(0, new End()));
        stream.AddRange(WireScript.Encode(0, new Begin { IncomingWindow = 1, OutgoingWindow = 1 }));
        stream.AddRange(WireScript.Encode(0, new Close()));
        return [.. stream];
    }

    private static void RunSequence(int seed, Dictionary<string, int> events)
    {
        var random = new Random(seed);
        using var wire = WireScript.Server(WireScript.ServerSettings with { IncomingWindow = 50, MaxMessageSize = 200, MaxUnsettledPerLink = 20 });
        var check = new OutputCheck();
        wire.Handler.WhenAttach = (link, remote) => AnswerAttach(random, link, remote);
        wire.Handler.WhenDetach = (link, closed) =>
        {
            if (random.Next(4) > 0)
            {
                link.Detach(closed);
            }
        };
        wire.Handler.WhenDisposition = (link, id, state, settled) =>
        {
            if (!settled && state is not null)
            {
                link.Settle(id, state);
            }
        };
        wire.SendHeader(ProtocolHeader.Amqp).Send(new Open { ContainerId = "peer", MaxFrameSize = (uint)random.Next(512, 2000) });
        wire.Send(new Begin { NextOutgoingId = Numbers[random.Next(Numbers.Length)], IncomingWindow = (uint)random.Next(100), OutgoingWindow = 100 });
        wire.ExpectHeader(ProtocolHeader.Amqp);
        var peer = new RandomPeer(random, wire);
        for (var step = 0; step < 100 && !wire.Engine.IsClosed; step++)
        {
            peer.Act();
            ActAsOwner(random, wire);
            var frames = wire.Rest();
            check.Add(frames);
            peer.See(frames);
        }

        check.Add(wire.Rest());
        check.Finish(wire.Engine, wire.Handler);
        foreach (var line in wire.Handler.Events)
        {
            var kind = line.Split(' ')[0];
            events[kind] = events.GetValueOrDefault(kind) + 1;
        }
    }

    private static void AnswerAttach(Random random, LinkEndpoint link, Attach remote)
    {
        switch (random.Next(6))
        {
            case 0:
                link.Refuse(new AmqpError(ErrorCondition.NotFound));
                break;
            case 1:
                break;
            case 2:
                throw new AmqpException(ErrorCondition.NotAllowed, "the owner refuses", AmqpErrorScope.Link);
            default:
                link.Attach(new Attach { Source = remote.Source, Target = remote.Target });
                (link as ReceiverEndpoint)?.SetCredit((uint)random.Next(50));
                break;
        }
    }

    private static void ActAsOwner(Random random, WireScript wire)
    {
        if (wire.Handler.Links.Count == 0)
        {
            return;
        }

        switch (wire.Handler.Links[random.Next(wire.Handler.Links.Count)])
        {
            case SenderEndpoint { IsSending: false } sender:
                var delivery = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64(1), IsSettled = random.Next(2) == 0 };
                sender.Send(ref delivery, new byte[random.Next(50)], new byte[random.Next(2000)]);
                if (random.Next(3) == 0)
                {
                    sender.Drained();
                }

                break;
            case ReceiverEndpoint receiver:
                var id = Numbers[random.Next(Numbers.Length)];
                receiver.Disposition(id, unchecked(id + (uint)random.Next(3)), Accepted.Instance, random.Next(2) == 0);
                if (random.Next(20) == 0)
                {
                    receiver.Detach(closed: true);
                }

                break;
            default:
                break;
        }
    }

    /// <summary>What must hold of all that is written.</summary>
    private sealed class OutputCheck
    {
        private bool _closed;

        public void Add(List<object?> frames)
        {
            foreach (var frame in frames)
            {
                Assert.That(_closed, Is.False, $"{frame} follows Close");
                _closed |= frame is Close;
                if (frame is Disposition disposition)
                {
                    Assert.That(disposition.Last ?? disposition.First, Is.GreaterThanOrEqualTo(disposition.First), "a range wraps");
                    Assert.That(disposition.State, Is.Not.Null);
                }

                if (frame is Flow flow)
                {
                    Assert.That(flow.NextIncomingId, Is.Not.Null);
                    Assert.That(flow.Handle is null || flow is { DeliveryCount: not null, LinkCredit: not null }, Is.True, "a link flow is complete");
                }
            }
        }

        public void Finish(ConnectionEngine engine, RecordingHandler handler)
        {
            Assert.That(handler.Failure is not null, Is.EqualTo(engine.IsClosed));
            Assert.That(_closed, Is.EqualTo(engine.IsClosed));
            var failures = handler.Events.Count(line => line.StartsWith("failed", StringComparison.Ordinal));
            Assert.That(failures, Is.EqualTo(engine.IsClosed ? 1 : 0));
            Assert.That(handler.Links.Sum(link => link is SenderEndpoint sender ? sender.UnsettledCount : 0), Is.GreaterThanOrEqualTo(0));
        }
    }
}
