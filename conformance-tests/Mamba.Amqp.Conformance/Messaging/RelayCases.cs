using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>The anonymous terminus ("Using the Anonymous Terminus for Message Routing" 1.0): each message names its own target.</summary>
public static class RelayCases
{
    [Case("RELAY-01", "anonterm 2.1", "A broker with an anonymous terminus offers ANONYMOUS-RELAY", Traps = "47")]
    public static async Task Offered(CaseContext c)
    {
        var session = await c.BeginAsync();
        await RelayAsync(session);
        Check.That(
            session.Peer.Remote.OfferedCapabilities?.Contains(new Symbol("ANONYMOUS-RELAY")) == true, "ANONYMOUS-RELAY among the offered capabilities");
    }

    [Case("RELAY-02", "anonterm 2.2", "A message goes to the node that its 'to' names, each to its own")]
    public static async Task Routed(CaseContext c)
    {
        var session = await c.BeginAsync();
        var relay = await RelayAsync(session);
        var queues = new[] { await c.QueueAsync(), await c.QueueAsync() };
        foreach (var queue in queues)
        {
            await relay.SendAcceptedAsync(To(queue));
        }

        foreach (var queue in queues)
        {
            Check.Equal((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Message.Properties?.To, queue);
        }
    }

    [Case("RELAY-03", "anonterm 2.2.2", "A message without 'to' is rejected, and the link stays")]
    public static async Task WithoutTo(CaseContext c)
    {
        var session = await c.BeginAsync();
        var relay = await RelayAsync(session);
        Check.Condition(Check.Is<Rejected>(await relay.OutcomeAsync(await relay.SendAsync("x")), "the outcome").Error);
        await relay.SendAcceptedAsync(To(await c.QueueAsync()));
    }

    [Case("RELAY-04", "anonterm 2.2.2", "A message to nowhere is rejected with not-found, and the link stays")]
    public static async Task Nowhere(CaseContext c)
    {
        var missing = c.Adapter.MissingAddress ?? throw CaseContext.NotApplicable("no address is known that leads nowhere");
        var session = await c.BeginAsync();
        var relay = await RelayAsync(session);
        var outcome = Check.Is<Rejected>(await relay.OutcomeAsync(await relay.SendAsync(To(missing))), "the outcome");
        Check.Condition(outcome.Error, ErrorCondition.NotFound);
        await relay.SendAcceptedAsync(To(await c.QueueAsync()));
    }

    [Case("RELAY-05", "anonterm 2.2.2", "A settled message to nowhere ends the link with an error that has its delivery-tag")]
    public static async Task SettledNowhere(CaseContext c)
    {
        var missing = c.Adapter.MissingAddress ?? throw CaseContext.NotApplicable("no address is known that leads nowhere");
        var session = await c.BeginAsync();
        var relay = await RelayAsync(session);
        await relay.SendAsync(To(missing), settled: true);
        var detach = await relay.ExpectDetachAsync();
        Check.That(detach.Error!.Info?.ContainsKey(new Symbol("delivery-tag")) == true, "delivery-tag in the info of the error");
    }

    [Case("RELAY-06", "anonterm 2.1", "A target that is an empty list is the anonymous terminus", Traps = "47")]
    public static async Task EmptyList(CaseContext c)
    {
        var session = await c.BeginAsync();
        await RelayAsync(session);
        await session.Peer.SendRawAsync(
            Attach.Descriptor, "attach with target list0", "empty", 77u, false, null, null, new Source(), new Verbatim(0x00, 0x53, 0x29, 0x45), null, null, 0u);
        Check.Present((await session.ExpectAsync<Attach>(static a => a.Name == "empty")).Target, "a target in the answer");
    }

    [Case("RELAY-07", "2.6.3", "A sender with no target at all is refused: there is nothing to send to", Traps = "47")]
    public static async Task NullTarget(CaseContext c)
    {
        var session = await c.BeginAsync();
        var attach = session.NewAttach(Role.Sender, target: null, new Source());
        await session.SendAsync(attach);
        var answer = await session.ExpectAsync<Attach>();
        Check.That(answer.Target is null, "an answer without target");
        Check.Condition((await session.ExpectAsync<Detach>()).Error);
    }

    private static Task<SenderLink> RelayAsync(Session session) => Session.OptionalAsync(session.SendToAsync(null), "an anonymous terminus");

    private static AmqpMessage To(string address)
    {
        var message = AmqpMessage.FromValue("x");
        message.Properties = new MessageProperties { To = address };
        return message;
    }
}
