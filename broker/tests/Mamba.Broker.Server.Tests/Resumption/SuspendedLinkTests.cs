using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Resumption;

/// <summary>Which links are suspended, for how long, and how many.</summary>
[TestFixture]
internal sealed class SuspendedLinkTests() : RunningBroker("limits.maxResumableLinks=4", "limits.suspendedLinkTimeout=1 h")
{
    private static readonly Symbol Never = TerminusExpiryPolicy.Never;

    /// <summary>JMS durable subscriptions say never and settle first, and ordinary links say nothing: what they held is anybody's at once.</summary>
    [TestCase("never", 0u, false, TerminusDurability.UnsettledState)]
    [TestCase("session-end", 0u, true, TerminusDurability.UnsettledState)]
    [TestCase("link-detach", 0u, true, TerminusDurability.None)]
    [TestCase("session-end", 9u, false, TerminusDurability.None)]
    public async Task Links_that_do_not_ask_for_it_give_back_at_once(string policy, uint timeout, bool second, TerminusDurability durability)
    {
        var queue = $"plain.{policy}.{second}.{timeout}";
        await using (var peer = await FilledAsync(queue, "plain"))
        {
            var attach = await AttachAsync(peer, 0, queue, second, new Symbol(policy), timeout, durability);
            Assert.That(attach.Unsettled, Is.Null);
            Assert.That(attach.Source!.ExpiryPolicy, Is.EqualTo(TerminusExpiryPolicy.LinkDetach));
            await TakeAsync(peer, 0);
            peer.Reset();
        }

        Assert.That(await TakeAllAsync(queue, atLeast: 1), Is.EqualTo(1));
    }

    [Test]
    public async Task A_jms_durable_subscription_gives_back_at_once_and_counts_as_ever()
    {
        await using var publisher = await RawPeer.BeginAsync(Endpoint);
        await using (var peer = await RawPeer.BeginAsync(Endpoint, "jms-client"))
        {
            await AttachAsync(peer, 0, "topic://jms.t", second: false, Never, 0, TerminusDurability.UnsettledState, "sub", new Modified { DeliveryFailed = true });
            await publisher.AttachSenderAsync(0, "topic://jms.t");
            await publisher.PublishAsync(0, 0, Frames.Message("news", durable: true));
            await TakeAsync(peer, 0);
            peer.Reset();
        }

        await using var again = await RawPeer.BeginAsync(Endpoint, "jms-client");
        await AttachAsync(again, 0, "topic://jms.t", second: false, Never, 0, TerminusDurability.UnsettledState, "sub", new Modified { DeliveryFailed = true });
        await again.SendAsync(Frames.Credit(0, 1));
        Assert.That((await again.ReceiveAsync()).Header.DeliveryCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_durable_subscription_that_settles_second_is_resumed_and_deleted_when_it_is_closed()
    {
        await using var publisher = await RawPeer.BeginAsync(Endpoint);
        ReceivedMessage held;
        await using (var peer = await RawPeer.BeginAsync(Endpoint, "once-client"))
        {
            await AttachAsync(peer, 0, "topic://once.t", second: true, Never, 0, TerminusDurability.UnsettledState, "once");
            await publisher.AttachSenderAsync(0, "topic://once.t");
            await publisher.PublishAsync(0, 0, Frames.Message("news", durable: true));
            held = await TakeAsync(peer, 0);
        }

        await using var again = await RawPeer.BeginAsync(Endpoint, "once-client");
        var tag = DeliveryTag.FromUInt64(held.Tag);
        var attach = await AttachAsync(
            again, 0, "topic://once.t", second: true, Never, 0, TerminusDurability.UnsettledState, "once", unsettled: Map(tag, Accepted.Instance));
        Assert.That(UnsettledMap.Read(attach.Unsettled).Keys, Is.EqualTo(new[] { tag }));
        await again.SendAsync(Frames.Credit(0, 1));
        Assert.That(await again.NextAsync<Transfer>() is { Resume: true, State: Accepted, Settled: true }, Is.True);
        await again.SendAsync(Frames.Detach(0));
        Assert.That((await again.NextAsync<Detach>()).Error, Is.Null);
    }

    [Test]
    public async Task A_terminus_until_the_connection_closes_outlives_link_and_session_and_not_the_connection()
    {
        const string Queue = "until.close";
        var peer = await FilledAsync(Queue, "until-close");
        await AttachAsync(peer, 0, Queue, second: true, TerminusExpiryPolicy.ConnectionClose, 0, TerminusDurability.None);
        await TakeAsync(peer, 0);
        await peer.SendAsync(Frames.Detach(0, closed: false));
        await peer.NextAsync<Detach>();
        await peer.SendAsync(Frames.End());
        await peer.NextAsync<End>();
        Assert.That(await TakeAllAsync(Queue, 0), Is.Zero, "it is held");
        await peer.CloseAsync();
        await peer.DisposeAsync();
        Assert.That(await TakeAllAsync(Queue, atLeast: 1), Is.EqualTo(1));
    }

    [Test]
    public async Task Management_counts_suspended_links()
    {
        const string Queue = "counted.suspended";
        await using var peer = await FilledAsync(Queue, "counted");
        await using var management = await ManagementPeer.ConnectAsync(Endpoint);
        var before = await SuspendedAsync(management);
        await AttachAsync(peer, 0, Queue, second: true, Never, 0, TerminusDurability.None);
        await peer.SendAsync(Frames.Detach(0, closed: false));
        await peer.NextAsync<Detach>();
        Assert.That(await SuspendedAsync(management), Is.EqualTo(before + 1));
        await AttachAsync(peer, 0, Queue, second: true, Never, 0, TerminusDurability.None, unsettled: new AmqpMap());
        await peer.SendAsync(Frames.Detach(0));
        await peer.NextAsync<Detach>();
        Assert.That(await SuspendedAsync(management), Is.EqualTo(before));
    }

    [Test]
    public async Task What_a_suspended_link_held_goes_with_its_queue()
    {
        const string Queue = "deleted.suspended";
        await using var peer = await FilledAsync(Queue, "deleted");
        await using var management = await ManagementPeer.ConnectAsync(Endpoint);
        var before = await SuspendedAsync(management);
        await AttachAsync(peer, 0, Queue, second: true, Never, 0, TerminusDurability.UnsettledState);
        await TakeAsync(peer, 0);
        await peer.SendAsync(Frames.Detach(0, closed: false));
        await peer.NextAsync<Detach>();
        Assert.That((await management.AskAsync("DELETE", "org.mamba.queue", Queue)).Status, Is.EqualTo(204).Or.EqualTo(200));
        Assert.That(await SuspendedAsync(management), Is.EqualTo(before));
        var again = await AttachAsync(peer, 0, Queue, second: true, Never, 0, TerminusDurability.UnsettledState, unsettled: new AmqpMap());
        Assert.That(again.Unsettled, Is.Empty);
        await peer.SendAsync(Frames.Detach(0));
        await peer.NextAsync<Detach>();
    }

    [Test]
    public async Task A_timeout_after_the_session_begins_when_it_ends()
    {
        const string Queue = "after.session";
        await using var peer = await FilledAsync(Queue, "after-session");
        await AttachAsync(peer, 0, Queue, second: true, TerminusExpiryPolicy.SessionEnd, 1, TerminusDurability.None);
        await TakeAsync(peer, 0);
        await peer.SendAsync(Frames.Detach(0, closed: false));
        await peer.NextAsync<Detach>();
        await peer.SendAsync(Frames.End());
        await peer.NextAsync<End>();
        Assert.That(await TakeAllAsync(Queue, atLeast: 1), Is.EqualTo(1));
    }

    [Test]
    public async Task There_are_so_many_resumable_links_and_no_more()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint, "many");
        uint handle = 0;
        Attach attach;
        while ((attach = await AttachAsync(peer, handle, "many.q", second: true, Never, 0, TerminusDurability.UnsettledState)).Source is not null)
        {
            handle++;
        }

        Assert.That(handle, Is.LessThanOrEqualTo(4));
        var error = (await peer.NextAsync<Detach>()).Error!;
        Assert.That(error.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        Assert.That(error.Description, Does.Contain("limits.maxResumableLinks"));
        await peer.SendAsync(Frames.Detach(handle));
        for (uint i = 0; i < handle; i++)
        {
            await peer.SendAsync(Frames.Detach(i));
            await peer.NextAsync<Detach>();
        }

        Assert.That((await AttachAsync(peer, 9, "many.q", second: true, Never, 0, TerminusDurability.UnsettledState)).Source, Is.Not.Null);
        await peer.SendAsync(Frames.Detach(9));
        await peer.NextAsync<Detach>();
    }

    [Test]
    public async Task What_was_acknowledged_in_a_transaction_is_rolled_back_and_comes_again()
    {
        const string Queue = "in.transaction";
        DeliveryTag tag;
        await using (var peer = await FilledAsync(Queue, "transactional"))
        {
            await AttachAsync(peer, 0, Queue, second: true, Never, 0, TerminusDurability.UnsettledState);
            var held = await TakeAsync(peer, 0);
            tag = DeliveryTag.FromUInt64(held.Tag);
            await peer.SendAsync(Frames.Of(new Attach
            {
                Name = "tx", Handle = 1, Role = Role.Sender, Source = new Source(), Target = new Coordinator(), InitialDeliveryCount = 0,
            }));
            await peer.NextAsync<Attach>();
            await peer.CreditAsync(1);
            await peer.SendAsync(Frames.Transfer(1, 1, AmqpMessage.FromValue(new Declare()).Encode()));
            var declared = (Declared)(await peer.NextAsync<Disposition>()).State!;
            await peer.SendAsync(Frames.Settle(held.DeliveryId, new TransactionalState { TxnId = declared.TxnId, Outcome = Accepted.Instance }, settled: false));
            await peer.CloseAsync();
        }

        await using var again = await RawPeer.BeginAsync(Endpoint, "transactional");
        var unsettled = Map(tag, new TransactionalState { TxnId = [1], Outcome = Accepted.Instance });
        var attach = await AttachAsync(again, 0, Queue, second: true, Never, 0, TerminusDurability.UnsettledState, unsettled: unsettled);
        Assert.That(attach.Unsettled, Is.Empty, "what a transaction had went back with it");
        var message = await TakeAsync(again, 0);
        Assert.That(message.Body, Is.EqualTo("held"));
        await again.SendAsync(Frames.Detach(0));
        await again.NextAsync<Detach>();
    }

    [Test]
    public async Task A_key_that_is_no_tag_refuses_the_link_and_what_it_holds_stays()
    {
        const string Queue = "no.tag";
        await using var peer = await FilledAsync(Queue, "no-tag");
        await AttachAsync(peer, 0, Queue, second: true, Never, 0, TerminusDurability.None);
        await TakeAsync(peer, 0);
        await peer.SendAsync(Frames.Detach(0, closed: false));
        await peer.NextAsync<Detach>();
        var refused = await AttachAsync(peer, 0, Queue, second: true, Never, 0, TerminusDurability.None, unsettled: new AmqpMap { { "text", null } });
        Assert.That(refused.Source, Is.Null);
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        await peer.SendAsync(Frames.Detach(0));
        var again = await AttachAsync(peer, 1, Queue, second: true, Never, 0, TerminusDurability.None, name: $"r0-{Queue}", unsettled: new AmqpMap());
        Assert.That(again.Unsettled, Has.Count.EqualTo(1));
        await peer.SendAsync(Frames.Detach(1));
        await peer.NextAsync<Detach>();
    }

    private async Task<RawPeer> FilledAsync(string queue, string container)
    {
        var peer = await RawPeer.BeginAsync(Endpoint, container);
        await peer.AttachSenderAsync(7, queue);
        await peer.PublishAsync(7, 0, Frames.Message("held", durable: true));
        await peer.SendAsync(Frames.Detach(7));
        await peer.NextAsync<Detach>();
        return peer;
    }

    private static async Task<long> SuspendedAsync(ManagementPeer management) =>
        (long)(await management.ReadAsync("org.mamba.broker", "broker", "suspendedLinks"))!;

    private static async Task<ReceivedMessage> TakeAsync(RawPeer peer, uint handle)
    {
        await peer.SendAsync(Frames.Credit(handle, 1));
        return await peer.ReceiveAsync();
    }

    private static AmqpMap Map(DeliveryTag tag, DeliveryState state) => new() { { tag.ToArray(), state } };

    private static async Task<Attach> AttachAsync(
        RawPeer peer, uint handle, string address, bool second, Symbol policy, uint timeout, TerminusDurability durability,
        string? name = null, Outcome? defaultOutcome = null, AmqpMap? unsettled = null)
    {
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = name ?? $"r{handle}-{address}",
            Handle = handle,
            Role = Role.Receiver,
            RcvSettleMode = second ? ReceiverSettleMode.Second : ReceiverSettleMode.First,
            Source = new Source { Address = address, ExpiryPolicy = policy, Timeout = timeout, Durable = durability, DefaultOutcome = defaultOutcome },
            Target = new Target { Address = "here" },
            Unsettled = unsettled,
        }));
        return await peer.NextAsync<Attach>();
    }
}
