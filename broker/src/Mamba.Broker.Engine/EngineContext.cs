using System.Collections.Concurrent;

namespace Mamba.Broker.Engine;

/// <summary>What every queue of one engine shares. Thread-safe.</summary>
internal sealed class EngineContext
{
    private long _lastMessageId;
    private long _lastQueueId;

    public EngineContext(EngineOptions options, IMessageAnnotator annotator, TimeProvider time, IEngineEvents events)
    {
        Options = options;
        Annotator = annotator;
        Time = time;
        Events = events;
        Budget = new BodyBudget(options.BodyMemoryBytes);
        Deadlines = new DeadlineTimer(this);
        Retention = new Retention(this);
        Duplicates = new DuplicateRegistry(this);
        Diverts = new Diverting(this);
        StartedAt = Now;
    }

    public EngineOptions Options { get; }

    public IMessageAnnotator Annotator { get; }

    public TimeProvider Time { get; }

    public IEngineEvents Events { get; }

    public BodyBudget Budget { get; }

    public DeadlineTimer Deadlines { get; }

    public SegmentLedger Ledger { get; } = new();

    /// <summary>Subscriptions to patterns of topics.</summary>
    public TopicDirectory Topics { get; } = new();

    /// <summary>Topics that keep messages for subscriptions to come.</summary>
    public Retention Retention { get; }

    /// <summary>Rules by which messages go to other addresses.</summary>
    public Diverting Diverts { get; }

    /// <summary>Exchanges and their bindings.</summary>
    public ExchangeDirectory Exchanges { get; } = new();

    /// <summary>What addresses know of the ids of their messages.</summary>
    public DuplicateRegistry Duplicates { get; }

    /// <summary>Every queue there is, by id: plain ones, subscriptions' and temporary ones.</summary>
    public ConcurrentDictionary<uint, QueueHost> Hosts { get; } = new();

    /// <summary>Removals in force that the journal had no room for; tried again now and then.</summary>
    public ConcurrentQueue<(QueueHost Host, RemovedMessage[] Removed)> DeferredRemovals { get; } = new();

    public EngineJournal Journal { get; private set; } = null!;

    public BodyReader Bodies { get; private set; } = null!;

    public DeadLetterRouter Router { get; set; } = null!;

    public AnnotationMerger Merger { get; set; } = null!;

    /// <summary>Unix milliseconds of the start.</summary>
    public long StartedAt { get; }

    /// <summary>Unix milliseconds.</summary>
    public long Now => Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Unix seconds.</summary>
    public uint NowSeconds => (uint)(Now / 1000);

    public ulong LastMessageId => (ulong)Interlocked.Read(ref _lastMessageId);

    public uint LastQueueId => (uint)Interlocked.Read(ref _lastQueueId);

    /// <summary>Takes <paramref name="count"/> message ids in a row; returns the first. Ids rise and are never reused while a trace of them is left.</summary>
    public ulong TakeMessageIds(int count) => (ulong)(Interlocked.Add(ref _lastMessageId, count) - count + 1);

    /// <summary>Below <see cref="NodeSchedules.IdBit"/>, from where on the ids of schedules begin.</summary>
    public uint TakeQueueId() => (uint)checked((int)Interlocked.Increment(ref _lastQueueId));

    public void Start(EngineJournal journal, ulong lastMessageId, uint lastQueueId)
    {
        Journal = journal;
        Bodies = new BodyReader(journal.Inner);
        _lastMessageId = (long)lastMessageId;
        _lastQueueId = lastQueueId;
    }
}
