using System.Globalization;
using System.Text;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Engine.Tests;

/// <summary>An engine in a folder of its own, with a manual clock; can be closed, crashed (the folder copied) and opened again.</summary>
internal sealed class TestBed : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<MessageEngine> _engines = [];
    private readonly List<string> _directories = [];

    public TestBed(Func<EngineOptions, EngineOptions>? configure = null)
    {
        Configure = configure ?? (static options => options);
        Directory = NewDirectory();
        Engine = OpenEngine(Directory);
    }

    public Func<EngineOptions, EngineOptions> Configure { get; set; }

    public ManualClock Clock { get; } = new();

    public RecordedEvents Events { get; } = new();

    public TextAnnotator Annotator { get; } = new();

    public string Directory { get; private set; }

    public MessageEngine Engine { get; private set; }

    public async Task<IMessageNode> QueueAsync(string address = "q", NodeOptions? options = null) =>
        await Engine.GetOrCreateAsync(address, NodeKind.Queue, options);

    public async Task<IMessageNode> TopicAsync(string address = "t", NodeOptions? options = null) =>
        await Engine.GetOrCreateAsync(address, NodeKind.Topic, options);

    /// <summary>Closes the engine and opens it again in the same folder.</summary>
    public async Task RestartAsync()
    {
        await Engine.DisposeAsync();
        Engine = OpenEngine(Directory);
    }

    /// <summary>Copies the folder as a crash would leave it, and opens the copy; the old engine is closed afterwards.</summary>
    public async Task CrashAsync()
    {
        // A crash is one moment, a copy is not: nothing may be compacted meanwhile.
        await Engine.Compactor.Turn.WaitAsync();
        var copy = CopyFolder();
        Engine.Compactor.Turn.Release();
        var old = Engine;
        Directory = copy;
        Engine = OpenEngine(copy);
        await old.DisposeAsync();
    }

    /// <summary>The folder as it is now, oldest file first; the caller makes sure that nothing is appended meanwhile.</summary>
    public string CopyFolder()
    {
        var copy = NewDirectory();
        foreach (var file in System.IO.Directory.GetFiles(Directory).Order(StringComparer.Ordinal))
        {
            try
            {
                if (!file.EndsWith(".lock", StringComparison.Ordinal))
                {
                    File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
                }
            }
            catch (FileNotFoundException)
            {
                // Given up before, and deleted just now: a later file says so.
                TestContext.Out.WriteLine($"{file} went away");
            }
        }

        return copy;
    }

    /// <summary>Opens a copied folder beside the running engine.</summary>
    public MessageEngine OpenCopy(string directory) => OpenEngine(directory);

    public PublishOutcome Publish(IMessageNode node, string text, bool durable = true, byte priority = 4, long ttl = 0, long delay = 0, object? origin = null) =>
        PublishAll(node, [text], durable, priority, ttl, delay, origin)[0];

    /// <summary>Publishes in one batch and waits for all outcomes.</summary>
    public PublishOutcome[] PublishAll(
        IMessageNode node, IReadOnlyList<string> texts, bool durable = true, byte priority = 4, long ttl = 0, long delay = 0, object? origin = null)
    {
        var observer = new PublishRecorder(texts.Count);
        var batch = PublishBatch.Rent();
        for (var i = 0; i < texts.Count; i++)
        {
            batch.Add(node, Message(texts[i], durable, priority, ttl, delay, origin), observer, i);
        }

        Engine.Publish(batch);
        return observer.Wait();
    }

    /// <summary>Unix milliseconds.</summary>
    public long Now => Clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Publishes one message and waits for the outcome.</summary>
    public PublishOutcome PublishMessage(IMessageNode node, StoredMessage message)
    {
        var observer = new PublishRecorder(1);
        var batch = PublishBatch.Rent();
        batch.Add(node, message, observer, 0);
        Engine.Publish(batch);
        return observer.Wait()[0];
    }

    /// <summary>Waits until all that was done before is on disk, removals too: the journal is written in order.</summary>
    public async Task UntilWrittenAsync() => Assert.That(Publish(await QueueAsync("behind"), "last"), Is.EqualTo(PublishOutcome.Accepted));

    /// <summary>Waits until so many messages wait for their time.</summary>
    public void UntilScheduled(int count) => WaitUntil(
        () => Engine.ListScheduledAsync(new ScheduledQuery()).GetAwaiter().GetResult().Count == count, $"{count} messages that wait for their time");

    public StoredMessage Message(string text, bool durable = true, byte priority = 4, long ttl = 0, long delay = 0, object? origin = null)
    {
        var message = StoredMessage.Rent(Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, message.Buffer);
        message.Durable = durable;
        message.Priority = priority;
        message.ExpiresAt = ttl == 0 ? 0 : Clock.GetUtcNow().ToUnixTimeMilliseconds() + ttl;
        message.DeliverAt = delay == 0 ? 0 : Clock.GetUtcNow().ToUnixTimeMilliseconds() + delay;
        message.Origin = origin;
        return message;
    }

    public static TestConsumer Consume(IMessageNode node, SubscribeOptions? options = null) =>
        new(subscriber => node.Subscribe(options ?? new SubscribeOptions(), subscriber));

    public static TestConsumer Consume(ISubscriptionNode node, SubscribeOptions? options = null) =>
        new(subscriber => node.Subscribe(options ?? new SubscribeOptions(), subscriber));

    /// <summary>Takes and accepts everything on a queue.</summary>
    public List<string> Drain(string address) => Drain(Engine, address);

    public static List<string> Drain(MessageEngine engine, string address)
    {
        if (engine.Find(address) is not { } node)
        {
            return [];
        }

        var consumer = Consume(node);
        var texts = new List<string>();
        while (consumer.TryTake() is { } taken)
        {
            texts.Add(taken.Text);
            consumer.Accept(taken);
        }

        consumer.Close();
        return texts;
    }

    public long DepthOf(string address) => Engine.Find(address)?.Describe().Depth ?? 0;

    public static void WaitUntil(Func<bool> condition, string what) =>
        Assert.That(SpinWait.SpinUntil(condition, Patience), Is.True, $"Waited in vain for: {what}");

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in _engines)
        {
            await engine.DisposeAsync();
        }

        foreach (var directory in _directories)
        {
            System.IO.Directory.Delete(directory, recursive: true);
        }
    }

    private string NewDirectory()
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("mamba-engine-").FullName;
        _directories.Add(directory);
        return directory;
    }

    private MessageEngine OpenEngine(string directory)
    {
        var options = Configure(new EngineOptions { Directory = directory, SegmentBytes = 1024 * 1024, Sync = false });
        var engine = MessageEngine.Open(options, Annotator, Clock, Events);
        _engines.Add(engine);
        return engine;
    }
}

/// <summary>Waits for the outcomes of one batch.</summary>
internal sealed class PublishRecorder(int expected) : IPublishObserver
{
    private readonly PublishOutcome[] _outcomes = new PublishOutcome[expected];
    private readonly CountdownEvent _left = new(expected);

    public void OnPublished(ReadOnlySpan<PublishResult> results)
    {
        foreach (var result in results)
        {
            _outcomes[result.Token] = result.Outcome;
            _left.Signal();
        }
    }

    public PublishOutcome[] Wait()
    {
        Assert.That(_left.Wait(TimeSpan.FromSeconds(60)), Is.True, "A publish was not answered.");
        return _outcomes;
    }
}

/// <summary>Waits for settlements.</summary>
internal sealed class SettleRecorder(int expected) : ISettleObserver
{
    private readonly List<SettleResult> _results = [];
    private readonly CountdownEvent _left = new(expected);

    public void OnSettled(ReadOnlySpan<SettleResult> results)
    {
        foreach (var result in results)
        {
            lock (_results)
            {
                _results.Add(result);
            }

            _left.Signal();
        }
    }

    public List<SettleResult> Wait()
    {
        Assert.That(_left.Wait(TimeSpan.FromSeconds(60)), Is.True, "A settlement was not answered.");
        return _results;
    }
}

internal sealed class CommitRecorder : ICommitObserver
{
    private readonly TaskCompletionSource<(CommitOutcome, string?)> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<(CommitOutcome Outcome, string? Reason)> Task => _done.Task;

    public void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason) => _done.SetResult((outcome, reason));
}

internal sealed record Taken(long Token, string Text, uint DeliveryCount, bool FirstAcquirer, AcquiredMessage Raw);

/// <summary>A consumer that takes one message at a time.</summary>
internal sealed class TestConsumer : ISubscriber
{
    private int _ready;
    private int _deleted;

    public TestConsumer(Func<ISubscriber, ISubscription> subscribe) => Subscription = subscribe(this);

    public ISubscription Subscription { get; }

    public int ReadyCount => Volatile.Read(ref _ready);

    public bool NodeDeleted => Volatile.Read(ref _deleted) == 1;

    public void OnReady() => Interlocked.Increment(ref _ready);

    public void OnNodeDeleted() => Volatile.Write(ref _deleted, 1);

    public Taken? TryTake() => TakeUpTo(1) is [var one] ? one : null;

    public Taken Take()
    {
        Taken? taken = null;
        TestBed.WaitUntil(() => (taken = TryTake()) is not null, "a message");
        return taken!;
    }

    public List<Taken> TakeUpTo(int count)
    {
        var buffer = new AcquiredMessage[count];
        var acquired = Subscription.Acquire(buffer);
        var list = new List<Taken>();
        for (var i = 0; i < acquired; i++)
        {
            var message = buffer[i].Message ?? Subscription.LoadBody(buffer[i]);
            list.Add(new Taken(buffer[i].Token, Encoding.UTF8.GetString(message!.Span), buffer[i].DeliveryCount, buffer[i].FirstAcquirer, buffer[i]));
            message.Release();
        }

        return list;
    }

    /// <summary>Takes until <paramref name="count"/> messages are there.</summary>
    public List<Taken> TakeExactly(int count)
    {
        var list = new List<Taken>();
        TestBed.WaitUntil(() =>
        {
            list.AddRange(TakeUpTo(count - list.Count));
            return list.Count == count;
        }, $"{count} messages");
        return list;
    }

    public void Accept(Taken taken) => Settle(Settlement.Accept(taken.Token));

    public void Settle(Settlement settlement) => Subscription.Settle([settlement], null);

    /// <summary>Settles and waits until it is on disk.</summary>
    public SettleStatus SettleAndWait(Settlement settlement)
    {
        var observer = new SettleRecorder(1);
        Subscription.Settle([settlement], observer);
        return observer.Wait()[0].Status;
    }

    public void Close(SettleOnClose mode = SettleOnClose.Released) => Subscription.Close(mode);
}

/// <summary>Writes what it is told behind the text, so that tests can read it.</summary>
internal sealed class TextAnnotator : IMessageAnnotator
{
    /// <summary>Called whenever a message's key is read.</summary>
    public Action? OnKey { get; set; }

    public StoredMessage DeadLetter(StoredMessage original, in DeadLetterInfo info) => Append(
        original, $"|{info.Reason},{info.OriginalAddress},{info.SubscriptionName},{info.DeliveryCount},{info.ErrorCondition}");

    public StoredMessage MergeAnnotations(StoredMessage original, ReadOnlySpan<byte> annotations) =>
        Append(original, "+" + Encoding.UTF8.GetString(annotations), annotations.Contains((byte)'~'));

    /// <summary>Reads what stands behind a tilde: "text~500,3" is a delay of 500 ms and at most 3 deliveries; either may be left out.</summary>
    public MessageRetry RetryOf(StoredMessage message)
    {
        var text = Encoding.UTF8.GetString(message.Span);
        var parts = text[(text.LastIndexOf('~') + 1)..].Split(',');
        return new MessageRetry(
            parts[0].Length == 0 ? null : long.Parse(parts[0], CultureInfo.InvariantCulture),
            parts[1].Length == 0 ? null : int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    public StoredMessage Scheduled(StoredMessage original, ulong scheduleId, long instant) => Append(original, $"@{instant}");

    /// <summary>In the tests a message's key is what stands before the first '='.</summary>
    public string? LastValueKey(StoredMessage message, string name)
    {
        OnKey?.Invoke();
        var text = Encoding.UTF8.GetString(message.Span);
        return text.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? text[..at] : null;
    }

    public StoredMessage Diverted(StoredMessage original, string address) => Append(original, $"<{address}");

    public IMessageFilter MakeFilter(string selector) =>
        selector.Length > 0 ? new TextFilter(selector) : throw new EngineException(EngineError.NotAllowed, "The selector is empty.");

    /// <summary>A filter that begins with '?' is of another version.</summary>
    public IMessageFilter? RestoreFilter(ReadOnlyMemory<byte> definition) => definition.IsEmpty ? null
        : definition.Span[0] == '?' ? throw new EngineException(EngineError.Mismatch, "it begins with a question mark")
        : new TextFilter(Encoding.UTF8.GetString(definition.Span));

    private static StoredMessage Append(StoredMessage original, string suffix, bool ownRetry = false)
    {
        var copy = original.RentSimilar(original.Length + Encoding.UTF8.GetByteCount(suffix));
        original.Span.CopyTo(copy.Buffer);
        Encoding.UTF8.GetBytes(suffix, copy.Buffer.AsSpan(original.Length));
        copy.HasOwnRetry |= ownRetry;
        return copy;
    }
}

/// <summary>Matches messages whose text begins with a prefix.</summary>
internal sealed class TextFilter(string prefix) : IMessageFilter
{
    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(prefix);

    public ReadOnlyMemory<byte> Definition => _prefix;

    public bool Matches(StoredMessage message, uint deliveryCount) => message.Span.StartsWith(_prefix);
}

internal sealed class RecordedEvents : IEngineEvents
{
    private readonly Lock _gate = new();

    public List<string> Lines { get; } = [];

    public long RecoveredMessages { get; private set; }

    public TimeSpan RecoveryTook { get; private set; }

    public void MessageMoved(string from, string? target, DeadLetterReason reason, uint deliveryCount) => Add($"moved {from} {target} {reason} {deliveryCount}");

    public void Recovered(long messages, int nodes, TimeSpan took)
    {
        RecoveredMessages = messages;
        RecoveryTook = took;
    }

    public void MessageDamaged(string queue, ulong messageId, Exception cause) => Add($"damaged {queue} {messageId}");

    public void SegmentDeleted(long segment, int relocated) => Add($"segment {segment} {relocated}");

    public void BackgroundFailure(string what, Exception cause) => Add($"failure {what}: {cause.Message}");

    public int Count(string start)
    {
        lock (_gate)
        {
            return Lines.Count(line => line.StartsWith(start, StringComparison.Ordinal));
        }
    }

    private void Add(string line)
    {
        lock (_gate)
        {
            Lines.Add(line);
        }
    }
}
