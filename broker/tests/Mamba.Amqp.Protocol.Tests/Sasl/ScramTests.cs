using System.Text;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Tests.Sasl;

public sealed class ScramTests
{
    // RFC 7677 section 3.
    private const string ClientNonce = "rOprNGfwEbeRWgbNEkqO";
    private const string ServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    private const string ClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    private const string ServerFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    private const string ClientFinal =
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    private const string ServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    private static ScramCredential RfcCredential =>
        ScramCredential.Create("pencil", ScramHash.Sha256, 4096, Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ=="));

    [Test]
    public void Server_reproduces_the_exchange_of_RFC_7677()
    {
        var server = new ScramServer(ScramHash.Sha256, ServerNonce);
        Assert.That(server.TryReceiveFirst(Bytes(ClientFirst)), Is.True);
        Assert.That(server.User, Is.EqualTo("user"));
        Assert.That(Text(server.Challenge(RfcCredential)), Is.EqualTo(ServerFirst));
        Assert.That(server.TryReceiveFinal(Bytes(ClientFinal), out var final), Is.True);
        Assert.That(Text(final!), Is.EqualTo(ServerFinal));
        Assert.That(server.IsAuthenticated, Is.True);
    }

    [Test]
    public void Client_reproduces_the_exchange_of_RFC_7677()
    {
        var client = new ScramClient(ScramHash.Sha256, "user", "pencil", clientNonce: ClientNonce);
        Assert.That(client.Name, Is.EqualTo("SCRAM-SHA-256"));
        Assert.That(Text(client.Start()), Is.EqualTo(ClientFirst));
        Assert.That(Text(client.Respond(Bytes(ServerFirst))), Is.EqualTo(ClientFinal));
        Assert.That(client.Respond(Bytes(ServerFinal)), Is.Empty);
        Assert.That(() => client.Complete([]), Throws.Nothing);
    }

    [Test]
    public void Trap_6_the_signature_may_come_in_the_outcome_and_must_come()
    {
        var inOutcome = AfterProof();
        Assert.That(() => inOutcome.Complete(Bytes(ServerFinal)), Throws.Nothing);
        Assert.That(() => AfterProof().Complete([]), Throws.TypeOf<SaslException>());
        Assert.That(() => AfterProof().Complete(Bytes("v=AAAA")), Throws.TypeOf<SaslException>());
        Assert.That(() => AfterProof().Respond(Bytes("e=invalid-proof")), Throws.TypeOf<SaslException>());
    }

    [TestCase(ScramHash.Sha256)]
    [TestCase(ScramHash.Sha512)]
    public void Both_halves_agree(ScramHash hash)
    {
        var credential = ScramCredential.Create("päss,=wörd", hash);
        var (server, client, final) = Run(hash, "us=er,name", "päss,=wörd", credential);
        Assert.That(server.IsAuthenticated, Is.True);
        Assert.That(server.User, Is.EqualTo("us=er,name"));
        Assert.That(() => client.Complete(final), Throws.Nothing);
    }

    [Test]
    public void A_wrong_password_and_an_unknown_user_fail_alike()
    {
        var secret = Bytes("0123456789abcdef");
        var wrong = Run(ScramHash.Sha256, "user", "pen", RfcCredential).Server;
        var unknown = Run(ScramHash.Sha256, "nobody", "pencil", ScramCredential.ForUnknownUser("nobody", ScramHash.Sha256, secret)).Server;
        Assert.That(wrong.IsAuthenticated || unknown.IsAuthenticated, Is.False);
        Assert.That(unknown.Failure, Is.EqualTo(wrong.Failure));
    }

    [Test]
    public void An_unknown_user_shows_the_same_salt_at_each_attempt()
    {
        var secret = Bytes("0123456789abcdef");
        var first = ScramCredential.ForUnknownUser("nobody", ScramHash.Sha512, secret);
        var second = ScramCredential.ForUnknownUser("nobody", ScramHash.Sha512, secret);
        var other = ScramCredential.ForUnknownUser("somebody", ScramHash.Sha512, secret);
        Assert.That(second.Salt.ToArray(), Is.EqualTo(first.Salt.ToArray()));
        Assert.That(other.Salt.ToArray(), Is.Not.EqualTo(first.Salt.ToArray()));
        Assert.That(first.Salt.Length, Is.EqualTo(16));
        Assert.That(first.Verify("anything"), Is.False);
    }

    [TestCase("p=tls-unique,,n=user,r=abc", TestName = "channel binding demanded")]
    [TestCase("n,,m=1,n=user,r=abc", TestName = "mandatory extension")]
    [TestCase("n,,n=us=er,r=abc", TestName = "bare equals sign in the name")]
    [TestCase("n,,n=,r=abc", TestName = "no name")]
    [TestCase("n,,n=user", TestName = "no nonce")]
    [TestCase("n,,n=user,r=", TestName = "empty nonce")]
    [TestCase("n,a=,n=user,r=abc", TestName = "empty authzid")]
    [TestCase("x,,n=user,r=abc", TestName = "unknown flag")]
    [TestCase("n,x,n=user,r=abc", TestName = "broken GS2 header")]
    [TestCase("n,,n=us\u0001er,r=abc", TestName = "control character in the name")]
    [TestCase("", TestName = "empty")]
    [TestCase("n,", TestName = "cut off")]
    public void Malformed_client_first_is_refused(string message)
    {
        var server = new ScramServer(ScramHash.Sha256);
        Assert.That(server.TryReceiveFirst(Bytes(message)), Is.False);
        Assert.That(server.Failure, Is.Not.Null);
    }

    [Test]
    public void Client_first_may_name_another_identity_and_support_for_binding()
    {
        var server = new ScramServer(ScramHash.Sha256, ServerNonce);
        Assert.That(server.TryReceiveFirst(Bytes("y,a=adm=2Cin,n=user,r=abc")), Is.True);
        Assert.That(server.AuthorizationId, Is.EqualTo("adm,in"));
    }

    [TestCase("c=biws,r=WRONG%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", TestName = "another nonce")]
    [TestCase("c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", TestName = "another GS2 header")]
    [TestCase("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", TestName = "no proof")]
    [TestCase("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=AAAA", TestName = "short proof")]
    [TestCase("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,m=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", TestName = "extension in client-final")]
    [TestCase("", TestName = "empty client-final")]
    public void Malformed_client_final_is_refused(string message)
    {
        var server = new ScramServer(ScramHash.Sha256, ServerNonce);
        server.TryReceiveFirst(Bytes(ClientFirst));
        server.Challenge(RfcCredential);
        Assert.That(server.TryReceiveFinal(Bytes(message), out var final), Is.False);
        Assert.That(final, Is.Null);
        Assert.That(server.IsAuthenticated, Is.False);
    }

    [TestCase("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", TestName = "nonce not ours")]
    [TestCase("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", TestName = "nonce not extended")]
    [TestCase("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095", TestName = "too few iterations")]
    [TestCase("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999", TestName = "too many iterations")]
    [TestCase("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-4096", TestName = "negative iterations")]
    [TestCase("r=rOprNGfwEbeRWgbNEkqOx,s=!!,i=4096", TestName = "salt not base64")]
    [TestCase("r=rOprNGfwEbeRWgbNEkqOx", TestName = "nothing but a nonce")]
    public void Client_refuses_a_bad_challenge(string challenge)
    {
        var client = new ScramClient(ScramHash.Sha256, "user", "pencil", clientNonce: ClientNonce);
        client.Start();
        Assert.That(() => client.Respond(Bytes(challenge)), Throws.TypeOf<SaslException>());
    }

    [Test]
    public void Steps_are_taken_in_order()
    {
        var server = new ScramServer(ScramHash.Sha256);
        Assert.That(() => server.Challenge(RfcCredential), Throws.InvalidOperationException);
        Assert.That(() => server.TryReceiveFinal(Bytes(ClientFinal), out _), Throws.InvalidOperationException);
        server.TryReceiveFirst(Bytes(ClientFirst));
        Assert.That(() => server.Challenge(ScramCredential.Create("x", ScramHash.Sha512)), Throws.ArgumentException);
    }

    [Test]
    public void A_credential_verifies_a_plain_password_and_is_restored_from_its_parts()
    {
        var credential = RfcCredential;
        var restored = new ScramCredential(
            credential.Hash, credential.Salt.ToArray(), credential.Iterations, credential.StoredKey.ToArray(), credential.ServerKey.ToArray());
        Assert.That(restored.Verify("pencil"), Is.True);
        Assert.That(restored.Verify("pencil "), Is.False);
        Assert.That(restored.Verify(""), Is.False);
        Assert.That(restored.Verify("pen\u0007cil"), Is.False);
        Assert.That(Convert.ToBase64String(restored.StoredKey), Is.EqualTo("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="));
        Assert.That(Convert.ToBase64String(restored.ServerKey), Is.EqualTo("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="));
    }

    [Test]
    public void A_credential_has_a_floor_of_iterations_and_sound_parts()
    {
        Assert.That(() => ScramCredential.Create("x", ScramHash.Sha256, 4095), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new ScramCredential(ScramHash.Sha256, new byte[7], 4096, new byte[32], new byte[32]), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new ScramCredential(ScramHash.Sha512, new byte[16], 4096, new byte[32], new byte[64]), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => ScramCredential.ForUnknownUser("x", ScramHash.Sha256, new byte[15]), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new ScramClient(ScramHash.Sha256, "", "x"), Throws.TypeOf<SaslException>());
    }

    [Test]
    public void Random_bytes_never_throw_in_the_server()
    {
        var random = new Random(7);
        for (var i = 0; i < 2000; i++)
        {
            var server = new ScramServer(ScramHash.Sha256, ServerNonce);
            var first = Bytes(ClientFirst);
            first[random.Next(first.Length)] = (byte)random.Next(256);
            if (!server.TryReceiveFirst(first))
            {
                continue;
            }

            server.Challenge(RfcCredentialCached);
            var final = Bytes(ClientFinal);
            final[random.Next(final.Length)] ^= (byte)(1 << random.Next(8));
            Assert.That(server.TryReceiveFinal(final, out _), Is.False);
        }
    }

    private static readonly ScramCredential RfcCredentialCached = RfcCredential;

    private static ScramClient AfterProof()
    {
        var client = new ScramClient(ScramHash.Sha256, "user", "pencil", clientNonce: ClientNonce);
        client.Start();
        client.Respond(Bytes(ServerFirst));
        return client;
    }

    private static (ScramServer Server, ScramClient Client, byte[] Final) Run(ScramHash hash, string user, string password, ScramCredential credential)
    {
        var client = new ScramClient(hash, user, password);
        var server = new ScramServer(hash);
        Assert.That(server.TryReceiveFirst(client.Start()), Is.True);
        server.TryReceiveFinal(client.Respond(server.Challenge(credential)), out var final);
        return (server, client, final ?? []);
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);
}
