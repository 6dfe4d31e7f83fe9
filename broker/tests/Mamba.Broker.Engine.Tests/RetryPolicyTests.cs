using FsCheck;
using FsCheck.Fluent;
using FsCheck.NUnit;
using PropertyAttribute = FsCheck.NUnit.PropertyAttribute;

namespace Mamba.Broker.Engine.Tests;

/// <summary>How long a failed delivery waits, as a function of the failures.</summary>
[TestFixture]
internal sealed class RetryPolicyTests
{
    private static readonly long Longest = (long)RetryPolicy.LongestDelay.TotalMilliseconds;

    [TestCase(1, 1_000)]
    [TestCase(2, 2_000)]
    [TestCase(3, 4_000)]
    [TestCase(9, 256_000)]
    [TestCase(10, 300_000)]
    [TestCase(65_535, 300_000)]
    public void The_defaults_double_a_second_up_to_five_minutes(int failures, long expected) =>
        Assert.That(new RetryPolicy().DelayOf(failures, 0.5), Is.EqualTo(expected));

    [TestCase(0, 800)]
    [TestCase(0.25, 900)]
    [TestCase(0.5, 1_000)]
    [TestCase(1, 1_200)]
    public void Jitter_makes_it_shorter_or_longer(double random, long expected) =>
        Assert.That(new RetryPolicy().DelayOf(1, random), Is.EqualTo(expected));

    [Test]
    public void Jitter_never_goes_beyond_the_cap()
    {
        var policy = new RetryPolicy { InitialDelay = TimeSpan.FromSeconds(9), MaxDelay = TimeSpan.FromSeconds(10), Jitter = 0.5 };
        Assert.That(policy.DelayOf(1, 1), Is.EqualTo(10_000));
        Assert.That(policy.DelayOf(9, 0), Is.EqualTo(5_000));
    }

    [Test]
    public void No_initial_delay_is_no_delay_at_all() =>
        Assert.That(new RetryPolicy { InitialDelay = TimeSpan.Zero }.DelayOf(1_000, 1), Is.Zero);

    [Test]
    public void A_messages_own_delay_takes_the_place_of_the_first_one()
    {
        var policy = new RetryPolicy { Multiplier = 3, Jitter = 0 };
        Assert.That(policy.DelayOf(1, 0.5, initialDelay: 50), Is.EqualTo(50));
        Assert.That(policy.DelayOf(3, 0.5, initialDelay: 50), Is.EqualTo(450));
        Assert.That(policy.DelayOf(1, 0.5, initialDelay: long.MaxValue), Is.EqualTo(300_000));
    }

    [Test]
    public void What_cannot_be_is_refused()
    {
        Assert.That(() => new RetryPolicy { InitialDelay = TimeSpan.FromMilliseconds(-1) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new RetryPolicy { MaxDelay = TimeSpan.FromDays(366) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new RetryPolicy { Multiplier = 0.5 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new RetryPolicy { Multiplier = double.NaN }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new RetryPolicy { Jitter = 1.1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Property(MaxTest = 500)]
    public Property It_rises_with_the_failures_up_to_the_cap_and_stays_within_the_jitter() =>
        Prop.ForAll(Policies().ToArbitrary(), Gen.Choose(1, ushort.MaxValue).ToArbitrary(), Shares().ToArbitrary(), static (policy, failures, random) =>
        {
            var cap = (long)policy.MaxDelay.TotalMilliseconds;
            var delay = policy.DelayOf(failures, random);
            var nominal = policy.DelayOf(failures, 0.5);
            var before = policy.DelayOf(Math.Max(1, failures - 1), 0.5);

            Assert.That(delay, Is.InRange(0, Math.Min(cap, Longest)), "neither below zero nor above the cap");
            Assert.That(nominal, Is.GreaterThanOrEqualTo(before), "it never falls");
            Assert.That(delay, Is.InRange((long)(nominal * (1 - policy.Jitter)) - 1, (long)Math.Ceiling((nominal + 1) * (1 + policy.Jitter))));
            Assert.That(policy.DelayOf(failures, 0), Is.LessThanOrEqualTo(delay));
            Assert.That(policy.DelayOf(failures, 1), Is.GreaterThanOrEqualTo(delay));
        });

    private static Gen<RetryPolicy> Policies() =>
        from initial in Milliseconds()
        from most in Milliseconds()
        from multiplier in Gen.Choose(100, 100_000)
        from jitter in Shares()
        select new RetryPolicy
        {
            InitialDelay = TimeSpan.FromMilliseconds(initial),
            MaxDelay = TimeSpan.FromMilliseconds(most),
            Multiplier = multiplier / 100.0,
            Jitter = jitter,
        };

    private static Gen<long> Milliseconds() => Gen.OneOf(
        Gen.Choose(0, 10_000).Select(static value => (long)value),
        Gen.Choose(0, 365 * 24 * 60).Select(static minutes => minutes * 60_000L),
        Gen.Constant(Longest));

    private static Gen<double> Shares() => Gen.Choose(0, 1_000).Select(static value => value / 1_000.0);
}
