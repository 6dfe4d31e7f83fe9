using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Host.Running;
using Mamba.Broker.Server;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Configuration;

/// <summary>Brokers that clients are told of, from the configuration file to the server, and what is said of wrong ones.</summary>
[TestFixture]
internal sealed class FailoverSettingTests
{
    [TestCase("amqp://second:5673", "amqp", "second", 5673, null)]
    [TestCase("amqp://second/", "amqp", "second", 5672, null)]
    [TestCase("AMQPS://Second.Example", "amqps", "second.example", 5671, null)]
    [TestCase("amqpws://10.0.0.2", "amqpws", "10.0.0.2", 80, null)]
    [TestCase("amqpwss://[fd00::2]/amqp", "amqpwss", "fd00::2", 443, "/amqp")]
    public void A_server_is_read(string text, string scheme, string host, int port, string? path)
    {
        var (options, problems) = Read($"\"{text}\"");
        Assert.That(problems, Is.Empty);
        Assert.That(OptionsMapping.ToServer(options, new ResolvedEndpoints(null, null, null, null), tls: null).FailoverServers,
            Is.EqualTo(new[] { new FailoverServer(scheme, host, port, path) }));
    }

    [TestCase("second:5672", "is no URI")]
    [TestCase("second", "is no URI")]
    [TestCase("", "is no URI")]
    [TestCase("amqp://", "is no URI")]
    [TestCase("http://second:80", "has the scheme http")]
    [TestCase("amqp://second:0", "has the port 0")]
    [TestCase("amqp://second:70000", "is no URI")]
    [TestCase("amqp://user:secret@second", "has a user")]
    [TestCase("amqps://second?transport.trustAll=true", "has a query")]
    [TestCase("amqp://second/queue", "has a path")]
    public void A_server_that_cannot_be_meant_is_named_and_the_others_are_not(string text, string what)
    {
        var problem = Read($"\"amqp://first:5672\", \"{text}\"").Problems.Single();
        Assert.That(problem.Where, Does.Contain("connections.failoverServers"));
        Assert.That(problem.What, Does.StartWith($"holds \"{text}\", which {what}"));
        Assert.That(problem.Remedy, Does.Contain("amqp://HOST:PORT"));
    }

    [Test]
    public void There_are_sixteen_at_most()
    {
        Assert.That(Read(Servers(16)).Problems, Is.Empty);
        Assert.That(Read(Servers(17)).Problems.Single().What, Is.EqualTo("holds 17 servers."));
    }

    private static string Servers(int count) => string.Join(", ", Enumerable.Range(1, count).Select(static n => $"\"amqp://broker-{n}\""));

    private static (BrokerOptions Options, IReadOnlyList<Problem> Problems) Read(string servers)
    {
        using var folder = new TempDirectory();
        return CheckedSettings.Read(folder, $$"""{ "connections": { "failoverServers": [ {{servers}} ] } }""");
    }
}
