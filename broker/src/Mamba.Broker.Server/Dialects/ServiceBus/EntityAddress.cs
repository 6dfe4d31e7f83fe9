using Mamba.Broker.Server.Security.Claims;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// An address as clients of Service Bus write it, taken apart:
/// <code>
///   orders                                     a queue or a topic
///   orders/Subscriptions/audit                 a subscription of a topic
///   orders/$DeadLetterQueue                    what was dead-lettered from a queue; likewise of a subscription
///   orders/$management                         the node that takes requests about any of these
/// </code>
/// The words between the names count in any case.
/// </summary>
/// <param name="Name">The queue or the topic.</param>
/// <param name="Subscription">The subscription's name, or null.</param>
/// <param name="IsDeadLetter">Whether its dead letters are meant.</param>
internal sealed record EntityAddress(string Name, string? Subscription, bool IsDeadLetter)
{
    private const string Subscriptions = "/Subscriptions/";
    private const string DeadLetters = "/$DeadLetterQueue";
    private const string Management = "/$management";

    private static readonly string[] Schemes = ["amqps://", "amqp://", "sb://"];

    /// <summary>Whether it means what it means to other clients.</summary>
    public bool IsPlain => Subscription is null && !IsDeadLetter;

    /// <summary>The durable subscription's name, as all of the broker's clients see it: topics have subscriptions of the same names.</summary>
    public string SubscriptionKey => $"{Name}{Subscriptions}{Subscription}";

    public static EntityAddress Parse(string address)
    {
        var isDeadLetter = EndsWith(address, DeadLetters);
        var entity = isDeadLetter ? address[..^DeadLetters.Length] : address;
        var at = entity.IndexOf(Subscriptions, StringComparison.OrdinalIgnoreCase);
        return at <= 0 || at + Subscriptions.Length == entity.Length
            ? new EntityAddress(entity, Subscription: null, isDeadLetter)
            : new EntityAddress(entity[..at], entity[(at + Subscriptions.Length)..], isDeadLetter);
    }

    /// <summary>
    /// An address without the scheme and the host that older libraries put in front of it (<c>amqps://host/orders</c>): they are the
    /// client's view of the broker, as in its tokens.
    /// </summary>
    public static string WithoutHost(string address) =>
        Array.Exists(Schemes, scheme => address.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) ? ResourcePath.Of(address) : address;

    /// <summary>The entity that an address of its management node is about; null for other addresses.</summary>
    public static string? Managed(string? address) =>
        address is not null && address.Length > Management.Length && EndsWith(address, Management) ? address[..^Management.Length] : null;

    private static bool EndsWith(string address, string end) => address.EndsWith(end, StringComparison.OrdinalIgnoreCase);
}
