namespace Mamba.Broker.Engine;

/// <summary>
/// The consumers of one priority that take messages from the head of the queue, and which of them wait. Those that want to be woken
/// stand in line, the longest waiting first. Everything takes constant time however many there are, except for passing
/// over those in line that have seen the version at hand. Guarded by the queue's lock.
/// </summary>
internal sealed class ConsumerBand(int priority)
{
    private QueueConsumer? _first;
    private QueueConsumer? _last;
    private int _armed;
    private int _seen;
    private long _seenVersion = -1;

    public int Priority => priority;

    public int Members { get; set; }

    /// <summary>Consumers that were woken and have not come yet.</summary>
    public int Signalled { get; private set; }

    /// <summary>Consumers that wait and have not seen all of this version.</summary>
    public int Waiting(long version) => Signalled + Unseen(version);

    /// <summary>Takes a consumer out of what it waited for, if it did.</summary>
    public void Leave(QueueConsumer consumer)
    {
        if (consumer.Wait == ConsumerWait.Armed)
        {
            Unlink(consumer);
        }
        else if (consumer.Wait == ConsumerWait.Signalled)
        {
            Signalled--;
        }

        consumer.Wait = ConsumerWait.Idle;
    }

    /// <summary>Puts a consumer that waits for nothing at the end of the line. Versions only grow from call to call, apart from -1.</summary>
    public void Arm(QueueConsumer consumer, long seenVersion)
    {
        consumer.Wait = ConsumerWait.Armed;
        consumer.SeenVersion = seenVersion;
        (consumer.Ahead, consumer.Behind) = (_last, null);
        if (_last is null)
        {
            _first = consumer;
        }
        else
        {
            _last.Behind = consumer;
        }

        _last = consumer;
        _armed++;
        if (seenVersion >= 0)
        {
            _seen = seenVersion == _seenVersion ? _seen + 1 : 1;
            _seenVersion = seenVersion;
        }
    }

    /// <summary>Wakes the first <paramref name="needed"/> in line that have not seen all of this version.</summary>
    public void Wake(long needed, long version, List<QueueConsumer> signals)
    {
        for (var consumer = _first; consumer is not null && needed > 0 && Unseen(version) > 0;)
        {
            var behind = consumer.Behind;
            if (consumer.SeenVersion != version)
            {
                needed--;
                Signal(consumer, signals);
            }

            consumer = behind;
        }
    }

    /// <summary>Wakes a consumer that stands in line.</summary>
    public void Signal(QueueConsumer consumer, List<QueueConsumer> signals)
    {
        Unlink(consumer);
        Signalled++;
        consumer.Wait = ConsumerWait.Signalled;
        signals.Add(consumer);
    }

    private int Unseen(long version) => _armed - (_seenVersion == version ? _seen : 0);

    private void Unlink(QueueConsumer consumer)
    {
        if (consumer.Ahead is { } ahead)
        {
            ahead.Behind = consumer.Behind;
        }
        else
        {
            _first = consumer.Behind;
        }

        if (consumer.Behind is { } behind)
        {
            behind.Ahead = consumer.Ahead;
        }
        else
        {
            _last = consumer.Ahead;
        }

        (consumer.Ahead, consumer.Behind) = (null, null);
        _armed--;
        _seen -= consumer.SeenVersion >= 0 && consumer.SeenVersion == _seenVersion ? 1 : 0;
    }
}
