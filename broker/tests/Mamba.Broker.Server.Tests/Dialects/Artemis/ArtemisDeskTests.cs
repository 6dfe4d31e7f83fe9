using System.Globalization;
using System.Text.Json.Nodes;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Dialects.Artemis;

/// <summary>Requests to activemq.management that go wrong; the rhea cases artemis.* have those that go well.</summary>
[TestFixture]
internal sealed class ArtemisDeskTests() : RunningBroker
{
    private const string Node = "activemq.management";
    private const uint Out = 40;
    private const uint In = 41;

    [TestCase("{}", "JSON array")]
    [TestCase("[\"unfinished", "is none")]
    [TestCase(7, "one amqp-value")]
    [TestCase("[7]", "needs a text as argument 1")]
    [TestCase("[\"{}\"]", "has no 'name'")]
    [TestCase("[\"\\ud800\"]", "half of a surrogate pair")]
    [TestCase("[\"{\\\"\\\\ud800\\\": 1}\"]", "half of a surrogate pair")]
    [TestCase("[\"{\\\"name\\\": \\\"\\\\ud800\\\"}\"]", "half of a surrogate pair")]
    public async Task Arguments_that_are_none_are_told_so(object body, string reason)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        var replyTo = await peer.AttachDynamicReceiverAsync(In);
        await peer.SendAsync(Frames.Credit(In, 10));
        await peer.AttachSenderAsync(Out, Node);
        await peer.SendAsync(Frames.Transfer(Out, 0, Request("broker", "createQueue", body, replyTo), settled: true));
        var answer = (await peer.ReceiveAsync()).Message;
        Assert.That(answer.ApplicationProperties!["_AMQ_OperationSucceeded"], Is.False);
        Assert.That(answer.Value, Does.StartWith("[\"").And.EndWith("\"]").And.Contain(reason.Replace("'", "\\u0027", StringComparison.Ordinal)));
    }

    [Test]
    public async Task Closing_a_connection_says_whether_there_was_one()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        var replyTo = await peer.AttachDynamicReceiverAsync(In);
        await peer.SendAsync(Frames.Credit(In, 10));
        await peer.AttachSenderAsync(Out, Node);
        var before = await ConnectionIdsAsync(peer, 0, replyTo);
        await using var victim = await RawPeer.OpenAsync(Endpoint, "victim");
        var id = (await ConnectionIdsAsync(peer, 1, replyTo)).Except(before).Single();
        Assert.That(await CloseAsync(peer, 2, id, replyTo), Is.True);
        Assert.That((await victim.NextAsync<Close>()).Error!.Condition, Is.EqualTo(ErrorCondition.ConnectionForced));
        Assert.That(await CloseAsync(peer, 3, int.MaxValue.ToString(CultureInfo.InvariantCulture), replyTo), Is.False);
        Assert.That(await CloseAsync(peer, 4, "no number", replyTo), Is.False);
    }

    [Test]
    public async Task What_failed_and_has_no_reply_to_is_rejected()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(Out, Node);
        await peer.SendAsync(Frames.Transfer(Out, 0, Request("queue.never-made", "pause", "[]", replyTo: null)));
        var rejected = (Rejected)(await peer.NextAsync<Disposition>()).State!;
        Assert.That((rejected.Error!.Condition, rejected.Error.Description), Is.EqualTo((ErrorCondition.NotFound, "There is no org.mamba.queue 'never-made'.")));
    }

    private static async Task<List<string>> ConnectionIdsAsync(RawPeer peer, uint delivery, string replyTo) =>
        [.. (await AskAsync(peer, delivery, "listConnectionIDs", "[]", replyTo)).AsArray().Select(static id => id!.GetValue<string>())];

    private static async Task<bool> CloseAsync(RawPeer peer, uint delivery, string id, string replyTo) =>
        (await AskAsync(peer, delivery, "closeConnectionWithID", $"[\"{id}\"]", replyTo)).GetValue<bool>();

    /// <summary>The one result of an operation on the broker that succeeds.</summary>
    private static async Task<JsonNode> AskAsync(RawPeer peer, uint delivery, string operation, string arguments, string replyTo)
    {
        await peer.SendAsync(Frames.Transfer(Out, delivery, Request("broker", operation, arguments, replyTo), settled: true));
        var answer = (await peer.ReceiveAsync()).Message;
        Assert.That(answer.ApplicationProperties!["_AMQ_OperationSucceeded"], Is.True, answer.Value as string);
        return JsonNode.Parse((string)answer.Value!)!.AsArray().Single()!;
    }

    private static byte[] Request(string resource, string operation, object body, string? replyTo) => new AmqpMessage
    {
        Properties = new MessageProperties { MessageId = "ID:1", ReplyTo = replyTo },
        ApplicationProperties = new AmqpMap { { "_AMQ_ResourceName", resource }, { "_AMQ_OperationName", operation } },
        Body = new ValueBody(body),
    }.Encode();
}
