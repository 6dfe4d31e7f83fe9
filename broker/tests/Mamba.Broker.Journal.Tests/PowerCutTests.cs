using System.Buffers.Binary;
using static Mamba.Broker.Journal.Tests.JournalTestExtensions;

namespace Mamba.Broker.Journal.Tests;

/// <summary>
/// Random work on a disk whose power fails at a random call, several lives in a row: what was confirmed is there, what is there
/// was appended, in order and without holes, and recovery of one image gives the same result each time.
/// Covers crashes between create, rename and folder sync, torn sectors, and crashes within a deletion.
/// </summary>
public sealed class PowerCutTests
{
    private const int Lives = 4;

    [Test]
    [CancelAfter(300_000)]
    public async Task Nothing_confirmed_is_lost_and_nothing_is_made_up([Range(1, 4)] int hundred)
    {
        for (var seed = hundred * 100; seed < (hundred * 100) + 100; seed++)
        {
            try
            {
                await Run(new Random(seed));
            }
            catch (Exception exception) when (exception is not AssertionException)
            {
                throw new InvalidOperationException($"Seed {seed}: {exception.Message}", exception);
            }
            catch (AssertionException exception)
            {
                throw new AssertionException($"Seed {seed}: {exception.Message}", exception);
            }
        }
    }

    private static async Task Run(Random random)
    {
        var disk = new FaultyDisk();
        var model = new Model();
        for (var life = 0; life < Lives; life++)
        {
            disk.CutAtCall = disk.Calls + random.Next(1, 150);
            await Live(disk, model, random);
            disk = disk.Survivor(random);
            model.Check(Recover(disk.Copy()));
            model.Check(Recover(disk));
        }
    }

    private static JournalOptions Options(FaultyDisk disk) => new()
    {
        Directory = "/faulty",
        SegmentSize = JournalOptions.MinSegmentSize,
        Files = disk,
        CheckpointAfterIdle = Timeout.InfiniteTimeSpan,
    };

    private static List<(RecordAddress Address, byte[] Payload)> Recover(FaultyDisk disk)
    {
        var first = new Replayed();
        Journal.Open(Options(disk), first).Dispose();
        var second = new Replayed();
        Journal.Open(Options(disk), second).Dispose();
        Assert.That(second.SameAs(first.Records), "Recovery of what recovery left gave something else.");
        return second.Records;
    }

    private static async Task Live(FaultyDisk disk, Model model, Random random)
    {
        Journal journal;
        try
        {
            journal = Journal.Open(Options(disk), new Replayed());
        }
        catch (IOException) when (disk.IsOff)
        {
            return;
        }

        using (journal)
        {
            try
            {
                for (var step = 0; step < 80; step++)
                {
                    await Step(journal, model, random);
                }
            }
            catch (JournalException) when (disk.IsOff)
            {
                Assert.That(() => journal.HasFailed, Is.True.After(10_000, 5));
            }
        }
    }

    private static async Task Step(Journal journal, Model model, Random random)
    {
        var segments = journal.Segments;
        if (random.Next(8) == 0 && segments.Count > 2)
        {
            var victim = segments[random.Next(segments.Count - 2)].Number;
            if (model.GivenUp.Add(victim))
            {
                journal.DeleteSegment(victim);
            }

            return;
        }

        using var batch = journal.RentBatch();
        var appended = new List<Entry>();
        for (var count = random.Next(1, 5); count > 0; count--)
        {
            var entry = new Entry { Id = model.NextId++, Length = random.Next(10) == 0 ? random.Next(20_000) : random.Next(4, 2000) };
            batch.BeginRecord();
            batch.Write(Payload(entry.Id, Math.Max(4, entry.Length)));
            batch.EndRecord();
            appended.Add(entry);
        }

        var sync = random.Next(3) > 0;
        var outcome = new Outcome();
        model.Entries.AddRange(appended);
        journal.Append(batch, sync, outcome);
        for (var i = 0; i < appended.Count; i++)
        {
            appended[i].Address = batch.AddressOf(i);
        }

        if (sync || random.Next(2) == 0)
        {
            await outcome.Within();
            if (sync)
            {
                model.ConfirmAll();
            }
        }
    }

    private sealed class Entry
    {
        public int Id { get; init; }

        public int Length { get; init; }

        public RecordAddress Address { get; set; }

        public bool Confirmed { get; set; }
    }

    private sealed class Model
    {
        public int NextId { get; set; } = 1;

        public List<Entry> Entries { get; } = [];

        public HashSet<int> GivenUp { get; } = [];

        private HashSet<int> Gone { get; } = [];

        /// <summary>A synced append confirms everything before it, deletions included.</summary>
        public void ConfirmAll()
        {
            foreach (var entry in Entries)
            {
                entry.Confirmed = true;
            }

            Gone.UnionWith(GivenUp);
        }

        public void Check(List<(RecordAddress Address, byte[] Payload)> found)
        {
            var ids = new HashSet<int>();
            var last = 0;
            foreach (var (address, payload) in found)
            {
                var id = BinaryPrimitives.ReadInt32LittleEndian(payload);
                Assert.That(id, Is.GreaterThan(last), "Out of order.");
                last = id;
                ids.Add(id);
                var entry = Entries.Find(candidate => candidate.Id == id);
                Assert.That(entry, Is.Not.Null, $"Record {id} came back from the dead.");
                Assert.That(payload.AsSpan().SequenceEqual(Payload(id, Math.Max(4, entry!.Length))), $"Record {id} is not what was appended.");
                Assert.That(entry.Address.IsNowhere || entry.Address == address, $"Record {id} moved from {entry.Address} to {address}.");
                Assert.That(!Gone.Contains(address.Segment), "A deleted segment was replayed.");
                entry.Address = address;
            }

            foreach (var entry in Entries)
            {
                var mayBeGone = GivenUp.Contains(entry.Address.Segment);
                if (!mayBeGone && (entry.Confirmed || entry.Id < last))
                {
                    Assert.That(ids.Contains(entry.Id), $"Record {entry.Id} at {entry.Address} is lost (confirmed: {entry.Confirmed}).");
                }
            }

            Entries.RemoveAll(entry => !ids.Contains(entry.Id));
            ConfirmAll(found);
        }

        /// <summary>What recovery showed once it must show again; and a deletion it did not see is not decided yet.</summary>
        private void ConfirmAll(List<(RecordAddress Address, byte[] Payload)> found)
        {
            Entries.ForEach(entry => entry.Confirmed = true);
            GivenUp.RemoveWhere(segment => !Gone.Contains(segment) && found.Exists(record => record.Address.Segment == segment));
        }
    }
}
