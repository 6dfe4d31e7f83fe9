using System.Buffers.Binary;

namespace Mamba.Broker.Journal.Tests;

/// <summary>Keeps what recovery replayed.</summary>
internal sealed class Replayed : IJournalReplay
{
    public List<(RecordAddress Address, byte[] Payload)> Records { get; } = [];

    /// <summary>Byte by byte, without the cost of a constraint on every byte.</summary>
    public bool SameAs(IReadOnlyList<(RecordAddress Address, byte[] Payload)> others) =>
        Records.Count == others.Count
        && Records.Zip(others).All(pair => pair.First.Address == pair.Second.Address && pair.First.Payload.AsSpan().SequenceEqual(pair.Second.Payload));

    public void OnRecord(RecordAddress address, ReadOnlySpan<byte> payload) => Records.Add((address, payload.ToArray()));
}

/// <summary>Waits for the outcome of one append.</summary>
internal sealed class Outcome : IJournalCompletion
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Task => _done.Task;

    public void OnWritten() => _done.SetResult();

    public void OnFailed(JournalException cause) => _done.SetException(cause);

    public async Task Within(int seconds = 30) => await _done.Task.WaitAsync(TimeSpan.FromSeconds(seconds));
}

internal static class JournalTestExtensions
{
    /// <summary>A payload whose every byte follows from seed and length.</summary>
    public static byte[] Payload(int seed, int length)
    {
        var payload = new byte[length];
        new Random(seed).NextBytes(payload);
        if (length >= 4)
        {
            BinaryPrimitives.WriteInt32LittleEndian(payload, seed);
        }

        return payload;
    }

    /// <summary>Appends one record and waits until it is stored.</summary>
    public static async Task<RecordAddress> Store(this Journal journal, byte[] payload, bool sync = true)
    {
        var outcome = new Outcome();
        using var batch = journal.RentBatch();
        batch.BeginRecord();
        batch.Write(payload);
        batch.EndRecord();
        journal.Append(batch, sync, outcome);
        var address = batch.AddressOf(0);
        await outcome.Within();
        return address;
    }

    public static byte[] ReadAll(this Journal journal, RecordAddress address)
    {
        var bytes = new byte[journal.LengthOf(address)];
        Assert.That(journal.Read(address, 0, bytes), Is.EqualTo(bytes.Length));
        return bytes;
    }
}
