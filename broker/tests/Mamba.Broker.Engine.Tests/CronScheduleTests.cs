using System.Globalization;

namespace Mamba.Broker.Engine.Tests;

/// <summary>The instants of crontab entries, in UTC, and what is refused.</summary>
[TestFixture]
internal sealed class CronScheduleTests
{
    [TestCase("* * * * *", "2026-03-01 10:00:00", "2026-03-01 10:01")]
    [TestCase("* * * * *", "2026-03-01 10:00:59.999", "2026-03-01 10:01")]
    [TestCase("*/15 * * * *", "2026-03-01 10:00:00", "2026-03-01 10:15")]
    [TestCase("*/15 * * * *", "2026-03-01 10:45:00", "2026-03-01 11:00")]
    [TestCase("*/7 * * * *", "2026-03-01 10:56:00", "2026-03-01 11:00")]
    [TestCase("5-10/2 * * * *", "2026-03-01 10:05:00", "2026-03-01 10:07")]
    [TestCase("5-10/2 * * * *", "2026-03-01 10:09:00", "2026-03-01 11:05")]
    [TestCase("50/5 * * * *", "2026-03-01 10:50:00", "2026-03-01 10:55")]
    [TestCase("50/5 * * * *", "2026-03-01 10:55:00", "2026-03-01 11:50")]
    [TestCase("0 * * * *", "2026-03-01 10:00:00", "2026-03-01 11:00")]
    [TestCase("0 0 * * *", "2026-03-01 10:00:00", "2026-03-02 00:00")]
    [TestCase("59 23 31 12 *", "2026-01-01 00:00:00", "2026-12-31 23:59")]
    [TestCase("59 23 31 12 *", "2026-12-31 23:59:00", "2027-12-31 23:59")]
    [TestCase("0 9-17 * * 1-5", "2026-03-06 17:00:00", "2026-03-09 09:00")]
    [TestCase("0 9-17 * * MON-FRI", "2026-03-06 17:00:00", "2026-03-09 09:00")]
    [TestCase("0 12 * jan,Jul *", "2026-02-01 00:00:00", "2026-07-01 12:00")]
    [TestCase("0 0 * * 0", "2026-03-02 00:00:00", "2026-03-08 00:00")]
    [TestCase("0 0 * * 7", "2026-03-02 00:00:00", "2026-03-08 00:00")]
    [TestCase("0 0 * * SUN", "2026-03-02 00:00:00", "2026-03-08 00:00")]
    [TestCase("0 0 * * 5-7", "2026-03-07 00:00:00", "2026-03-08 00:00")]
    [TestCase("0 0 * * */2", "2026-03-01 00:00:00", "2026-03-03 00:00")]
    [TestCase("0 0 * * */2", "2026-03-05 00:00:00", "2026-03-07 00:00")]
    [TestCase("1,31,59 0,12 * * *", "2026-03-01 00:31:00", "2026-03-01 00:59")]
    [TestCase("1,31,59 0,12 * * *", "2026-03-01 00:59:00", "2026-03-01 12:01")]
    [TestCase("30 3 31 * *", "2026-04-01 00:00:00", "2026-05-31 03:30")]
    [TestCase("0 0 29 2 *", "2026-03-01 00:00:00", "2028-02-29 00:00")]
    [TestCase("0 0 29 FEB *", "2028-02-29 00:00:00", "2032-02-29 00:00")]
    [TestCase("0 0 29 2 *", "2096-03-01 00:00:00", "2104-02-29 00:00")]
    [TestCase("0 0 28 2 *", "2027-03-01 00:00:00", "2028-02-28 00:00")]
    [TestCase("0 0 13 * 5", "2026-03-01 00:00:00", "2026-03-06 00:00", Description = "either day")]
    [TestCase("0 0 13 * 5", "2026-04-10 00:00:00", "2026-04-13 00:00", Description = "either day")]
    [TestCase("0 0 1-31 * 5", "2026-03-01 00:00:00", "2026-03-06 00:00", Description = "all days of the month restrict nothing")]
    [TestCase("30 2 * * *", "2026-03-29 01:59:00", "2026-03-29 02:30", Description = "an hour that does not exist in much of Europe")]
    [TestCase("30 2 * * *", "2026-10-25 02:30:00", "2026-10-26 02:30", Description = "an hour that comes twice in much of Europe")]
    [TestCase("  0   0\t1 1  * ", "2026-06-01 00:00:00", "2027-01-01 00:00")]
    [TestCase("0 0 1 1 *", "2026-12-31 23:59:59.999", "2027-01-01 00:00")]
    public void The_next_instant(string entry, string after, string expected)
    {
        Assert.That(CronSchedule.TryParse(entry, out var schedule, out var error), Is.True, error);
        Assert.That(schedule!.Next(Unix(after)), Is.EqualTo(Unix(expected)));
        Assert.That(schedule.Text, Is.EqualTo(entry));
    }

    [TestCase("", "five")]
    [TestCase("* * * *", "4 fields")]
    [TestCase("* * * * * *", "6 fields")]
    [TestCase("60 * * * *", "minute")]
    [TestCase("-1 * * * *", "minute")]
    [TestCase("*/0 * * * *", "minute")]
    [TestCase("*/x * * * *", "minute")]
    [TestCase("5-1 * * * *", "minute")]
    [TestCase("1,,2 * * * *", "minute")]
    [TestCase("+1 * * * *", "minute")]
    [TestCase("99999999999 * * * *", "minute")]
    [TestCase("* 24 * * *", "hour")]
    [TestCase("* MON * * *", "hour")]
    [TestCase("* * 0 * *", "day of the month")]
    [TestCase("* * 32 * *", "day of the month")]
    [TestCase("* * L * *", "day of the month")]
    [TestCase("* * ? * *", "day of the month")]
    [TestCase("* * * 13 *", "month")]
    [TestCase("* * * 0 *", "month")]
    [TestCase("* * * JANUARY *", "month")]
    [TestCase("* * * * 8", "day of the week")]
    [TestCase("* * * * FRI-MON", "day of the week")]
    [TestCase("* * * * 5#2", "day of the week")]
    [TestCase("0 0 30 2 *", "never")]
    [TestCase("0 0 31 4,6,9,11 *", "never")]
    public void What_is_refused_and_the_field_that_is_named(string entry, string named)
    {
        Assert.That(CronSchedule.TryParse(entry, out _, out var error), Is.False);
        Assert.That(error, Does.Contain(named));
    }

    [Test]
    public void A_long_entry_is_refused_unread() =>
        Assert.That(CronSchedule.TryParse(new string('*', 10_000), out _, out var error), Is.False, error);

    [Test]
    public void No_instant_after_the_last_year() =>
        Assert.That(Parse("0 0 * * *").Next(DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()), Is.Null);

    [Test]
    public void Each_instant_of_four_months_is_what_a_minute_by_minute_look_finds()
    {
        foreach (var entry in new[] { "*/20 3,15 1-10/3 * 2", "7 */5 29-31 FEB-MAY *", "0 0 * 2,12 6,0" })
        {
            var schedule = Parse(entry);
            var at = Unix("2028-01-31 00:00:00");
            var end = Unix("2028-05-31 00:00:00");
            var expected = new List<long>();
            for (var minute = at + 60_000; minute <= end; minute += 60_000)
            {
                if (Plain.Fits(entry, DateTimeOffset.FromUnixTimeMilliseconds(minute).UtcDateTime))
                {
                    expected.Add(minute);
                }
            }

            var found = new List<long>();
            for (var next = schedule.Next(at); next <= end; next = schedule.Next(next.Value))
            {
                found.Add(next.Value);
            }

            Assert.That(found, Is.EqualTo(expected), entry);
        }
    }

    private static CronSchedule Parse(string entry) =>
        CronSchedule.TryParse(entry, out var schedule, out var error) ? schedule : throw new AssertionException(error);

    private static long Unix(string time) =>
        DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).ToUnixTimeMilliseconds();

    /// <summary>A second reading of entries, by strings and lists.</summary>
    private static class Plain
    {
        private static readonly string[] Months = ["", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

        public static bool Fits(string entry, DateTime time)
        {
            var fields = entry.Split(' ');
            var day = In(fields[2], time.Day, 31);
            var weekday = In(fields[4], (int)time.DayOfWeek, 6);
            var eitherDay = !fields[2].StartsWith('*') && !fields[4].StartsWith('*');
            return In(fields[0], time.Minute, 59) && In(fields[1], time.Hour, 23) && In(fields[3], time.Month, 12)
                && (eitherDay ? day || weekday : day && weekday);
        }

        private static bool In(string field, int value, int most) => field.Split(',').Any(item =>
        {
            var parts = item.Split('/');
            var bounds = parts[0].Split('-');
            var from = bounds[0] is "*" ? (most is 31 or 12 ? 1 : 0) : Value(bounds[0]);
            var to = bounds.Length > 1 ? Value(bounds[1]) : bounds[0] is "*" || parts.Length > 1 ? most : from;
            return value >= from && value <= to && (value - from) % (parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 1) == 0;
        });

        private static int Value(string text) => Array.IndexOf(Months, text) is > 0 and var month ? month : int.Parse(text, CultureInfo.InvariantCulture);
    }
}
