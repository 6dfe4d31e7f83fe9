using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Security;

/// <summary>Connections that say who they are by tokens at $cbs.</summary>
[TestFixture]
internal sealed class ClaimsTests() : RunningBroker(
    $$"""security.sharedAccessKeys=[{"name":"{{ClaimsPeer.KeyName}}","key":"{{ClaimsPeer.Key}}"},{"name":"other","key":"another-secret-of-nobody","user":"auditor"}]""",
    """
    security.permissions=[
      {"pattern":"honest","users":["anonymous"],"actions":["send","receive","create"]},
      {"pattern":"till.#","users":["teller"],"actions":["send","create"]},
      {"pattern":"till.#","users":["auditor"],"actions":["receive"]}]
    """)
{
    private const string Host = "sb://broker.example:5671/";

    [Test]
    public async Task A_token_lets_its_keys_user_do_what_its_permissions_say()
    {
        await using var peer = await ClaimsPeer.ConnectAsync(Endpoint);
        Assert.That((await peer.PutAsync(Host + "till.one")).Status, Is.EqualTo(202));
        await peer.Raw.AttachSenderAsync(0, "till.one");
        Assert.That(await peer.PublishAsync(0, "paid in"), Is.TypeOf<Accepted>());
        var refused = await peer.TryAttachAsync(Frames.Receiver(1, "till.one"));
        Assert.That(refused?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That(refused!.Description, Does.Contain("'teller'").And.Contain("receive"));

        await using var auditor = await ClaimsPeer.ConnectAsync(Endpoint);
        Assert.That((await auditor.PutAsync(Host + "till.one", ClaimsPeer.Token(Host, name: "other", key: "another-secret-of-nobody"))).Status, Is.EqualTo(202));
        await auditor.Raw.AttachReceiverAsync(1, "till.one", credit: 1);
        Assert.That((await auditor.Raw.ReceiveAsync()).Body, Is.EqualTo("paid in"));
    }

    [TestCase("till.two")]
    [TestCase("honest")]
    [TestCase("$management")]
    public async Task Without_a_token_there_is_nothing_but_the_node_for_tokens(string address)
    {
        await using var peer = await ClaimsPeer.ConnectAsync(Endpoint);
        foreach (var attach in new[] { Frames.Sender(0, address), Frames.Receiver(0, address) })
        {
            var refused = await peer.TryAttachAsync(attach);
            Assert.That(refused?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
            Assert.That(refused!.Description, Does.Contain("put a token to $cbs"));
            await peer.Raw.SendAsync(Frames.Detach(0));
        }
    }

    [Test]
    public async Task A_token_is_for_its_address_and_what_is_below_it()
    {
        await using var peer = await ClaimsPeer.ConnectAsync(Endpoint);
        var (status, description) = await peer.PutAsync(Host + "till.b", ClaimsPeer.Token(Host + "till.a"));
        Assert.That((status, description), Is.EqualTo((401, "The token is for '/till.a' and what is below it, and not for '/till.b'.")));
        Assert.That((await peer.PutAsync(Host + "till.a", ClaimsPeer.Token(Host))).Status, Is.EqualTo(202), "a token for all, used for one");
        Assert.That((await peer.TryAttachAsync(Frames.Sender(1, "till.b")))?.Description, Does.Contain("'/till.b'"));
        Assert.That(await peer.TryAttachAsync(Frames.Sender(2, "till.a/below")), Is.Null);
        Assert.That((await peer.TryAttachAsync(Frames.Sender(3, "till.ab")))?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That((await peer.TryAttachAsync(Frames.Of(Relay(4))))?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess), "the relay leads everywhere");
        Assert.That((await peer.PutAsync(Host)).Status, Is.EqualTo(202));
        Assert.That(await peer.TryAttachAsync(Frames.Of(Relay(5))), Is.Null);
    }

    [Test]
    public async Task A_wrong_token_is_refused_and_told_without_secrets()
    {
        await using var peer = await ClaimsPeer.ConnectAsync(Endpoint);
        var wrong = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [ClaimsPeer.Token(Host, key: "a-key-that-is-wrong")] = "not signed by a key",
            [ClaimsPeer.Token(Host, name: "nobody")] = "not signed by a key",
            [ClaimsPeer.Token(Host, expiry: 1_600_000_000)] = "expired at 2020-09-13 12:26:40Z",
            ["Bearer something"] = "must begin with \"SharedAccessSignature\"",
        };
        foreach (var (token, reason) in wrong)
        {
            var (status, description) = await peer.PutAsync(Host, token);
            Assert.That(status, Is.EqualTo(401), reason);
            Assert.That(description, Does.Contain(reason).And.Not.Contain(ClaimsPeer.Key));
        }

        Assert.That((await peer.TryAttachAsync(Frames.Sender(0, "till.one")))?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That((await peer.PutAsync(Host)).Status, Is.EqualTo(202), "the right one is still taken");
        Assert.That(Broker.Errors, Does.Not.Contain(ClaimsPeer.Key));
    }

    [Test]
    public async Task Other_kinds_of_tokens_and_operations_are_not_implemented()
    {
        await using var peer = await ClaimsPeer.ConnectAsync(Endpoint);
        var (status, description) = await peer.PutAsync(Host, "eyJ0eXAi", type: "jwt");
        Assert.That((status, description), Is.EqualTo((501, $"Tokens of the type 'jwt' are not understood; connect with a shared access key, whose tokens have the type {ClaimsPeer.SharedAccess}.")));
        Assert.That((await peer.PutAsync(Host, operation: "delete-token")).Status, Is.EqualTo(501));
    }

    [Test]
    public async Task All_tokens_of_a_connection_are_of_one_user()
    {
        await using var peer = await ClaimsPeer.ConnectAsync(Endpoint);
        Assert.That((await peer.PutAsync(Host)).Status, Is.EqualTo(202));
        var (status, description) = await peer.PutAsync(Host, ClaimsPeer.Token(Host, name: "other", key: "another-secret-of-nobody"));
        Assert.That(status, Is.EqualTo(401));
        Assert.That(description, Does.Contain("acts as 'teller'"));
    }

    [Test]
    public async Task A_flood_of_wrong_tokens_ends_the_connection_and_then_is_not_looked_at()
    {
        await using (var peer = await ClaimsPeer.ConnectAsync(Endpoint))
        {
            await peer.Raw.SendAsync([.. Enumerable.Range(0, 8).Select(_ => peer.Request(Host, ClaimsPeer.Token(Host, name: "flood")))]);
            var frames = await peer.Raw.ReadToEndAsync();
            Assert.That(frames.Count(static f => f.Performative is Transfer), Is.LessThanOrEqualTo(5));
            Assert.That(frames.Select(static f => f.Performative).OfType<Close>().Single().Error?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        }

        await using var next = await ClaimsPeer.ConnectAsync(Endpoint);
        Assert.That((await next.PutAsync(Host, ClaimsPeer.Token(Host, name: "flood"))).Description, Does.Contain("Too many wrong tokens"));
        Assert.That((await next.PutAsync(Host)).Status, Is.EqualTo(202), "other keys are not concerned");
    }

    [Test]
    public async Task Links_end_when_their_token_does_unless_it_was_renewed()
    {
        await using var peer = await ClaimsPeer.ConnectAsync(Endpoint);
        var soon = ClaimsPeer.Later - 3590;
        Assert.That((await peer.PutAsync(Host + "till.short", ClaimsPeer.Token(Host, soon))).Status, Is.EqualTo(202));
        Assert.That((await peer.PutAsync(Host + "till.long", ClaimsPeer.Token(Host, soon))).Status, Is.EqualTo(202));
        await peer.Raw.AttachSenderAsync(0, "till.short");
        await peer.Raw.AttachSenderAsync(1, "till.long");
        Assert.That((await peer.PutAsync(Host + "till.long")).Status, Is.EqualTo(202));
        var detach = await peer.Raw.NextAsync<Detach>();
        Assert.That((detach.Handle, detach.Error?.Condition), Is.EqualTo((0u, ErrorCondition.UnauthorizedAccess)));
        Assert.That(detach.Error!.Description, Does.Contain("put one before you attach, and a new one before it expires"));
        Assert.That(await peer.PublishAsync(1, "renewed"), Is.TypeOf<Accepted>());
        Assert.That((await peer.TryAttachAsync(Frames.Sender(2, "till.short")))?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That((await peer.PutAsync(Host + "till.short")).Status, Is.EqualTo(202));
        Assert.That(await peer.TryAttachAsync(Frames.Sender(3, "till.short")), Is.Null);
    }

    [Test]
    public async Task Who_came_anonymously_and_began_to_work_stays_so()
    {
        var raw = await RawPeer.BeginAsync(Endpoint);
        await raw.AttachSenderAsync(0, "honest");
        await using var peer = await ClaimsPeer.AttachAsync(raw);
        Assert.That((await peer.PutAsync(Host)).Description, Does.Contain("has links already"));
    }

    private static Attach Relay(uint handle) => new()
    {
        Name = $"relay-{handle}", Handle = handle, Role = Role.Sender, Source = new Source { Address = "here" }, Target = new Target(), InitialDeliveryCount = 0,
    };
}
