using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Kinds;

/// <summary>Where messages have their keys, and what a link sees of queues of last values.</summary>
[TestFixture]
internal sealed class LastValueLinkTests() : RunningBroker(
    """
    addresses.rules=[
      { "pattern": "last.#", "lastValueKey": "symbol" },
      { "pattern": "seen.#", "lastValueKey": "symbol", "nonDestructive": true }]
    """)
{
    private static readonly Guid Uuid = Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e");

    private static IEnumerable<TestCaseData> Places()
    {
        yield return new TestCaseData("annotation", Annotation("symbol", "A")).SetArgDisplayNames("annotation");
        yield return new TestCaseData("property", Property("symbol", "A")).SetArgDisplayNames("property");
        yield return new TestCaseData("Artemis", Property("_AMQ_LVQ_NAME", "A")).SetArgDisplayNames("Artemis' property");
        yield return new TestCaseData("standard", Annotation("x-opt-last-value-key", "A")).SetArgDisplayNames("the common annotation");
        yield return new TestCaseData("symbol", Property("symbol", new Symbol("A"))).SetArgDisplayNames("a symbol");
    }

    private static IEnumerable<TestCaseData> EqualKeys()
    {
        yield return new TestCaseData(5, "5");
        yield return new TestCaseData(5L, (byte)5);
        yield return new TestCaseData(-7L, (short)-7);
        yield return new TestCaseData(ulong.MaxValue, "18446744073709551615");
        yield return new TestCaseData(true, "true");
        yield return new TestCaseData(0.1d, "0.1");
        yield return new TestCaseData(Uuid, Uuid.ToString());
        yield return new TestCaseData(new Timestamp(12), 12L);
        yield return new TestCaseData(new byte[] { 1, 0xff }, "01ff");
        yield return new TestCaseData("ä€😀", "ä€😀");
    }

    [TestCaseSource(nameof(Places))]
    public async Task A_key_stands_in_an_annotation_or_an_application_property(string name, AmqpMessage keyed)
    {
        Assert.That(await LeftAsync($"last.{name}", keyed, keyed, Property("symbol", "A")), Is.EqualTo(new[] { "2" }));
    }

    [TestCaseSource(nameof(EqualKeys))]
    public async Task Keys_of_other_types_are_compared_as_text(object first, object second)
    {
        Assert.That(await LeftAsync($"last.{Guid.NewGuid():n}", Property("symbol", first), Property("symbol", second)), Is.EqualTo(new[] { "1" }));
    }

    [TestCase("A", "a")]
    [TestCase("A", "A ")]
    [TestCase(1, -1)]
    [TestCase("costarring", "liquid")]
    public async Task Other_keys_are_other_messages(object first, object second)
    {
        Assert.That(await LeftAsync($"last.{Guid.NewGuid():n}", Property("symbol", first), Property("symbol", second)), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task What_is_no_key_replaces_nothing()
    {
        AmqpMessage[] plain =
        [
            new(), new(), Property("symbol", ""), Property("symbol", ""), Property("symbol", null), Property("symbol", null),
            Property("other", "A"), Property("other", "A"), Annotation("symbol", new List<object?> { "A" }), Annotation("symbol", new List<object?> { "A" }),
        ];
        Assert.That(await LeftAsync("last.plain", plain), Has.Length.EqualTo(plain.Length));
    }

    [Test]
    public async Task The_queues_own_key_goes_before_the_common_one_and_annotations_before_properties()
    {
        var both = Property("symbol", "property");
        both.MessageAnnotations = new AmqpMap { { new Symbol("symbol"), "annotation" }, { new Symbol("x-opt-last-value-key"), "common" } };
        Assert.That(
            await LeftAsync("last.order", both, Annotation("symbol", "annotation"), Property("symbol", "property"), Annotation("x-opt-last-value-key", "common")),
            Is.EqualTo(new[] { "1", "2", "3" }));
    }

    [Test]
    public async Task A_key_that_is_too_long_is_rejected_as_an_invalid_field()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "last.long");
        Assert.That(await peer.PublishAsync(0, 0, Property("symbol", new string('k', 1_024)).Encode()), Is.InstanceOf<Accepted>());
        var rejected = await peer.PublishAsync(0, 1, Property("symbol", new string('k', 1_025)).Encode()) as Rejected;
        Assert.That(rejected?.Error?.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        Assert.That(rejected!.Error!.Description, Does.Contain("1024").And.Contain("last.long"));
    }

    [Test]
    public async Task A_receiver_of_a_non_destructive_queue_is_told_that_it_gets_copies()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "seen.q");
        await peer.PublishAsync(0, 0, Body(Property("symbol", "A"), "old"));
        await peer.SendAsync(Frames.Receiver(1, "seen.q"));
        Assert.That((await peer.NextAsync<Attach>()).Source!.DistributionMode, Is.EqualTo(DistributionMode.Copy));
        await peer.SendAsync(Frames.Credit(1, 10));
        var first = await peer.ReceiveAsync();
        Assert.That(first.Body, Is.EqualTo("old"));
        await peer.SendAsync(Frames.Settle(first.DeliveryId, Accepted.Instance));
        await peer.SendAsync(Frames.Transfer(0, 1, Body(Property("symbol", "A"), "new"), settled: true));
        Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo("new"));
        await using var other = await RawPeer.BeginAsync(Endpoint);
        await other.AttachReceiverAsync(0, "seen.q", 10);
        Assert.That((await other.ReceiveAsync()).Body, Is.EqualTo("new"));
    }

    private static AmqpMessage Annotation(string name, object? value) => new() { MessageAnnotations = new AmqpMap { { new Symbol(name), value } } };

    private static AmqpMessage Property(string name, object? value) => new() { ApplicationProperties = new AmqpMap { { name, value } } };

    private static byte[] Body(AmqpMessage message, string body)
    {
        message.Body = new ValueBody(body);
        return message.Encode();
    }

    /// <summary>The positions of the messages that are left when these were sent one after another.</summary>
    private async Task<string[]> LeftAsync(string queue, params AmqpMessage[] messages)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, queue);
        for (var i = 0; i < messages.Length; i++)
        {
            Assert.That(await peer.PublishAsync(0, (uint)i, Body(messages[i], $"{i}")), Is.InstanceOf<Accepted>());
        }

        await using var drain = await RawPeer.BeginAsync(Endpoint);
        return [.. (await QueueCounter.DrainAsync(drain, queue, atLeast: 1)).Select(static received => received.Body)];
    }
}
