namespace Mamba.Broker.Engine.Tests.Duplicates;

/// <summary>Ids on their way to the disk, and in transactions: an id counts when its message does.</summary>
internal sealed class DuplicateCommitTests
{
    private HeldDisk _disk = null!;
    private TestBed _bed = null!;
    private IMessageNode _queue = null!;

    [SetUp]
    public async Task Open()
    {
        _disk = new HeldDisk();
        _bed = DuplicateBed.Open(more: options => options with { Sync = true, Files = _disk });
        _queue = await _bed.QueueAsync("once.q");
    }

    [TearDown]
    public async Task Close()
    {
        _disk.LetGo();
        await _bed.DisposeAsync();
        _disk.Dispose();
    }

    [Test]
    public void A_duplicate_is_not_accepted_before_the_first_one_is_on_disk([Values] bool fails)
    {
        _disk.Hold();
        var log = new List<(int, PublishOutcome)>();
        Add(log, 1, "a");
        _disk.WaitUntilHeld();
        Add(log, 2, "a");
        Add(log, 3, "a", durable: false);
        lock (log)
        {
            Assert.That(log, Is.Empty, "nobody is told anything before");
        }

        _disk.Fails = fails;
        _disk.LetGo();
        TestBed.WaitUntil(() => Count(log) == 3, "three answers");
        var first = fails ? PublishOutcome.JournalFailed : PublishOutcome.Accepted;
        var others = fails ? PublishOutcome.JournalFailed : PublishOutcome.Duplicate;
        Assert.That(log, Is.EquivalentTo(new[] { (1, first), (2, others), (3, others) }));
        Assert.That(_queue.Describe().Depth, Is.EqualTo(fails ? 0 : 1));
    }

    [Test]
    public async Task A_rolled_back_id_is_free_again()
    {
        var unit = _bed.Engine.BeginTransaction();
        Assert.That(Add(unit, "a"), Is.EqualTo(PublishOutcome.Accepted));
        unit.Rollback();
        Assert.That(_bed.Once(_queue, "a"), Is.EqualTo(PublishOutcome.Accepted));
        unit = _bed.Engine.BeginTransaction();
        Assert.That(Add(unit, "a"), Is.EqualTo(PublishOutcome.Duplicate), "known before the commit");
        Assert.That(Add(unit, "b"), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(await unit.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));
        Assert.That(_bed.Once(_queue, "b"), Is.EqualTo(PublishOutcome.Duplicate));
        Assert.That(_bed.Drain("once.q"), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(_queue.Describe().Duplicates, Is.EqualTo(2));
    }

    [Test]
    public async Task Of_two_open_transactions_the_first_to_commit_stores_it([Values] bool durable)
    {
        var one = _bed.Engine.BeginTransaction();
        var two = _bed.Engine.BeginTransaction();
        Assert.That((Add(one, "a", "1", durable), Add(two, "a", "2", durable), Add(one, "only 1", null, durable), Add(two, "only 2", null, durable)),
            Is.EqualTo((PublishOutcome.Accepted, PublishOutcome.Accepted, PublishOutcome.Accepted, PublishOutcome.Accepted)));
        Assert.That(await two.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));
        Assert.That(await one.CommitAsync(), Is.EqualTo(CommitOutcome.Committed), "the rest of it is not touched");
        Assert.That((two.LeftDuplicatesOut, one.LeftDuplicatesOut), Is.EqualTo((false, true)));
        Assert.That(_bed.Drain("once.q"), Is.EqualTo(new[] { "2", "only 2", "only 1" }));
        Assert.That(_queue.Describe().Duplicates, Is.EqualTo(1));
    }

    [Test]
    public async Task Twice_in_one_transaction_counts_once()
    {
        var unit = _bed.Engine.BeginTransaction();
        Add(unit, "b", "1");
        Add(unit, "a", "2");
        Add(unit, "b", "3");
        Add(unit, "a", "4");
        Add(unit, "b", "5");
        await unit.CommitAsync();
        Assert.That(_bed.Drain("once.q"), Is.EqualTo(new[] { "1", "2" }));
        Assert.That(_queue.Describe().Duplicates, Is.EqualTo(3));
    }

    [Test]
    public async Task A_commit_waits_for_an_id_that_is_on_its_way()
    {
        var unit = _bed.Engine.BeginTransaction();
        Add(unit, "a", "in the transaction");
        Add(unit, "b");
        _disk.Hold();
        var first = _bed.Start(_queue, [("a", "first")]);
        _disk.WaitUntilHeld();
        var commit = unit.CommitAsync();
        Assert.That(commit.IsCompleted, Is.False);
        _disk.LetGo();
        Assert.That(first.Wait()[0], Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(await commit, Is.EqualTo(CommitOutcome.Committed));
        Assert.That(_bed.Drain("once.q"), Is.EqualTo(new[] { "first", "b" }));
    }

    [Test]
    public async Task Commits_that_want_each_others_ids_all_end()
    {
        var committed = await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            var outcomes = new List<CommitOutcome>();
            for (var round = 0; round < 100; round++)
            {
                var unit = _bed.Engine.BeginTransaction();
                for (var i = 0; i < 5; i++)
                {
                    Add(unit, $"{round}.{random.Next(8)}");
                }

                outcomes.Add(await unit.CommitAsync());
            }

            return outcomes;
        })));
        Assert.That(committed.SelectMany(static all => all), Is.All.EqualTo(CommitOutcome.Committed));
        Assert.That(_bed.Drain("once.q"), Is.Unique);
    }

    [Test]
    public async Task A_commit_that_fails_frees_what_it_claimed_and_tells_who_waits()
    {
        var unit = _bed.Engine.BeginTransaction();
        Add(unit, "a");
        _disk.Hold();
        _bed.Start(_queue, [("other", "other")]);
        _disk.WaitUntilHeld();
        var commit = unit.CommitAsync();
        var waiting = _bed.Start(_queue, [("a", "a")]);
        _disk.Fails = true;
        _disk.LetGo();
        Assert.That(await commit, Is.EqualTo(CommitOutcome.RolledBack));
        Assert.That(waiting.Wait()[0], Is.EqualTo(PublishOutcome.JournalFailed));
        Assert.That(_queue.Duplicates!.Count, Is.Zero);
    }

    private PublishOutcome Add(UnitOfWork unit, string id, string? text = null, bool durable = true) =>
        unit.AddPublish(_queue, _bed.Message(text ?? id, durable), _queue.IdOf(id));

    private void Add(List<(int, PublishOutcome)> log, int number, string id, bool durable = true)
    {
        var batch = PublishBatch.Rent();
        batch.Add(_queue, _bed.Message($"{number}", durable), new Observer(log), number, _queue.IdOf(id));
        _bed.Engine.Publish(batch);
    }

    private static int Count(List<(int, PublishOutcome)> log)
    {
        lock (log)
        {
            return log.Count;
        }
    }

    private sealed class Observer(List<(int, PublishOutcome)> log) : IPublishObserver
    {
        public void OnPublished(ReadOnlySpan<PublishResult> results)
        {
            lock (log)
            {
                foreach (var result in results)
                {
                    log.Add(((int)result.Token, result.Outcome));
                }
            }
        }
    }
}
