using Mamba.Broker.Server.Dialects.ServiceBus;

namespace Mamba.Broker.Server.Tests.Dialects.ServiceBus;

/// <summary>Addresses as clients of Service Bus write them.</summary>
[TestFixture]
internal sealed class EntityAddressTests
{
    [TestCase("orders", "orders", null, false)]
    [TestCase("orders/emea", "orders/emea", null, false)]
    [TestCase("orders/$DeadLetterQueue", "orders", null, true)]
    [TestCase("orders/$deadletterqueue", "orders", null, true)]
    [TestCase("orders/Subscriptions/audit", "orders", "audit", false)]
    [TestCase("orders/subscriptions/audit", "orders", "audit", false)]
    [TestCase("orders/Subscriptions/audit/$DeadLetterQueue", "orders", "audit", true)]
    [TestCase("Subscriptions/audit", "Subscriptions/audit", null, false)]
    [TestCase("orders/Subscriptions/", "orders/Subscriptions/", null, false)]
    [TestCase("/Subscriptions/audit", "/Subscriptions/audit", null, false)]
    public void An_address_is_taken_apart(string address, string name, string? subscription, bool isDeadLetter) =>
        Assert.That(EntityAddress.Parse(address), Is.EqualTo(new EntityAddress(name, subscription, isDeadLetter)));

    [TestCase("amqps://broker.example/orders", "orders")]
    [TestCase("amqps://broker.example:5671/orders/Subscriptions/audit/", "orders/Subscriptions/audit")]
    [TestCase("SB://broker.example/orders", "orders")]
    [TestCase("amqp://broker.example", "")]
    [TestCase("queue://orders", "queue://orders")]
    [TestCase("orders", "orders")]
    public void Of_a_url_the_path_counts(string address, string path) => Assert.That(EntityAddress.WithoutHost(address), Is.EqualTo(path));

    [Test]
    public void A_subscription_has_one_name_however_it_is_written() =>
        Assert.That(EntityAddress.Parse("orders/subscriptions/audit").SubscriptionKey, Is.EqualTo("orders/Subscriptions/audit"));

    [TestCase("orders/$management", "orders")]
    [TestCase("orders/Subscriptions/audit/$management", "orders/Subscriptions/audit")]
    [TestCase("$management", null)]
    [TestCase("/$management", null)]
    [TestCase("orders", null)]
    [TestCase(null, null)]
    public void A_management_node_is_that_of_its_entity(string? address, string? entity) =>
        Assert.That(EntityAddress.Managed(address), Is.EqualTo(entity));
}
