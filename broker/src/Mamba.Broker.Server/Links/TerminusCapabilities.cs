using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links;

/// <summary>What a terminus asks for by capability symbols: the kind of node, whether temporary, and how a subscription is shared.</summary>
internal readonly record struct TerminusCapabilities(NodeKind? Kind, bool IsTemporary, bool Shared, bool Global)
{
    private static readonly Symbol Queue = new("queue");
    private static readonly Symbol Topic = new("topic");
    private static readonly Symbol TemporaryQueue = new("temporary-queue");
    private static readonly Symbol TemporaryTopic = new("temporary-topic");
    private static readonly Symbol SharedSubscription = new("shared");
    private static readonly Symbol GlobalSubscription = new("global");

    public static TerminusCapabilities Parse(Symbol[]? symbols)
    {
        var result = default(TerminusCapabilities);
        foreach (var symbol in symbols ?? [])
        {
            if (symbol == Queue)
            {
                result = result with { Kind = NodeKind.Queue };
            }
            else if (symbol == Topic)
            {
                result = result with { Kind = NodeKind.Topic };
            }
            else if (symbol == TemporaryQueue)
            {
                result = result with { Kind = NodeKind.Queue, IsTemporary = true };
            }
            else if (symbol == TemporaryTopic)
            {
                result = result with { Kind = NodeKind.Topic, IsTemporary = true };
            }
            else if (symbol == SharedSubscription)
            {
                result = result with { Shared = true };
            }
            else if (symbol == GlobalSubscription)
            {
                result = result with { Global = true };
            }
        }

        return result;
    }

    /// <summary>What is in force, for the answering attach.</summary>
    public static Symbol[] Describe(IMessageNode node) => (node.Kind, node.IsTemporary) switch
    {
        (NodeKind.Topic, true) => [TemporaryTopic],
        (NodeKind.Topic, false) => [Topic],
        (_, true) => [TemporaryQueue],
        _ => [Queue],
    };

    public static Symbol[] DescribeSubscription(bool shared, bool global) =>
        global ? [Topic, SharedSubscription, GlobalSubscription] : shared ? [Topic, SharedSubscription] : [Topic];
}
