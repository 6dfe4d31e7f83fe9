namespace Mamba.Broker.Journal;

/// <summary>Receives every record that is found at recovery, in append order, on the thread that opens the journal.</summary>
public interface IJournalReplay
{
    /// <summary>One record whose checksum held. <paramref name="payload"/> is valid only during the call.</summary>
    void OnRecord(RecordAddress address, ReadOnlySpan<byte> payload);
}
