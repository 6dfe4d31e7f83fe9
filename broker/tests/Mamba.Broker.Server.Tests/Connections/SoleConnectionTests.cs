using System.Net;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Connections;

/// <summary>Two connections of one container that each want to be its only one.</summary>
[TestFixture]
internal sealed class SoleConnectionTests() : RunningBroker("limits.stalledPeerTimeout=10 min", "limits.openTimeout=2 min")
{
    private static readonly Symbol Failed = new("amqp:connection-establishment-failed");

    [Test]
    public async Task A_peer_that_lost_its_network_gives_way_long_before_the_idle_timeout()
    {
        await using var ghost = await RawPeer.ConnectAsync(Endpoint);
        await SoleConnection.OpenAsync(ghost, "ghost");
        await ghost.SendAsync(Frames.Begin());
        await ghost.NextAsync<Begin>();
        await ghost.AttachReceiverAsync(0, "ghostly", credit: 10);
        ghost.LoseNetwork();
        await using var second = await RawPeer.ConnectAsync(Endpoint);
        var open = await SoleConnection.OpenAsync(second, "ghost");
        Assert.That(open.Properties!.ContainsKey(Failed), Is.False);
        await second.SendAsync(Frames.Begin());
        await second.NextAsync<Begin>();
        await second.AttachSenderAsync(0, "ghostly");
        Assert.That(await second.PublishAsync(0, 0, Frames.Message("x")), Is.TypeOf<Accepted>());
        await second.SendAsync(Frames.Receiver(1, "ghostly"), Frames.Credit(1, 1));
        await second.NextAsync<Attach>();
        Assert.That((await second.ReceiveAsync()).Body, Is.EqualTo("x"), "the ghost's consumer is gone too");
    }

    [Test]
    public async Task A_ghost_with_output_that_nobody_reads_gives_way()
    {
        await using var ghost = await RawPeer.ConnectAsync(Endpoint);
        await SoleConnection.OpenAsync(ghost, "loaded-ghost");
        await ghost.SendAsync(Frames.Begin());
        await ghost.NextAsync<Begin>();
        await ghost.AttachReceiverAsync(0, "loaded", credit: 100);
        ghost.LoseNetwork();
        await using (var sender = await RawPeer.BeginAsync(Endpoint))
        {
            await sender.AttachSenderAsync(0, "loaded");
            for (uint i = 0; i < 10; i++)
            {
                Assert.That(await sender.PublishAsync(0, i, Frames.Message(new string('x', 50_000))), Is.TypeOf<Accepted>());
            }
        }

        await using var second = await RawPeer.ConnectAsync(Endpoint);
        Assert.That((await SoleConnection.OpenAsync(second, "loaded-ghost")).Properties!.ContainsKey(Failed), Is.False);
        Assert.That(await TakeAllAsync("loaded", atLeast: 10), Is.EqualTo(10), "what the ghost held is there for others");
    }

    [Test]
    public async Task A_peer_that_only_has_nothing_to_say_is_no_ghost()
    {
        await using var first = await RawPeer.ConnectAsync(Endpoint);
        await SoleConnection.OpenAsync(first, "quiet");
        for (var i = 0; i < 3; i++)
        {
            await using var second = await RawPeer.ConnectAsync(Endpoint);
            var open = await SoleConnection.OpenAsync(second, "quiet");
            Assert.That(open.Properties![Failed], Is.EqualTo("true"));
            var error = (await second.NextAsync<Close>()).Error!;
            Assert.That(error.Condition, Is.EqualTo(ErrorCondition.InvalidField));
            Assert.That(error.Info![new Symbol("invalid-field")], Is.EqualTo(new Symbol("container-id")));
        }

        await first.SendAsync(Frames.Begin());
        await first.NextAsync<Begin>();
        await first.CloseAsync();
    }

    [Test]
    public async Task What_was_sent_behind_the_open_waits_until_it_is_answered()
    {
        await using var first = await RawPeer.ConnectAsync(Endpoint);
        await SoleConnection.OpenAsync(first, "eager");
        first.LoseNetwork();
        await using var second = await RawPeer.ConnectAsync(Endpoint);
        await second.SendAsync(Frames.AmqpHeader, SoleConnection.Open("eager"), Frames.Begin(), Frames.Sender(0, "eager-queue"));
        await second.ReadHeaderAsync(Frames.AmqpHeader);
        await second.NextAsync<Open>();
        await second.NextAsync<Begin>();
        Assert.That((await second.NextAsync<Attach>()).Target, Is.Not.Null);
    }

    [TestCase(1u)]
    [TestCase(1)]
    public async Task Who_asks_for_it_takes_the_place_of_the_first(object policy)
    {
        await using var first = await RawPeer.ConnectAsync(Endpoint);
        await SoleConnection.OpenAsync(first, "takeover");
        var opening = Task.Run(async () =>
        {
            var second = await RawPeer.ConnectAsync(Endpoint);
            return (Peer: second, Open: await SoleConnection.OpenAsync(second, "takeover", policy));
        });
        var close = await first.NextAsync<Close>();
        Assert.That(close.Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLocked));
        Assert.That(close.Error.Info![new Symbol("sole-connection-enforcement")], Is.True);
        await first.SendAsync(Frames.Close());
        await first.DisposeAsync();
        var (peer, open) = await opening;
        await using (peer)
        {
            Assert.That(open.Properties!.ContainsKey(Failed), Is.False);
            Assert.That(open.Properties[new Symbol("sole-connection-detection-policy")], Is.EqualTo(0u));
            await peer.CloseAsync();
        }
    }

    [Test]
    public async Task One_that_does_not_answer_the_close_is_cut()
    {
        await using var first = await RawPeer.ConnectAsync(Endpoint);
        await SoleConnection.OpenAsync(first, "stubborn");
        await using var second = await RawPeer.ConnectAsync(Endpoint);
        Assert.That((await SoleConnection.OpenAsync(second, "stubborn", policy: 1u)).Properties!.ContainsKey(Failed), Is.False);
        Assert.That((await first.NextAsync<Close>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLocked));
        Assert.That(await first.TryNextAsync(), Is.Null);
    }
}

/// <summary>Two users who give their containers the same id.</summary>
[TestFixture]
internal sealed class TwoUsersTests
{
    private const string Password = "correct horse battery staple";

    private TempDirectory? _folder;
    private BrokerProcess? _broker;

    private IPEndPoint Endpoint => _broker!.Amqp;

    [OneTimeSetUp]
    public async Task StartBroker()
    {
        _folder = new TempDirectory();
        foreach (var user in new[] { "alice", "bob" })
        {
            await using var adding = await BrokerProcess.RunAsync(["user", "add", user, "--data", _folder["data"]], input: $"{Password}\n");
            Assert.That(adding.ExitCode, Is.Zero, () => $"{adding.Output}\n{adding.Errors}");
        }

        _broker = await BrokerProcess.StartAsync(_folder["data"], "--set", "security.management=users", "--set", "security.managementUsers=alice");
    }

    [OneTimeTearDown]
    public async Task StopBroker()
    {
        if (_broker is not null)
        {
            Assert.That(await _broker.StopAsync(), Is.Zero);
            await _broker.DisposeAsync();
        }

        _folder?.Dispose();
    }

    [Test]
    public async Task Another_users_connection_is_not_closed()
    {
        await using var first = await LoginAsync("alice");
        await SoleConnection.OpenAsync(first, "shared-id");
        await using var second = await LoginAsync("bob");
        await SoleConnection.OpenAsync(second, "shared-id", policy: 1u);
        Assert.That((await second.NextAsync<Close>()).Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        await first.SendAsync(Frames.Begin());
        await first.NextAsync<Begin>();
    }

    [Test]
    public async Task Another_users_link_of_the_same_name_is_not_stolen()
    {
        await using var first = await LoginAsync("alice");
        await using var second = await LoginAsync("bob");
        foreach (var peer in new[] { first, second })
        {
            await peer.SendAsync(Frames.AmqpHeader, Frames.Open("one-id"), Frames.Begin(), Frames.Sender(0, "theirs", name: "link"));
            await peer.ReadHeaderAsync(Frames.AmqpHeader);
            await peer.NextAsync<Open>();
            await peer.NextAsync<Begin>();
            await peer.NextAsync<Attach>();
            await peer.CreditAsync(0);
        }

        Assert.That(await first.PublishAsync(0, 0, Frames.Message("of alice")), Is.TypeOf<Accepted>(), "not detached as stolen");
        await using var third = await LoginAsync("alice");
        await third.SendAsync(Frames.AmqpHeader, Frames.Open("one-id"), Frames.Begin(), Frames.Sender(0, "theirs", name: "link"));
        Assert.That((await first.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.Stolen), "by the same user it is");
        Assert.That(await second.PublishAsync(0, 0, Frames.Message("of bob")), Is.TypeOf<Accepted>());
    }

    [Test]
    public async Task Another_users_temporary_queue_is_not_taken_over_after_a_loss()
    {
        string address;
        await using (var lost = await LoginAsync("alice"))
        {
            address = await MakeTemporaryAsync(lost);
            lost.Reset();
        }

        await using (var bob = await LoginAsync("bob"))
        {
            Assert.That(await MakeTemporaryAsync(bob), Is.Not.EqualTo(address));
            await bob.SendAsync(Frames.Receiver(1, address));
            Assert.That((await bob.NextAsync<Attach>()).Source, Is.Null);
            Assert.That((await bob.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLocked));
        }

        await using var again = await LoginAsync("alice");
        Assert.That(await MakeTemporaryAsync(again), Is.EqualTo(address));
    }

    [Test]
    public async Task Only_the_users_who_are_named_may_administer()
    {
        foreach (var (user, allowed) in new[] { ("alice", true), ("bob", false) })
        {
            await using var peer = await LoginAsync(user);
            await peer.SendAsync(Frames.AmqpHeader, Frames.Open($"admin-{user}"), Frames.Begin(), Frames.Sender(0, "$management"));
            await peer.ReadHeaderAsync(Frames.AmqpHeader);
            await peer.NextAsync<Open>();
            await peer.NextAsync<Begin>();
            Assert.That((await peer.NextAsync<Attach>()).Target, allowed ? Is.Not.Null : Is.Null);
            if (!allowed)
            {
                Assert.That((await peer.NextAsync<Detach>()).Error!.Description, Does.Contain($"'{user}'"));
            }
        }
    }

    private static async Task<string> MakeTemporaryAsync(RawPeer peer)
    {
        await peer.SendAsync(Frames.AmqpHeader, Frames.Open("one-id"), Frames.Begin());
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        await peer.NextAsync<Open>();
        await peer.NextAsync<Begin>();
        return await peer.AttachDynamicReceiverAsync(0);
    }

    /// <summary>A connection as far as the outcome of SCRAM.</summary>
    private async Task<RawPeer> LoginAsync(string user)
    {
        var peer = await RawPeer.ConnectAsync(Endpoint);
        var scram = new ScramClient(ScramHash.Sha256, user, Password);
        await peer.SendAsync(Frames.SaslHeader, Frames.Sasl(new SaslInit { Mechanism = scram.Name, InitialResponse = scram.Start() }));
        await peer.ReadHeaderAsync(Frames.SaslHeader);
        peer.InSasl = true;
        await peer.NextAsync<SaslMechanisms>();
        var challenge = await peer.NextAsync<SaslChallenge>();
        await peer.SendAsync(Frames.Sasl(new SaslResponse { Response = scram.Respond(challenge.Challenge) }));
        Assert.That((await peer.NextAsync<SaslOutcome>()).Code, Is.EqualTo(SaslCode.Ok), () => peer.Trace);
        peer.InSasl = false;
        return peer;
    }
}

/// <summary>Opens that ask to be the container's only connection.</summary>
internal static class SoleConnection
{
    public static byte[] Open(string container, object? policy = null) => Frames.Of(new Open
    {
        ContainerId = container,
        DesiredCapabilities = [new Symbol("sole-connection-for-container")],
        Properties = policy is null ? null : new AmqpMap { { new Symbol("sole-connection-enforcement-policy"), policy } },
    });

    /// <summary>Headers and opens; the broker's open.</summary>
    public static async Task<Open> OpenAsync(RawPeer peer, string container, object? policy = null)
    {
        await peer.SendAsync(Frames.AmqpHeader, Open(container, policy));
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        return await peer.NextAsync<Open>();
    }
}
