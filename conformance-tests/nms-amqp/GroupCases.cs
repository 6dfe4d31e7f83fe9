using System.Diagnostics;
using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>Messages of one group go to one consumer, in order.</summary>
internal static class GroupCases
{
    private const int Groups = 3;
    private const int Messages = 30;

    public static IEnumerable<Case> All => [new("group.in-order-to-one-consumer", InOrderToOneConsumer)];

    private static void InOrderToOneConsumer(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        using var otherSession = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("groups"));
        using var first = session.CreateConsumer(queue);
        using var second = otherSession.CreateConsumer(queue);
        SendGroups(session, queue);

        var owners = new Dictionary<string, IMessageConsumer>(StringComparer.Ordinal);
        var next = new Dictionary<string, int>(StringComparer.Ordinal);
        var received = 0;
        var watch = Stopwatch.StartNew();
        while (received < Messages && watch.Elapsed < Expect.Patience)
        {
            foreach (var consumer in (IMessageConsumer[])[first, second])
            {
                if (consumer.Receive(Expect.Turn) is ITextMessage message)
                {
                    received++;
                    var group = message.Properties.GetString("NMSXGroupId");
                    owners.TryAdd(group, consumer);
                    Expect.That($"one consumer for {group}", ReferenceEquals(owners[group], consumer), "both");
                    next[group] = next.GetValueOrDefault(group) + 1;
                    Expect.Equal("next message of the group", $"{group} {next[group]}", message.Text);
                }
            }
        }

        Expect.Equal("messages received", Messages, received);
    }

    private static void SendGroups(ISession session, IDestination queue)
    {
        using var producer = session.CreateProducer(queue);
        for (var number = 0; number < Messages; number++)
        {
            var group = $"group-{number % Groups}";
            var message = session.CreateTextMessage($"{group} {1 + (number / Groups)}");
            message.Properties.SetString("NMSXGroupId", group);
            producer.Send(message);
        }
    }
}
