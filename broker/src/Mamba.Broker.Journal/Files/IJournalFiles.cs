namespace Mamba.Broker.Journal;

/// <summary>
/// The few operations that the journal asks of a file system. A seam, so that a test can lose un-synced data, tear a write or
/// fail the Nth call. Every method throws <see cref="IOException"/> on failure; none retries a failed sync.
/// </summary>
public interface IJournalFiles
{
    /// <summary>Creates the folder and its parents if needed, and makes the new entries durable.</summary>
    void CreateDirectory(string path);

    /// <summary>Names (without folder) of the files in the folder.</summary>
    string[] List(string directory);

    /// <summary>Opens a file for reading and writing; <paramref name="create"/> demands that it is new, otherwise it must exist.</summary>
    IJournalFile Open(string path, bool create);

    /// <summary>Renames within one folder, replacing the target. Durable only after <see cref="SyncDirectory"/>.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a file. Durable only after <see cref="SyncDirectory"/>.</summary>
    void Delete(string path);

    /// <summary>Makes created, renamed and deleted names of the folder durable.</summary>
    void SyncDirectory(string directory);

    /// <summary>
    /// Takes the exclusive lock file, held until disposed or until the process ends.
    /// Throws <see cref="JournalLockedException"/> at once if it is taken.
    /// </summary>
    IDisposable Lock(string path);
}

/// <summary>One open file. Reads may run beside a write; the journal never runs two writes on one file at a time.</summary>
public interface IJournalFile : IDisposable
{
    /// <summary>Size in bytes.</summary>
    long Length { get; }

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/>; returns less only at the end of the file.</summary>
    int Read(Span<byte> destination, long offset);

    /// <summary>
    /// Writes all buffers back to back at <paramref name="offset"/>, or throws. The buffers lie in pinned arrays.
    /// </summary>
    void Write(ReadOnlySpan<ReadOnlyMemory<byte>> buffers, long offset);

    /// <summary>fdatasync: returns only when everything written so far, and the size needed to read it, is on the disk.</summary>
    void SyncData();

    /// <summary>Reserves disk space up to <paramref name="length"/> and makes the file that long; the new bytes read as zero.</summary>
    void Allocate(long length);

    /// <summary>Cuts the file to <paramref name="length"/> bytes.</summary>
    void Truncate(long length);
}
