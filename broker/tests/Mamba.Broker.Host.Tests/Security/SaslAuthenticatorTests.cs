using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Mamba.Amqp.Sasl;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Testing;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Host.Tests.Security;

[TestFixture]
internal sealed class SaslAuthenticatorTests
{
    private static readonly string[] All = ["EXTERNAL", "SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"];
    private static readonly CredentialFile Users = CredentialFile.Empty().With("alice", "canary-right", DateTimeOffset.UnixEpoch);

    private TempDirectory _folder = null!;
    private ManualClock _clock = null!;
    private LinesLogger _log = null!;
    private PasswordVerifier _verifier = null!;
    private X509Certificate2 _certificate = null!;

    [OneTimeSetUp]
    public void CreateCertificate()
    {
        using var authority = Certificates.Authority("authority");
        _certificate = Certificates.Signed("CN=machine-7, O=Bank", authority);
    }

    [OneTimeTearDown]
    public void DisposeCertificate() => _certificate.Dispose();

    [SetUp]
    public void Prepare()
    {
        _folder = new TempDirectory();
        Users.Save(_folder["users.json"]);
        _clock = new ManualClock();
        _log = new LinesLogger();
        _verifier = new PasswordVerifier();
    }

    [TearDown]
    public void Dispose()
    {
        _verifier.Dispose();
        _folder.Dispose();
    }

    [TestCase("127.0.0.1", false, false, true, "SCRAM-SHA-512 SCRAM-SHA-256 PLAIN ANONYMOUS")]
    [TestCase("127.0.0.1", false, false, false, "SCRAM-SHA-512 SCRAM-SHA-256 PLAIN")]
    [TestCase("::1", false, false, true, "SCRAM-SHA-512 SCRAM-SHA-256 PLAIN ANONYMOUS")]
    [TestCase("::ffff:127.0.0.1", false, false, true, "SCRAM-SHA-512 SCRAM-SHA-256 PLAIN ANONYMOUS")]
    [TestCase("192.0.2.1", false, false, true, "SCRAM-SHA-512 SCRAM-SHA-256")]
    [TestCase("192.0.2.1", true, false, true, "SCRAM-SHA-512 SCRAM-SHA-256 PLAIN")]
    [TestCase("192.0.2.1", true, true, false, "EXTERNAL SCRAM-SHA-512 SCRAM-SHA-256 PLAIN")]
    public void Mechanisms_are_offered_strongest_first_where_they_are_safe(string local, bool isTls, bool hasCertificate, bool anonymous, string offered)
    {
        var context = new ListenerContext(new IPEndPoint(IPAddress.Parse(local), 5672), new IPEndPoint(IPAddress.Parse("192.0.2.9"), 1), isTls, hasCertificate ? _certificate : null);
        var authenticator = Create(anonymous);
        Assert.That(string.Join(' ', authenticator.Mechanisms(context)), Is.EqualTo(offered));
        Assert.That(authenticator.AllowsBareHeader(context), Is.EqualTo(offered.Contains("ANONYMOUS", StringComparison.Ordinal)));
    }

    [TestCase("127.0.0.1", false, false, "MSSBCBS ANONYMOUS")]
    [TestCase("192.0.2.1", false, false, "")]
    [TestCase("192.0.2.1", true, false, "MSSBCBS ANONYMOUS")]
    [TestCase("127.0.0.1", false, true, "MSSBCBS ANONYMOUS")]
    public async Task Where_tokens_are_taken_nobody_has_to_log_in_before(string local, bool isTls, bool anonymous, string offered)
    {
        var context = new ListenerContext(new IPEndPoint(IPAddress.Parse(local), 5672), new IPEndPoint(IPAddress.Parse("192.0.2.9"), 1), isTls, ClientCertificate: null);
        var authenticator = new SaslAuthenticator(
            new SaslPolicy(anonymous, ["EXTERNAL"], TakesTokens: true), new CredentialStore(_folder["users.json"], _log), new AttemptLimiter(_clock), _verifier, _log);
        Assert.That(string.Join(' ', authenticator.Mechanisms(context)), Is.EqualTo(offered));
        Assert.That(authenticator.AllowsBareHeader(context), Is.EqualTo(offered.Length > 0));
        foreach (var mechanism in offered.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var step = (SaslStep.Success)await authenticator.Begin(mechanism, context).StepAsync(default, CancellationToken.None);
            Assert.That(step.Principal.Name, Is.EqualTo("anonymous"));
            Assert.That(authenticator.WithoutCredentials(context) == Principal.Anonymous, Is.EqualTo(anonymous));
            Assert.That(step.Principal == Principal.Anonymous, Is.EqualTo(anonymous && mechanism == "ANONYMOUS"), "otherwise it may do nothing but show a token");
        }
    }

    [Test]
    public void Without_users_no_mechanism_asks_for_a_password_and_adding_one_changes_that()
    {
        File.Delete(_folder["users.json"]);
        var authenticator = Create(anonymous: true);
        Assert.That(authenticator.Mechanisms(Local()), Is.EqualTo(new[] { "ANONYMOUS" }));
        Users.Save(_folder["users.json"]);
        Assert.That(authenticator.Mechanisms(Local()), Has.Count.EqualTo(4));
    }

    [Test]
    public void Only_configured_mechanisms_are_offered() =>
        Assert.That(Create(anonymous: false, "SCRAM-SHA-256").Mechanisms(Local()), Is.EqualTo(new[] { "SCRAM-SHA-256" }));

    [TestCase(ScramHash.Sha256)]
    [TestCase(ScramHash.Sha512)]
    public async Task SCRAM_lets_the_right_password_in_and_proves_the_server(ScramHash hash)
    {
        var client = new ScramClient(hash, "alice", "canary-right");
        var last = await RunScramAsync(Create(), client, Local());
        var success = last as SaslStep.Success;
        Assert.That(success?.Principal, Is.EqualTo(new Principal("alice", hash.MechanismName())));
        Assert.That(() => client.Complete(success!.AdditionalData.Span), Throws.Nothing);
    }

    [TestCase("alice", "wrong")]
    [TestCase("mallory", "canary-right")]
    public async Task SCRAM_refuses_a_wrong_password_and_an_unknown_user_alike(string user, string password)
    {
        var last = await RunScramAsync(Create(), new ScramClient(ScramHash.Sha256, user, password), Local());
        Assert.That(last, Is.EqualTo(new SaslStep.Failure(SaslFailureCode.Auth)));
    }

    [Test]
    public async Task An_unknown_user_is_asked_with_the_same_salt_each_time_also_after_a_restart()
    {
        var salts = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            var exchange = Create().Begin("SCRAM-SHA-256", Local());
            var step = await exchange.StepAsync(Encoding.ASCII.GetBytes("n,,n=nobody,r=abcdefgh"), CancellationToken.None);
            salts.Add(Encoding.ASCII.GetString(((SaslStep.Challenge)step).Data.Span).Split(",s=")[1]);
        }

        Assert.That(salts[1], Is.EqualTo(salts[0]).And.EndsWith("i=600000"));
    }

    [Test]
    public async Task PLAIN_checks_the_password_against_the_scram_keys()
    {
        var authenticator = Create();
        Assert.That(await PlainAsync(authenticator, "\0alice\0canary-right"), Is.EqualTo(new SaslStep.Success(new Principal("alice", "PLAIN"), default)));
        Assert.That(await PlainAsync(authenticator, "alice\0alice\0canary-right"), Is.InstanceOf<SaslStep.Success>());
        Assert.That(await PlainAsync(authenticator, "\0alice\0canary-wrong"), Is.EqualTo(new SaslStep.Failure(SaslFailureCode.Auth)));
        Assert.That(await PlainAsync(authenticator, "\0mallory\0canary-right"), Is.EqualTo(new SaslStep.Failure(SaslFailureCode.Auth)));
    }

    [TestCase("")]
    [TestCase("alice")]
    [TestCase("\0alice")]
    [TestCase("\0alice\0")]
    [TestCase("root\0alice\0canary-right")]
    [TestCase("\0\0canary-right")]
    public async Task PLAIN_refuses_what_is_malformed_or_asks_to_be_another(string message)
    {
        var exchange = Create().Begin("PLAIN", Local());
        var step = await exchange.StepAsync(Encoding.UTF8.GetBytes(message), CancellationToken.None);
        if (message.Length == 0)
        {
            Assert.That(step, Is.InstanceOf<SaslStep.Challenge>(), "an absent initial response is asked for once");
            step = await exchange.StepAsync(ReadOnlyMemory<byte>.Empty, CancellationToken.None);
        }

        Assert.That(step, Is.EqualTo(new SaslStep.Failure(SaslFailureCode.Auth)));
    }

    [Test]
    public async Task EXTERNAL_takes_the_common_name_of_the_certificate_and_lets_nobody_be_another()
    {
        var context = Remote("192.0.2.9", tls: true) with { ClientCertificate = _certificate };
        var authenticator = Create();
        var expected = new SaslStep.Success(new Principal("machine-7", "EXTERNAL"), default);
        Assert.That(await authenticator.Begin("EXTERNAL", context).StepAsync(default, CancellationToken.None), Is.EqualTo(expected));
        Assert.That(await authenticator.Begin("EXTERNAL", context).StepAsync("machine-7"u8.ToArray(), CancellationToken.None), Is.EqualTo(expected));
        Assert.That(await authenticator.Begin("EXTERNAL", context).StepAsync("root"u8.ToArray(), CancellationToken.None), Is.EqualTo(new SaslStep.Failure(SaslFailureCode.Auth)));
    }

    [TestCase("O=Bank")]
    [TestCase("CN=one, CN=two")]
    public void A_certificate_without_exactly_one_common_name_is_nobody(string subject)
    {
        using var authority = Certificates.Authority("authority");
        using var certificate = Certificates.Signed(subject, authority);
        Assert.That(Create().Mechanisms(Remote("192.0.2.9", tls: true) with { ClientCertificate = certificate }), Does.Not.Contain("EXTERNAL"));
    }

    [TestCase("ANONYMOUS")]
    [TestCase("EXTERNAL")]
    [TestCase("PLAIN")]
    [TestCase("CRAM-MD5")]
    [TestCase("")]
    public async Task A_mechanism_that_was_not_offered_fails(string mechanism)
    {
        var step = await Create().Begin(mechanism, Remote("192.0.2.9")).StepAsync("\0alice\0canary-right"u8.ToArray(), CancellationToken.None);
        Assert.That(step, Is.EqualTo(new SaslStep.Failure(SaslFailureCode.Auth)));
    }

    [Test]
    public async Task After_five_failures_a_user_is_turned_away_for_a_minute_even_with_the_right_password()
    {
        var authenticator = Create();
        for (var i = 0; i < AttemptLimiter.PerUser; i++)
        {
            await RunScramAsync(authenticator, new ScramClient(ScramHash.Sha256, "alice", "wrong"), Local());
        }

        var right = new ScramClient(ScramHash.Sha256, "alice", "canary-right");
        Assert.That(await RunScramAsync(authenticator, right, Local()), Is.EqualTo(new SaslStep.Failure(SaslFailureCode.SysTemp)));
        Assert.That(await PlainAsync(authenticator, "\0alice\0canary-right"), Is.EqualTo(new SaslStep.Failure(SaslFailureCode.SysTemp)));

        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.That(await RunScramAsync(authenticator, new ScramClient(ScramHash.Sha256, "alice", "canary-right"), Local()), Is.InstanceOf<SaslStep.Success>());
    }

    [Test]
    public async Task After_ten_failures_an_address_is_turned_away_but_not_the_others()
    {
        var authenticator = Create();
        for (var i = 0; i < AttemptLimiter.PerAddress; i++)
        {
            await RunScramAsync(authenticator, new ScramClient(ScramHash.Sha256, $"user{i}", "wrong"), Remote("192.0.2.9"));
        }

        Assert.That(await RunScramAsync(authenticator, new ScramClient(ScramHash.Sha256, "alice", "canary-right"), Remote("192.0.2.9")),
            Is.EqualTo(new SaslStep.Failure(SaslFailureCode.SysTemp)));
        Assert.That(await RunScramAsync(authenticator, new ScramClient(ScramHash.Sha256, "alice", "canary-right"), Remote("192.0.2.10")), Is.InstanceOf<SaslStep.Success>());
    }

    [Test]
    public async Task Refusals_are_logged_without_secrets_and_on_one_line()
    {
        var authenticator = Create();
        await PlainAsync(authenticator, "\0ali\nce\u202E\0canary-wrong");
        await PlainAsync(authenticator, "\0alice\0canary-wrong");
        await authenticator.Begin("FAKE\r\nline", Local()).StepAsync("canary-x"u8.ToArray(), CancellationToken.None);
        Assert.That(_log.Lines, Has.Count.EqualTo(3));
        Assert.That(_log.Lines, Has.None.Contains("canary").And.None.Contains("\n").And.None.Contains("\u202E"));
        Assert.That(_log.Lines[1], Is.EqualTo("SASL PLAIN from 127.0.0.1:40000 as \"alice\" refused: wrong password or unknown user."));
    }

    [Test]
    public void A_credential_file_that_went_bad_keeps_the_users_known_before()
    {
        var store = new CredentialStore(_folder["users.json"], _log);
        File.WriteAllText(_folder["users.json"], "broken");
        Assert.That(store.IsEmpty, Is.False);
        Assert.That(store.Find("alice", ScramHash.Sha256).Iterations, Is.EqualTo(600_000));
        Assert.That(_log.Lines.Single(), Does.Contain("is damaged").And.Contain("stay in force"));
    }

    private static ListenerContext Local() => new(new IPEndPoint(IPAddress.Loopback, 5672), new IPEndPoint(IPAddress.Loopback, 40_000), IsTls: false, ClientCertificate: null);

    private static ListenerContext Remote(string from, bool tls = false) =>
        new(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 5672), new IPEndPoint(IPAddress.Parse(from), 40_000), tls, ClientCertificate: null);

    private static async Task<SaslStep> RunScramAsync(SaslAuthenticator authenticator, ScramClient client, ListenerContext context)
    {
        var exchange = authenticator.Begin(client.Name, context);
        var step = await exchange.StepAsync(client.Start(), CancellationToken.None);
        return step is SaslStep.Challenge challenge ? await exchange.StepAsync(client.Respond(challenge.Data.Span), CancellationToken.None) : step;
    }

    private static ValueTask<SaslStep> PlainAsync(SaslAuthenticator authenticator, string message) =>
        authenticator.Begin("PLAIN", Local()).StepAsync(Encoding.UTF8.GetBytes(message), CancellationToken.None);

    private SaslAuthenticator Create(bool anonymous = false, params string[] mechanisms) => new(
        new SaslPolicy(anonymous, mechanisms.Length == 0 ? All : mechanisms), new CredentialStore(_folder["users.json"], _log), new AttemptLimiter(_clock), _verifier, _log);

    /// <summary>Keeps each formatted line.</summary>
    private sealed class LinesLogger : ILogger<SaslAuthenticator>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
