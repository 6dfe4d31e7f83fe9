using static Mamba.Broker.Journal.Tests.JournalTestExtensions;

namespace Mamba.Broker.Journal.Tests;

/// <summary>The journal on a real disk.</summary>
[CancelAfter(60_000)]
public sealed class JournalTests
{
    private TestFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TestFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    private JournalOptions Options(int segmentSize = 64 * 1024) => new() { Directory = _folder.Path, SegmentSize = segmentSize };

    [Test]
    public async Task What_was_stored_is_replayed_in_order_and_can_be_read()
    {
        var expected = new List<(RecordAddress, byte[])>();
        using (var journal = Journal.Open(Options(), new Replayed()))
        {
            for (var i = 0; i < 500; i++)
            {
                var payload = Payload(i, i * 7 % 1500);
                expected.Add((await journal.Store(payload, sync: i % 3 == 0), payload));
            }

            foreach (var (address, payload) in expected)
            {
                Assert.That(journal.ReadAll(address), Is.EqualTo(payload));
            }

            Assert.That(journal.Segments, Has.Count.GreaterThan(3));
        }

        var replayed = new Replayed();
        using var again = Journal.Open(Options(), replayed);
        Assert.That(replayed.Records, Is.EqualTo(expected));
        Assert.That(again.Recovery.TornTail, Is.Null);
        Assert.That(again.ReadAll(expected[250].Item1), Is.EqualTo(expected[250].Item2));
    }

    [Test]
    public async Task A_record_larger_than_a_segment_gets_one_of_its_own()
    {
        var large = Payload(1, 1_000_000);
        RecordAddress before, at, after;
        using (var journal = Journal.Open(Options(16 * 1024), new Replayed()))
        {
            before = await journal.Store(Payload(2, 100));
            at = await journal.Store(large);
            after = await journal.Store(Payload(3, 100));
            Assert.That(at.Segment, Is.EqualTo(before.Segment + 1));
            Assert.That(journal.ReadAll(at), Is.EqualTo(large));
        }

        var replayed = new Replayed();
        using var again = Journal.Open(Options(16 * 1024), replayed);
        Assert.That(replayed.Records.ConvertAll(record => record.Address), Is.EqualTo(new[] { before, at, after }));
        Assert.That(replayed.Records[1].Payload, Is.EqualTo(large));
    }

    [Test]
    public async Task A_deleted_segment_is_gone_and_stays_gone()
    {
        using (var journal = Journal.Open(Options(16 * 1024), new Replayed()))
        {
            for (var i = 0; i < 40; i++)
            {
                await journal.Store(Payload(i, 1000));
            }

            var first = journal.Segments[0].Number;
            journal.DeleteSegment(first);
            Assert.That(() => journal.Segments[0].Number, Is.EqualTo(first + 1).After(10_000, 10));
            Assert.That(() => journal.DeleteSegment(journal.ActiveSegment), Throws.ArgumentException);
            Assert.That(() => journal.DeleteSegment(first), Throws.ArgumentException);
            Assert.That(() => journal.LengthOf(new RecordAddress(first, 5000)), Throws.TypeOf<JournalException>());
        }

        var replayed = new Replayed();
        using var again = Journal.Open(Options(16 * 1024), replayed);
        Assert.That(replayed.Records, Has.Count.GreaterThan(20));
        Assert.That(replayed.Records[0].Address.Segment, Is.EqualTo(2));
    }

    [Test]
    public void A_second_journal_on_the_folder_is_refused_and_names_the_holder()
    {
        using var journal = Journal.Open(Options(), new Replayed());
        var refused = Assert.Throws<JournalLockedException>(() => Journal.Open(Options(), new Replayed()));
        Assert.That(refused!.HolderProcessId, Is.EqualTo(Environment.ProcessId));
        Assert.That(refused.Message, Does.Contain($"process {Environment.ProcessId}").And.Contain(_folder.Path));
    }
}
