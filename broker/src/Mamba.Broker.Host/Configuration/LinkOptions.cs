namespace Mamba.Broker.Host.Configuration;

internal enum UnknownAnnotations
{
    Forward,
    Refuse,
}

internal sealed record LinkOptions
{
    [Setting("Annotations that the broker does not know and whose key does not begin with x-opt-: forwarded with their message (those of the delivery are dropped), or the link they come on is detached with amqp:not-implemented, as AMQP 1.0 section 3.2.10 asks.",
        Choices = ["forward", "refuse"])]
    public UnknownAnnotations UnknownAnnotations { get; init; } = UnknownAnnotations.Forward;
}
