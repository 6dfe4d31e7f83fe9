using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Transport;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>Sources and targets (AMQP 1.0 §3.5).</summary>
public static class TerminusCases
{
    private static readonly string[] KnownOutcomes =
    [
        "amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list", "amqp:declared:list", "amqp:transactional-state:list",
    ];

    [Case("TERMINUS-01", "3.5.3", "The default-outcome and the outcomes of the broker's source are outcomes of the specification",
        Covers = "messaging.3.5.3-8 messaging.3.5.3-9")]
    public static async Task Outcomes(CaseContext c)
    {
        var source = (await (await c.BeginAsync()).ReceiveFromAsync(await c.QueueAsync(), static a =>
        {
            a.Source!.DefaultOutcome = new Modified { DeliveryFailed = true };
            a.Source.Outcomes = ["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"];
        })).Remote.Source!;
        foreach (var outcome in source.Outcomes ?? [])
        {
            Check.That(KnownOutcomes.Contains(outcome.Value), $"an outcome of the specification, and {outcome} is none");
        }
    }

    [Case("TERMINUS-02", "3.5.3", "The broker states the distribution-mode where it has more than one", Covers = "messaging.3.5.3-6")]
    public static async Task DistributionMode(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var browser = await Session.OptionalAsync(session.ReceiveFromAsync(queue, static a => a.Source!.DistributionMode = "copy"), "distribution-mode copy");
        if (browser.Remote.Source!.DistributionMode is not { Value: "copy" })
        {
            throw CaseContext.NotApplicable("the broker does not confirm distribution-mode copy: it has one mode");
        }

        var consumer = await session.ReceiveFromAsync(queue);
        Check.Equal(consumer.Remote.Source!.DistributionMode?.Value, "move");
    }

    [Case("TERMINUS-03", "3.5.2", "A source of mode copy leaves the messages where they are")]
    public static async Task Copy(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var browser = await Session.OptionalAsync(session.ReceiveFromAsync(queue, static a => a.Source!.DistributionMode = "copy"), "distribution-mode copy");
        if (browser.Remote.Source!.DistributionMode is not { Value: "copy" })
        {
            throw CaseContext.NotApplicable("the broker does not confirm distribution-mode copy");
        }

        await browser.TakeAsync();
        await browser.DetachAsync();
        Check.Equal((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Value, "x");
    }

    [Case("TERMINUS-04", "3.5.3", "A dynamic source makes a node and tells its address", Covers = "messaging.3.5.3-2")]
    public static async Task DynamicSource(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await DynamicSourceAsync(session);
        var address = Check.Present(receiver.Remote.Source!.Address, "the address of the node");
        Check.That(receiver.Remote.Source.Dynamic, "dynamic in the answer");
        await (await session.SendToAsync(address)).SendAcceptedAsync("x");
        Check.Equal((await receiver.TakeAsync()).Value, "x");
    }

    [Case("TERMINUS-05", "3.5.4", "A dynamic target makes a node and tells its address", Covers = "messaging.3.5.4-2")]
    public static async Task DynamicTarget(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await DynamicTargetAsync(session);
        var target = Check.Is<Target>(sender.Remote.Target, "the target");
        var address = Check.Present(target.Address, "the address of the node");
        Check.That(target.Dynamic, "dynamic in the answer");
        await sender.SendAcceptedAsync("x");
        Check.Equal((await (await session.ReceiveFromAsync(address)).TakeAsync()).Value, "x");
    }

    [Case("TERMINUS-06", "3.5.3", "The name of a dynamic node tells whose it is: container-id and link name, or the client, are in it",
        Covers = "messaging.3.5.3-3 messaging.3.5.3-5")]
    public static async Task DynamicSourceName(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await DynamicSourceAsync(session, "dynlink");
        Traceable(receiver.Remote.Source!.Address!, session);
    }

    [Case("TERMINUS-07", "3.5.4", "The name of a dynamic target tells whose it is: container-id and link name, or the client, are in it",
        Covers = "messaging.3.5.4-3 messaging.3.5.4-5")]
    public static async Task DynamicTargetName(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await DynamicTargetAsync(session, "dynlink");
        Traceable(((Target)sender.Remote.Target!).Address!, session);
    }

    [Case("TERMINUS-08", "3.5.10", "delete-on-close: the dynamic node is gone when its link has closed")]
    public static async Task DeleteOnClose(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await Session.OptionalAsync(session.ReceiveFromAsync(null, static a =>
        {
            a.Source!.Dynamic = true;
            a.Source.DynamicNodeProperties = new AmqpMap { [LifetimePolicy.Key] = LifetimePolicy.DeleteOnClose };
        }), "a dynamic source");
        var address = receiver.Remote.Source!.Address!;
        await receiver.DetachAsync();
        try
        {
            await session.ReceiveFromAsync(address);
            throw new CheckFailedException($"expected the node {address} to be gone, and it can be attached to");
        }
        catch (RefusedException e)
        {
            Check.Condition(e.Error);
        }
    }

    [Case("TERMINUS-09", "3.5.3", "Dynamic nodes have different addresses")]
    public static async Task DynamicUnique(CaseContext c)
    {
        var session = await c.BeginAsync();
        var first = await DynamicSourceAsync(session);
        var second = await DynamicSourceAsync(session);
        Check.That(first.Remote.Source!.Address != second.Remote.Source!.Address, "two addresses");
    }

    [Case("TERMINUS-10", "3.5.3", "The answer's source has the capabilities that are in force for a queue that was asked for as one")]
    public static async Task QueueCapability(CaseContext c)
    {
        var receiver = await Session.OptionalAsync(
            (await c.BeginAsync()).ReceiveFromAsync(await c.QueueAsync(), static a => a.Source!.Capabilities = ["queue"]), "the capability queue");
        if (receiver.Remote.Source!.Capabilities?.Contains(new Symbol("queue")) != true)
        {
            throw CaseContext.NotApplicable("the broker does not know the capability queue");
        }
    }

    [Case("TERMINUS-11", "3.5.3", "Every expiry-policy is taken, and the answer has one that is in force")]
    public static async Task ExpiryPolicies(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        foreach (var policy in new[] { TerminusExpiryPolicy.LinkDetach, TerminusExpiryPolicy.SessionEnd, TerminusExpiryPolicy.ConnectionClose, TerminusExpiryPolicy.Never })
        {
            var receiver = await session.ReceiveFromAsync(queue, a => a.Source!.ExpiryPolicy = policy);
            Check.That(
                receiver.Remote.Source!.ExpiryPolicy.Value is "link-detach" or "session-end" or "connection-close" or "never",
                $"an expiry-policy of the specification, and {receiver.Remote.Source.ExpiryPolicy} came");
            await receiver.DetachAsync();
        }
    }

    [Case("TERMINUS-12", "3.5.3", "A durable terminus, if confirmed, is kept while its link is detached")]
    public static async Task Durable(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await session.ReceiveFromAsync(queue, static a =>
        {
            a.Source!.Durable = TerminusDurability.UnsettledState;
            a.Source.ExpiryPolicy = TerminusExpiryPolicy.Never;
        });
        if (receiver.Remote.Source!.ExpiryPolicy != TerminusExpiryPolicy.Never)
        {
            throw CaseContext.NotApplicable($"the broker answers expiry-policy {receiver.Remote.Source.ExpiryPolicy} for a queue");
        }

        await receiver.DetachAsync(closed: false);
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var again = await session.AttachAsync(session.NewAttach(Role.Receiver, new Target(), source: null, receiver.Local.Name));
        Check.Equal(again.Source?.Address, queue);
    }

    [Case("TERMINUS-13", "3.5.3", "default-outcome in the answer is what happens to deliveries that are given up")]
    public static async Task DefaultOutcome(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 1);
        await receiver.ReceiveOneAsync();
        await receiver.DetachAsync();
        var again = await session.ReceiveFromAsync(receiver.Local.Source!.Address);
        var expected = receiver.Remote.Source!.DefaultOutcome is Modified { DeliveryFailed: true } ? 1u : 0u;
        Check.Equal((await again.TakeAsync()).DeliveryCount, expected);
    }

    internal static Task<ReceiverLink> DynamicSourceAsync(Session session, string? name = null) => Session.OptionalAsync(
        session.ReceiveFromAsync(null, a =>
        {
            a.Source!.Dynamic = true;
            a.Name = name ?? a.Name;
        }), "a dynamic source");

    private static Task<SenderLink> DynamicTargetAsync(Session session, string? name = null) => Session.OptionalAsync(
        session.SendToAsync(null, a =>
        {
            ((Target)a.Target!).Dynamic = true;
            a.Name = name ?? a.Name;
        }), "a dynamic target");

    // In some recognizable form: the letters and digits of both, whatever the broker makes of the rest.
    private static void Traceable(string address, Session session)
    {
        Check.That(Plain(address).Contains("dynlink", StringComparison.Ordinal), $"the link name dynlink in the address, and it is {address}");
        var container = session.Peer.Local.ContainerId;
        Check.That(Plain(address).Contains(Plain(container), StringComparison.Ordinal), $"the container-id {container} in the address, and it is {address}");
    }

    private static string Plain(string text) => string.Concat(text.Where(char.IsAsciiLetterOrDigit));
}
