namespace Mamba.Broker.Engine;

/// <summary>
/// How far a consumer that filters or browses has looked, on each level, and what came back in line behind it since. So a message
/// deep in the queue is found once, and a message given back at the front costs one more look and not the whole way again.
/// Guarded by the queue's lock.
/// </summary>
internal sealed class ScanCursor
{
    /// <summary>Messages remembered one by one; with more of them the way again is not much longer.</summary>
    private const int MaxReturned = 4096;

    private readonly long[] _positions = new long[QueueIndex.Levels];
    private PriorityQueue<long, long>? _returned;

    /// <summary>True when messages behind the positions are to be looked at.</summary>
    public bool HasReturned => _returned is { Count: > 0 };

    /// <summary>Everything before this sequence was looked at, but for what was returned.</summary>
    public long PositionOf(int level) => _positions[level];

    public void MoveTo(int level, long sequence) => _positions[level] = sequence;

    /// <summary>A message is to be looked at, again or after all.</summary>
    public void Return(long token)
    {
        var level = QueueIndex.LevelOf(token);
        var sequence = QueueIndex.SequenceOf(token);
        if (sequence >= _positions[level])
        {
            return;
        }

        _returned ??= new PriorityQueue<long, long>();
        if (_returned.Count == MaxReturned)
        {
            StartOver(_returned);
            _positions[level] = Math.Min(_positions[level], sequence);
            return;
        }

        _returned.Enqueue(token, QueueIndex.TokenOf(QueueIndex.Levels - 1 - level, sequence));
    }

    /// <summary>Everything is to be looked at again.</summary>
    public void Restart()
    {
        Array.Clear(_positions);
        _returned?.Clear();
    }

    /// <summary>Takes the first returned message of a level; call it from the highest level downwards.</summary>
    public bool TryTakeReturned(int level, out long token)
    {
        token = 0;
        if (_returned is null || !_returned.TryPeek(out token, out _) || QueueIndex.LevelOf(token) < level)
        {
            return false;
        }

        _returned.Dequeue();
        return true;
    }

    /// <summary>Moves the positions back to what was returned instead of remembering it.</summary>
    private void StartOver(PriorityQueue<long, long> returned)
    {
        while (returned.TryDequeue(out var token, out _))
        {
            ref var position = ref _positions[QueueIndex.LevelOf(token)];
            position = Math.Min(position, QueueIndex.SequenceOf(token));
        }
    }
}
