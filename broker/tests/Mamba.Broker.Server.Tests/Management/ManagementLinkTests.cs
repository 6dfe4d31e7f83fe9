using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>Where responses go, what becomes of requests on the wire, and peers that misuse the node.</summary>
[TestFixture]
internal sealed class ManagementLinkTests() : RunningBroker("limits.maxMessageSize=1 MiB")
{
    private const uint Out = ManagementPeer.Out;

    [Test]
    public async Task A_request_link_has_little_credit_and_a_small_message_size()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(Out, "$management"));
        var attach = await peer.NextAsync<Attach>();
        Assert.That(((Target)attach.Target!).Address, Is.EqualTo("$management"));
        Assert.That(attach.MaxMessageSize, Is.EqualTo(64 * 1024));
        Assert.That((await peer.NextAsync<Flow>()).LinkCredit, Is.EqualTo(8));
    }

    [Test]
    public async Task A_request_is_accepted_and_answered_once_and_credit_comes_back()
    {
        await using var peer = await ManagementPeer.ConnectAsync(Endpoint);
        for (uint i = 0; i < 50; i++)
        {
            await peer.Raw.SendAsync(Frames.Transfer(Out, i, ManagementPeer.Request("GET-MGMT-NODES", id: $"id-{i}")));
            var (disposition, response) = await AnswerAndOutcomeAsync(peer.Raw);
            Assert.That((disposition.First, disposition.Settled, disposition.State), Is.EqualTo((i, true, (DeliveryState)Accepted.Instance)));
            Assert.That(response.Properties!.CorrelationId, Is.EqualTo($"id-{i}"));
        }
    }

    [Test]
    public async Task Requests_are_carried_out_in_order()
    {
        await using var peer = await ManagementPeer.ConnectAsync(Endpoint);
        string[] operations = ["CREATE", "READ", "PURGE", "DELETE", "READ", "CREATE", "DELETE", "READ"];
        await peer.Raw.SendAsync([.. operations.Select((operation, i) =>
            Frames.Transfer(Out, (uint)i, ManagementPeer.Request(operation, "org.mamba.queue", "in-order", id: (ulong)i), settled: true))]);
        var statuses = new List<int>();
        for (ulong i = 0; i < 8; i++)
        {
            var message = (await peer.Raw.ReceiveAsync()).Message;
            Assert.That(message.Properties!.CorrelationId, Is.EqualTo(i));
            statuses.Add(Answer.Of(message).Status);
        }

        Assert.That(statuses, Is.EqualTo(new[] { 201, 200, 200, 204, 404, 201, 204, 404 }));
    }

    [Test]
    public async Task The_response_goes_to_a_dynamic_queue_named_by_reply_to()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        var address = await peer.AttachDynamicReceiverAsync(0);
        await peer.SendAsync(Frames.Credit(0, 10));
        await peer.AttachSenderAsync(Out, "$management");
        await peer.SendAsync(Frames.Transfer(Out, 0, ManagementPeer.Request("READ", "org.mamba.broker", "broker", id: "q", replyTo: address), settled: true));
        var response = (await peer.ReceiveAsync()).Message;
        Assert.That((response.Properties!.To, response.Properties.CorrelationId), Is.EqualTo((address, (object)"q")));
        Assert.That(Answer.Of(response).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task Each_response_goes_to_the_link_whose_address_the_request_names()
    {
        await using var peer = await ManagementPeer.ConnectAsync(Endpoint);
        await peer.Raw.SendAsync(ManagementPeer.Replies(30, "second"));
        await peer.Raw.NextAsync<Attach>();
        await peer.Raw.SendAsync(Frames.Credit(30, 10));
        for (uint i = 0; i < 6; i++)
        {
            var second = i % 2 == 1;
            await peer.Raw.SendAsync(Frames.Transfer(Out, i, ManagementPeer.Request("GET-TYPES", replyTo: second ? "second" : ManagementPeer.ReplyTo), settled: true));
            var frame = await peer.Raw.NextFrameAsync<Transfer>();
            Assert.That(AmqpMessage.Decode(frame.Payload).Properties!.To, Is.EqualTo(second ? "second" : ManagementPeer.ReplyTo));
        }
    }

    [Test]
    public async Task A_request_without_reply_to_is_answered_on_the_sessions_reply_link()
    {
        await using var peer = await ManagementPeer.ConnectAsync(Endpoint);
        await peer.Raw.SendAsync(Frames.Transfer(Out, 0, ManagementPeer.Request("GET-TYPES", id: "x", replyTo: null), settled: true));
        Assert.That((await peer.Raw.ReceiveAsync()).Message.Properties!.CorrelationId, Is.EqualTo("x"));
    }

    [Test]
    public async Task Nobody_gets_a_response_by_choosing_the_reply_address_of_another_connection()
    {
        await using var thief = await ManagementPeer.ConnectAsync(Endpoint);
        await using var peer = await ManagementPeer.ConnectAsync(Endpoint);
        for (var i = 0; i < 5; i++)
        {
            Assert.That((await peer.AskAsync("GET-TYPES")).Status, Is.EqualTo(200));
        }

        Assert.That((await thief.AskAsync("GET-MGMT-NODES")).Body, Is.EqualTo(new List<object?>()), "the thief's first answer is its own");
    }

    [Test]
    public async Task A_request_whose_response_has_no_place_is_told_by_its_outcome()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(Out, "$management");
        Assert.That(await peer.PublishAsync(Out, 0, ManagementPeer.Request("CREATE", "org.mamba.queue", "unheard", replyTo: null)), Is.TypeOf<Accepted>());
        var again = await peer.PublishAsync(Out, 1, ManagementPeer.Request("CREATE", "org.mamba.queue", "unheard", replyTo: "no.such.queue"));
        Assert.That(((Rejected)again!).Error!.Condition, Is.EqualTo(ErrorCondition.PreconditionFailed));
        Assert.That(((Rejected)again).Error!.Description, Does.Contain("already"));
        var missing = await peer.PublishAsync(Out, 2, ManagementPeer.Request("READ", "org.mamba.queue", "no.such.queue", replyTo: null));
        Assert.That(((Rejected)missing!).Error!.Condition, Is.EqualTo(ErrorCondition.NotFound), "and reply-to made no queue");
    }

    [Test]
    public async Task What_is_no_message_is_rejected_and_the_link_stays()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(Out, "$management");
        var outcome = await peer.PublishAsync(Out, 0, [0x00, 0x53, 0x77, 0xa1, 0xff]);
        Assert.That(((Rejected)outcome!).Error!.Condition, Is.EqualTo(ErrorCondition.DecodeError));
        Assert.That(await peer.PublishAsync(Out, 1, ManagementPeer.Request("GET-TYPES")), Is.TypeOf<Accepted>());
    }

    [Test]
    public async Task A_request_above_the_message_size_ends_the_link_only()
    {
        await using var peer = await ManagementPeer.ConnectAsync(Endpoint);
        await peer.Raw.SendAsync(Frames.Transfer(Out, 0, ManagementPeer.Request("GET-TYPES", body: new string('x', 70_000)), settled: true));
        var detach = await peer.Raw.NextAsync<Detach>();
        Assert.That(detach.Error!.Condition, Is.EqualTo(ErrorCondition.MessageSizeExceeded));
        await peer.Raw.SendAsync(Frames.Detach(Out));
        await peer.Raw.AttachSenderAsync(40, "$management");
        await peer.Raw.SendAsync(Frames.Transfer(40, 1, ManagementPeer.Request("GET-TYPES"), settled: true));
        Assert.That(Answer.Of((await peer.Raw.ReceiveAsync()).Message).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task A_request_in_a_transaction_is_rejected_and_spoils_it()
    {
        await using var peer = await ManagementPeer.ConnectAsync(Endpoint);
        await peer.Raw.SendAsync(Frames.Of(new Attach
        {
            Name = "tx",
            Handle = 1,
            Role = Role.Sender,
            Source = new Source { Outcomes = [new Symbol("amqp:accepted:list"), new Symbol("amqp:rejected:list")] },
            Target = new Coordinator(),
            InitialDeliveryCount = 0,
        }));
        await peer.Raw.NextAsync<Attach>();
        var declared = (Declared)(await peer.Raw.PublishAsync(1, 0, new AmqpMessage { Body = new ValueBody(new Declare()) }.Encode()))!;
        var state = new TransactionalState { TxnId = declared.TxnId };
        await peer.Raw.SendAsync(Frames.Transfer(Out, 1, ManagementPeer.Request("CREATE", "org.mamba.queue", "in-transaction"), state: state));
        Assert.That(((Rejected)(await peer.Raw.NextAsync<Disposition>()).State!).Error!.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
        var discharge = new AmqpMessage { Body = new ValueBody(new Discharge { TxnId = declared.TxnId, Fail = false }) };
        Assert.That(await peer.Raw.PublishAsync(1, 2, discharge.Encode()), Is.TypeOf<Rejected>());
    }

    [Test]
    public async Task Responses_wait_for_credit_and_a_client_that_takes_none_stops_only_itself()
    {
        await using var greedy = await RawPeer.BeginAsync(Endpoint);
        await greedy.SendAsync(ManagementPeer.Replies(0, "answers"));
        await greedy.NextAsync<Attach>();
        await greedy.AttachSenderAsync(Out, "$management");
        for (uint i = 0; i < 8; i++)
        {
            await greedy.SendAsync(Frames.Transfer(Out, i, ManagementPeer.Request("GET-ATTRIBUTES", id: (ulong)i), settled: true));
        }

        await using (var peer = await ManagementPeer.ConnectAsync(Endpoint))
        {
            Assert.That((await peer.AskAsync("READ", "org.mamba.broker", "broker")).Status, Is.EqualTo(200));
        }

        await greedy.SendAsync(Frames.Credit(0, 8));
        for (ulong i = 0; i < 8; i++)
        {
            Assert.That((await greedy.ReceiveAsync()).Message.Properties!.CorrelationId, Is.EqualTo(i));
        }
    }

    [Test]
    public async Task A_response_that_is_too_large_for_the_client_says_what_to_do()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(ManagementPeer.Replies(0, "answers", maxMessageSize: 600));
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Frames.Credit(0, 10));
        await peer.AttachSenderAsync(Out, "$management");
        await peer.SendAsync(Frames.Transfer(Out, 0, ManagementPeer.Request("GET-ATTRIBUTES"), settled: true));
        var answer = Answer.Of((await peer.ReceiveAsync()).Message);
        Assert.That(answer.Status, Is.EqualTo(400));
        Assert.That(answer.Description, Does.Contain("max-message-size").And.Contain("offset"));
    }

    [Test]
    public async Task A_drain_is_answered_when_no_response_waits()
    {
        await using var peer = await ManagementPeer.ConnectAsync(Endpoint);
        await peer.Raw.SendAsync(Frames.Credit(ManagementPeer.In, 5, drain: true));
        Flow flow;
        do
        {
            flow = await peer.Raw.NextAsync<Flow>();
        }
        while (!flow.Drain);
        Assert.That((flow.LinkCredit, flow.DeliveryCount), Is.EqualTo((0u, 5u)));
    }

    [Test]
    public async Task An_unsettled_response_is_settled_by_the_answer_to_its_outcome()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = "unsettled",
            Handle = 0,
            Role = Role.Receiver,
            SndSettleMode = SenderSettleMode.Unsettled,
            Source = new Source { Address = "$management" },
            Target = new Target { Address = "answers" },
        }));
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Frames.Credit(0, 10));
        await peer.AttachSenderAsync(Out, "$management");
        await peer.SendAsync(Frames.Transfer(Out, 0, ManagementPeer.Request("GET-TYPES", replyTo: "answers"), settled: true));
        var received = await peer.ReceiveAsync();
        await peer.SendAsync(Frames.Settle(received.DeliveryId, Accepted.Instance, settled: false));
        var answer = await peer.NextAsync<Disposition>();
        Assert.That((answer.Role, answer.First, answer.Settled), Is.EqualTo((Role.Sender, received.DeliveryId, true)));
    }

    [Test]
    public async Task A_connection_has_a_bounded_number_of_management_links()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        for (uint i = 0; i < 16; i++)
        {
            await peer.AttachSenderAsync(i, "$management");
        }

        await peer.SendAsync(Frames.Sender(16, "$management"));
        Assert.That((await peer.NextAsync<Attach>()).Target, Is.Null);
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        await peer.SendAsync(Frames.Detach(16), Frames.Detach(0));
        await peer.NextAsync<Detach>();
        await peer.AttachSenderAsync(17, "$management");
    }

    [TestCase("queue://$management")]
    [TestCase("topic://$management")]
    public async Task The_node_is_no_queue_or_topic(string address)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, address));
        Assert.That((await peer.NextAsync<Attach>()).Target, Is.Null);
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.NotAllowed));
    }

    [Test]
    public async Task A_message_through_the_anonymous_terminus_that_is_no_request_is_rejected()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        var message = new AmqpMessage { Properties = new MessageProperties { To = "$management" }, Body = new ValueBody(null) };
        var outcome = (Rejected)(await peer.PublishAsync(0, 0, message.Encode()))!;
        Assert.That(outcome.Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        Assert.That(outcome.Error.Description, Does.Contain("operation"));
    }

    [Test]
    public async Task Connections_that_go_in_the_middle_of_requests_disturb_nobody()
    {
        for (var i = 0; i < 20; i++)
        {
            var peer = await ManagementPeer.ConnectAsync(Endpoint);
            for (uint request = 0; request < 8; request++)
            {
                await peer.Raw.SendAsync(Frames.Transfer(Out, request, ManagementPeer.Request("QUERY"), settled: true));
            }

            peer.Raw.Reset();
        }

        await using var after = await ManagementPeer.ConnectAsync(Endpoint);
        Assert.That((await after.AskAsync("QUERY")).Status, Is.EqualTo(200));
    }

    /// <summary>The outcome of a request and its response, which may come in any order.</summary>
    private static async Task<(Disposition Disposition, AmqpMessage Response)> AnswerAndOutcomeAsync(RawPeer peer)
    {
        Disposition? disposition = null;
        AmqpMessage? response = null;
        while (disposition is null || response is null)
        {
            var frame = (await peer.TryNextAsync())!;
            switch (frame.Performative)
            {
                case Disposition came:
                    disposition = came;
                    break;
                case Transfer:
                    response = AmqpMessage.Decode(frame.Payload);
                    break;
                case Flow:
                    break;
                default:
                    Assert.Fail(peer.Trace);
                    break;
            }
        }

        return (disposition.Value, response);
    }
}

/// <summary>A broker that nobody may administer over AMQP.</summary>
[TestFixture]
internal sealed class ManagementRefusedTests() : RunningBroker("security.management=none")
{
    [TestCase("$management")]
    [TestCase("activemq.management")]
    public async Task Both_links_are_refused(string node)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, node));
        Assert.That((await peer.NextAsync<Attach>()).Target, Is.Null);
        var error = (await peer.NextAsync<Detach>()).Error!;
        Assert.That(error.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That(error.Description, Does.Contain("'anonymous'").And.Contain("security.management"));
        await peer.SendAsync(Frames.Receiver(1, node));
        Assert.That((await peer.NextAsync<Attach>()).Source, Is.Null);
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
    }
}
