using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>Finds the first entry of a level that is of some kind; false when there is none.</summary>
internal delegate bool FirstOfLevel(EntryLog log, out long sequence);

/// <summary>
/// All entries of one queue: an <see cref="EntryLog"/> per priority level, made when first used. A token names an entry:
/// <code>
///   bits 59..62 level (0 to 9) | bits 0..58 sequence on the level
/// </code>
/// Keeps the totals. Not thread-safe: guarded by the queue's lock.
/// </summary>
internal sealed class QueueIndex
{
    public const int Levels = 10;
    private const int LevelShift = 59;
    private const long SequenceMask = (1L << LevelShift) - 1;

    private static readonly EntryLog?[] NoLevels = new EntryLog?[Levels];

    /// <summary>Shared and empty until the first message: most of many queues never have one.</summary>
    private EntryLog?[] _levels = NoLevels;

    /// <summary>The queue's groups, told of every change of state; null while no message had one.</summary>
    public GroupTable? Groups { get; set; }

    /// <summary>The limit beyond which the oldest messages are dropped, told of every change of state; null on most queues.</summary>
    public RingLimit? Ring { get; set; }

    /// <summary>The keys of a queue of last values, told of every change of state; null on most queues.</summary>
    public LastValueTable? LastValues { get; set; }

    /// <summary>Messages that gave way to newer ones since the process started.</summary>
    public long Dropped => DroppedBefore + (Ring?.Dropped ?? 0) + (LastValues?.Replaced ?? 0);

    /// <summary>Of them, those of settings that hold no longer.</summary>
    public long DroppedBefore { get; set; }

    /// <summary>Entries on the queue.</summary>
    public long Count { get; private set; }

    /// <summary>Their body bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes of bodies in memory.</summary>
    public long MemoryBytes { get; private set; }

    /// <summary>Entries a consumer can take.</summary>
    public long Available { get; private set; }

    /// <summary>Entries consumers hold.</summary>
    public long Acquired { get; private set; }

    /// <summary>Entries transactions hold.</summary>
    public long Enlisted { get; private set; }

    public static int LevelOf(long token) => (int)(token >> LevelShift);

    public static long SequenceOf(long token) => token & SequenceMask;

    public static long TokenOf(int level, long sequence) => ((long)level << LevelShift) | sequence;

    public EntryLog? Level(int level) => _levels[level];

    /// <summary>
    /// Moves <paramref name="token"/> on to the next live entry, level by level; false when there is none. A walk over the queue begins with 0
    /// and adds 1 after each.
    /// </summary>
    public bool TryFindLive(ref long token)
    {
        for (var level = LevelOf(token); level < Levels; level++)
        {
            var sequence = SequenceOf(token);
            if (_levels[level] is { } log && log.TryFindLive(ref sequence))
            {
                token = TokenOf(level, sequence);
                return true;
            }

            token = TokenOf(level + 1, 0);
        }

        return false;
    }

    /// <summary>The message with the lowest id among those that <paramref name="first"/> finds, one on each level.</summary>
    public bool TryFindOldest(FirstOfLevel first, out long token)
    {
        token = -1;
        var oldest = ulong.MaxValue;
        for (var level = 0; level < Levels; level++)
        {
            if (_levels[level] is { } log && first(log, out var sequence) && log.Find(sequence).MessageId < oldest)
            {
                oldest = log.Find(sequence).MessageId;
                token = TokenOf(level, sequence);
            }
        }

        return token >= 0;
    }

    /// <summary>Adds an entry at the end of its level; returns its token.</summary>
    public long Append(byte priority, in QueueEntry entry)
    {
        var level = Math.Min((int)priority, Levels - 1);
        var log = _levels[level] ?? AddLevel(level);
        var sequence = log.Append(entry);
        Count++;
        Bytes += entry.BodyLength;
        MemoryBytes += entry.Message is { } message ? message.Footprint : 0;
        Tally(entry.State, 1);
        Ring?.OnChange(entry, EntryState.None, entry.State);
        return TokenOf(level, sequence);
    }

    /// <summary>The live entry a token names, or a null reference.</summary>
    public ref QueueEntry Find(long token)
    {
        var level = LevelOf(token);
        if ((uint)level >= Levels || _levels[level] is not { } log)
        {
            return ref Unsafe.NullRef<QueueEntry>();
        }

        return ref log.Find(SequenceOf(token));
    }

    public void SetState(long token, ref QueueEntry entry, EntryState state)
    {
        Groups?.OnChange(token, entry, state);
        Ring?.OnChange(entry, entry.State, state);
        LastValues?.OnChange(token, entry, state);
        Tally(entry.State, -1);
        Tally(state, 1);
        _levels[LevelOf(token)]!.SetState(SequenceOf(token), ref entry, state);
    }

    /// <summary>Takes an entry off the queue. Its body reference, if any, goes to the caller.</summary>
    public StoredMessage? Remove(long token, ref QueueEntry entry)
    {
        var message = entry.Message;
        Count--;
        Bytes -= entry.BodyLength;
        MemoryBytes -= message is null ? 0 : message.Footprint;
        Groups?.OnChange(token, entry, EntryState.Removed);
        Ring?.OnChange(entry, entry.State, EntryState.Removed);
        LastValues?.OnChange(token, entry, EntryState.Removed);
        Tally(entry.State, -1);
        _levels[LevelOf(token)]!.SetState(SequenceOf(token), ref entry, EntryState.Removed);
        return message;
    }

    /// <summary>Puts another available message in the place of one. The old body reference, if any, goes to the caller.</summary>
    public StoredMessage? Replace(long token, ref QueueEntry entry, in QueueEntry next)
    {
        var old = entry.Message;
        Ring?.OnChange(entry, entry.State, EntryState.Removed);
        LastValues?.OnChange(token, entry, EntryState.Removed);
        Bytes += next.BodyLength - entry.BodyLength;
        MemoryBytes += (next.Message is null ? 0 : next.Message.Footprint) - (old is null ? 0 : old.Footprint);
        entry = next;
        Ring?.OnChange(entry, EntryState.None, entry.State);
        NoteMoved(token, entry.Address.Segment);
        return old;
    }

    /// <summary>Puts another body (or none, when paged out) into an entry. The old reference goes to the caller.</summary>
    public StoredMessage? ReplaceMessage(ref QueueEntry entry, StoredMessage? message, int bodyLength)
    {
        var old = entry.Message;
        MemoryBytes += (message is null ? 0 : message.Footprint) - (old is null ? 0 : old.Footprint);
        Bytes += bodyLength - entry.BodyLength;
        entry.Message = message;
        entry.BodyLength = bodyLength;
        return old;
    }

    /// <summary>Records that an entry moved to another place in the journal.</summary>
    public void NoteMoved(long token, int segment) => _levels[LevelOf(token)]!.NoteMoved(SequenceOf(token), segment);

    /// <summary>Gives unused memory back.</summary>
    public void Trim()
    {
        foreach (var log in _levels)
        {
            log?.Trim();
        }
    }

    /// <summary>Empties the index without looking at the entries.</summary>
    public void Clear()
    {
        foreach (var log in _levels)
        {
            log?.Clear();
        }

        _levels = NoLevels;
        Count = 0;
        Bytes = 0;
        MemoryBytes = 0;
        Available = 0;
        Acquired = 0;
        Enlisted = 0;
    }

    private EntryLog AddLevel(int level)
    {
        if (ReferenceEquals(_levels, NoLevels))
        {
            _levels = new EntryLog?[Levels];
        }

        return _levels[level] = new EntryLog();
    }

    private void Tally(EntryState state, int by)
    {
        switch (state)
        {
            case EntryState.Available:
                Available += by;
                break;
            case EntryState.Acquired:
                Acquired += by;
                break;
            case EntryState.Enlisted:
                Enlisted += by;
                break;
            default:
                break;
        }
    }
}
