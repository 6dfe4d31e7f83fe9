namespace Mamba.Broker.Engine.Tests;

internal sealed class EntryLogTests
{
    [Test]
    public void Entries_take_48_bytes() => Assert.That(System.Runtime.CompilerServices.Unsafe.SizeOf<QueueEntry>(), Is.EqualTo(48));

    [Test]
    public void Sequences_find_their_entries_and_stale_ones_find_nothing()
    {
        var log = new EntryLog();
        for (var i = 0; i < 1000; i++)
        {
            Assert.That(log.Append(new QueueEntry { MessageId = (ulong)i, State = EntryState.Available }), Is.EqualTo(i));
        }

        for (var i = 0; i < 600; i++)
        {
            log.SetState(i, ref log.Find(i), EntryState.Removed);
        }

        Assert.Multiple(() =>
        {
            Assert.That(log.Head, Is.EqualTo(512), "two chunks of 256 are free");
            Assert.That(log.Available, Is.EqualTo(400));
            Assert.That(IsThere(log, 599), Is.False);
            Assert.That(IsThere(log, 600), Is.True);
            Assert.That(IsThere(log, 1000), Is.False);
            Assert.That(IsThere(log, long.MaxValue >> 5), Is.False);
            Assert.That(log.Find(777).MessageId, Is.EqualTo(777));
        });
    }

    [Test]
    public void A_chunk_in_the_middle_is_freed_and_skipped()
    {
        var log = new EntryLog();
        for (var i = 0; i < 1024; i++)
        {
            log.Append(new QueueEntry { MessageId = (ulong)i, State = EntryState.Available });
        }

        for (var i = 256; i < 768; i++)
        {
            log.SetState(i, ref log.Find(i), EntryState.Removed);
        }

        var sequence = 255L;
        Assert.That(log.TryFindAvailable(ref sequence), Is.True);
        Assert.That(sequence, Is.EqualTo(255));
        sequence++;
        Assert.That(log.TryFindAvailable(ref sequence), Is.True);
        Assert.That(sequence, Is.EqualTo(768));
    }

    [Test]
    public void A_returned_entry_moves_the_cursor_back()
    {
        var log = new EntryLog();
        for (var i = 0; i < 300; i++)
        {
            log.Append(new QueueEntry { MessageId = (ulong)i, State = EntryState.Available });
        }

        log.SetState(10, ref log.Find(10), EntryState.Acquired);
        log.AdvanceCursor(200);
        log.SetState(10, ref log.Find(10), EntryState.Available);
        Assert.That(log.Cursor, Is.EqualTo(10));
    }

    [Test]
    public void Trimming_frees_the_last_chunk_and_the_log_goes_on()
    {
        var log = new EntryLog();
        for (var round = 0; round < 1000; round++)
        {
            var sequence = log.Append(new QueueEntry { MessageId = 1, State = EntryState.Available });
            var found = log.Cursor;
            Assert.That(log.TryFindAvailable(ref found), Is.True);
            Assert.That(found, Is.EqualTo(sequence));
            log.SetState(sequence, ref log.Find(sequence), EntryState.Removed);
            if (round % 7 == 0)
            {
                log.Trim();
                Assert.That(log.Head, Is.EqualTo(log.Tail));
            }
        }
    }

    private static bool IsThere(EntryLog log, long sequence) => !System.Runtime.CompilerServices.Unsafe.IsNullRef(ref log.Find(sequence));
}
