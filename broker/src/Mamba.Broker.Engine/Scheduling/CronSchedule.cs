using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Mamba.Broker.Engine;

/// <summary>
/// A crontab entry of five fields: minute (0 to 59), hour (0 to 23), day of the month (1 to 31), month (1 to 12 or JAN to DEC) and
/// day of the week (0 to 7 or SUN to SAT; 0 and 7 are Sunday). A field is <c>*</c>, a number, a range <c>a-b</c>, each with an
/// optional step <c>/n</c>, or a list of these with commas; <c>a/n</c> runs from a to the end. When both days are restricted, a day that
/// fits either of them counts, as in crontab(5). All times are UTC: no instant is skipped or doubled by daylight saving. Immutable.
/// </summary>
public sealed class CronSchedule
{
    /// <summary>Longest text that is looked at.</summary>
    public const int MaxLength = 256;

    /// <summary>29 February comes every eighth year at the worst, around a century that is no leap year.</summary>
    private const int MaxDays = (366 * 8) + 31;

    private const int AllDaysOfMonth = 31;
    private const int AllDaysOfWeek = 7;
    private const long MinuteMilliseconds = 60_000;

    private readonly ulong _minutes;
    private readonly ulong _hours;
    private readonly ulong _daysOfMonth;
    private readonly ulong _months;
    private readonly ulong _daysOfWeek;
    private readonly bool _eitherDay;

    private CronSchedule(string text, ReadOnlySpan<ulong> fields)
    {
        Text = text;
        _minutes = fields[0];
        _hours = fields[1];
        _daysOfMonth = fields[2];
        _months = fields[3];

        // 7 is another name of Sunday.
        _daysOfWeek = (fields[4] | (fields[4] >> 7)) & 0x7F;
        _eitherDay = BitOperations.PopCount(_daysOfMonth) < AllDaysOfMonth && BitOperations.PopCount(_daysOfWeek) < AllDaysOfWeek;
    }

    /// <summary>The entry as it was written.</summary>
    public string Text { get; }

    /// <summary>Reads an entry.</summary>
    /// <param name="text">Five fields divided by blanks.</param>
    /// <param name="schedule">The schedule.</param>
    /// <param name="error">What is wrong, naming the field; null when nothing is.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out CronSchedule? schedule, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        schedule = null;
        if (text.Length > MaxLength)
        {
            error = $"it is longer than {MaxLength} characters";
            return false;
        }

        var parts = text.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length != CronField.All.Length)
        {
            error = $"it has {parts.Length} fields and not five: minute, hour, day of the month, month, day of the week";
            return false;
        }

        Span<ulong> fields = stackalloc ulong[CronField.All.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!CronField.All[i].TryParse(parts[i], out fields[i], out error))
            {
                return false;
            }
        }

        var candidate = new CronSchedule(text, fields);
        if (candidate.Next(0) is null)
        {
            error = "its day of the month does not exist in its months, so that it would never fire";
            return false;
        }

        schedule = candidate;
        error = null;
        return true;
    }

    /// <summary>The first instant after <paramref name="after"/>, a whole minute; both in unix milliseconds. Null when there is none before the year 10000.</summary>
    public long? Next(long after)
    {
        var minute = Math.Max(0, (after / MinuteMilliseconds) + 1);
        if (minute > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds() / MinuteMilliseconds)
        {
            return null;
        }

        var time = DateTimeOffset.FromUnixTimeMilliseconds(minute * MinuteMilliseconds).UtcDateTime;
        var day = time.Date;
        var from = (time.Hour * 60) + time.Minute;
        for (var i = 0; i < MaxDays; i++)
        {
            if (FitsDay(day) && FirstMinute(from) is { } found)
            {
                return new DateTimeOffset(day, TimeSpan.Zero).ToUnixTimeMilliseconds() + (found * MinuteMilliseconds);
            }

            if (day >= DateTime.MaxValue.Date)
            {
                return null;
            }

            day = day.AddDays(1);
            from = 0;
        }

        return null;
    }

    private bool FitsDay(DateTime day)
    {
        if (!Has(_months, day.Month))
        {
            return false;
        }

        var ofMonth = Has(_daysOfMonth, day.Day);
        var ofWeek = Has(_daysOfWeek, (int)day.DayOfWeek);
        return _eitherDay ? ofMonth || ofWeek : ofMonth && ofWeek;
    }

    /// <summary>The first minute of a day that fits, from a minute on.</summary>
    private int? FirstMinute(int from)
    {
        var hour = from / 60;
        var minutes = _minutes & (ulong.MaxValue << (from % 60));
        if (Has(_hours, hour) && minutes != 0)
        {
            return (hour * 60) + BitOperations.TrailingZeroCount(minutes);
        }

        var later = _hours & (ulong.MaxValue << (hour + 1));
        return later == 0 ? null : (BitOperations.TrailingZeroCount(later) * 60) + BitOperations.TrailingZeroCount(_minutes);
    }

    private static bool Has(ulong set, int value) => (set & (1UL << value)) != 0;
}
