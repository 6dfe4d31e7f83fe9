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
        for (var i = 0; i < 500; i++)
        {
            var seed = (group * 1000) + i;
            Assert.That(() => RunSequence(seed), Throws.Nothing, $"seed {seed}");
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

    private static void RunSequence(int seed)
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
        uint deliveryId = Numbers[random.Next(Numbers.Length)];
        for (var step = 0; step < 60 && !wire.Engine.IsClosed; step++)
        {
            SendRandom(random, wire, ref deliveryId);
            ActAsOwner(random, wire);
            check.Add(wire.Rest());
        }

        check.Add(wire.Rest());
        check.Finish(wire.Engine, wire.Handler);
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

    private static void SendRandom(Random random, WireScript wire, ref uint deliveryId)
    {
        var channel = (ushort)(random.Next(12) == 0 ? random.Next(4) : 0);
        var handle = random.Next(15) == 0 ? Numbers[random.Next(Numbers.Length)] : (uint)random.Next(4);
        switch (random.Next(16))
        {
            case 0:
                wire.Send(new Begin { IncomingWindow = (uint)random.Next(20), OutgoingWindow = 20, NextOutgoingId = Numbers[random.Next(Numbers.Length)] }, channel: (ushort)random.Next(4));
                break;
            case 1 or 2 or 3:
                var role = random.Next(2) == 0 ? Role.Sender : Role.Receiver;
                wire.Send(new Attach { Name = "l" + random.Next(6), Handle = handle, Role = role, InitialDeliveryCount = Numbers[random.Next(Numbers.Length)], Source = new Source { Address = "q" } }, channel: channel);
                break;
            case 4 or 5 or 6 or 7:
                wire.Send(
                    new Transfer
                    {
                        Handle = handle,
                        DeliveryId = random.Next(4) == 0 ? null : deliveryId = unchecked(deliveryId + (random.Next(20) == 0 ? 0u : 1u)),
                        DeliveryTag = random.Next(2) == 0 ? null : DeliveryTag.FromUInt64(deliveryId),
                        Settled = random.Next(3) switch { 0 => null, 1 => false, _ => true },
                        More = random.Next(4) == 0,
                        Aborted = random.Next(10) == 0,
                    },
                    new byte[random.Next(90)],
                    channel);
                break;
            case 8 or 9 or 10 or 11:
                wire.Send(
                    new Flow
                    {
                        NextIncomingId = random.Next(3) == 0 ? Numbers[random.Next(3)] : null,
                        IncomingWindow = random.Next(10) == 0 ? Numbers[random.Next(Numbers.Length)] : (uint)random.Next(40),
                        NextOutgoingId = Numbers[random.Next(Numbers.Length)],
                        OutgoingWindow = 40,
                        Handle = random.Next(5) == 0 ? null : handle,
                        DeliveryCount = random.Next(3) == 0 ? Numbers[random.Next(Numbers.Length)] : null,
                        LinkCredit = random.Next(5) == 0 ? null : Numbers[random.Next(Numbers.Length)],
                        Drain = random.Next(4) == 0,
                        Echo = random.Next(4) == 0,
                    },
                    channel: channel);
                break;
            case 12 or 13:
                wire.Send(
                    new Disposition
                    {
                        Role = random.Next(3) == 0 ? Role.Sender : Role.Receiver,
                        First = Numbers[random.Next(Numbers.Length)],
                        Last = random.Next(3) == 0 ? null : Numbers[random.Next(Numbers.Length)],
                        Settled = random.Next(2) == 0,
                        State = random.Next(4) == 0 ? null : Accepted.Instance,
                    },
                    channel: channel);
                break;
            case 14:
                wire.Send(new Detach { Handle = handle, Closed = random.Next(2) == 0 }, channel: channel);
                break;
            default:
                if (random.Next(6) == 0)
                {
                    wire.Send(new End(), channel: channel);
                }

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
