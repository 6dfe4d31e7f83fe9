using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Jms;

/// <summary>Durable and shared subscriptions with the link names of Qpid JMS and NMS (JMS mapping). Not applicable where never is not confirmed.</summary>
public static class SubscriptionCases
{
    [Case("JMS-40", "jms-mapping", "A durable subscription keeps what comes while its consumer is away; its mode copy is not browsing",
        Traps = "38 45")]
    public static async Task Durable(CaseContext c)
    {
        var s = await SetAsync(c);
        var receiver = await s.SubscribeAsync("sub");
        await receiver.DetachAsync(closed: false);
        await DestinationCases.PublishAsync(s.Session, s.Topic, "kept");
        receiver = await s.SubscribeAsync("sub");
        Check.Equal((await receiver.TakeAsync()).Value, "kept");
        await receiver.DetachAsync(closed: false);
        await (await s.SubscribeAsync("sub")).ExpectEmptyAsync();
    }

    [Case("JMS-41", "jms-mapping", "A durable subscription survives its connection")]
    public static async Task OverConnections(CaseContext c)
    {
        var s = await SetAsync(c);
        await s.SubscribeAsync("sub");
        s.Session.Wire.Reset();
        var again = await SetAsync(c, s.Container, s.Topic);
        await DestinationCases.PublishAsync(again.Session, s.Topic, "kept");
        Check.Equal((await (await again.SubscribeAsync("sub")).TakeAsync()).Value, "kept");
    }

    [Case("JMS-42", "jms-mapping", "A closing detach unsubscribes", Traps = "38")]
    public static async Task ClosedUnsubscribes(CaseContext c)
    {
        var s = await SetAsync(c);
        await (await s.SubscribeAsync("sub")).DetachAsync(closed: true);
        await DestinationCases.PublishAsync(s.Session, s.Topic, "lost");
        await (await s.SubscribeAsync("sub")).ExpectEmptyAsync();
    }

    [Case("JMS-43", "jms-mapping", "A subscription is looked up with a null source, and unsubscribed by closing that link")]
    public static async Task LookUp(CaseContext c)
    {
        var s = await SetAsync(c);
        await (await s.SubscribeAsync("sub")).DetachAsync(closed: false);
        var found = await s.LookUpAsync("sub");
        Check.Equal(found.Remote.Source!.Durable, TerminusDurability.UnsettledState);
        Check.Equal(found.Remote.Source.ExpiryPolicy, TerminusExpiryPolicy.Never);
        await found.DetachAsync(closed: true);
        Check.Condition((await DestinationCases.RefusalAsync(s.LookUpAsync("sub"))).Error, ErrorCondition.NotFound);
    }

    [Case("JMS-44", "jms-mapping", "Looking up a subscription that is not there is refused with not-found")]
    public static async Task LookUpMissing(CaseContext c)
    {
        var s = await SetAsync(c);
        var refusal = await DestinationCases.RefusalAsync(s.LookUpAsync("never-subscribed"));
        Check.Condition(refusal.Error, ErrorCondition.NotFound);
        Check.Present(refusal.Detach, "attach and detach, not an end of the session");
    }

    [Case("JMS-45", "jms-mapping", "Consumers of a shared subscription share its messages; the number in their link names may be any",
        Traps = "39")]
    public static async Task Shared(CaseContext c)
    {
        var s = await SetAsync(c);
        var one = await s.SubscribeAsync("shared", "shared");
        var two = await s.SubscribeAsync("shared|7", "shared");
        await DestinationCases.PublishAsync(s.Session, s.Topic, "a");
        await DestinationCases.PublishAsync(s.Session, s.Topic, "b");
        await one.CreditAsync(1);
        var first = (await one.ReceiveAsync()).Value;
        await two.CreditAsync(1);
        Check.That(!Equals((await two.ReceiveAsync()).Value, first), "the other message");
    }

    [Case("JMS-46", "jms-mapping", "A global shared subscription belongs to no client id: it is found as name|global and by its bare name",
        Traps = "40")]
    public static async Task Global(CaseContext c)
    {
        var s = await SetAsync(c);
        await (await s.SubscribeAsync("everybodys|global", "shared", "global")).DetachAsync(closed: false);
        var other = await SetAsync(c, c.Name(), s.Topic);
        var found = await other.LookUpAsync("everybodys|global", "shared", "global");
        await found.DetachAsync(closed: false);
        await (await other.LookUpAsync("everybodys", "shared", "global")).DetachAsync(closed: true);
        Check.Condition((await DestinationCases.RefusalAsync(s.LookUpAsync("everybodys|global", "shared", "global"))).Error, ErrorCondition.NotFound);
    }

    [Case("JMS-47", "jms-mapping", "Volatile shared subscriptions are shared while somebody consumes, and gone with the last one's session",
        Traps = "41")]
    public static async Task VolatileShared(CaseContext c)
    {
        var s = await SetAsync(c);
        var own = await s.Session.Peer.BeginAsync(1);
        var one = await Session.OptionalAsync(own.ReceiveFromAsync(s.Topic, static a =>
        {
            DestinationCases.AsJms(a, "topic");
            a.Name = "vol|volatile1";
            a.Source!.Capabilities = ["topic", "shared"];
            a.Source.ExpiryPolicy = TerminusExpiryPolicy.SessionEnd;
        }), "a shared volatile subscription");
        await DestinationCases.PublishAsync(s.Session, s.Topic, "a");
        Check.Equal((await one.TakeAsync()).Value, "a");
        await own.EndAsync();
        await DestinationCases.PublishAsync(s.Session, s.Topic, "lost");
        var again = await s.Session.ReceiveFromAsync(s.Topic, static a =>
        {
            DestinationCases.AsJms(a, "topic");
            a.Name = "vol|volatile2";
            a.Source!.Capabilities = ["topic", "shared"];
        });
        await again.ExpectEmptyAsync();
    }

    [Case("JMS-48", "jms-mapping", "Subscribing again to another topic under the same name changes the subscription: what it held is gone")]
    public static async Task Change(CaseContext c)
    {
        var s = await SetAsync(c);
        await (await s.SubscribeAsync("sub")).DetachAsync(closed: false);
        await DestinationCases.PublishAsync(s.Session, s.Topic, "old");
        var other = s with { Topic = await c.TopicAsync() };
        await (await other.SubscribeAsync("sub")).ExpectEmptyAsync();
    }

    [Case("JMS-49", "jms-mapping", "Subscriptions of the same name belong to their client ids")]
    public static async Task PerClient(CaseContext c)
    {
        var one = await SetAsync(c);
        var two = await SetAsync(c, c.Name(), one.Topic);
        var first = await one.SubscribeAsync("sub");
        var second = await two.SubscribeAsync("sub");
        await DestinationCases.PublishAsync(one.Session, one.Topic, "a");
        Check.Equal((await first.TakeAsync()).Value, "a");
        Check.Equal((await second.TakeAsync()).Value, "a");
    }

    private static async Task<Set> SetAsync(CaseContext c, string? container = null, string? topic = null)
    {
        container ??= c.Name();
        var session = await c.BeginAsync(open => open.ContainerId = container);
        return new Set(session, topic ?? await c.TopicAsync(), container);
    }

    private sealed record Set(Session Session, string Topic, string Container)
    {
        public async Task<ReceiverLink> SubscribeAsync(string name, params string[] capabilities)
        {
            var receiver = await Session.OptionalAsync(Session.ReceiveFromAsync(Topic, a =>
            {
                DestinationCases.AsJms(a, "topic");
                a.Name = name;
                a.Source!.Durable = TerminusDurability.UnsettledState;
                a.Source.ExpiryPolicy = TerminusExpiryPolicy.Never;
                a.Source.DistributionMode = "copy";
                a.Source.Capabilities = ["topic", .. capabilities.Select(static s => new Symbol(s))];
                a.DesiredCapabilities = capabilities.Length > 0 ? ["SHARED-SUBS"] : null;
            }), "a durable subscription");
            return receiver.Remote.Source!.ExpiryPolicy == TerminusExpiryPolicy.Never
                ? receiver
                : throw CaseContext.NotApplicable($"the broker answers expiry-policy {receiver.Remote.Source.ExpiryPolicy}: it has no durable subscriptions");
        }

        public async Task<ReceiverLink> LookUpAsync(string name, params string[] capabilities)
        {
            var attach = Session.NewAttach(Role.Receiver, new Target(), source: null, name);
            attach.DesiredCapabilities = capabilities.Length > 0 ? [.. capabilities.Select(static s => new Symbol(s))] : null;
            return new ReceiverLink(Session, attach, await Session.AttachAsync(attach));
        }
    }
}
