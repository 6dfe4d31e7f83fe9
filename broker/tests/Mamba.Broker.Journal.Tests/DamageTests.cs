using System.Buffers.Binary;
using static Mamba.Broker.Journal.Tests.JournalTestExtensions;

namespace Mamba.Broker.Journal.Tests;

/// <summary>Cut, flipped, torn and misplaced bytes: what recovery makes of them.</summary>
public sealed class DamageTests
{
    private const string First = "0000000001.journal";

    private static JournalOptions Options(FaultyDisk disk, int segmentSize = JournalOptions.MinSegmentSize) => new()
    {
        Directory = "/faulty",
        SegmentSize = segmentSize,
        Files = disk,
        CheckpointAfterIdle = Timeout.InfiniteTimeSpan,
    };

    private static Replayed Recover(FaultyDisk disk, out JournalRecoveryReport report, int segmentSize = JournalOptions.MinSegmentSize, bool accept = false)
    {
        var replayed = new Replayed();
        using var journal = Journal.Open(Options(disk, segmentSize) with { AcceptDamage = accept }, replayed);
        report = journal.Recovery;
        return replayed;
    }

    /// <summary>A disk with records of the given lengths, each a group of its own; a crash image unless it is closed cleanly.</summary>
    private static async Task<(FaultyDisk Disk, List<RecordAddress> Addresses)> Fill(int segmentSize, bool close, params int[] lengths)
    {
        var disk = new FaultyDisk();
        var addresses = new List<RecordAddress>();
        var journal = Journal.Open(Options(disk, segmentSize), new Replayed());
        using (journal)
        {
            for (var i = 0; i < lengths.Length; i++)
            {
                addresses.Add(await journal.Store(Payload(i, lengths[i])));
            }

            if (!close)
            {
                disk = disk.Copy();
            }
        }

        disk.Remove("spare.tmp");
        return (disk, addresses);
    }

    /// <summary>T-04: a tail cut off after every single byte opens with the longest prefix of whole records.</summary>
    [Test]
    public async Task Every_truncation_of_the_tail_keeps_the_longest_whole_prefix()
    {
        const int SegmentSize = 128 * 1024;
        var random = new Random(4);
        var lengths = Enumerable.Range(0, 100).Select(_ => random.Next(10) == 0 ? random.Next(8000) : random.Next(1400)).ToArray();
        var (disk, addresses) = await Fill(SegmentSize, close: false, lengths);
        var whole = disk[First];
        var end = addresses[^1].Offset + lengths[^1];
        Assert.That(end, Is.GreaterThan(96 * 1024).And.LessThan(SegmentSize));
        var ends = addresses.Select((address, i) => address.Offset + lengths[i]).ToArray();
        Parallel.For(0, end + 64, new ParallelOptions { MaxDegreeOfParallelism = 2 }, length =>
        {
            var image = new FaultyDisk { [First] = whole[..length] };
            var counter = new Counter();
            using var recovered = JournalRecovery.Run(Options(image, SegmentSize) with { Sync = false }, image, counter).Segments;
            var expected = ends.Count(recordEnd => recordEnd <= length);
            if (counter.Records != expected)
            {
                Assert.Fail($"Cut to {length} bytes: {counter.Records} records instead of {expected}.");
            }
        });
    }

    /// <summary>T-05 on a journal that was closed cleanly: any flip is harmless, or it is reported and nothing starts.</summary>
    [Test]
    public async Task Every_flipped_byte_of_a_closed_journal_is_harmless_or_refused()
    {
        var lengths = Enumerable.Range(0, 60).Select(i => (i * 131 % 900) + 4).ToArray();
        var (disk, addresses) = await Fill(JournalOptions.MinSegmentSize, close: true, lengths);
        var names = disk.Names.ToArray();
        Assert.That(names, Has.Length.GreaterThan(2));
        var refused = 0;
        var torn = 0;
        foreach (var name in names)
        {
            var whole = disk[name];
            Parallel.For(0, whole.Length, new ParallelOptions { MaxDegreeOfParallelism = 2 }, at =>
            {
                var flip = (byte)(at % 3 == 0 ? 0xFF : 1 << (at % 8));
                var image = disk.Copy();
                var bytes = (byte[])whole.Clone();
                bytes[at] ^= flip;
                image[name] = bytes;
                try
                {
                    var replayed = Recover(image, out var report);
                    RequireEverything(replayed, lengths, $"{name} byte {at} ^ {flip:x2}");
                    Interlocked.Add(ref torn, report.TornTail is null ? 0 : 1);
                }
                catch (JournalException exception)
                {
                    Assert.That(exception.Message, Does.Contain(name));
                    Interlocked.Increment(ref refused);
                }
            });
        }

        var recordBytes = lengths.Sum() + (16 * lengths.Length);
        Assert.That(refused, Is.GreaterThan(recordBytes), "Every byte of every record must be covered.");
        Assert.That(torn, Is.GreaterThan(0), "Bytes set behind the end are a torn tail.");
        Assert.That(addresses, Has.Count.EqualTo(lengths.Length));
    }

    /// <summary>T-05 on the image of a crash: only the very last group can be taken for a torn tail, and that is reported.</summary>
    [Test]
    public async Task Every_flipped_byte_of_a_crashed_journal_is_harmless_refused_or_a_torn_last_group()
    {
        var lengths = Enumerable.Range(0, 20).Select(i => (i * 131 % 400) + 4).ToArray();
        var (disk, addresses) = await Fill(JournalOptions.MinSegmentSize, close: false, lengths);
        var whole = disk[First];
        var end = addresses[^1].Offset + lengths[^1];
        for (var at = SegmentHeader.Size; at < end; at++)
        {
            var image = new FaultyDisk { [First] = (byte[])whole.Clone() };
            image[First][at] ^= (byte)(1 << (at % 8));
            var inLast = at >= addresses[^1].Offset - RecordHeader.Size;
            try
            {
                var replayed = Recover(image, out var report);
                if (!inLast || report.TornTail is null)
                {
                    RequireEverything(replayed, lengths, $"byte {at}");
                    continue;
                }

                Assert.That(replayed.Records, Has.Count.EqualTo(lengths.Length - 1), $"byte {at}");
                Assert.That(report.TornTail.Offset, Is.EqualTo(addresses[^1].Offset - RecordHeader.Size));
            }
            catch (JournalDamagedException damaged)
            {
                Assert.That(inLast, Is.False, $"byte {at}: {damaged.Message}");
                Assert.That(damaged.Damage.Offset, Is.LessThanOrEqualTo(at));
                Assert.That(damaged.Damage.Offset + damaged.Damage.Length, Is.GreaterThan(at));
            }
        }
    }

    /// <summary>T-11: the sectors of the last, un-synced group are old or new in every combination.</summary>
    [Test]
    public async Task Every_combination_of_torn_sectors_keeps_a_prefix()
    {
        const int Sectors = 10;
        var disk = new FaultyDisk();
        using var journal = Journal.Open(Options(disk), new Replayed());
        await journal.Store(Payload(0, 300));
        var before = disk.Copy();
        var outcome = new Outcome();
        using var batch = journal.RentBatch();
        var lengths = new List<int>();
        for (var bytes = 0; bytes < (Sectors - 2) * FaultyDisk.Sector;)
        {
            lengths.Add((lengths.Count * 97 % 600) + 4);
            batch.BeginRecord();
            batch.Write(Payload(lengths.Count, lengths[^1]));
            batch.EndRecord();
            bytes = batch.Size;
        }

        journal.Append(batch, sync: true, outcome);
        await outcome.Within();
        var (old, written) = (before[First], disk[First]);
        var start = batch.AddressOf(0).Offset & -FaultyDisk.Sector;
        for (var combination = 0; combination < 1 << Sectors; combination++)
        {
            var torn = (byte[])old.Clone();
            for (var sector = 0; sector < Sectors; sector++)
            {
                if ((combination >> sector & 1) != 0)
                {
                    written.AsSpan(start + (sector * FaultyDisk.Sector), FaultyDisk.Sector).CopyTo(torn.AsSpan(start + (sector * FaultyDisk.Sector)));
                }
            }

            var replayed = Recover(new FaultyDisk { [First] = torn }, out _);
            Assert.That(replayed.Records, Has.Count.InRange(1, lengths.Count + 1));
            for (var i = 1; i < replayed.Records.Count; i++)
            {
                Assert.That(replayed.Records[i].Payload.AsSpan().SequenceEqual(Payload(i, lengths[i - 1])), $"combination {combination}, record {i}");
            }
        }
    }

    /// <summary>
    /// Of a group, the first record was lost and the second survived. A new record exactly as long as the first must not bring
    /// the second back.
    /// </summary>
    [Test]
    public async Task A_survivor_of_a_torn_group_does_not_come_back()
    {
        var disk = new FaultyDisk();
        using var journal = Journal.Open(Options(disk), new Replayed());
        await journal.Store(Payload(0, 100));
        var old = disk.Copy()[First];
        var outcome = new Outcome();
        using var batch = journal.RentBatch();
        for (var id = 1; id <= 2; id++)
        {
            batch.BeginRecord();
            batch.Write(Payload(id, 1000));
            batch.EndRecord();
        }

        journal.Append(batch, sync: true, outcome);
        await outcome.Within();
        var image = new FaultyDisk { [First] = disk.Copy()[First] };
        var lost = batch.AddressOf(0).Offset - RecordHeader.Size;
        old.AsSpan(lost, 1000).CopyTo(image[First].AsSpan(lost));
        FaultyDisk afterwards;
        using (var again = Journal.Open(Options(image), new Replayed()))
        {
            Assert.That(await again.Store(Payload(3, 1000)), Is.EqualTo(batch.AddressOf(0)));
            afterwards = image.Copy();
        }

        var replayed = Recover(afterwards, out _);
        Assert.That(replayed.Records, Has.Count.EqualTo(2));
        Assert.That(replayed.Records[1].Payload.AsSpan().SequenceEqual(Payload(3, 1000)));
    }

    [Test]
    public async Task A_record_that_landed_elsewhere_never_validates()
    {
        var (disk, addresses) = await Fill(JournalOptions.MinSegmentSize, close: false, 500, 500, 500);
        var bytes = disk[First];
        var frame = bytes.AsSpan(addresses[0].Offset - RecordHeader.Size, (int)RecordHeader.FrameSizeOf(500)).ToArray();
        frame.CopyTo(bytes.AsSpan(addresses[2].Offset - RecordHeader.Size));
        var replayed = Recover(disk, out var report);
        Assert.That(replayed.Records, Has.Count.EqualTo(2));
        Assert.That(report.TornTail, Is.Not.Null);
    }

    [Test]
    public async Task A_missing_segment_is_refused_by_name_and_one_that_was_given_up_is_not_missed()
    {
        var (disk, _) = await Fill(JournalOptions.MinSegmentSize, close: true, [.. Enumerable.Repeat(2000, 40)]);
        using (var journal = Journal.Open(Options(disk), new Replayed()))
        {
            journal.DeleteSegment(2);
            await journal.Store(Payload(99, 10));
        }

        Recover(disk.Copy(), out _);
        disk.Remove("0000000004.journal");
        var damaged = Assert.Throws<JournalDamagedException>(() => Recover(disk, out _))!;
        Assert.That(damaged.Damage.Kind, Is.EqualTo(JournalDamageKind.SegmentMissing));
        Assert.That(damaged.Message, Does.Contain("0000000004.journal"));

        Recover(disk, out var report, accept: true);
        Assert.That(report.Damages, Has.Count.EqualTo(1));
        Recover(disk, out report);
        Assert.That(report.Damages, Is.Empty, "Accepted damage is reported once.");
    }

    [Test]
    public async Task Accepted_damage_costs_exactly_the_reported_range_and_a_copy_is_kept()
    {
        var (disk, addresses) = await Fill(JournalOptions.MinSegmentSize, close: true, [.. Enumerable.Repeat(1000, 30)]);
        disk[First][addresses[3].Offset + 7] ^= 1;
        disk[First][addresses[4].Offset + 7] ^= 1;
        disk[First][addresses[6].Offset - 3] ^= 1;
        var before = (byte[])disk[First].Clone();
        var refused = Assert.Throws<JournalDamagedException>(() => Recover(disk, out _))!;
        Assert.That(refused.Damage.Offset, Is.EqualTo(addresses[3].Offset - RecordHeader.Size));
        Assert.That(refused.Damage.Length, Is.EqualTo(2 * RecordHeader.FrameSizeOf(1000)));
        Assert.That(refused.Damage.RecordsAfter, Is.EqualTo(addresses.Count(a => a.Segment == 1) - 6));
        Assert.That(disk[First].AsSpan().SequenceEqual(before), "A refused start changes nothing.");

        var replayed = Recover(disk, out var report, accept: true);
        Assert.That(replayed.Records.ConvertAll(record => record.Address), Is.EqualTo(addresses.Where((_, i) => i is not (3 or 4 or 6))));
        Assert.That(report.Damages.Select(damage => damage.Offset), Is.EqualTo(new[] { 3, 6 }.Select(i => (long)addresses[i].Offset - 16)));
        var copy = disk.Names.Single(name => name.StartsWith(First + ".", StringComparison.Ordinal));
        Assert.That(disk[copy].AsSpan().SequenceEqual(before), "The quarantined copy is the damaged file.");

        Assert.That(Recover(disk, out report).SameAs(replayed.Records));
        Assert.That(report.Damages, Is.Empty);
    }

    [TestCase(0, TestName = "A_closed_segment_cut_to_nothing_is_damage")]
    [TestCase(2000, TestName = "A_closed_segment_cut_within_its_header_is_damage")]
    [TestCase(9000, TestName = "A_closed_segment_cut_within_its_records_is_damage")]
    public async Task A_closed_segment_that_is_cut_is_damage(int length)
    {
        var (disk, addresses) = await Fill(JournalOptions.MinSegmentSize, close: true, [.. Enumerable.Repeat(1000, 30)]);
        disk[First] = disk[First][..length];
        Assert.That(() => Recover(disk, out _), Throws.TypeOf<JournalDamagedException>().With.Message.Contains(First));
        var replayed = Recover(disk, out var report, accept: true);
        var kept = addresses.Where(address => address.Segment > 1 || address.Offset + 1000 <= length).ToArray();
        Assert.That(replayed.Records.ConvertAll(record => record.Address), Is.EqualTo(kept));
        Assert.That(report.Damages, Is.Not.Empty);
        Assert.That(Recover(disk, out report).SameAs(replayed.Records));
        Assert.That(report.Damages, Is.Empty);
    }

    [Test]
    public async Task Damage_to_the_last_records_after_a_clean_end_is_accepted_and_the_journal_goes_on()
    {
        var (disk, addresses) = await Fill(JournalOptions.MinSegmentSize, close: true, 100, 100, 100);
        disk[First].AsSpan(addresses[1].Offset, 150).Fill(0xEE);
        Assert.That(() => Recover(disk, out _), Throws.TypeOf<JournalDamagedException>());
        using (var journal = Journal.Open(Options(disk) with { AcceptDamage = true }, new Replayed()))
        {
            Assert.That(await journal.Store(Payload(9, 50)), Is.GreaterThan(addresses[2]));
        }

        Assert.That(Recover(disk, out _).Records, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task An_idle_journal_vouches_for_its_last_record()
    {
        var disk = new FaultyDisk();
        using var journal = Journal.Open(Options(disk) with { CheckpointAfterIdle = TimeSpan.FromMilliseconds(20) }, new Replayed());
        var address = await journal.Store(Payload(1, 100));
        Assert.That(() => journal.Segments[0].UsedBytes, Is.GreaterThan(address.Offset + 104).After(10_000, 10));
        var image = disk.Copy();
        Assert.That(Recover(image.Copy(), out _).Records, Has.Count.EqualTo(1));
        image[First][address.Offset] ^= 1;
        Assert.That(() => Recover(image, out _), Throws.TypeOf<JournalDamagedException>());
        Assert.That(await journal.Store(Payload(2, 100)), Is.GreaterThan(address));
    }

    [Test]
    public async Task Foreign_files_and_other_versions_are_named()
    {
        var (disk, _) = await Fill(JournalOptions.MinSegmentSize, close: true, [.. Enumerable.Repeat(2000, 12)]);
        var (other, _) = await Fill(JournalOptions.MinSegmentSize, close: true, [.. Enumerable.Repeat(2000, 12)]);
        Assert.That(() => Recover(With(disk, "notes.journal", [1]), out _), Throws.TypeOf<JournalException>().With.Message.Contains("notes.journal"));
        Assert.That(() => Recover(With(disk, "0000000002.journal", other["0000000002.journal"]), out _),
            Throws.TypeOf<JournalException>().With.Message.Contains("another journal"));
        Assert.That(() => Recover(With(disk, "0000000002.journal", disk[First]), out _),
            Throws.TypeOf<JournalException>().With.Message.Contains("renamed"));
        Assert.That(() => Recover(new FaultyDisk { [First] = Payload(1, 9000) }, out _),
            Throws.TypeOf<JournalException>().With.Message.Contains("has a header"));
        var later = (byte[])disk[First].Clone();
        BinaryPrimitives.WriteUInt32LittleEndian(later.AsSpan(8), 2);
        BinaryPrimitives.WriteUInt32LittleEndian(later.AsSpan(60), Crc32C.Compute(later.AsSpan(0, 60)));
        Assert.That(() => Recover(With(disk, First, later), out _), Throws.TypeOf<JournalException>().With.Message.Contains("version 2"));
    }

    [TestCase(0)]
    [TestCase(30)]
    [TestCase(4096)]
    [TestCase(16384)]
    public async Task A_segment_whose_creation_was_cut_off_is_begun_again(int length)
    {
        var (disk, addresses) = await Fill(JournalOptions.MinSegmentSize, close: true, [.. Enumerable.Repeat(2000, 12)]);
        var next = SegmentHeader.FileName(addresses[^1].Segment + 1);
        var partial = new byte[length];
        disk[First].AsSpan(0, Math.Min(30, length)).CopyTo(partial);
        disk[next] = partial;
        disk["new.tmp"] = [1, 2, 3];
        var replayed = Recover(disk, out _);
        Assert.That(replayed.Records.ConvertAll(record => record.Address), Is.EqualTo(addresses));
        Assert.That(disk.Names, Does.Not.Contain("new.tmp").And.Not.Contain(next));

        var alone = new FaultyDisk { [First] = partial };
        Assert.That(Recover(alone, out _).Records, Is.Empty);
        Assert.That(Recover(alone, out _).Records, Is.Empty);
    }

    [Test]
    public async Task The_inspector_lists_records_damage_and_free_space()
    {
        var (disk, addresses) = await Fill(JournalOptions.MinSegmentSize, close: true, 100, 200, 300);
        disk[First][addresses[1].Offset] ^= 1;
        var entries = JournalInspector.Read("/faulty/" + First, disk).ToList();
        Assert.That(entries.ConvertAll(entry => entry.Kind), Is.EqualTo(new[] { "control", "data", "damaged", "data", "control", "unwritten" }));
        Assert.That(entries[3].Address, Is.EqualTo(addresses[2]));
        Assert.That(entries[3].PayloadLength, Is.EqualTo(300));
        Assert.That(entries.Sum(entry => entry.Length), Is.EqualTo(disk[First].Length - SegmentHeader.Size));
    }

    private static FaultyDisk With(FaultyDisk disk, string name, byte[] bytes)
    {
        var image = disk.Copy();
        image[name] = bytes;
        return image;
    }

    private static void RequireEverything(Replayed replayed, int[] lengths, string where)
    {
        if (replayed.Records.Count != lengths.Length)
        {
            Assert.Fail($"{where}: {replayed.Records.Count} records instead of {lengths.Length}, and nobody said so.");
        }

        for (var i = 0; i < lengths.Length; i++)
        {
            if (!replayed.Records[i].Payload.AsSpan().SequenceEqual(Payload(i, lengths[i])))
            {
                Assert.Fail($"{where}: record {i} is silently wrong.");
            }
        }
    }

    private sealed class Counter : IJournalReplay
    {
        public int Records { get; private set; }

        public void OnRecord(RecordAddress address, ReadOnlySpan<byte> payload) => Records++;
    }
}
