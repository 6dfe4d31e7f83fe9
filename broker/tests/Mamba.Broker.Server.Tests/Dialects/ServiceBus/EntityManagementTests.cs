using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Server.Tests.Security;

namespace Mamba.Broker.Server.Tests.Dialects.ServiceBus;

/// <summary>Requests to ENTITY/$management, honest and not.</summary>
[TestFixture]
internal sealed class EntityManagementTests() : RunningBroker(
    "limits.maxFrameSize=1 MiB",
    $$"""security.sharedAccessKeys=[{"name":"{{ClaimsPeer.KeyName}}","key":"{{ClaimsPeer.Key}}"}]""",
    """
    security.permissions=[
      {"pattern":"honest","users":["anonymous"],"actions":["send","receive","create"]},
      {"pattern":"closed.#","users":["teller"],"actions":[]},
      {"pattern":"#","users":["teller"],"actions":["send","receive","create"]}]
    """)
{
    private const string Schedule = "com.microsoft:schedule-message";
    private const string Cancel = "com.microsoft:cancel-scheduled-message";
    private const string Peek = "com.microsoft:peek-message";
    private const string RenewLock = "com.microsoft:renew-lock";

    [Test]
    public async Task Scheduled_messages_have_the_numbers_that_cancel_them()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.ManageAsync("plan");
        var scheduled = await peer.AskAsync(Schedule, Messages(Later(), Later()));
        Assert.That(scheduled.Status, Is.EqualTo(200), scheduled.Description);
        var numbers = ((AmqpArray)scheduled.Body!["sequence-numbers"]!).As<long>()!;
        Assert.That(numbers[1], Is.EqualTo(numbers[0] + 1));
        Assert.That((await peer.AskAsync(Cancel, Numbers(numbers))).Status, Is.EqualTo(200));
        var again = await peer.AskAsync(Cancel, Numbers(numbers));
        Assert.That((again.Status, again.Condition), Is.EqualTo((404, "com.microsoft:message-not-found")));
    }

    [Test]
    public async Task A_wrong_message_among_those_to_be_scheduled_stores_none()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.ManageAsync("unplanned");
        var answer = await peer.AskAsync(Schedule, Messages(Frames.Message("now"), [0x00]));
        Assert.That((answer.Status, answer.Description), Is.EqualTo((400, answer.Description)));
        Assert.That(answer.Description, Does.StartWith("Message 2: "));
        Assert.That((await peer.AskAsync(Peek, Page(0, 10))).Status, Is.EqualTo(204));
    }

    [Test]
    public async Task Large_requests_do_not_pile_up_while_responses_are_not_read()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.Raw.AttachSenderAsync(0, "unread");
        for (var i = 0; i < 2; i++)
        {
            await peer.PublishAsync(0, Frames.Message(new string('x', 600_000)));
        }

        await peer.ManageAsync("unread", credit: 0);
        await peer.RequestAsync(Peek, Page(0, 2)); // its response waits, and with it all that follows
        var large = new AmqpMap { { "messages", new List<object?>() }, { "padding", new byte[9 * 1024 * 1024] } };
        for (var i = 0; i < 4; i++)
        {
            await peer.RequestAsync(Schedule, large);
        }

        var error = (await peer.Raw.NextAsync<Detach>()).Error!;
        Assert.That(error.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        Assert.That(error.Description, Does.Contain("give credit for responses"));
    }

    [Test]
    public async Task Messages_are_shown_in_pages_and_stay()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.Raw.AttachSenderAsync(0, "shown");
        await peer.PublishBatchAsync(0, [.. Enumerable.Range(0, 150).Select(static i => Frames.Message($"{i}"))]);
        await peer.ManageAsync("shown");
        var from = 0L;
        var shown = new List<string>();
        while ((await peer.AskAsync(Peek, Page(from, 40))) is { Status: 200 } page)
        {
            foreach (var item in ((List<object?>)page.Body!["messages"]!).Cast<AmqpMap>())
            {
                var message = AmqpMessage.Decode((byte[])item["message"]!);
                shown.Add((string)message.Value!);
                from = (long)message.MessageAnnotations![new Symbol("x-opt-sequence-number")]! + 1;
            }
        }

        Assert.That(shown, Is.EqualTo(Enumerable.Range(0, 150).Select(static i => $"{i}")));
        await peer.Raw.AttachReceiverAsync(1, "shown", credit: 1);
        Assert.That((await peer.Raw.ReceiveAsync()).Body, Is.EqualTo("0"));
    }

    [Test]
    public async Task Each_operation_asks_what_the_user_may_do()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.ManageAsync("closed.one");
        foreach (var (operation, body) in new[] { (Schedule, Messages(Later())), (Cancel, Numbers(1)), (Peek, Page(0, 1)) })
        {
            var answer = await peer.AskAsync(operation, body);
            Assert.That((answer.Status, answer.Condition), Is.EqualTo((401, "amqp:unauthorized-access")), operation);
        }
    }

    [TestCase(null, 400)]
    [TestCase("", 400)]
    [TestCase("com.microsoft:get-rules", 501)]
    [TestCase("com.microsoft:receive-by-sequence-number", 501)]
    [TestCase(Schedule, 400)]
    [TestCase(Cancel, 400)]
    [TestCase(Peek, 400)]
    [TestCase(RenewLock, 400)]
    public async Task What_is_no_request_or_not_there_says_so_and_the_link_goes_on(string? operation, int status)
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.ManageAsync("some");
        var wrong = new AmqpMap { { "messages", "none" }, { "sequence-numbers", 1L }, { "from-sequence-number", -1L }, { "lock-tokens", new List<object?> { 1 } } };
        Assert.That((await peer.AskAsync(operation, wrong)).Status, Is.EqualTo(status));
        Assert.That((await peer.AskAsync(Peek, Page(0, 1))).Status, Is.EqualTo(204));
    }

    [Test]
    public async Task A_lock_is_that_of_a_delivery_which_a_receiver_holds()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.Raw.AttachSenderAsync(0, "locked");
        await peer.PublishAsync(0, Frames.Message("held"));
        await peer.Raw.AttachReceiverAsync(1, "locked", credit: 1);
        var transfer = (Transfer)(await peer.Raw.NextFrameAsync<Transfer>()).Performative!;
        var token = new Guid(transfer.DeliveryTag!.Value.Span);
        await peer.ManageAsync("locked");
        var tokens = new AmqpMap { { "lock-tokens", new[] { token } } };
        Assert.That((await peer.AskAsync(RenewLock, tokens)).Status, Is.EqualTo(200));
        Assert.That((await peer.AskAsync(RenewLock, tokens, new AmqpMap { { "associated-link-name", "another" } })).Condition, Is.EqualTo("com.microsoft:message-lock-lost"));
        Assert.That((await peer.AskAsync(RenewLock, new AmqpMap { { "lock-tokens", new[] { Guid.NewGuid() } } })).Status, Is.EqualTo(410));
        await peer.Raw.SendAsync(Frames.Settle(transfer.DeliveryId!.Value, Accepted.Instance));
        Assert.That((await peer.AskAsync(RenewLock, tokens)).Status, Is.EqualTo(410), "it is settled");
    }

    [Test]
    public async Task Other_connections_have_no_such_nodes()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        Assert.That((await ClaimsPeer.TryAttachAsync(peer, Frames.Sender(0, "honest/$management")))?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
    }

    private static byte[] Later() => new AmqpMessage
    {
        MessageAnnotations = new AmqpMap { { new Symbol("x-opt-scheduled-enqueue-time"), new Timestamp(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + 3_600_000) } },
        Body = new ValueBody("later"),
    }.Encode();

    private static AmqpMap Messages(params byte[][] messages) =>
        new() { { "messages", messages.Select(static message => (object?)new AmqpMap { { "message", message }, { "message-id", "m" } }).ToList() } };

    private static AmqpMap Numbers(params long[] numbers) => new() { { "sequence-numbers", numbers } };

    private static AmqpMap Page(long from, int count) => new() { { "from-sequence-number", from }, { "message-count", count } };
}
