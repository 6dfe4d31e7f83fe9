using System.Net;
using Mamba.Amqp.Sasl;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Security;

[TestFixture]
internal sealed class LimitTests
{
    private static readonly IPAddress Peer = IPAddress.Parse("192.0.2.9");

    [Test]
    public void Failures_count_for_one_minute_each()
    {
        var clock = new ManualClock();
        var limiter = new AttemptLimiter(clock);
        for (var i = 0; i < AttemptLimiter.PerUser; i++)
        {
            Assert.That(limiter.Allows(Peer, "alice"), Is.True, $"after {i} failures");
            limiter.Failed(Peer, "alice");
            clock.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.That(limiter.Allows(Peer, "alice"), Is.False);
        Assert.That(limiter.Allows(Peer, "bob"), Is.True);
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.That(limiter.Allows(Peer, "alice"), Is.True, "the first failure is a minute old");
        limiter.Failed(Peer, "alice");
        Assert.That(limiter.Allows(Peer, "alice"), Is.False);
    }

    [Test]
    public void An_address_is_the_same_in_both_families_and_loopback_is_not_limited()
    {
        var limiter = new AttemptLimiter(new ManualClock());
        for (var i = 0; i < AttemptLimiter.PerAddress; i++)
        {
            limiter.Failed(Peer.MapToIPv6(), $"user{i}");
            limiter.Failed(IPAddress.Loopback, $"local{i}");
        }

        Assert.That(limiter.Allows(Peer, "alice"), Is.False);
        Assert.That(limiter.Allows(IPAddress.Loopback, "alice"), Is.True);
    }

    [Test]
    public void What_is_remembered_is_bounded_and_the_oldest_is_forgotten_first()
    {
        var limiter = new AttemptLimiter(new ManualClock());
        for (var i = 0; i < AttemptLimiter.PerUser; i++)
        {
            limiter.Failed(IPAddress.Loopback, "alice");
            limiter.Failed(IPAddress.Loopback, "bob");
        }

        for (var i = 0; i < AttemptLimiter.Capacity - 1; i++)
        {
            limiter.Failed(IPAddress.Loopback, $"user{i}");
        }

        Assert.That(limiter.Allows(Peer, "alice"), Is.True, "forgotten");
        Assert.That(limiter.Allows(Peer, "bob"), Is.False, "still known");
    }

    [Test]
    public async Task Password_checks_beyond_the_queue_are_turned_away()
    {
        using var verifier = new PasswordVerifier();
        using var stop = new CancellationTokenSource();
        var credential = ScramCredential.Create("secret", ScramHash.Sha256, ScramCredential.MinIterations);
        var slow = new ScramCredential(ScramHash.Sha256, credential.Salt.ToArray(), 1_000_000, credential.StoredKey.ToArray(), credential.ServerKey.ToArray());
        var checks = Enumerable.Range(0, PasswordVerifier.Concurrency + PasswordVerifier.QueueLength)
            .Select(_ => verifier.VerifyAsync(slow, "wrong", stop.Token).AsTask()).ToList();

        Assert.That(await verifier.VerifyAsync(credential, "secret", CancellationToken.None), Is.Null);
        Assert.That(verifier.Admitted, Is.EqualTo(PasswordVerifier.Concurrency + PasswordVerifier.QueueLength));

        await stop.CancelAsync();
        Assert.That(async () => await Task.WhenAll(checks), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await verifier.VerifyAsync(credential, "secret", CancellationToken.None), Is.True);
        Assert.That(verifier.Admitted, Is.Zero);
    }

    [Test]
    public void Sockets_before_open_are_bounded_in_total_and_per_address()
    {
        var admission = new ConnectionAdmission(maxUnauthenticated: 3, maxUnauthenticatedPerAddress: 2);
        var first = admission.TryAdmit(Peer);
        Assert.That(first, Is.Not.Null);
        Assert.That(admission.TryAdmit(Peer.MapToIPv6()), Is.Not.Null);
        Assert.That(admission.TryAdmit(Peer), Is.Null, "two of this address");
        Assert.That(admission.TryAdmit(IPAddress.Loopback), Is.Not.Null);
        Assert.That(admission.TryAdmit(IPAddress.IPv6Loopback), Is.Null, "three in total");

        first!.Dispose();
        first.Dispose();
        Assert.That(admission.Unauthenticated, Is.EqualTo(2));
        Assert.That(admission.TryAdmit(IPAddress.IPv6Loopback), Is.Not.Null);
    }

    [TestCase("plain", "plain")]
    [TestCase("grüße", "grüße")]
    [TestCase("a\r\nb\u001b[31m\u202Ec", "a\\u000D\\u000Ab\\u001B[31m\\u202Ec")]
    public void Text_from_peers_is_made_safe_for_logs(string text, string clean) => Assert.That(LogText.Clean(text), Is.EqualTo(clean));

    [Test]
    public void Text_from_peers_is_cut() => Assert.That(LogText.Clean(new string('x', 10_000)), Has.Length.EqualTo(LogText.MaxLength + 1));
}
