using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using static Mamba.Broker.Journal.LinuxNative;

namespace Mamba.Broker.Journal;

/// <summary>The machine's file system, on Linux.</summary>
internal sealed class LinuxJournalFiles : IJournalFiles
{
    public void CreateDirectory(string path)
    {
        var full = Path.GetFullPath(path);
        if (Directory.Exists(full))
        {
            return;
        }

        var parent = Path.GetDirectoryName(full);
        if (parent is not null)
        {
            CreateDirectory(parent);
        }

        Directory.CreateDirectory(full);
        if (parent is not null)
        {
            SyncDirectory(parent);
        }
    }

    public string[] List(string directory)
    {
        var names = Directory.GetFiles(directory);
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = Path.GetFileName(names[i]);
        }

        return names;
    }

    public IJournalFile Open(string path, bool create) => new LinuxJournalFile(path, create);

    public void Rename(string from, string to) => Check(LinuxNative.Rename(from, to), "rename", from);

    public void Delete(string path) => Check(Unlink(path), "unlink", path);

    public void SyncDirectory(string directory)
    {
        var handle = LinuxNative.Open(directory, OpenReadOnly | OpenCloseOnExec, mode: 0);
        Check(handle, "open (folder)", directory);
        try
        {
            while (Sync(handle) != 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error != Interrupted)
                {
                    throw new JournalFileException("fsync (folder)", directory, error);
                }
            }
        }
        finally
        {
            // The folder was only read: what close says changes nothing.
            _ = Close(handle);
        }
    }

    public IDisposable Lock(string path)
    {
        // Not through the framework: its open takes a shared flock itself, and would fail before the holder's name could be read.
        const int OwnerReadsAndWrites = 0x180;
        var descriptor = LinuxNative.Open(path, OpenReadWrite | OpenCreate | OpenCloseOnExec, OwnerReadsAndWrites);
        Check(descriptor, "open", path);
        var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            while (LinuxNative.Lock(handle, LockExclusive | LockNonBlocking) != 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error == WouldBlock)
                {
                    throw Taken(path, RandomAccess.GetLength(handle) is > 0 and < 64 and var length ? ReadText(handle, (int)length) : "");
                }

                if (error != Interrupted)
                {
                    throw new JournalFileException("flock", path, error);
                }
            }

            var text = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            RandomAccess.SetLength(handle, 0);
            RandomAccess.Write(handle, text, 0);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    internal static JournalLockedException Taken(string path, string holder)
    {
        int? process = int.TryParse(holder, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;
        var who = process is { } known ? $"process {known}" : "another process";
        return new JournalLockedException(
            $"The journal in {Path.GetDirectoryName(path)} is in use by {who} (lock file {path}). Stop that process, or give this one a folder of its own.",
            process);
    }

    private static string ReadText(Microsoft.Win32.SafeHandles.SafeFileHandle handle, int length)
    {
        var bytes = new byte[length];
        return Encoding.ASCII.GetString(bytes, 0, RandomAccess.Read(handle, bytes, 0)).Trim();
    }

    private static void Check(int result, string operation, string path)
    {
        if (result < 0)
        {
            throw new JournalFileException(operation, path, Marshal.GetLastPInvokeError());
        }
    }
}
