using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Connections;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Replies;

/// <summary>Temporary queues whose client lost its connection: they wait for it, for it alone, within bounds.</summary>
[TestFixture]
internal sealed class KeptQueueTests() : RunningBroker("replies.keepAfterLoss=10 min", "replies.maxKeptByClient=2", "replies.maxKeptBytes=64 KiB")
{
    private static int _number;
    private string _container = "";
    private RawPeer _responder = null!;

    [SetUp]
    public async Task Connect()
    {
        _container = $"client-{Interlocked.Increment(ref _number)}";
        _responder = await RawPeer.BeginAsync(Endpoint);
    }

    [TearDown]
    public async Task Disconnect() => await _responder.DisposeAsync();

    [Test]
    public async Task A_client_that_comes_back_receives_from_its_address_what_came_meanwhile()
    {
        var address = await LoseAsync();
        await ReplyAsync(address, "while it was away");
        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        await again.AttachReceiverAsync(0, address, credit: 10);
        Assert.That((await again.ReceiveAsync()).Body, Is.EqualTo("while it was away"));
        await ReplyAsync(address, "and after", link: 1);
        Assert.That((await again.ReceiveAsync()).Body, Is.EqualTo("and after"));
    }

    [Test]
    public async Task The_same_link_attached_anew_with_dynamic_gets_the_same_address()
    {
        var address = await LoseAsync();
        await ReplyAsync(address, "reply");
        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        Assert.That(await again.AttachDynamicReceiverAsync(0), Is.EqualTo(address));
        await again.SendAsync(Frames.Credit(0, 1));
        Assert.That((await again.ReceiveAsync()).Body, Is.EqualTo("reply"));
    }

    [Test]
    public async Task Another_link_gets_another_address()
    {
        var address = await LoseAsync();
        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        await again.SendAsync(Creator("another", "temporary-queue"));
        Assert.That(((Target)(await again.NextAsync<Attach>()).Target!).Address, Is.Not.EqualTo(address));
    }

    [TestCase("qpid-jms:temp-queue-creator:")]
    [TestCase("apache-nms:temp-queue-creator")]
    public async Task A_jms_client_that_asks_for_its_temporary_queue_by_the_name_it_had_gets_it(string prefix)
    {
        string address;
        await using (var lost = await RawPeer.BeginAsync(Endpoint, _container))
        {
            await lost.SendAsync(Creator($"{prefix}temp-1", "temporary-queue"));
            address = ((Target)(await lost.NextAsync<Attach>()).Target!).Address!;
            lost.Reset();
        }

        await ReplyAsync(address, "reply");
        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        await again.SendAsync(Creator($"{prefix}{address}", "temporary-topic", 5));
        Assert.That(((Target)(await again.NextAsync<Attach>()).Target!).Address, Is.Not.EqualTo(address), "it is no topic");
        await again.SendAsync(Frames.Detach(5));
        await again.NextAsync<Detach>();
        await again.SendAsync(Creator($"{prefix}{address}", "temporary-queue"));
        Assert.That(((Target)(await again.NextAsync<Attach>()).Target!).Address, Is.EqualTo(address));
        await again.AttachReceiverAsync(1, address, credit: 1);
        Assert.That((await again.ReceiveAsync()).Body, Is.EqualTo("reply"));
    }

    [Test]
    public async Task Nobody_else_may_consume_from_it()
    {
        var address = await LoseAsync();
        await using (var stranger = await RawPeer.BeginAsync(Endpoint, "stranger"))
        {
            await AssertRefusedAsync(stranger, address, ErrorCondition.ResourceLocked);
            Assert.That(await stranger.AttachDynamicReceiverAsync(5), Is.Not.EqualTo(address), "the link's name alone is not enough");
        }

        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        await again.AttachReceiverAsync(0, address, credit: 1);
    }

    [Test]
    public async Task While_its_connection_lives_no_other_of_the_container_may_have_it()
    {
        await using var owner = await RawPeer.BeginAsync(Endpoint, _container);
        var address = await owner.AttachDynamicReceiverAsync(0);
        await owner.SendAsync(Frames.Credit(0, 1));
        await using (var second = await RawPeer.BeginAsync(Endpoint, _container))
        {
            await AssertRefusedAsync(second, address, ErrorCondition.ResourceLocked);
        }

        await ReplyAsync(address, "reply");
        Assert.That((await owner.ReceiveAsync()).Body, Is.EqualTo("reply"));
    }

    [Test]
    public async Task A_ghost_gives_its_queue_up_to_the_client_that_comes_back()
    {
        await using var ghost = await RawPeer.BeginAsync(Endpoint, _container);
        var address = await ghost.AttachDynamicReceiverAsync(0);
        ghost.LoseNetwork();
        await ReplyAsync(address, "reply");
        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        await again.AttachReceiverAsync(0, address, credit: 1);
        Assert.That((await again.ReceiveAsync()).Body, Is.EqualTo("reply"));
    }

    [Test]
    public async Task A_link_that_takes_another_over_takes_its_queue_over()
    {
        await using var first = await RawPeer.BeginAsync(Endpoint, _container);
        var address = await first.AttachDynamicReceiverAsync(0);
        await ReplyAsync(address, "reply");
        await using var second = await RawPeer.BeginAsync(Endpoint, _container);
        Assert.That(await second.AttachDynamicReceiverAsync(0), Is.EqualTo(address));
        Assert.That((await first.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.Stolen));
        await second.SendAsync(Frames.Credit(0, 1));
        Assert.That((await second.ReceiveAsync()).Body, Is.EqualTo("reply"));
    }

    [TestCase("close")]
    [TestCase("end")]
    [TestCase("detach")]
    public async Task What_the_client_ends_itself_is_deleted_at_once(string how)
    {
        await using var owner = await RawPeer.BeginAsync(Endpoint, _container);
        var address = await owner.AttachDynamicReceiverAsync(0);
        await _responder.AttachSenderAsync(0, address);
        await owner.SendAsync(how switch { "close" => Frames.Close(), "end" => Frames.End(), _ => Frames.Detach(0) });
        Assert.That((await _responder.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceDeleted));
    }

    [Test]
    public async Task A_client_that_was_sent_away_may_come_back()
    {
        await using var owner = await RawPeer.BeginAsync(Endpoint, _container);
        var address = await owner.AttachDynamicReceiverAsync(0);
        await using (var manager = await ManagementPeer.ConnectAsync(Endpoint))
        {
            var rows = await manager.AskAsync("QUERY", body: new AmqpMap { { "attributeNames", "name,containerId" } }, more: new AmqpMap { { "entityType", "org.mamba.connection" } });
            var name = ((List<object?>)rows.Map["results"]!).Cast<List<object?>>().Single(row => _container.Equals(row[1]))[0];
            Assert.That((await manager.AskAsync("DELETE", "org.mamba.connection", (string)name!)).Status, Is.EqualTo(204));
        }

        await owner.NextAsync<Close>();
        await owner.SendAsync(Frames.Close());
        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        Assert.That(await again.AttachDynamicReceiverAsync(0), Is.EqualTo(address));
    }

    [Test]
    public async Task The_only_connection_of_a_container_that_is_replaced_leaves_its_queue_to_the_next()
    {
        await using var first = await RawPeer.ConnectAsync(Endpoint);
        await SoleConnection.OpenAsync(first, _container);
        await first.SendAsync(Frames.Begin());
        await first.NextAsync<Begin>();
        var address = await first.AttachDynamicReceiverAsync(0);
        await using var second = await RawPeer.ConnectAsync(Endpoint);
        await second.SendAsync(Frames.AmqpHeader, SoleConnection.Open(_container, 1u));
        await first.NextAsync<Close>();
        await first.SendAsync(Frames.Close());
        await second.ReadHeaderAsync(Frames.AmqpHeader);
        await second.NextAsync<Open>();
        await second.SendAsync(Frames.Begin());
        await second.NextAsync<Begin>();
        Assert.That(await second.AttachDynamicReceiverAsync(0), Is.EqualTo(address));
    }

    [Test]
    public async Task A_queue_taken_over_is_kept_again_and_ends_with_the_link_that_took_it()
    {
        var address = await LoseAsync();
        await ReplyAsync(address, "reply");
        await using (var second = await RawPeer.BeginAsync(Endpoint, _container))
        {
            await second.AttachReceiverAsync(0, address, credit: 1);
            Assert.That((await second.ReceiveAsync()).Body, Is.EqualTo("reply"));
            second.Reset();
        }

        await using var third = await RawPeer.BeginAsync(Endpoint, _container);
        await third.AttachReceiverAsync(0, address, credit: 1);
        Assert.That((await third.ReceiveAsync()).Body, Is.EqualTo("reply"), "what was not settled is there again");
        await third.SendAsync(Frames.Detach(0));
        Assert.That((await _responder.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceDeleted));
    }

    [Test]
    public async Task A_client_has_so_many_kept_and_no_more()
    {
        await using var owner = await RawPeer.BeginAsync(Endpoint, _container);
        for (uint i = 0; i < 3; i++)
        {
            await owner.SendAsync(Creator($"creator-{i}", "temporary-queue", i));
            await _responder.AttachSenderAsync(i, ((Target)(await owner.NextAsync<Attach>()).Target!).Address!);
            await owner.CreditAsync(i);
        }

        owner.Reset();
        Assert.That((await _responder.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceDeleted));
        await _responder.SendAsync(Frames.End());
        await _responder.NextAsync<End>();
    }

    [Test]
    public async Task A_kept_queue_takes_so_many_bytes_until_its_client_is_back()
    {
        var address = await LoseAsync();
        await _responder.AttachSenderAsync(0, address);
        var text = new string('x', 40_000);
        Assert.That(await _responder.PublishAsync(0, 0, Frames.Message(text)), Is.TypeOf<Accepted>());
        Assert.That(await _responder.PublishAsync(0, 1, Frames.Message(text)), Is.TypeOf<Accepted>());
        var refused = await _responder.PublishAsync(0, 2, Frames.Message(text));
        Assert.That((refused as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        await again.AttachReceiverAsync(0, address, credit: 0);
        Assert.That(await _responder.PublishAsync(0, 3, Frames.Message(text)), Is.TypeOf<Accepted>());
    }

    [Test]
    public async Task A_temporary_topic_keeps_its_address()
    {
        string address;
        await using (var lost = await RawPeer.BeginAsync(Endpoint, _container))
        {
            await lost.SendAsync(Creator("creator", "temporary-topic"));
            address = ((Target)(await lost.NextAsync<Attach>()).Target!).Address!;
            lost.Reset();
        }

        await _responder.AttachSenderAsync(0, address);
        await using var again = await RawPeer.BeginAsync(Endpoint, _container);
        await again.AttachReceiverAsync(0, address, credit: 1);
        Assert.That(await _responder.PublishAsync(0, 0, Frames.Message("published")), Is.TypeOf<Accepted>());
        Assert.That((await again.ReceiveAsync()).Body, Is.EqualTo("published"));
    }

    private static byte[] Creator(string name, string capability, uint handle = 0) => Frames.Of(new Attach
    {
        Name = name,
        Handle = handle,
        Role = Role.Sender,
        Source = new Source { Address = "here" },
        Target = new Target { Dynamic = true, Capabilities = [new Symbol(capability)] },
        InitialDeliveryCount = 0,
    });

    private static async Task AssertRefusedAsync(RawPeer peer, string address, Symbol condition)
    {
        await peer.SendAsync(Frames.Receiver(9, address));
        Assert.That((await peer.NextAsync<Attach>()).Source, Is.Null);
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(condition));
        await peer.SendAsync(Frames.Detach(9));
    }

    /// <summary>A client makes a temporary queue and loses its connection; the queue's address.</summary>
    private async Task<string> LoseAsync()
    {
        await using var lost = await RawPeer.BeginAsync(Endpoint, _container);
        var address = await lost.AttachDynamicReceiverAsync(0);
        lost.Reset();
        return address;
    }

    private async Task ReplyAsync(string address, string body, uint link = 0)
    {
        await _responder.AttachSenderAsync(link, address);
        Assert.That(await _responder.PublishAsync(link, link, Frames.Message(body)), Is.TypeOf<Accepted>());
    }
}
