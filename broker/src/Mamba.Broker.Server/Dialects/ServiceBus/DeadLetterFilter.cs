using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>The dead letters of one queue, or of one subscription, among those of others. Thread-safe.</summary>
internal sealed class DeadLetterFilter(string address, string? subscription) : IMessageFilter
{
    private static readonly Symbol OriginalAddress = new("x-opt-orig-address");
    private static readonly Symbol OriginalSubscription = new("x-opt-orig-subscription");

    public bool Matches(StoredMessage message, uint deliveryCount)
    {
        var annotations = Annotations.Of(message);
        return annotations[OriginalAddress] is string from && string.Equals(from, address, StringComparison.Ordinal)
            && string.Equals(annotations[OriginalSubscription] as string, subscription, StringComparison.Ordinal);
    }
}
