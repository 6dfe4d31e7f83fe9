using Mamba.Tools.Model.Modelling;

namespace Mamba.Tools.Model.Sequences;

/// <summary>What consumers and producers of a sequence work on. Every sequence has its own set.</summary>
internal enum Destination
{
    /// <summary>A queue whose consumers may have selectors.</summary>
    Queue,

    /// <summary>A queue whose consumers have none; groups are sent to it.</summary>
    Plain,

    /// <summary>A queue whose failed deliveries wait for their next try, while the others flow on.</summary>
    Retry,

    /// <summary>The same, but what is behind a failed delivery in its group waits too.</summary>
    RetryInOrder,

    /// <summary>A queue on which a message replaces the one with its color.</summary>
    LastValue,

    /// <summary>A topic; to consume it is a subscription that ends with its consumer.</summary>
    Topic,

    /// <summary>An unshared durable subscription of the topic, of connection 0.</summary>
    Durable,

    /// <summary>A shared durable subscription of connection 1's client id.</summary>
    SharedDurable,

    /// <summary>A shared durable subscription of no client id.</summary>
    Global,

    /// <summary>A shared subscription that ends with its last consumer, of no client id.</summary>
    SharedVolatile,

    /// <summary>A temporary queue, which has to be made before.</summary>
    TemporaryQueue,

    /// <summary>A temporary topic, which has to be made before.</summary>
    TemporaryTopic,
}

/// <summary>What the targets have in common and what not.</summary>
internal static class Destinations
{
    public static bool IsQueue(this Destination target) => target is < Destination.Topic or Destination.TemporaryQueue;

    /// <summary>The broker gives it its address.</summary>
    public static bool IsTemporary(this Destination target) => target is Destination.TemporaryQueue or Destination.TemporaryTopic;

    /// <summary>How its queue treats messages.</summary>
    public static QueueKind Kind(this Destination target) => target switch
    {
        Destination.Retry => QueueKind.Retry,
        Destination.RetryInOrder => QueueKind.RetryInOrder,
        Destination.LastValue => QueueKind.LastValue,
        _ => QueueKind.Ordinary,
    };

    /// <summary>A subscription with a name.</summary>
    public static bool IsNamed(this Destination target) => target is >= Destination.Durable and <= Destination.SharedVolatile;

    public static bool IsDurable(this Destination target) => target is Destination.Durable or Destination.SharedDurable or Destination.Global;

    /// <summary>The connection whose client id it belongs to; null for any.</summary>
    public static int? Owner(this Destination target) => target switch
    {
        Destination.Durable => 0,
        Destination.SharedDurable => 1,
        _ => null,
    };

    /// <summary>Where its messages are sent, in a sequence's own name space.</summary>
    public static string Address(this Destination target, string prefix) =>
        prefix + target switch
        {
            Destination.Queue => ".queue",
            Destination.Plain => ".plain",
            Destination.Retry => ".retry",
            Destination.RetryInOrder => ".ordered",
            Destination.LastValue => ".values",
            _ => ".topic",
        };

    /// <summary>Link name of the n-th consumer of a named subscription, as JMS clients write it.</summary>
    public static string LinkName(this Destination target, string prefix, int number) => target switch
    {
        Destination.Durable => $"{prefix}-durable",
        Destination.SharedDurable => $"{prefix}-shared{(number == 1 ? "" : $"|{number}")}",
        Destination.Global => $"{prefix}-sub|global{(number == 1 ? "" : number)}",
        _ => $"{prefix}-sub|global-volatile{number}",
    };
}
