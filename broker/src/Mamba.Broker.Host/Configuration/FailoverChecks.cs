using Mamba.Broker.Server;

namespace Mamba.Broker.Host.Configuration;

/// <summary>What is wrong with connections.failoverServers.</summary>
internal sealed class FailoverChecks(ConnectionOptions connections, SettingLayers layers)
{
    private const string Key = "connections.failoverServers";

    public void Check()
    {
        foreach (var text in connections.FailoverServers)
        {
            if (!FailoverServer.TryParse(text, out _, out var fault))
            {
                Add($"holds \"{text}\", which {fault}.", "Give amqp://HOST:PORT, amqps://HOST:PORT, amqpws://HOST:PORT/PATH or amqpwss://HOST:PORT/PATH.");
            }
        }

        if (connections.FailoverServers.Count > ServerOptions.MaxFailoverServers)
        {
            Add($"holds {connections.FailoverServers.Count} servers.", $"Give {ServerOptions.MaxFailoverServers} at most.");
        }
    }

    private void Add(string what, string remedy) => layers.Problems.Add(new Problem(layers.Where(Key), what, remedy));
}
