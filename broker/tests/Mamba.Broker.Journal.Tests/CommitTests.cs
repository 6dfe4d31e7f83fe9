using static Mamba.Broker.Journal.Tests.JournalTestExtensions;

namespace Mamba.Broker.Journal.Tests;

/// <summary>Order, failure, bounds and cost of the group commit.</summary>
[CancelAfter(120_000)]
public sealed class CommitTests
{
    private static JournalOptions Options(FaultyDisk disk) => new()
    {
        Directory = "/faulty",
        SegmentSize = 64 * 1024,
        Files = disk,
        CheckpointAfterIdle = Timeout.InfiniteTimeSpan,
    };

    private static JournalBatch Batch(Journal journal, int seed, int length)
    {
        var batch = journal.RentBatch();
        batch.BeginRecord();
        batch.Write(Payload(seed, length));
        batch.EndRecord();
        return batch;
    }

    /// <summary>T-13: at every completion of a synced append, the sync that covers it has returned.</summary>
    [Test]
    public async Task No_completion_comes_before_the_covering_sync_returned()
    {
        var disk = new FaultyDisk();
        using var syncMayGo = new SemaphoreSlim(0);
        using var syncReached = new SemaphoreSlim(0);
        using var journal = Journal.Open(Options(disk), new Replayed());
        disk.Before = (operation, _) =>
        {
            if (operation == "sync")
            {
                syncReached.Release();
                syncMayGo.Wait();
            }
        };
        for (var round = 0; round < 50; round++)
        {
            using var batch = Batch(journal, round, 100);
            var outcome = new Outcome();
            journal.Append(batch, sync: true, outcome);
            await syncReached.WaitAsync();
            using var later = Batch(journal, round, 100);
            var laterOutcome = new Outcome();
            journal.Append(later, sync: true, laterOutcome);
            Assert.That(outcome.Task.IsCompleted, Is.False, "Written, but the sync has not returned.");
            syncMayGo.Release();
            await outcome.Within();
            await syncReached.WaitAsync();
            Assert.That(laterOutcome.Task.IsCompleted, Is.False, "The sync of the group before does not cover it.");
            syncMayGo.Release();
            await laterOutcome.Within();
        }

        disk.Before = null;
    }

    [TestCase("sync")]
    [TestCase("write")]
    public async Task A_failed_call_is_final_and_never_tried_again(string failing)
    {
        var disk = new FaultyDisk();
        using var journal = Journal.Open(Options(disk), new Replayed());
        await journal.Store(Payload(1, 100));
        var calls = 0;
        disk.Before = (operation, name) =>
        {
            if (operation == failing)
            {
                calls++;
                throw new JournalFileException(operation, name, 5);
            }
        };
        var failure = Assert.ThrowsAsync<JournalFailedException>(() => journal.Store(Payload(2, 100)));
        Assert.That(failure!.Message, Does.Contain("errno 5").And.Contain("restart"));
        Assert.That(journal.HasFailed);
        Assert.That(journal.Failure, Is.SameAs(failure));
        using var batch = Batch(journal, 3, 100);
        Assert.That(() => journal.Append(batch, sync: false, completion: null), Throws.TypeOf<JournalFailedException>());
        Assert.That(() => journal.DeleteSegment(1), Throws.TypeOf<JournalFailedException>());
        journal.Dispose();
        Assert.That(calls, Is.EqualTo(1));
    }

    [Test]
    public async Task Completions_come_in_the_order_of_addresses_from_eight_threads_over_many_segments()
    {
        const int PerThread = 400;
        using var folder = new TestFolder();
        var order = new List<int>();
        var appended = new Dictionary<int, (RecordAddress Address, byte[] Payload)>();
        using (var journal = Journal.Open(new JournalOptions { Directory = folder.Path, SegmentSize = 64 * 1024 }, new Replayed()))
        {
            using var left = new CountdownEvent(8 * PerThread);
            var threads = Enumerable.Range(0, 8).Select(thread => Task.Factory.StartNew(
                () =>
                {
                    for (var i = 0; i < PerThread; i++)
                    {
                        var id = (thread * PerThread) + i;
                        var payload = Payload(id, (id * 37 % 900) + 4);
                        using var batch = journal.RentBatch();
                        batch.BeginRecord();
                        batch.Write(payload);
                        batch.EndRecord();
                        journal.Append(batch, sync: i % 2 == 0, new Note(order, id, left));
                        var address = batch.AddressOf(0);
                        Assert.That(journal.ReadAll(address).AsSpan().SequenceEqual(payload), "Read back, pending or written.");
                        lock (appended)
                        {
                            appended.Add(id, (address, payload));
                        }
                    }
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
            await Task.WhenAll(threads);
            Assert.That(left.Wait(30_000));
            Assert.That(journal.Segments, Has.Count.GreaterThan(10));
        }

        var addresses = order.ConvertAll(id => appended[id].Address);
        Assert.That(addresses.Zip(addresses.Skip(1)).All(pair => pair.First < pair.Second), "Completions out of append order.");
        var replayed = new Replayed();
        Journal.Open(new JournalOptions { Directory = folder.Path, SegmentSize = 64 * 1024 }, replayed).Dispose();
        Assert.That(replayed.SameAs(order.ConvertAll(id => appended[id])));
    }

    [Test]
    public async Task A_pending_record_can_be_read_before_it_is_written()
    {
        var disk = new FaultyDisk();
        using var writeMayGo = new ManualResetEventSlim();
        using var journal = Journal.Open(Options(disk), new Replayed());
        disk.Before = (operation, _) =>
        {
            if (operation == "write")
            {
                writeMayGo.Wait();
            }
        };
        var payload = Payload(7, 5000);
        var outcome = new Outcome();
        using var batch = Batch(journal, 7, 5000);
        journal.Append(batch, sync: true, outcome);
        var address = batch.AddressOf(0);
        var part = new byte[100];
        Assert.That(journal.Read(address, 4950, part), Is.EqualTo(50));
        Assert.That(part[..50], Is.EqualTo(payload[4950..]));
        Assert.That(journal.ReadAll(address).AsSpan().SequenceEqual(payload));
        Assert.That(() => journal.LengthOf(new RecordAddress(address.Segment, address.Offset + 8)), Throws.TypeOf<JournalException>());
        writeMayGo.Set();
        await outcome.Within();
        Assert.That(journal.Read(address, 4950, part), Is.EqualTo(50));
        Assert.That(part[..50], Is.EqualTo(payload[4950..]));
        Assert.That(journal.Read(address, 6000, part), Is.Zero);
    }

    [Test]
    public async Task Too_much_pending_is_refused_or_waited_for()
    {
        var disk = new FaultyDisk();
        using var writeMayGo = new ManualResetEventSlim();
        using var journal = Journal.Open(Options(disk) with { MaxPendingBytes = 10_000 }, new Replayed());
        disk.Before = (operation, _) =>
        {
            if (operation == "write")
            {
                writeMayGo.Wait();
            }
        };
        var outcomes = new List<Outcome>();
        while (true)
        {
            using var batch = Batch(journal, 1, 1000);
            var outcome = new Outcome();
            if (!journal.TryAppend(batch, sync: true, outcome))
            {
                break;
            }

            outcomes.Add(outcome);
        }

        Assert.That(outcomes, Has.Count.EqualTo(9));
        Assert.That(journal.PendingBytes, Is.LessThanOrEqualTo(10_000));
        var waiting = Task.Factory.StartNew(() => journal.Store(Payload(2, 5000)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        Assert.That(waiting.IsCompleted, Is.False);
        writeMayGo.Set();
        await Task.WhenAll(outcomes.Select(outcome => outcome.Within()));
        await waiting.WaitAsync(TimeSpan.FromSeconds(30));
        await journal.Store(Payload(3, 50_000));
        await journal.WaitForRoomAsync();
    }

    [Test]
    public async Task A_full_disk_refuses_cleanly_and_goes_on_when_there_is_space()
    {
        var disk = new FaultyDisk { Capacity = 4 * 64 * 1024 };
        using var journal = Journal.Open(Options(disk), new Replayed());
        var stored = new List<RecordAddress>();
        JournalFullException? full = null;
        while (full is null)
        {
            try
            {
                stored.Add(await journal.Store(Payload(stored.Count, 3000)));
            }
            catch (JournalFullException exception)
            {
                full = exception;
            }
        }

        Assert.That(full.Message, Does.Contain("no room").And.Contain("Free space"));
        Assert.That(journal.HasFailed, Is.False);
        Assert.ThrowsAsync<JournalFullException>(() => journal.Store(Payload(0, 3000)));
        journal.DeleteSegment(1);
        Assert.That(() => journal.Segments[0].Number, Is.EqualTo(2).After(10_000, 10));
        stored.Add(await journal.Store(Payload(stored.Count, 3000)));
        journal.Dispose();
        var replayed = new Replayed();
        Journal.Open(Options(disk), replayed).Dispose();
        Assert.That(replayed.Records.ConvertAll(record => record.Address), Is.EqualTo(stored.Where(address => address.Segment > 1)));
    }

    [Test]
    public async Task Steady_appends_allocate_nothing()
    {
        using var folder = new TestFolder();
        using var journal = Journal.Open(new JournalOptions { Directory = folder.Path, SegmentSize = 32 * 1024 * 1024, Sync = false }, new Replayed());
        var payload = Payload(1, 200);
        using var done = new AutoResetEvent(initialState: false);
        var signal = new Signal(done);
        Run(2000);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Run(1000);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        // Less than a byte a record: room for a batch or two that the pool had to make anew, because the writer gave one back late.
        Assert.That(allocated, Is.LessThan(64_000), "64,000 records were appended.");
        await Task.CompletedTask;

        void Run(int batches)
        {
            for (var i = 0; i < batches; i++)
            {
                using var batch = journal.RentBatch();
                for (var record = 0; record < 64; record++)
                {
                    batch.BeginRecord();
                    batch.Write(payload);
                    batch.EndRecord();
                }

                journal.Append(batch, sync: true, signal);
                done.WaitOne();
            }
        }
    }

    [Test]
    public async Task A_completion_that_throws_stops_the_journal_with_its_cause()
    {
        using var journal = Journal.Open(Options(new FaultyDisk()), new Replayed());
        using var batch = Batch(journal, 1, 10);
        journal.Append(batch, sync: true, new Thrower());
        Assert.That(() => journal.HasFailed, Is.True.After(10_000, 5));
        Assert.That(journal.Failure!.InnerException, Is.TypeOf<InvalidTimeZoneException>());
        Assert.ThrowsAsync<JournalFailedException>(() => journal.Store(Payload(2, 10)));
        await journal.WaitForRoomAsync();
    }

    [Test]
    public async Task A_new_segment_is_announced_before_the_records_in_it_are_complete()
    {
        var disk = new FaultyDisk();
        using var journal = Journal.Open(Options(disk), new Replayed());
        var begun = new List<int>();
        journal.SegmentBegan = segment =>
        {
            using var snapshot = Batch(journal, -segment, 100);
            Assert.That(journal.TryAppend(snapshot, sync: false, completion: null));
            begun.Add(segment);
        };
        for (var i = 0; i < 100; i++)
        {
            var address = await journal.Store(Payload(i, 3000));
            Assert.That(address.Segment == 1 || begun.Contains(address.Segment));
        }

        Assert.That(begun, Is.EqualTo(Enumerable.Range(2, begun.Count)));
        Assert.That(begun, Has.Count.GreaterThan(3));
    }

    [Test]
    public void Misuse_of_a_batch_is_refused()
    {
        using var journal = Journal.Open(Options(new FaultyDisk()), new Replayed());
        using var batch = journal.RentBatch();
        Assert.That(() => journal.Append(batch, sync: false, completion: null), Throws.InvalidOperationException);
        Assert.That(() => batch.Write([1]), Throws.InvalidOperationException);
        batch.BeginRecord();
        Assert.That(() => journal.Append(batch, sync: false, completion: null), Throws.InvalidOperationException);
        Assert.That(batch.BeginRecord, Throws.InvalidOperationException);
        batch.CancelRecord();
        batch.BeginRecord();
        batch.EndRecord();
        Assert.That(() => batch.AddressOf(0), Throws.InvalidOperationException);
        journal.Append(batch, sync: false, completion: null);
        Assert.That(journal.LengthOf(batch.AddressOf(0)), Is.Zero);
        Assert.That(() => journal.Append(batch, sync: false, completion: null), Throws.InvalidOperationException);
    }

    private sealed class Note(List<int> order, int id, CountdownEvent left) : IJournalCompletion
    {
        public void OnWritten()
        {
            order.Add(id);
            left.Signal();
        }

        public void OnFailed(JournalException cause) => order.Add(-1);
    }

    private sealed class Signal(AutoResetEvent done) : IJournalCompletion
    {
        public void OnWritten() => done.Set();

        public void OnFailed(JournalException cause) => done.Set();
    }

    private sealed class Thrower : IJournalCompletion
    {
        public void OnWritten() => throw new InvalidTimeZoneException("a bug of the caller");

        public void OnFailed(JournalException cause) => throw new InvalidOperationException("told twice", cause);
    }
}
