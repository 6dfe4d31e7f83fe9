namespace Mamba.Broker.Host.Configuration;

internal sealed record ConnectionOptions
{
    [Setting("Brokers that clients are told of, to turn to when they lose this one (failover-server-list of open), best first: amqp, amqps, amqpws or amqpwss URIs. Clients that know the list need not be configured with it.",
        Example = "amqps://second.example.com:5671")]
    public IReadOnlyList<string> FailoverServers { get; init; } = [];
}
