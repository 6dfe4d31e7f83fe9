using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Security.Claims;

namespace Mamba.Broker.Server.Tests.Dialects.RabbitMq;

/// <summary>Addresses of version 2 for connections that live by tokens: a grant for a queue is for the queue, however it is addressed.</summary>
[TestFixture]
internal sealed class PairedClaimTests
{
    [TestCase("/queues/orders", "orders", true)]
    [TestCase("/queues/orders", "queues", false)]
    [TestCase("/queues/orders/eu", "orders", true)]
    [TestCase("/queues/orders%2Feu", "orders", true)]
    [TestCase("/queues/orders", "", true)]
    [TestCase("/queues/%zz", "queues", false)]
    [TestCase("/exchanges/x/k", "exchanges", false)]
    [TestCase("/exchanges/x/k", "x", false)]
    [TestCase("/exchanges/x/k", "", true)]
    [TestCase("/management", "management", false)]
    [TestCase("/management", "", true)]
    public void A_link_needs_the_grant_of_what_its_address_means(string address, string granted, bool allowed)
    {
        var claims = new ConnectionClaims("user", TimeProvider.System);
        Assert.That(claims.Grant(new Claim(granted, long.MaxValue, "user")), Is.True);
        foreach (var role in new[] { Role.Sender, Role.Receiver })
        {
            var attach = new Attach { Name = "link", Role = role, Source = new Source { Address = address }, Target = new Target { Address = address } };
            Assert.That(claims.Refuse(attach), allowed ? Is.Null : Is.Not.Null);
        }
    }
}
