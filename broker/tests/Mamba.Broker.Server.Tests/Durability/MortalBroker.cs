namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>A broker of its own for every test of a fixture, to be killed and started again.</summary>
internal abstract class MortalBroker(params string[] settings)
{
    protected BrokerLife Life { get; private set; } = null!;

    [SetUp]
    public async Task StartBroker() => Life = await BrokerLife.StartAsync(settings);

    [TearDown]
    public async Task EndBroker() => await Life.DisposeAsync();

    /// <summary>An empty broker with other settings in place of the one there is.</summary>
    protected async Task StartAnotherAsync(params string[] others)
    {
        await Life.DisposeAsync();
        Life = await BrokerLife.StartAsync(others);
    }
}
