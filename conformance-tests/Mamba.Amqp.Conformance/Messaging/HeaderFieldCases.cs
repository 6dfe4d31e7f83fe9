using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>What the fields of the header mean (AMQP 1.0 §3.2.1).</summary>
public static class HeaderFieldCases
{
    [Case("HEADERFIELD-01", "3.2.1", "A message without header has the defaults: not durable, priority 4, no ttl, delivery-count 0",
        Covers = "messaging.3.2.1-1", Traps = "69")]
    public static async Task Defaults(CaseContext c)
    {
        var delivery = await SectionCases.SendAndTakeAsync(c, AmqpMessage.FromValue("x").Encode());
        var header = delivery.Message.Header ?? MessageHeader.Default;
        Check.That(!header.Durable, "durable to be false");
        Check.Equal(header.Priority, (byte)4);
        Check.Equal(header.Ttl, null);
        Check.Equal(header.DeliveryCount, 0u);
    }

    [Case("HEADERFIELD-02", "3.2.1", "Durable and priority arrive as they were sent")]
    public static async Task Kept(CaseContext c)
    {
        var message = AmqpMessage.FromValue("x");
        message.Header = MessageHeader.Default with { Durable = true, Priority = 7 };
        var header = Check.Present((await SectionCases.SendAndTakeAsync(c, message.Encode())).Message.Header, "a header");
        Check.That(header.Durable, "durable");
        Check.Equal(header.Priority, (byte)7);
    }

    [Case("HEADERFIELD-03", "3.2.1", "A durable message is accepted", Traps = "69")]
    public static async Task Durable(CaseContext c)
    {
        var session = await c.BeginAsync();
        var message = AmqpMessage.FromValue("x");
        message.Header = MessageHeader.Default with { Durable = true };
        await (await session.SendToAsync(await c.QueueAsync())).SendAcceptedAsync(message);
    }

    [Case("HEADERFIELD-04", "3.2.1", "A message whose ttl is over is not delivered")]
    public static async Task Expired(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var message = AmqpMessage.FromValue("x");
        message.Header = MessageHeader.Default with { Ttl = 1 };
        await (await session.SendToAsync(queue)).SendAcceptedAsync(message);
        await session.Wire.ExpectQuietAsync(static f => f.Body is Transfer);
        await (await session.ReceiveFromAsync(queue)).ExpectEmptyAsync();
    }

    [Case("HEADERFIELD-05", "3.2.1", "The ttl that arrives is what is left of it", Traps = "70")]
    public static async Task TtlLeft(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var message = AmqpMessage.FromValue("x");
        message.Header = MessageHeader.Default with { Ttl = 600_000 };
        await (await session.SendToAsync(queue)).SendAcceptedAsync(message);
        await session.Wire.ExpectQuietAsync(static f => f.Body is Transfer);
        var header = Check.Present((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Message.Header, "a header");
        Check.That(header.Ttl is > 0 and < 600_000, $"a ttl below 600000, and it is {header.Ttl}");
    }

    [Case("HEADERFIELD-06", "3.2.4", "A message whose absolute-expiry-time has passed is not delivered")]
    public static async Task AbsoluteExpiry(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var message = AmqpMessage.FromValue("x");
        message.Properties = new MessageProperties { AbsoluteExpiryTime = new Timestamp(1_000_000) };
        var sender = await session.SendToAsync(queue);
        await sender.OutcomeAsync(await sender.SendAsync(message));
        await (await session.ReceiveFromAsync(queue)).ExpectEmptyAsync();
    }

    [Case("HEADERFIELD-07", "3.2.1", "A ttl of 0 is no expiry that drops the message before anyone can see it")]
    public static async Task ZeroTtl(CaseContext c)
    {
        var message = AmqpMessage.FromValue("x");
        message.Header = MessageHeader.Default with { Ttl = 0 };
        Check.Equal((await SectionCases.SendAndTakeAsync(c, message.Encode())).Value, "x");
    }

    [Case("HEADERFIELD-08", "3.2.1", "first-acquirer is true only until somebody has acquired the message")]
    public static async Task FirstAcquirer(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var receiver = await session.ReceiveFromAsync(queue);
        var first = await receiver.ReceiveOneAsync();
        await receiver.SettleAsync(first, Released.Instance);
        var second = await receiver.ReceiveOneAsync();
        Check.That(second.Message.Header?.FirstAcquirer != true, "first-acquirer to be false the second time");
    }

    [Case("HEADERFIELD-09", "3.2.1", "Priorities are delivered highest first, and ten or fewer levels are mapped as the specification says",
        Covers = "messaging.3.2.1-4 messaging.3.2.1-5 messaging.3.2.1-6 messaging.3.2.1-7 messaging.3.2.1-8 messaging.3.2.1-9 messaging.3.2.1-10 messaging.3.2.1-11")]
    public static async Task Priorities(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        List<byte> sent = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 200];
        foreach (var priority in sent)
        {
            var message = AmqpMessage.FromValue((int)priority);
            message.Header = MessageHeader.Default with { Priority = priority };
            await sender.SendAcceptedAsync(message);
        }

        var receiver = await session.ReceiveFromAsync(queue);
        List<byte> received = [];
        foreach (var _ in sent)
        {
            received.Add((byte)Check.Is<int>((await receiver.TakeAsync()).Value, "the body"));
        }

        if (received.SequenceEqual(sent))
        {
            throw CaseContext.NotApplicable("the broker does not implement priorities: the messages came in the order they were sent");
        }

        var order = string.Join(' ', received);
        Check.That(
            Enumerable.Range(2, 255).Any(n => sent.OrderByDescending(p => Effective(p, n)).SequenceEqual(received)),
            $"an order that some number of priority levels gives, and it is {order}");
    }

    [Case("HEADERFIELD-10", "3.2.1", "A header with only some of its fields, or as an empty list, is taken")]
    public static async Task Partial(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        var body = AmqpMessage.FromValue("x").Encode();
        await sender.SendAcceptedAsync([.. Raw.Section(0x70, [0x45]), .. body]);
        await sender.SendAcceptedAsync([.. Raw.Section(0x70, [0xc0, 3, 2, 0x40, 0x40]), .. body]);
        await sender.SendAcceptedAsync([.. Raw.Section(0x70, [0xc0, 5, 3, 0x41, 0x50, 9, 0x40]), .. body]);
    }

    // §3.2.1: fewer than ten levels share the lowest and the highest; from ten on the numbers themselves, up to the highest.
    private static int Effective(byte priority, int levels) =>
        levels < 10 ? Math.Clamp(priority, 5 - ((levels + 1) / 2), 4 + (levels / 2)) : Math.Min((int)priority, levels - 1);
}
