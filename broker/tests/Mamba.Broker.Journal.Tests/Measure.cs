using System.Diagnostics;

namespace Mamba.Broker.Journal.Tests;

/// <summary>
/// <c>dotnet exec Mamba.Broker.Journal.Tests.dll measure FOLDER</c> (of a Release build, in an empty folder on the disk in
/// question): what the journal does with records of 1 KiB. Short, and no test: numbers depend on the machine.
/// </summary>
internal static class Measure
{
    private const int RecordBytes = 1024;
    private static readonly TimeSpan _span = TimeSpan.FromSeconds(4);

    public static void Run(string folder)
    {
        var options = new JournalOptions { Directory = folder };
        using (var journal = Journal.Open(options, new Nothing()))
        {
            Report("1 producer, 64 records a batch, many batches under way", Produce(journal, producers: 1, records: 64, underWay: 64));
            Report("8 producers, 1 record a batch, each waits for its completion", Produce(journal, producers: 8, records: 1, underWay: 1));
            Report("8 producers, 64 records a batch, each waits for its completion", Produce(journal, producers: 8, records: 64, underWay: 1));
        }

        using var again = Journal.Open(options, new Nothing());
        var recovery = again.Recovery;
        Console.WriteLine($"recovery: {recovery.Records:N0} records, {recovery.PayloadBytes / 1e6:N0} MB in {recovery.Duration.TotalMilliseconds:N0} ms, {recovery.PayloadBytes / recovery.Duration.TotalSeconds / 1e9:N2} GB/s");
        var data = new byte[64 * 1024 * 1024];
        Crc32C.Compute(data);
        var started = Stopwatch.GetTimestamp();
        Crc32C.Compute(data);
        Console.WriteLine($"checksum: {data.Length / Stopwatch.GetElapsedTime(started).TotalSeconds / 1e9:N1} GB/s");
    }

    private static (long Batches, int Records, TimeSpan Time, TimeSpan Processor) Produce(Journal journal, int producers, int records, int underWay)
    {
        var batches = 0L;
        var before = Process.GetCurrentProcess().TotalProcessorTime;
        var started = Stopwatch.GetTimestamp();
        var threads = new Thread[producers];
        for (var i = 0; i < producers; i++)
        {
            threads[i] = new Thread(() => Interlocked.Add(ref batches, Loop(journal, records, underWay, started)));
            threads[i].Start();
        }

        Array.ForEach(threads, thread => thread.Join());
        return (batches, records, Stopwatch.GetElapsedTime(started), Process.GetCurrentProcess().TotalProcessorTime - before);
    }

    private static long Loop(Journal journal, int records, int underWay, long started)
    {
        using var slots = new SemaphoreSlim(underWay);
        var done = new Slot(slots);
        var payload = JournalTestExtensions.Payload(1, RecordBytes);
        var batches = 0L;
        while (Stopwatch.GetElapsedTime(started) < _span)
        {
            slots.Wait();
            using var batch = journal.RentBatch();
            for (var i = 0; i < records; i++)
            {
                batch.BeginRecord();
                batch.Write(payload);
                batch.EndRecord();
            }

            journal.Append(batch, sync: true, done);
            batches++;
        }

        for (var i = 0; i < underWay; i++)
        {
            slots.Wait();
        }

        return batches;
    }

    private static void Report(string what, (long Batches, int Records, TimeSpan Time, TimeSpan Processor) run)
    {
        var records = run.Batches * run.Records;
        Console.WriteLine($"{what}: {records / run.Time.TotalSeconds:N0} records/s, {records * RecordBytes / run.Time.TotalSeconds / 1e6:N0} MB/s, {run.Batches / run.Time.TotalSeconds:N0} batches/s, {run.Processor.TotalMicroseconds / records:N2} us processor time a record");
    }

    private sealed class Slot(SemaphoreSlim slots) : IJournalCompletion
    {
        public void OnWritten() => slots.Release();

        public void OnFailed(JournalException cause) => throw cause;
    }

    private sealed class Nothing : IJournalReplay
    {
        public void OnRecord(RecordAddress address, ReadOnlySpan<byte> payload)
        {
        }
    }
}
