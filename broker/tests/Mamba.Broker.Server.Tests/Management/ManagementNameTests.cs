using System.Net;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>Names of subscriptions, and who may ask.</summary>
[TestFixture]
internal sealed class ManagementNameTests
{
    [TestCase("client", "sub", true, "client:sub")]
    [TestCase(null, "sub", true, ":sub")]
    [TestCase("client", "sub", false, "client:sub|volatile")]
    [TestCase("a:b", "c|d%e", true, "a%3Ab:c%7Cd%25e")]
    [TestCase("ID:host-1:2", "sub%3A", false, "ID%3Ahost-1%3A2:sub%253A|volatile")]
    public void A_subscription_has_one_name_that_leads_back_to_it(string? client, string subscription, bool durable, string name)
    {
        var key = new SubscriptionKey(client, subscription, durable);
        Assert.That(SubscriptionEntities.NameOf(key), Is.EqualTo(name));
        Assert.That(SubscriptionEntities.KeyOf(name), Is.EqualTo(key));
    }

    [TestCase("")]
    [TestCase("sub")]
    [TestCase("client:")]
    [TestCase("a:b:c")]
    [TestCase("a:b|c")]
    public void What_is_no_name_is_not_taken_for_one(string name) => Assert.That(SubscriptionEntities.KeyOf(name), Is.Null);

    [Test]
    public void Who_may_administer_follows_the_policy()
    {
        var alice = new Principal("alice", "SCRAM-SHA-256");
        var posing = new Principal("alice", "ANONYMOUS");
        var near = Listener(IPAddress.Loopback);
        var far = Listener(IPAddress.Parse("192.0.2.1"));
        Assert.That(Allowed(ManagementPolicy.Auto), Is.EqualTo(new[] { true, true, true, false }));
        Assert.That(Allowed(ManagementPolicy.All), Is.EqualTo(new[] { true, true, true, true }));
        Assert.That(Allowed(ManagementPolicy.None), Is.EqualTo(new[] { false, false, false, false }));
        Assert.That(Allowed(ManagementPolicy.Users(["alice"])), Is.EqualTo(new[] { true, true, false, false }));
        Assert.That(ManagementPolicy.Users(["Alice"]).Allows(alice, near), Is.False);
        Assert.That(ManagementPolicy.Users(["alice"]).Allows(posing, near), Is.False);

        bool[] Allowed(IManagementPolicy policy) =>
            [policy.Allows(alice, near), policy.Allows(alice, far), policy.Allows(Principal.Anonymous, near), policy.Allows(Principal.Anonymous, far)];
    }

    private static ListenerContext Listener(IPAddress remote) => new(new IPEndPoint(remote, 5672), new IPEndPoint(remote, 40_000), IsTls: false, null);
}
