using System.Runtime.InteropServices;

namespace Mamba.Broker.Journal;

/// <summary>A system call on a journal file failed.</summary>
public sealed class JournalFileException : JournalException
{
    public const int NoSpace = 28;
    public const int QuotaExceeded = 122;

    public JournalFileException(string operation, string path, int errno)
        : base($"{operation} failed on {path}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).")
    {
        Operation = operation;
        Errno = errno;
    }

    /// <summary>The system call.</summary>
    public string Operation { get; }

    /// <summary>The error number it left.</summary>
    public int Errno { get; }

    /// <summary>True if the disk or the quota is used up.</summary>
    public bool IsNoSpace => Errno is NoSpace or QuotaExceeded;
}
