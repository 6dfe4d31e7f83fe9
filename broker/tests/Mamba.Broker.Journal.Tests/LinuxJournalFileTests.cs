using static Mamba.Broker.Journal.LinuxNative;

namespace Mamba.Broker.Journal.Tests;

public sealed class LinuxJournalFileTests
{
    /// <summary>Wherever a short write stops, what is left is the rest, to the byte.</summary>
    [Test]
    public unsafe void A_short_write_goes_on_where_it_stopped()
    {
        int[] lengths = [3, 0, 5, 1, 0, 7];
        var total = lengths.Sum();
        var bytes = stackalloc byte[total];
        for (var stop = 0; stop <= total; stop++)
        {
            var vectors = new IoVector[lengths.Length];
            var at = 0;
            for (var i = 0; i < lengths.Length; i++)
            {
                vectors[i] = new IoVector { Base = bytes + at, Length = (nuint)lengths[i] };
                at += lengths[i];
            }

            var first = LinuxJournalFile.Advance(vectors, 0, (nuint)stop);
            var left = 0;
            for (var i = first; i < vectors.Length; i++)
            {
                Assert.That(vectors[i].Length == 0 || vectors[i].Base == bytes + stop + left);
                left += (int)vectors[i].Length;
            }

            Assert.That(left, Is.EqualTo(total - stop));
        }
    }

    [Test]
    public void More_buffers_than_one_call_takes_are_written_in_order()
    {
        using var folder = new TestFolder();
        using var file = new LinuxJournalFile(Path.Combine(folder.Path, "file"), create: true);
        var bytes = GC.AllocateArray<byte>(3000 * 7, pinned: true);
        new Random(5).NextBytes(bytes);
        file.Write([.. Enumerable.Range(0, 3000).Select(i => (ReadOnlyMemory<byte>)bytes.AsMemory(i * 7, 7))], 100);
        var back = new byte[bytes.Length + 10];
        Assert.That(file.Read(back, 100), Is.EqualTo(bytes.Length));
        Assert.That(back.AsSpan(0, bytes.Length).SequenceEqual(bytes));
    }

    [TestCase("", 0u)]
    [TestCase("123456789", 0xE3069283u)]
    [TestCase("12345678", 0x6087809Au)]
    public void The_checksum_is_crc32c(string text, uint expected)
    {
        var bytes = System.Text.Encoding.ASCII.GetBytes(text);
        Assert.That(Crc32C.Compute(bytes), Is.EqualTo(expected));
        Assert.That(Crc32C.Continue(Crc32C.Compute(bytes.AsSpan(0, bytes.Length / 2)), bytes.AsSpan(bytes.Length / 2)), Is.EqualTo(expected));
    }
}
