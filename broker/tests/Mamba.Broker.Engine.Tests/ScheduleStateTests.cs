namespace Mamba.Broker.Engine.Tests;

/// <summary>What an instant of a schedule comes to, and how a schedule is stored in front of its message.</summary>
[TestFixture]
internal sealed class ScheduleStateTests
{
    private const long Period = 1_000;

    // Instants are at 10,000, 11,000 and so on; "started" is when the broker started.
    [TestCase(9, 10_000, 0, 11_000, 8, Description = "on time")]
    [TestCase(9, 14_500, 0, 11_000, 8, Description = "late while running: a counted series delivers its number")]
    [TestCase(9, 14_500, 14_500, 15_000, 4, Description = "11,000 to 14,000 were missed and are used up")]
    [TestCase(9, 14_000, 14_000, 15_000, 4)]
    [TestCase(9, 14_500, 10_000, 11_000, 8, Description = "an instant at the very start is not missed")]
    [TestCase(9, 18_500, 18_500, 19_000, 0, Description = "one is left")]
    [TestCase(9, 19_000, 19_000, 0, 0, Description = "none is left")]
    [TestCase(9, 90_000, 90_000, 0, 0)]
    [TestCase(1, 10_000, 0, 11_000, 0)]
    [TestCase(0, 10_000, 0, 0, 0, Description = "the last")]
    [TestCase(-1, 10_000, 0, 11_000, -1)]
    [TestCase(-1, 14_500, 0, 15_000, -1, Description = "one without end does not run after what it is late for")]
    [TestCase(-1, 14_000, 0, 15_000, -1)]
    [TestCase(-1, 90_000, 80_000, 91_000, -1)]
    public void A_series_goes_on_at(int repeats, long now, long started, long next, int left)
    {
        var step = new ScheduleState { Period = Period, Repeats = repeats }.Advance(10_000, now, started, MissedInstants.DeliverOnce);
        Assert.That(step, Is.EqualTo(new ScheduleStep(true, next, left, 0)));
    }

    [TestCase(10_000, 10_000, true)]
    [TestCase(14_500, 10_001, false)]
    public void With_skip_only_what_was_missed_is_left_out(long now, long started, bool delivers)
    {
        var step = new ScheduleState { Period = Period, Repeats = -1 }.Advance(10_000, now, started, MissedInstants.Skip);
        Assert.That(step.Delivers, Is.EqualTo(delivers));
        Assert.That(step.Next, Is.GreaterThan(now));
    }

    [Test]
    public void A_clock_that_was_set_back_does_not_bring_an_instant_again()
    {
        var series = new ScheduleState { Period = Period, Repeats = -1 }.Advance(10_000, 3_000, 0, MissedInstants.DeliverOnce);
        var cron = new ScheduleState { Cron = Cron("* * * * *") }.Advance(600_000, 30_000, 0, MissedInstants.DeliverOnce);
        Assert.That((series.Next, cron.Next), Is.EqualTo((11_000L, 660_000L)));
    }

    [TestCase(60_000, 0, 120_000, 61_500)]
    [TestCase(60_400, 0, 120_000, 61_500)]
    [TestCase(200_000, 150_000, 240_000, 201_500)]
    public void A_cron_entry_with_a_repeat_begins_a_series(long now, long started, long next, long seriesAt)
    {
        var state = new ScheduleState { Cron = Cron("* * * * *"), Delay = 1_500, Period = 100, Repeats = 3 };
        Assert.That(state.Advance(60_000, now, started, MissedInstants.DeliverOnce), Is.EqualTo(new ScheduleStep(false, next, 3, seriesAt)));
    }

    [Test]
    public void Without_a_delay_the_series_begins_one_period_later()
    {
        var state = new ScheduleState { Cron = Cron("* * * * *"), Period = 100, Repeats = 3 };
        Assert.That(state.Advance(60_000, 60_000, 0, MissedInstants.DeliverOnce).SeriesAt, Is.EqualTo(60_100));
    }

    [TestCase(11_001, 11_000)]
    [TestCase(11_000, 0)]
    public void Nothing_follows_after_the_absolute_expiry(long expiresAt, long next) =>
        Assert.That(
            new ScheduleState { Period = Period, Repeats = -1, ExpiresAt = expiresAt }.Advance(10_000, 10_000, 0, MissedInstants.DeliverOnce).Next,
            Is.EqualTo(next));

    [Test]
    public void A_late_instant_after_the_absolute_expiry_is_not_delivered() =>
        Assert.That(
            new ScheduleState { Period = Period, Repeats = -1, ExpiresAt = 11_000 }.Advance(10_000, 12_000, 0, MissedInstants.DeliverOnce),
            Is.EqualTo(new ScheduleStep(false, 0, -1, 0)));

    [TestCase(null)]
    [TestCase("0 12 * JAN-MAR 1,5")]
    public void An_envelope_gives_back_the_message_and_its_state(string? entry)
    {
        var message = StoredMessage.Rent(5);
        "hello"u8.CopyTo(message.Buffer);
        message.AnnotationsLength = 2;
        message.Durable = true;
        message.Priority = 7;
        message.Ttl = 500;
        message.ExpiresAt = 1_500;
        var state = ScheduleState.For(new MessageSchedule { Cron = entry is null ? null : Cron(entry), Delay = 1, Period = 2, Repeat = 3 }, message, 1_000);
        var envelope = (state with { Id = 77, Parent = 66 }).Wrap(message, message.Span, 2_000);
        Assert.That((envelope.DeliverAt, envelope.ExpiresAt, envelope.Durable, envelope.Priority, envelope.AnnotationsLength), Is.EqualTo((2_000L, 0L, true, (byte)7, 0)));

        var read = ScheduleState.Read(envelope.Span);
        Assert.That((read.Id, read.Parent, read.CreatedAt, read.Delay, read.Period, read.Repeats, read.Cron?.Text), Is.EqualTo((77UL, 66UL, 1_000L, 1L, 2L, 3, entry)));
        var copy = read.Unwrap(envelope, 9_000);
        Assert.That(copy.Span.ToArray(), Is.EqualTo("hello"u8.ToArray()));
        Assert.That((copy.AnnotationsLength, copy.ExpiresAt, copy.DeliverAt, copy.Durable, copy.Priority), Is.EqualTo((2, 9_500L, 0L, true, (byte)7)));
    }

    private static CronSchedule Cron(string entry) => CronSchedule.TryParse(entry, out var cron, out var error) ? cron : throw new AssertionException(error);
}
