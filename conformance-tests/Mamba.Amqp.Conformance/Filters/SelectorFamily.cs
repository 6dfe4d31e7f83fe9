using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Filters;

/// <summary>
/// JMS selectors as source filter (apache.org:selector-filter:string, 0x0000468C00000004). Each case sends the same ten messages and
/// names those that must come. A broker whose answer does not have the filter has none: not applicable.
/// </summary>
public static class SelectorFamily
{
    // Message n (0 to 9) has: n (int), even (boolean), name (string, "item-n"), half (double, n/2), and only the first five: few (long).
    private static readonly (string Id, string Selector, string Expected)[] Selectors =
    [
        ("equal", "n = 3", "3"),
        ("not-equal", "n <> 3", "012456789"),
        ("less-and-greater", "n > 2 AND n < 6", "345"),
        ("bounds", "n >= 2 AND n <= 4", "234"),
        ("or", "n = 1 OR n = 8", "18"),
        ("not", "NOT (n > 3)", "0123"),
        ("precedence", "n = 0 OR n = 1 AND n = 2", "0"),
        ("boolean", "even = TRUE", "02468"),
        ("string", "name = 'item-4'", "4"),
        ("like", "name LIKE 'item-_'", "0123456789"),
        ("like-percent", "name LIKE '%-7'", "7"),
        ("not-like", "name NOT LIKE '%-7'", "012345689"),
        ("like-escape", "name LIKE 'item!-7' ESCAPE '!'", "7"),
        ("in", "name IN ('item-1', 'item-9', 'other')", "19"),
        ("not-in", "name NOT IN ('item-0', 'item-1')", "23456789"),
        ("between", "n BETWEEN 4 AND 6", "456"),
        ("not-between", "n NOT BETWEEN 1 AND 8", "09"),
        ("is-null", "few IS NULL", "56789"),
        ("is-not-null", "few IS NOT NULL", "01234"),
        ("null-logic", "few > 2", "34"),
        ("null-logic-not", "NOT (few > 2)", "012"),
        ("null-logic-or", "few > 2 OR n = 9", "349"),
        ("arithmetic", "n * 2 + 1 = 7", "3"),
        ("division", "n / 2 = 3", "67"),
        ("floating", "half = 1.5", "3"),
        ("mixed-numbers", "half = 2", "4"),
        ("unary-minus", "-n = -5", "5"),
        ("exponent", "n = 4E0", "4"),
        ("case-insensitive-keywords", "n between 1 and 2 or not n < 9", "129"),
        ("unlike-types", "name = 3", ""),
        ("priority", "JMSPriority = 4", "0123456789"),
        ("delivery-mode", "JMSDeliveryMode = 'PERSISTENT'", ""),
        ("type", "JMSType = 'subject-2'", "2"),
        ("message-id", "JMSMessageID = 'ID:m-6'", "6"),
        ("correlation-id", "JMSCorrelationID = 'c-5'", "5"),
        ("unknown-property", "nothing = 1", ""),
        ("quotes", "name <> 'it''s'", "0123456789"),
    ];

    [CaseFamily]
    public static IEnumerable<ConformanceCase> Family()
    {
        foreach (var (id, selector, expected) in Selectors)
        {
            yield return ConformanceCase.Of(typeof(SelectorFamily), $"SELECTOR-{id}", "JMS 3.8.1", $"The selector {selector} chooses {(expected.Length > 0 ? expected : "none")} of ten", "", async c =>
            {
                var session = await c.BeginAsync();
                var queue = await c.QueueAsync();
                var receiver = await FilteredAsync(session, queue, "selector", FilterDescriptors.SelectorCode, selector);
                await SendTenAsync(session, queue);
                Check.Equal(await TakeAllAsync(receiver), expected, $"what {selector} chooses");
            });
        }
    }

    /// <summary>A receiver with one filter; not applicable where the broker refuses or does not confirm it.</summary>
    internal static async Task<ReceiverLink> FilteredAsync(Session session, string address, string key, object descriptor, object? value)
    {
        var receiver = await Session.OptionalAsync(
            session.ReceiveFromAsync(address, a => a.Source!.Filter = new AmqpMap { [new Symbol(key)] = new DescribedValue(descriptor, value) }), $"the filter {key}");
        if (receiver.Remote.Source!.Filter is not { Count: > 0 })
        {
            throw CaseContext.NotApplicable($"the broker does not confirm the filter {key}");
        }

        await CheckHonestAsync(session, address);
        return receiver;
    }

    internal static async Task SendTenAsync(Session session, string address)
    {
        var sender = await session.SendToAsync(address);
        for (var i = 0; i < 10; i++)
        {
            var message = AmqpMessage.FromValue($"{i}");
            message.Properties = new MessageProperties { MessageId = $"ID:m-{i}", CorrelationId = $"c-{i}", Subject = $"subject-{i}" };
            message.ApplicationProperties = new AmqpMap
            {
                ["n"] = i, ["even"] = i % 2 == 0, ["name"] = $"item-{i}", ["half"] = i / 2.0,
            };
            if (i < 5)
            {
                message.ApplicationProperties["few"] = (long)i;
            }

            await sender.SendAcceptedAsync(message);
        }
    }

    /// <summary>The bodies of all that comes, joined.</summary>
    internal static async Task<string> TakeAllAsync(ReceiverLink receiver) =>
        string.Concat((await receiver.TakeAllAsync(20)).Select(static d => d.Value));

    // A broker that confirms whatever it is sent says nothing by that; LINK-19 is about it.
    internal static async Task CheckHonestAsync(Session session, string address)
    {
        var probe = session.NewAttach(Role.Receiver, new Target(), new Source { Address = address });
        probe.Source!.Filter = new AmqpMap
        {
            [new Symbol("conformance:nonsense")] = new DescribedValue(new Symbol("conformance:nonsense-filter:string"), "x"),
        };
        try
        {
            var receiver = new ReceiverLink(session, probe, await session.AttachAsync(probe));
            await receiver.DetachAsync();
            if (receiver.Remote.Source!.Filter is { Count: > 0 })
            {
                throw CaseContext.NotApplicable("the broker confirms filters that nobody knows, so that its confirming this one says nothing");
            }
        }
        catch (RefusedException)
        {
            session.Context.Trace.Add("-- an unknown filter is refused: what is confirmed is known");
        }
    }
}
