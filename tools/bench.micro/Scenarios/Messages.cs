using Mamba.Amqp.Messaging;
using Mamba.Broker.Server.Messages;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>Finds the sections of a message that a JMS client sent.</summary>
public sealed class SectionScan : Scenario
{
    private readonly byte[] _payload = Samples.Jms();

    public MessageLayout Last { get; private set; }

    public override void Once() => Last = MessageScanner.Scan(_payload);
}

/// <summary>From a transfer's payload to a stored message and back to the pool.</summary>
public abstract class IngressScenario : Scenario
{
    private byte[] _payload = [];

    protected abstract byte[] Payload { get; }

    public override void Setup() => _payload = Payload;

    public override void Once()
    {
        var message = MessageIngress.Read(_payload, 1_790_000_000_000, wantTo: false, out _, out _);
        message!.Release();
    }
}

public sealed class IngressPlain : IngressScenario
{
    protected override byte[] Payload => Samples.Plain(durable: false);
}

public sealed class IngressJms : IngressScenario
{
    protected override byte[] Payload => Samples.Jms();
}
