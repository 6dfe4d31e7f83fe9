namespace Mamba.Broker.Engine;

/// <summary>How an exchange chooses among its bindings.</summary>
public enum ExchangeType : byte
{
    /// <summary>Those whose key is the routing key.</summary>
    Direct,

    /// <summary>All of them.</summary>
    Fanout,

    /// <summary>Those whose key, a pattern as <see cref="AddressPattern"/>, takes the routing key in.</summary>
    Topic,

    /// <summary>Those whose filter the message meets; keys do not matter.</summary>
    Headers,
}

/// <summary>
/// A place that messages can be sent to and that keeps none: it hands each to the queues that its bindings lead to, all of them or none.
/// </summary>
/// <param name="Name">Names it; one of all.</param>
/// <param name="Type">How it chooses.</param>
public sealed record ExchangeOptions(string Name, ExchangeType Type)
{
    /// <summary>Whether it, and its bindings to what is durable, survive a restart.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Whether it is deleted when the last of its bindings is.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Whether it takes messages from other exchanges only.</summary>
    public bool Internal { get; init; }
}

/// <summary>A rule that what an exchange takes goes to a queue, or on to another exchange. Two with equal fields are the same one.</summary>
/// <param name="Exchange">Where messages come from.</param>
/// <param name="Destination">Name of the queue or exchange that they go to.</param>
/// <param name="ToExchange">Whether that is an exchange.</param>
/// <param name="Key">What the exchange compares with the routing key.</param>
public sealed record BindingOptions(string Exchange, string Destination, bool ToExchange, string Key)
{
    /// <summary>The filter of a binding to a headers exchange, as <see cref="SubscriptionOptions.FilterDefinition"/>; empty for none.</summary>
    public ReadOnlyMemory<byte> Filter { get; init; }

    public bool Equals(BindingOptions? other) =>
        other is not null && ToExchange == other.ToExchange && Exchange == other.Exchange && Destination == other.Destination && Key == other.Key
        && Filter.Span.SequenceEqual(other.Filter.Span);

    public override int GetHashCode() => HashCode.Combine(Exchange, Destination, ToExchange, Key, Filter.Length);

    /// <summary>Whether it leads to this queue.</summary>
    public bool LeadsTo(string queue) => !ToExchange && string.Equals(Destination, queue, StringComparison.Ordinal);
}
