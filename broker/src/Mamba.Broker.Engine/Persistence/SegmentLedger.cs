using System.Collections.Concurrent;

namespace Mamba.Broker.Engine;

/// <summary>
/// What each journal segment still holds. A segment may go when no live message is in it and every segment its removals refer to
/// is gone: a removal that went before the message it removes would bring the message back at the next start.
/// Thread-safe. Updated by journal completions, so that by the time a later segment's snapshot is on disk, everything in earlier
/// segments is accounted for.
/// </summary>
internal sealed class SegmentLedger
{
    private readonly ConcurrentDictionary<int, SegmentUsage> _segments = new();

    private int _activeSegment;

    /// <summary>Called, on any thread, when the last live message of a segment that is no longer written to went.</summary>
    public Action? SegmentEmptied { get; set; }

    /// <summary>The segment that is written to: it often becomes empty, and cannot go yet.</summary>
    public int ActiveSegment
    {
        get => Volatile.Read(ref _activeSegment);
        set => Volatile.Write(ref _activeSegment, value);
    }

    public SegmentUsage Of(int segment) => _segments.GetOrAdd(segment, static number => new SegmentUsage(number));

    public void AddLive(MessageLocation location) => Of(location.Address.Segment).Add(BytesOf(location));

    public void Drop(MessageLocation location)
    {
        if (location.IsStored && Of(location.Address.Segment).Drop(BytesOf(location)) && location.Address.Segment < ActiveSegment)
        {
            SegmentEmptied?.Invoke();
        }
    }

    /// <summary>A segment holds so many more remembered ids; numbers below 1 are no segment.</summary>
    public void AddIds(int segment, int count)
    {
        if (segment > 0 && count > 0)
        {
            Of(segment).Add((long)count * DuplicateOperation.ItemSize, count);
        }
    }

    /// <summary>So many ids in a segment are forgotten, or are elsewhere by now.</summary>
    public void DropIds(int segment, int count)
    {
        if (segment > 0 && count > 0 && Of(segment).Drop((long)count * DuplicateOperation.ItemSize, count) && segment < ActiveSegment)
        {
            SegmentEmptied?.Invoke();
        }
    }

    /// <summary>Segment <paramref name="segment"/> says something about a message in <paramref name="on"/> and must outlive it.</summary>
    public void DependOn(int segment, int on)
    {
        if (segment != on && on != 0)
        {
            Of(segment).DependOn(on);
        }
    }

    public void Forget(int segment) => _segments.TryRemove(segment, out _);

    /// <summary>Bytes charged for a message: its operation on one queue.</summary>
    public static int BytesOf(MessageLocation location) =>
        EnqueueOperation.HeaderSize + EnqueueOperation.QueueIdSize + location.BodyLength;
}

/// <summary>Live messages and obligations of one segment. Thread-safe.</summary>
internal sealed class SegmentUsage(int number)
{
    private readonly Lock _gate = new();
    private readonly HashSet<int> _dependencies = [];
    private long _liveBytes;
    private long _liveEntries;
    private int _lastDependency;

    public int Number => number;

    public long LiveBytes => Interlocked.Read(ref _liveBytes);

    public long LiveEntries => Interlocked.Read(ref _liveEntries);

    public void Add(long bytes, int entries = 1)
    {
        Interlocked.Add(ref _liveBytes, bytes);
        Interlocked.Add(ref _liveEntries, entries);
    }

    public bool Drop(long bytes, int entries = 1)
    {
        Interlocked.Add(ref _liveBytes, -bytes);
        return Interlocked.Add(ref _liveEntries, -entries) == 0;
    }

    public void DependOn(int segment)
    {
        if (Volatile.Read(ref _lastDependency) == segment)
        {
            return;
        }

        lock (_gate)
        {
            _dependencies.Add(segment);
            Volatile.Write(ref _lastDependency, segment);
        }
    }

    /// <summary>True when every segment this one must outlive is gone.</summary>
    public bool IsFree(Predicate<int> exists)
    {
        lock (_gate)
        {
            foreach (var dependency in _dependencies)
            {
                if (exists(dependency))
                {
                    return false;
                }
            }

            return true;
        }
    }

    public bool DependsOn(int segment)
    {
        lock (_gate)
        {
            return _dependencies.Contains(segment);
        }
    }
}
