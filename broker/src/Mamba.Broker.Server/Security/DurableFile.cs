using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Mamba.Broker.Server.Security;

/// <summary>
/// Replaces a small file so that after a crash at any moment the path holds either the old content or the new one, whole:
/// write to a neighbour, fsync, rename over the path, fsync the folder.
/// </summary>
/// <remarks>The framework's own flush hides a failed fsync on Linux and cannot sync a folder, hence the system calls.</remarks>
public static class DurableFile
{
    private const int OpenReadOnly = 0;
    private const int OpenDirectory = 0x10000;
    private const int OpenCloseOnExec = 0x80000;
    private const string UnixOnly = "The broker keeps its secrets by Unix file modes and does not run on Windows.";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Replaces the file; only the owner may read and write it (mode 0600).</summary>
    /// <exception cref="IOException">It could not be written or synced; the old content is still there.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException(UnixOnly);
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var neighbour = Path.Combine(folder, $".{Path.GetFileName(path)}.{Environment.ProcessId}.new");
        try
        {
            using (var file = new FileStream(neighbour, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                Share = FileShare.None,
                BufferSize = 0,
                UnixCreateMode = OwnerOnly,
            }))
            {
                file.Write(content);
                ThrowIfFailed(SyncFile(file.SafeFileHandle), neighbour);
            }

            File.Move(neighbour, path, overwrite: true);
        }
        catch
        {
            File.Delete(neighbour);
            throw;
        }

        SyncFolder(folder);
    }

    /// <summary>Whether anybody but the owner has some right to the file.</summary>
    public static bool IsOpenToOthers(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException(UnixOnly);
        }

        return (File.GetUnixFileMode(path) & ~(OwnerOnly | UnixFileMode.UserExecute)) != UnixFileMode.None;
    }

    /// <summary>Makes a folder that only its owner may enter (mode 0700), with its parents; one that is there stays as it is.</summary>
    public static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException(UnixOnly);
        }

        Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
    }

    /// <summary>Makes the names in a folder durable.</summary>
    public static void SyncFolder(string folder)
    {
        var descriptor = Open(folder, OpenReadOnly | OpenDirectory | OpenCloseOnExec);
        ThrowIfFailed(descriptor, folder);
        var result = SyncDescriptor(descriptor);
        var error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        Marshal.SetLastPInvokeError(error);
        ThrowIfFailed(result, folder);
    }

    private static void ThrowIfFailed(int result, string path)
    {
        if (result < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new IOException($"Could not make {path} durable: {new Win32Exception(error).Message} (errno {error}).");
        }
    }

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int SyncFile(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int SyncDescriptor(int descriptor);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int descriptor);
}
