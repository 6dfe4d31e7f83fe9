using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// What a JMS client says of the destination of a message that goes through the anonymous terminus, where there is no terminus
/// to say it: the annotation <c>x-opt-jms-dest</c> (0 queue, 1 topic, 2 temporary queue, 3 temporary topic), or
/// <c>x-opt-to-type</c> of older clients ("queue", "topic", each with ",temporary").
/// </summary>
internal static class DestinationType
{
    private static readonly Symbol Key = new("x-opt-jms-dest");
    private static readonly Symbol OldKey = new("x-opt-to-type");

    /// <summary>The kind of node the message is for; nothing where the message does not say.</summary>
    public static TerminusCapabilities Read(StoredMessage message)
    {
        if (message.AnnotationsLength == 0)
        {
            return default;
        }

        var reader = new AmqpReader(message.Span[..message.AnnotationsLength]);
        reader.ReadDescriptor();
        var annotations = reader.ReadMap();
        return annotations[Key] switch
        {
            (sbyte)0 => Of(NodeKind.Queue, temporary: false),
            (sbyte)1 => Of(NodeKind.Topic, temporary: false),
            (sbyte)2 => Of(NodeKind.Queue, temporary: true),
            (sbyte)3 => Of(NodeKind.Topic, temporary: true),
            _ => annotations[OldKey] switch
            {
                "queue" => Of(NodeKind.Queue, temporary: false),
                "topic" => Of(NodeKind.Topic, temporary: false),
                "queue,temporary" => Of(NodeKind.Queue, temporary: true),
                "topic,temporary" => Of(NodeKind.Topic, temporary: true),
                _ => default,
            },
        };
    }

    private static TerminusCapabilities Of(NodeKind kind, bool temporary) => new(kind, temporary, Shared: false, Global: false);
}
