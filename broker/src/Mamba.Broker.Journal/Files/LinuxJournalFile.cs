using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Mamba.Broker.Journal.LinuxNative;

namespace Mamba.Broker.Journal;

/// <summary>One file on Linux. An interrupted call (EINTR) and a short write are carried on; every other failure is thrown.</summary>
internal sealed unsafe class LinuxJournalFile : IJournalFile
{
    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private IoVector[] _vectors = GC.AllocateArray<IoVector>(64, pinned: true);

    public LinuxJournalFile(string path, bool create)
    {
        _path = path;
        // No share lock of the framework's: the journal has its own lock file, and an inspector may look at a running journal.
        _handle = File.OpenHandle(path, create ? FileMode.CreateNew : FileMode.Open, FileAccess.ReadWrite,
            FileShare.ReadWrite | FileShare.Delete);
    }

    public long Length => RandomAccess.GetLength(_handle);

    public int Read(Span<byte> destination, long offset)
    {
        var done = 0;
        fixed (byte* target = destination)
        {
            while (done < destination.Length)
            {
                var count = LinuxNative.Read(_handle, target + done, (nuint)(destination.Length - done), offset + done);
                if (count > 0)
                {
                    done += (int)count;
                }
                else if (count == 0)
                {
                    break;
                }
                else
                {
                    ThrowUnlessInterrupted("pread");
                }
            }
        }

        return done;
    }

    public void Write(ReadOnlySpan<ReadOnlyMemory<byte>> buffers, long offset)
    {
        FillVectors(buffers);
        fixed (IoVector* vectors = _vectors)
        {
            var first = 0;
            while (first < buffers.Length)
            {
                var count = LinuxNative.Write(_handle, vectors + first, Math.Min(MaxVectors, buffers.Length - first), offset);
                if (count < 0)
                {
                    ThrowUnlessInterrupted("pwritev");
                    continue;
                }

                if (count == 0)
                {
                    throw new JournalFileException("pwritev (no progress)", _path, JournalFileException.NoSpace);
                }

                offset += count;
                first = Advance(_vectors.AsSpan(0, buffers.Length), first, (nuint)count);
            }
        }
    }

    /// <summary>Takes what was written off the vectors; returns the first that still has bytes. Empty ones are passed over.</summary>
    internal static int Advance(Span<IoVector> vectors, int first, nuint written)
    {
        while (first < vectors.Length && written >= vectors[first].Length)
        {
            written -= vectors[first].Length;
            first++;
        }

        if (written > 0)
        {
            vectors[first].Base += written;
            vectors[first].Length -= written;
        }

        return first;
    }

    public void SyncData()
    {
        while (LinuxNative.SyncData(_handle) != 0)
        {
            // Interrupted is "not done yet". Any other error is final: the kernel may have marked the pages clean, and a second
            // fdatasync would then report success for data that never reached the disk.
            ThrowUnlessInterrupted("fdatasync");
        }
    }

    public void Allocate(long length)
    {
        int error;
        do
        {
            error = LinuxNative.Allocate(_handle, 0, length);
        }
        while (error == Interrupted);

        if (error != 0)
        {
            throw new JournalFileException("posix_fallocate", _path, error);
        }
    }

    public void Truncate(long length)
    {
        while (LinuxNative.Truncate(_handle, length) != 0)
        {
            ThrowUnlessInterrupted("ftruncate");
        }
    }

    public void Dispose() => _handle.Dispose();

    private void FillVectors(ReadOnlySpan<ReadOnlyMemory<byte>> buffers)
    {
        if (_vectors.Length < buffers.Length)
        {
            _vectors = GC.AllocateArray<IoVector>(Math.Max(buffers.Length, _vectors.Length * 2), pinned: true);
        }

        for (var i = 0; i < buffers.Length; i++)
        {
            // The caller promises pinned arrays, so the address outlives this statement.
            _vectors[i].Base = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(buffers[i].Span));
            _vectors[i].Length = (nuint)buffers[i].Length;
        }
    }

    private void ThrowUnlessInterrupted(string operation)
    {
        var error = Marshal.GetLastPInvokeError();
        if (error != Interrupted)
        {
            throw new JournalFileException(operation, _path, error);
        }
    }
}
