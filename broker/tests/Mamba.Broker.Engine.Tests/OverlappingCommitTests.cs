using System.Globalization;

namespace Mamba.Broker.Engine.Tests;

/// <summary>
/// Several commits on their way through the journal at once. A disk whose syncs are held up makes sure that they are.
/// </summary>
internal sealed class OverlappingCommitTests
{
    private const int Transactions = 50;
    private const int Messages = 10;

    private HeldDisk _disk = null!;
    private TestBed _bed = null!;

    [SetUp]
    public void Open()
    {
        _disk = new HeldDisk();
        _bed = new TestBed(options => options with { Sync = true, Files = _disk });
    }

    [TearDown]
    public async Task Close()
    {
        _disk.LetGo();
        await _bed.DisposeAsync();
        _disk.Dispose();
    }

    [Test]
    public async Task All_of_them_share_one_sync_and_take_effect_in_order()
    {
        var queue = await _bed.QueueAsync();
        var log = new CommitLog();
        _disk.Hold();
        Begin(queue, "first", 1).Commit(log.Observer(-1));
        _disk.WaitUntilHeld();
        for (var i = 0; i < Transactions; i++)
        {
            Begin(queue, $"{i}", Messages).Commit(log.Observer(i));
        }

        Assert.That(log.Answers, Is.Empty, "nothing is answered before it is on disk");
        Assert.That(TestBed.Consume(queue).TryTake(), Is.Null, "nor visible");
        var syncs = _disk.Syncs;
        _disk.LetGo();
        log.WaitFor(Transactions + 1);
        Assert.That(_disk.Syncs - syncs, Is.LessThanOrEqualTo(2), "one for the first, one for all others");
        Assert.That(log.Answers, Is.EqualTo(Enumerable.Range(-1, Transactions + 1).Select(static i => (i, CommitOutcome.Committed))));
        var expected = Enumerable.Range(0, Transactions).SelectMany(static i => Texts($"{i}", Messages));
        Assert.That(_bed.Drain("q"), Is.EqualTo(expected.Prepend("first.0")));
    }

    [Test]
    public async Task Rollbacks_between_them_leave_no_trace()
    {
        var queue = await _bed.QueueAsync(options: new NodeOptions { MaxMessages = (Transactions * Messages) + 1 });
        var log = new CommitLog();
        _disk.Hold();
        Begin(queue, "first", 1).Commit(log.Observer(-1));
        _disk.WaitUntilHeld();
        for (var i = 0; i < Transactions; i++)
        {
            var unit = Begin(queue, $"{i}", Messages);
            if (i % 2 == 0)
            {
                unit.Commit(log.Observer(i));
            }
            else
            {
                unit.Rollback();
            }
        }

        _disk.LetGo();
        log.WaitFor((Transactions / 2) + 1);
        Assert.That(_bed.Drain("q"), Has.Count.EqualTo(1 + (Transactions / 2 * Messages)).And.None.StartsWith("1.").And.None.StartsWith("49."));
        Assert.That(Begin(queue, "again", (Transactions * Messages) + 1).Operations, Is.EqualTo((Transactions * Messages) + 1), "their room is free");
    }

    [Test]
    public async Task A_broken_disk_rolls_all_of_them_back()
    {
        var queue = await _bed.QueueAsync(options: new NodeOptions { MaxMessages = Transactions * Messages });
        _bed.Publish(queue, "taken");
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        var log = new CommitLog();
        _disk.Hold();
        var first = Begin(queue, "first", 1);
        Assert.That(first.AddSettle(consumer.Subscription, Settlement.Accept(taken.Token)), Is.True);
        first.Commit(log.Observer(0));
        _disk.WaitUntilHeld();
        for (var i = 1; i < Transactions - 1; i++)
        {
            Begin(queue, $"{i}", Messages).Commit(log.Observer(i));
        }

        _disk.Fails = true;
        _disk.LetGo();
        log.WaitFor(Transactions - 1);
        Begin(queue, "late", 1).Commit(log.Observer(Transactions - 1));
        log.WaitFor(Transactions);
        Assert.That(log.Answers, Is.EquivalentTo(Enumerable.Range(0, Transactions).Select(static i => (i, CommitOutcome.RolledBack))));
        Assert.That(consumer.Take().Text, Is.EqualTo("taken"), "what was acknowledged is back");
        Assert.That(consumer.TryTake(), Is.Null, "what was sent is nowhere");
        Assert.That(Begin(queue, "again", (Transactions * Messages) - 1).Operations, Is.EqualTo((Transactions * Messages) - 1), "its room is free");
    }

    [Test]
    public async Task Commits_of_several_threads_are_whole_and_in_each_threads_order()
    {
        const int Threads = 4;
        var queue = await _bed.QueueAsync();
        var log = new CommitLog();
        var workers = Enumerable.Range(0, Threads).Select(t => Task.Run(() =>
        {
            for (var i = 0; i < Transactions; i++)
            {
                Begin(queue, $"{t}-{i}", Messages).Commit(log.Observer(i));
            }
        }));
        await Task.WhenAll(workers);
        log.WaitFor(Threads * Transactions);
        var blocks = _bed.Drain("q").Chunk(Messages).ToList();
        Assert.That(blocks.TrueForAll(static block => block.SequenceEqual(Texts(block[0][..^2], Messages))), Is.True, "no transaction is torn");
        for (var t = 0; t < Threads; t++)
        {
            var mine = blocks.FindAll(block => block[0].StartsWith($"{t}-", StringComparison.Ordinal)).ConvertAll(NumberOf);
            Assert.That(mine, Is.EqualTo(Enumerable.Range(0, Transactions)));
        }

        static int NumberOf(string[] block) => int.Parse(block[0][2..^2], CultureInfo.InvariantCulture);
    }

    [Test]
    public async Task A_transaction_that_has_ended_reaches_no_other_one()
    {
        var queue = await _bed.QueueAsync();
        var ended = Begin(queue, "ended", 1);
        ended.Rollback();
        var other = Begin(queue, "other", 1);
        ended.Rollback();
        Assert.That(ended.HasEnded, Is.True);
        Assert.That(() => ended.AddPublish(queue, _bed.Message("x")), Throws.InvalidOperationException);
        Assert.That(() => ended.Commit(new CommitRecorder()), Throws.InvalidOperationException);
        var log = new CommitLog();
        other.Commit(log.Observer(0));
        log.WaitFor(1);
        Assert.That(_bed.Drain("q"), Is.EqualTo(new[] { "other.0" }));
    }

    [Test]
    public async Task The_commit_of_one_that_was_marked_and_rolled_back_says_why()
    {
        var unit = Begin(await _bed.QueueAsync(), "x", 1);
        unit.MarkRollbackOnly("too old");
        unit.Rollback();
        var recorder = new CommitRecorder();
        unit.Commit(recorder);
        Assert.That(await recorder.Task, Is.EqualTo((CommitOutcome.RolledBack, "too old")));
    }

    private static IEnumerable<string> Texts(string name, int count) => Enumerable.Range(0, count).Select(i => $"{name}.{i}");

    private UnitOfWork Begin(IMessageNode queue, string name, int messages)
    {
        var unit = _bed.Engine.BeginTransaction();
        foreach (var text in Texts(name, messages))
        {
            unit.AddPublish(queue, _bed.Message(text));
        }

        return unit;
    }

    /// <summary>The answers to commits in the order they came.</summary>
    private sealed class CommitLog
    {
        private readonly Lock _gate = new();
        private readonly List<(int Number, CommitOutcome Outcome)> _answers = [];

        public List<(int Number, CommitOutcome Outcome)> Answers
        {
            get
            {
                lock (_gate)
                {
                    return [.. _answers];
                }
            }
        }

        public ICommitObserver Observer(int number) => new Numbered(this, number);

        public void WaitFor(int count) => TestBed.WaitUntil(() => Answers.Count >= count, $"{count} answers");

        private sealed class Numbered(CommitLog log, int number) : ICommitObserver
        {
            public void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason)
            {
                lock (log._gate)
                {
                    log._answers.Add((number, outcome));
                }
            }
        }
    }
}
