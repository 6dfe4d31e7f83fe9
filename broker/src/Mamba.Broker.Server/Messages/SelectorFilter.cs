using Mamba.Broker.Engine;
using Mamba.Broker.Selectors;

namespace Mamba.Broker.Server.Messages;

/// <summary>A compiled condition as the engine asks it: over the stored bytes and the header facts beside them. Thread-safe.</summary>
internal sealed class SelectorFilter(Selector selector, TimeProvider time) : IMessageFilter
{
    public bool Matches(StoredMessage message, uint deliveryCount) => selector.Matches(new SelectorInput(message.Span, message.AnnotationsLength)
    {
        Durable = message.Durable,
        Priority = message.Priority,
        Ttl = message.Ttl,
        ExpiresAt = message.ExpiresAt,
        DeliveryCount = deliveryCount,
        Now = selector.UsesClock ? time.GetUtcNow().ToUnixTimeMilliseconds() : 0,
    });
}
