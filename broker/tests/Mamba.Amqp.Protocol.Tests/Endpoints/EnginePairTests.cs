using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>Both roles of the engine against each other.</summary>
public sealed class EnginePairTests
{
    private static readonly ScramCredential Credential = ScramCredential.Create("secret", ScramHash.Sha256);

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(7)]
    public void Messages_go_both_ways_whatever_the_pieces_they_arrive_in(int chunk)
    {
        using var pair = new EnginePair { ChunkSize = chunk };
        var session = pair.Connect();
        var sender = session.CreateSender(new Attach { Name = "out", Source = new Source(), Target = new Target { Address = "q" } });
        var receiver = session.CreateReceiver(new Attach { Name = "in", Source = new Source { Address = "q" }, Target = new Target() });
        pair.Pump();
        Assert.That(sender.IsAttached && receiver.IsAttached, Is.True);
        pair.ServerHandler.WhenDelivery = (link, delivery) => link.Disposition(delivery.DeliveryId, delivery.DeliveryId, Accepted.Instance, settled: true);
        ((ReceiverEndpoint)pair.ServerHandler.Links[0]).AddCredit(10);
        receiver.AddCredit(10);
        pair.Pump();

        var payload = new byte[chunk == 0 ? 400_000 : 9_000];
        new Random(1).NextBytes(payload);
        var up = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64(1), Context = 11 };
        Assert.That(sender.Send(ref up, [1, 2], payload), Is.EqualTo(SendResult.Sent));
        var down = new OutgoingDelivery { IsSettled = true };
        Assert.That(((SenderEndpoint)pair.ServerHandler.Links[1]).Send(ref down, [], payload), Is.EqualTo(SendResult.Sent));
        pair.Pump();
        Assert.That(pair.ServerHandler.Deliveries.Single().Payload, Is.EqualTo(new byte[] { 1, 2 }.Concat(payload)));
        Assert.That(pair.ClientHandler.Deliveries.Single().Payload, Is.EqualTo(payload));
        Assert.That(pair.ClientHandler.Events, Does.Contain("disposition 0 context=11 Accepted settled=True"));
        Assert.That(sender.UnsettledCount, Is.Zero);

        sender.Detach(closed: true);
        pair.Pump();
        Assert.That(pair.ClientHandler.Events[^1], Is.EqualTo("detach out closed=True"));
        session.End();
        pair.Pump();
        pair.Client.Close();
        pair.Pump();
        Assert.That(pair.Client.IsClosed && pair.Server.IsClosed, Is.True);
        Assert.That(pair.Client.Failure ?? pair.Server.Failure, Is.Null);
    }

    [TestCase("secret", true)]
    [TestCase("wrong", false)]
    public void Scram_runs_inside_the_connection(string password, bool succeeds)
    {
        var client = WireScript.ClientSettings with { SaslClientMechanisms = [new ScramClient(ScramHash.Sha256, "user", password)], SaslHostname = "vhost" };
        using var pair = new EnginePair(client, ServerWithScram);
        ServeScram(pair);
        pair.Client.Open(new Open());
        pair.Pump();
        Assert.That(pair.Client.IsOpen, Is.EqualTo(succeeds));
        Assert.That(pair.ClientHandler.Events[0], Is.EqualTo($"sasl-outcome {(succeeds ? SaslCode.Ok : SaslCode.Auth)}"));
        Assert.That(pair.Client.IsClosed && pair.Server.IsClosed, Is.EqualTo(!succeeds));
    }

    [Test]
    public void A_client_refuses_a_server_that_does_not_prove_itself()
    {
        var client = WireScript.ClientSettings with { SaslClientMechanisms = [new ScramClient(ScramHash.Sha256, "user", "secret")] };
        using var pair = new EnginePair(client, ServerWithScram);
        pair.ServerHandler.WhenSaslInit = (_, _) => pair.Server.SaslOutcome(SaslCode.Ok);
        pair.Client.Open(new Open());
        pair.Pump();
        Assert.That(pair.ClientHandler.Events, Is.EqualTo(new[] { "failed amqp:unauthorized-access" }));
        Assert.That(pair.Client.IsClosed, Is.True);
        Assert.That(pair.ServerHandler.Events.Any(line => line.StartsWith("open", StringComparison.Ordinal)), Is.False);
    }

    [Test]
    public void A_client_takes_its_best_mechanism_that_is_offered()
    {
        var client = WireScript.ClientSettings with { SaslClientMechanisms = [new ExternalClient(), new PlainClient("u", "p"), new AnonymousClient()] };
        using var pair = new EnginePair(client, ServerWithScram with { OfferedSaslMechanisms = ["ANONYMOUS", "PLAIN"] });
        pair.Client.Open(new Open());
        pair.Pump();
        Assert.That(pair.ServerHandler.Events, Is.EqualTo(new[] { "sasl-init PLAIN |u|p" }));

        using var none = new EnginePair(client with { SaslClientMechanisms = [new ExternalClient()] }, ServerWithScram);
        none.Client.Open(new Open());
        none.Pump();
        Assert.That(none.Client.Failure!.Message, Does.Contain("SCRAM-SHA-256"));
    }

    [Test]
    public void A_client_without_credentials_is_told_that_sasl_is_demanded()
    {
        using var pair = new EnginePair(server: ServerWithScram);
        pair.Client.Open(new Open());
        pair.Pump();
        Assert.That(pair.Client.Failure!.Message, Does.Contain("SASL"));
        Assert.That(pair.Client.IsClosed && pair.Server.IsClosed, Is.True);
    }

    [Test]
    public void A_refused_connection_and_a_refused_link_reach_the_client()
    {
        using var pair = new EnginePair();
        pair.ServerHandler.WhenAttach = (link, _) => link.Refuse(new AmqpError(ErrorCondition.NotFound, "no such queue"));
        var session = pair.Connect();
        var link = session.CreateReceiver(new Attach { Name = "r", Source = new Source { Address = "missing" }, Target = new Target() });
        pair.Pump();
        Assert.That(link.RemoteAttach!.Source, Is.Null);
        Assert.That(pair.ClientHandler.Events, Does.Contain("detach r closed=True amqp:not-found"));
        Assert.That(pair.ServerHandler.Events[^1], Is.EqualTo("detach r closed=True"));

        using var refused = new EnginePair();
        refused.ServerHandler.WhenOpen = _ => refused.Server.RefuseOpen(new Open(), new AmqpError(ErrorCondition.NotFound));
        refused.Client.Open(new Open());
        refused.Pump();
        Assert.That(refused.ClientHandler.Events, Is.EqualTo(new[] { "open broker", "close amqp:not-found" }));
        Assert.That(refused.Client.IsClosed && refused.Server.IsClosed, Is.True);
    }

    [Test]
    public void A_client_may_detach_before_the_answer_to_its_attach()
    {
        using var pair = new EnginePair();
        var session = pair.Connect();
        var link = session.CreateSender(new Attach { Name = "s", Target = new Target { Address = "q" } });
        link.Detach(closed: true);
        pair.Pump();
        Assert.That(pair.ClientHandler.Events[^1], Is.EqualTo("detach s closed=True"));
        Assert.That(link.IsDetachReceived, Is.True);
        Assert.That(session.CreateSender(new Attach { Name = "s", Target = new Target { Address = "q" } }).Handle, Is.Zero);
    }

    [Test]
    public void A_client_writes_its_acknowledgements_before_a_transfer()
    {
        using var pair = new EnginePair();
        var session = pair.Connect();
        var receiver = session.CreateReceiver(new Attach { Name = "in", Source = new Source { Address = "q" } });
        var sender = session.CreateSender(new Attach { Name = "out", Target = new Target { Address = "tx" } });
        pair.Pump();
        receiver.AddCredit(1);
        ((ReceiverEndpoint)pair.ServerHandler.Links[1]).AddCredit(1);
        pair.Pump();
        var delivery = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64(1) };
        ((SenderEndpoint)pair.ServerHandler.Links[0]).Send(ref delivery, [], [1]);
        pair.Pump();
        receiver.Disposition(0, 0, Accepted.Instance, settled: true);
        var discharge = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64(2) };
        sender.Send(ref discharge, [], [1]);
        pair.ServerHandler.Clear();
        pair.Pump();
        Assert.That(pair.ServerHandler.Events, Is.EqualTo(new[] { "disposition 0 context=0 Accepted settled=True", "delivery 0 1 bytes settled=False" }));
    }

    [Test]
    public void Names_handles_and_channels_of_a_client_are_bounded()
    {
        using var pair = new EnginePair(server: WireScript.ServerSettings with { HandleMax = 1, ChannelMax = 1 });
        var session = pair.Connect();
        session.CreateSender(new Attach { Name = "a" });
        Assert.That(() => session.CreateSender(new Attach { Name = "a" }), Throws.InvalidOperationException);
        session.CreateReceiver(new Attach { Name = "a" });
        Assert.That(() => session.CreateSender(new Attach { Name = "c" }), Throws.InvalidOperationException);
        pair.Client.CreateSession(new Begin());
        Assert.That(() => pair.Client.CreateSession(new Begin()), Throws.InvalidOperationException);
        pair.Pump();
        Assert.That(pair.Client.Failure ?? pair.Server.Failure, Is.Null);
    }

    private static ConnectionSettings ServerWithScram { get; } =
        WireScript.ServerSettings with { RequireSasl = true, OfferedSaslMechanisms = [SaslMechanismNames.ScramSha256] };

    private static void ServeScram(EnginePair pair)
    {
        var scram = new ScramServer(ScramHash.Sha256);
        pair.ServerHandler.WhenSaslInit = (_, response) =>
        {
            Assert.That(scram.TryReceiveFirst(response), Is.True);
            pair.Server.SaslChallenge(scram.Challenge(Credential));
        };
        pair.ServerHandler.WhenSaslResponse = response =>
        {
            var proved = scram.TryReceiveFinal(response, out var final);
            pair.Server.SaslOutcome(proved ? SaslCode.Ok : SaslCode.Auth, final);
        };
    }
}
