using System.Text;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>The everyday login of the cases that are not about logging in.</summary>
public static class SaslHandshake
{
    /// <summary>PLAIN with the user the suite was given, or ANONYMOUS.</summary>
    public static async Task RunAsync(AmqpWire wire, BrokerTarget broker)
    {
        await wire.SendHeaderAsync(ProtocolHeader.Sasl);
        await wire.ExpectHeaderAsync(ProtocolHeader.Sasl);
        var offered = await wire.ExpectAsync<SaslMechanisms>();
        await wire.SendAsync(Init(broker));
        var outcome = await wire.ExpectAsync<SaslOutcome>();
        Check.That(outcome.Code == SaslCode.Ok, $"the login to succeed ({string.Join(", ", offered.SaslServerMechanisms)} offered), and {outcome} came");
    }

    public static SaslInit Init(BrokerTarget broker) => broker.User is null || broker.Anonymous
        ? new SaslInit { Mechanism = "ANONYMOUS", InitialResponse = "conformance"u8.ToArray() }
        : new SaslInit { Mechanism = "PLAIN", InitialResponse = Encoding.UTF8.GetBytes($"\0{broker.User}\0{broker.Password}"), Hostname = broker.Host };
}
