using System.Buffers.Binary;
using System.Text;

namespace Mamba.Broker.Engine;

/// <summary>
/// What is left of a schedule, stored in front of its message. A schedule lies as one such envelope on a queue of its address that
/// nobody sees; its delivery time is the next instant. Little-endian:
/// <code>
///   0        4            8             16          24           32      40       48           56
///   +--------+------------+-------------+-----------+------------+-------+--------+------------+---------------+
///   | length | annotations| schedule id | parent id | created at | delay | period | expires at | repeats i32   |
///   +--------+------------+-------------+-----------+------------+-------+--------+------------+---------------+
///   60        64       65    72              length
///   +---------+--------+-----+---------------+-------------------------------------------------+
///   | group   | closes |  0  | cron (UTF-8)  | message: [message-annotations section]?[bare]   |
///   +---------+--------+-----+---------------+-------------------------------------------------+
///   length       bytes up to the message
///   annotations  bytes of the message-annotations section
///   schedule id  id of the first envelope; 0 in that one itself
///   repeats      deliveries after the next, -1 = without end
///   group        group key of the message, 0 = none; closes is 1 when it is the last of its group
/// </code>
/// </summary>
internal readonly record struct ScheduleState
{
    private const int FixedSize = 72;

    public int AnnotationsLength { get; private init; }

    public ulong Id { get; init; }

    public ulong Parent { get; init; }

    public long CreatedAt { get; init; }

    public long Delay { get; init; }

    public long Period { get; init; }

    /// <summary>Unix milliseconds after which nothing is delivered any more; 0 = never. From an absolute expiry only, a ttl begins anew each time.</summary>
    public long ExpiresAt { get; init; }

    public int Repeats { get; init; }

    public CronSchedule? Cron { get; init; }

    private uint Group { get; init; }

    private bool ClosesGroup { get; init; }

    /// <summary>The state of a schedule that was just published.</summary>
    public static ScheduleState For(MessageSchedule schedule, StoredMessage message, long now) => new()
    {
        AnnotationsLength = message.AnnotationsLength,
        CreatedAt = now,
        Delay = schedule.Delay,
        Period = schedule.Period,
        Repeats = schedule.Repeat,
        Cron = schedule.Cron,
        ExpiresAt = message.Ttl == 0 ? message.ExpiresAt : 0,
        Group = message.GroupKey,
        ClosesGroup = message.ClosesGroup,
    };

    /// <summary>Reads the state in front of a message.</summary>
    public static ScheduleState Read(ReadOnlySpan<byte> span)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(span);
        CronSchedule? cron = null;
        if (length > FixedSize && !CronSchedule.TryParse(Encoding.UTF8.GetString(span[FixedSize..length]), out cron, out var error))
        {
            throw new EngineException(EngineError.Damaged, $"A stored schedule is not understood: {error}.");
        }

        return new ScheduleState
        {
            AnnotationsLength = BinaryPrimitives.ReadInt32LittleEndian(span[4..]),
            Id = BinaryPrimitives.ReadUInt64LittleEndian(span[8..]),
            Parent = BinaryPrimitives.ReadUInt64LittleEndian(span[16..]),
            CreatedAt = BinaryPrimitives.ReadInt64LittleEndian(span[24..]),
            Delay = BinaryPrimitives.ReadInt64LittleEndian(span[32..]),
            Period = BinaryPrimitives.ReadInt64LittleEndian(span[40..]),
            ExpiresAt = BinaryPrimitives.ReadInt64LittleEndian(span[48..]),
            Repeats = BinaryPrimitives.ReadInt32LittleEndian(span[56..]),
            Group = BinaryPrimitives.ReadUInt32LittleEndian(span[60..]),
            ClosesGroup = span[64] != 0,
            Cron = cron,
        };
    }

    /// <summary>The envelope for a message: due at <paramref name="dueAt"/>, with its header fields, and one reference for the caller.</summary>
    /// <param name="message">The message, or an envelope of it, which <paramref name="bytes"/> are a part of.</param>
    /// <param name="bytes">The message's bytes.</param>
    /// <param name="dueAt">Unix milliseconds.</param>
    public StoredMessage Wrap(StoredMessage message, ReadOnlySpan<byte> bytes, long dueAt)
    {
        var cron = Cron is null ? [] : Encoding.UTF8.GetBytes(Cron.Text);
        var length = FixedSize + cron.Length;
        var envelope = message.RentSimilar(length + bytes.Length);
        var span = envelope.Buffer.AsSpan(0, envelope.Length);
        BinaryPrimitives.WriteInt32LittleEndian(span, length);
        BinaryPrimitives.WriteInt32LittleEndian(span[4..], AnnotationsLength);
        BinaryPrimitives.WriteUInt64LittleEndian(span[8..], Id);
        BinaryPrimitives.WriteUInt64LittleEndian(span[16..], Parent);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], CreatedAt);
        BinaryPrimitives.WriteInt64LittleEndian(span[32..], Delay);
        BinaryPrimitives.WriteInt64LittleEndian(span[40..], Period);
        BinaryPrimitives.WriteInt64LittleEndian(span[48..], ExpiresAt);
        BinaryPrimitives.WriteInt32LittleEndian(span[56..], Repeats);
        BinaryPrimitives.WriteUInt32LittleEndian(span[60..], Group);
        span[64..FixedSize].Clear();
        span[64] = ClosesGroup ? (byte)1 : (byte)0;
        cron.CopyTo(span[FixedSize..]);
        bytes.CopyTo(span[length..]);
        envelope.AnnotationsLength = 0;
        envelope.ExpiresAt = 0;
        envelope.DeliverAt = dueAt;
        envelope.GroupKey = 0;
        envelope.ClosesGroup = false;
        return envelope;
    }

    /// <summary>The message's bytes within an envelope.</summary>
    public static ReadOnlySpan<byte> MessageIn(ReadOnlySpan<byte> envelope) => envelope[BinaryPrimitives.ReadInt32LittleEndian(envelope)..];

    /// <summary>The message within an envelope, as if it arrived now; one reference for the caller.</summary>
    public StoredMessage Unwrap(StoredMessage envelope, long now)
    {
        var bytes = MessageIn(envelope.Span);
        var message = envelope.RentSimilar(bytes.Length);
        bytes.CopyTo(message.Buffer);
        message.AnnotationsLength = AnnotationsLength;
        message.ExpiresAt = envelope.Ttl > 0 ? now + envelope.Ttl : ExpiresAt;
        message.DeliverAt = 0;
        message.GroupKey = Group;
        message.ClosesGroup = ClosesGroup;
        return message;
    }

    /// <summary>What is to be done about the instant <paramref name="due"/>, which has come.</summary>
    /// <param name="due">The instant, unix milliseconds.</param>
    /// <param name="now">Now.</param>
    /// <param name="startedAt">When the broker started: what fell due before was missed.</param>
    /// <param name="missed">What is done about that.</param>
    public ScheduleStep Advance(long due, long now, long startedAt, MissedInstants missed)
    {
        var wasMissed = due < startedAt;
        var fires = (!wasMissed || missed == MissedInstants.DeliverOnce) && (ExpiresAt == 0 || ExpiresAt > now);
        var step = Cron is { } cron
            ? new ScheduleStep { Next = cron.Next(Math.Max(due, now)) ?? 0, Repeats = Repeats }
            : NextOfSeries(due, now, startedAt);
        if (ExpiresAt != 0 && step.Next >= ExpiresAt)
        {
            step = step with { Next = 0 };
        }

        var begins = fires && Cron is not null && Repeats != 0;
        return step with
        {
            Delivers = fires && !begins,
            SeriesAt = begins ? (wasMissed ? now : due) + (Delay > 0 ? Delay : Period) : 0,
        };
    }

    /// <summary>
    /// The next instant of a series. Those that the broker was not there for are used up. One without end does not run after those it
    /// is late for either; a counted one delivers its number.
    /// </summary>
    private ScheduleStep NextOfSeries(long due, long now, long startedAt)
    {
        if (Repeats == 0)
        {
            return default;
        }

        var until = Repeats == MessageSchedule.Forever ? Math.Max(now, startedAt) : startedAt;
        var passed = due < until ? (until - due) / Period : 0;
        if (Repeats == MessageSchedule.Forever)
        {
            return new ScheduleStep { Next = due + ((passed + 1) * Period), Repeats = Repeats };
        }

        return passed >= Repeats ? default : new ScheduleStep { Next = due + ((passed + 1) * Period), Repeats = (int)(Repeats - passed - 1) };
    }
}

/// <summary>What an instant of a schedule comes to.</summary>
/// <param name="Delivers">The message is delivered.</param>
/// <param name="Next">Unix milliseconds of the next instant; 0 = the schedule ends.</param>
/// <param name="Repeats">Deliveries after the next.</param>
/// <param name="SeriesAt">Unix milliseconds of the first delivery of the series that begins; 0 = none does.</param>
internal readonly record struct ScheduleStep(bool Delivers, long Next, int Repeats, long SeriesAt);
