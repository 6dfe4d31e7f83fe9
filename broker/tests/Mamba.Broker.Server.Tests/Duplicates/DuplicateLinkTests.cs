using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Durability;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Duplicates;

/// <summary>Where the id of a message stands, which ids differ, and what a sender sees of a duplicate.</summary>
[TestFixture]
internal sealed class DuplicateLinkTests() : RunningBroker(
    """
    addresses.rules=[
      { "pattern": "once.#", "duplicates": { } },
      { "pattern": "marked.#", "duplicates": { "window": 100, "time": "1 h", "by": "x-opt-duplicate-id" } },
      { "pattern": "news.once", "kind": "topic", "duplicates": { } }]
    """)
{
    private static readonly Symbol Mark = new("mamba:duplicate-mark");
    private static readonly Guid Uuid = Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e");

    [Test]
    public async Task Ids_of_other_types_are_other_ids()
    {
        object[] ids = ["7", 7ul, 8ul, Uuid, Uuid.ToByteArray(bigEndian: true), new byte[] { 55 }, "7 ", new string('i', 300), ulong.MaxValue];
        Assert.That(await LeftAsync("once.types", [.. ids.Select(WithId), .. ids.Select(WithId)]), Is.EqualTo(Enumerable.Range(0, ids.Length).Select(static i => $"{i}")));
    }

    [Test]
    public async Task Without_an_id_nothing_is_checked() =>
        Assert.That(await LeftAsync("once.none", new(), new(), WithId(null), WithId(null), WithId(""), WithId("")), Has.Length.EqualTo(6));

    [Test]
    public async Task An_id_may_stand_in_an_annotation_or_an_application_property()
    {
        var both = Property("A");
        both.MessageAnnotations = new AmqpMap { { new Symbol("other"), 1 }, { new Symbol("x-opt-duplicate-id"), "B" } };
        Assert.That(
            await LeftAsync("marked.places", Annotation("A"), Property("A"), both, WithId("A"), WithId("A"), Annotation(5), Annotation(5L), Property(5u), Annotation(null), Annotation(null)),
            Is.EqualTo(new[] { "0", "2", "3", "4", "5", "7", "8", "9" }), "5 is one id however wide, and unsigned numbers are of another kind");
    }

    [Test]
    public async Task Who_asks_for_the_mark_sees_it([Values] bool asks)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        var attach = await AttachAsync(peer, 0, $"once.mark.{asks}", asks);
        Assert.That(attach.OfferedCapabilities ?? [], asks ? Is.EqualTo(new[] { Mark }) : Is.Empty);
        var message = Encode(WithId("A"), "1");
        Assert.That(await peer.PublishAsync(0, 0, message), Is.SameAs(Accepted.Instance));
        Assert.That(await peer.PublishAsync(0, 1, message), asks ? Is.SameAs(MarkedAccepted.Duplicate) : Is.SameAs(Accepted.Instance));
    }

    [Test]
    public async Task On_the_anonymous_terminus_each_address_has_its_window()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = "anonymous", Handle = 0, Role = Role.Sender, Source = new Source(), Target = new Target(), InitialDeliveryCount = 0, DesiredCapabilities = [Mark],
        }));
        await peer.NextAsync<Attach>();
        await peer.CreditAsync(0);
        string[] to = ["once.a", "once.b", "plain", "once.a", "plain"];
        var states = new List<DeliveryState?>();
        for (var i = 0; i < to.Length; i++)
        {
            states.Add(await peer.PublishAsync(0, (uint)i, new AmqpMessage { Properties = new MessageProperties { MessageId = "A", To = to[i] }, Body = new ValueBody("x") }.Encode()));
        }

        Assert.That(states, Is.EqualTo(new DeliveryState[]
        {
            Accepted.Instance, Accepted.Instance, Accepted.Instance, MarkedAccepted.Duplicate, Accepted.Instance,
        }));
    }

    /// <summary>They are stored without their link, which is gone by the time that their address is made.</summary>
    [Test]
    public async Task What_an_anonymous_link_leaves_behind_is_checked_too()
    {
        const string Queue = "once.left.behind";
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        string[] ids = ["A", "B", "A", "B", "A"];
        var frames = ids.Select(static (id, i) => Frames.Transfer(
            0, (uint)i, new AmqpMessage { Properties = new MessageProperties { MessageId = id, To = Queue }, Body = new ValueBody(id) }.Encode(), settled: true));
        await peer.SendAsync([.. frames, Frames.Close()]);
        Assert.That((await peer.ReadToEndAsync()).Count(static frame => frame.Performative is Close), Is.EqualTo(1));
        await using var reader = await RawPeer.BeginAsync(Endpoint);
        Assert.That(
            (await QueueCounter.DrainAsync(reader, Queue, atLeast: 2)).ConvertAll(static message => message.Body), Is.EqualTo(new[] { "A", "B" }));
    }

    [Test]
    public async Task A_settled_duplicate_is_left_out_too()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "once.settled");
        for (var i = 0u; i < 3; i++)
        {
            await peer.SendAsync(Frames.Transfer(0, i, Encode(WithId("A"), $"{i}"), settled: true));
        }

        Assert.That(await peer.PublishAsync(0, 3, Encode(WithId("A"), "3")), Is.InstanceOf<Accepted>());
        Assert.That(await TakeAllAsync("once.settled", 1), Is.EqualTo(1));
    }

    [Test]
    public async Task A_topic_leaves_duplicates_out_for_all()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachReceiverAsync(1, "news.once", 10);
        await using var other = await RawPeer.BeginAsync(Endpoint);
        await other.AttachReceiverAsync(1, "news.once", 10);
        Assert.That(await SendAllAsync("news.once", WithId("A"), WithId("A"), WithId("B")), Is.EqualTo(new[] { false, true, false }));
        Assert.That(new[] { (await peer.ReceiveAsync()).Body, (await peer.ReceiveAsync()).Body }, Is.EqualTo(new[] { "0", "2" }));
        Assert.That(new[] { (await other.ReceiveAsync()).Body, (await other.ReceiveAsync()).Body }, Is.EqualTo(new[] { "0", "2" }));
    }

    [Test]
    public async Task A_transaction_leaves_out_what_was_stored_before_or_meanwhile()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await AttachAsync(peer, 0, "once.txn", asks: true);
        var work = await TransactionLife.AttachAsync(peer);
        await work.PublishAsync(0, Encode(WithId("before"), "before"));
        var id = await work.DeclareAsync();
        Assert.That(await work.PublishAsync(0, Encode(WithId("before"), "again"), id), Is.SameAs(MarkedAccepted.Duplicate));
        Assert.That(await work.PublishAsync(0, Encode(WithId("meanwhile"), "too late"), id), Is.SameAs(Accepted.Instance));
        Assert.That(await work.PublishAsync(0, Encode(WithId("mine"), "mine"), id), Is.SameAs(Accepted.Instance));
        Assert.That(await SendAllAsync("once.txn", WithId("meanwhile")), Is.EqualTo(new[] { false }));
        await work.CommitAsync(id);
        await using var drain = await RawPeer.BeginAsync(Endpoint);
        Assert.That((await QueueCounter.DrainAsync(drain, "once.txn", 3)).ConvertAll(static one => one.Body), Is.EqualTo(new[] { "before", "0", "mine" }));
    }

    [Test]
    public async Task A_commit_that_left_something_out_says_so_to_who_asks([Values] bool asks)
    {
        var queue = $"once.commit.{asks}";
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await AttachAsync(peer, 0, queue, asks: true);
        var work = await TransactionLife.AttachAsync(peer, asks ? [Mark] : null);
        var first = await work.DeclareAsync();
        var second = await work.DeclareAsync();
        Assert.That(await work.PublishAsync(0, Encode(WithId("A"), "first"), first), Is.SameAs(Accepted.Instance));
        Assert.That(await work.PublishAsync(0, Encode(WithId("A"), "second"), second), Is.SameAs(Accepted.Instance), "nobody knows yet");
        Assert.That(await work.PublishAsync(0, Encode(WithId("B"), "other"), second), Is.SameAs(Accepted.Instance));
        Assert.That(await work.EndAsync(first), Is.SameAs(Accepted.Instance));
        Assert.That(await work.EndAsync(second), asks ? Is.SameAs(MarkedAccepted.Duplicate) : Is.SameAs(Accepted.Instance));
        var third = await work.DeclareAsync();
        Assert.That(await work.PublishAsync(0, Encode(WithId("A"), "third"), third), Is.SameAs(MarkedAccepted.Duplicate));
        Assert.That(await work.EndAsync(third), Is.SameAs(Accepted.Instance), "that was said when it was sent");
        await using var drain = await RawPeer.BeginAsync(Endpoint);
        Assert.That((await QueueCounter.DrainAsync(drain, queue, 2)).ConvertAll(static one => one.Body), Is.EqualTo(new[] { "first", "other" }));
    }

    [Test]
    public async Task They_are_counted_for_each_address()
    {
        await SendAllAsync("once.counted", WithId("A"), WithId("A"), WithId("B"), WithId("A"));
        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        var answer = await manager.AskAsync("READ", "org.mamba.queue", "once.counted");
        Assert.That((answer.Map["duplicates"], answer.Map["enqueued"]), Is.EqualTo((2L, 2L)));
        Assert.That($"{Broker.Output}{Broker.Errors}", Does.Not.Contain("uplicate"), "nothing is logged of a message");
    }

    private static AmqpMessage WithId(object? id) => new() { Properties = new MessageProperties { MessageId = id } };

    private static AmqpMessage Annotation(object? value) => new() { MessageAnnotations = new AmqpMap { { new Symbol("x-opt-duplicate-id"), value } } };

    private static AmqpMessage Property(object? value) => new() { ApplicationProperties = new AmqpMap { { "before", true }, { "x-opt-duplicate-id", value } } };

    private static byte[] Encode(AmqpMessage message, string body)
    {
        message.Body = new ValueBody(body);
        return message.Encode();
    }

    private static async Task<Attach> AttachAsync(RawPeer peer, uint handle, string address, bool asks)
    {
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = $"s{handle}",
            Handle = handle,
            Role = Role.Sender,
            Source = new Source { Address = "here" },
            Target = new Target { Address = address },
            InitialDeliveryCount = 0,
            DesiredCapabilities = asks ? [Mark] : null,
        }));
        var reply = await peer.NextAsync<Attach>();
        await peer.CreditAsync(handle);
        return reply;
    }

    /// <summary>Sends one after another; of each whether it was a duplicate.</summary>
    private async Task<bool[]> SendAllAsync(string address, params AmqpMessage[] messages)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await AttachAsync(peer, 0, address, asks: true);
        var duplicates = new bool[messages.Length];
        for (var i = 0; i < messages.Length; i++)
        {
            duplicates[i] = await peer.PublishAsync(0, (uint)i, Encode(messages[i], $"{i}")) is MarkedAccepted;
        }

        return duplicates;
    }

    private async Task<string[]> LeftAsync(string queue, params AmqpMessage[] messages)
    {
        await SendAllAsync(queue, messages);
        await using var drain = await RawPeer.BeginAsync(Endpoint);
        return [.. (await QueueCounter.DrainAsync(drain, queue, atLeast: 1)).Select(static received => received.Body)];
    }
}
