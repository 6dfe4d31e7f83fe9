using System.Globalization;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Host.Configuration;

/// <summary>
/// The data directory, held by this process until disposed:
/// <code>
///   broker.lock   locked while a broker runs
///   broker.pid    the process that holds the lock
///   users.json    credentials
///   journal/      messages
/// </code>
/// </summary>
internal sealed class DataDirectory : IDisposable
{
    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream held)
    {
        FullPath = path;
        _lock = held;
    }

    public string FullPath { get; }

    public string Journal => Path.Combine(FullPath, "journal");

    public static string UsersOf(string directory) => Path.Combine(directory, CredentialFile.FileName);

    /// <summary>Creates what is missing, makes sure that it can be written, and locks it.</summary>
    /// <exception cref="DataDirectoryException">Not to be had; the message is a sentence that starts with what is wrong.</exception>
    public static DataDirectory Open(string path)
    {
        var full = Path.GetFullPath(path);
        try
        {
            DurableFile.CreateFolder(full);
            var held = Hold(full);
            File.WriteAllText(Path.Combine(full, "broker.pid"), Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
            return new DataDirectory(full, held);
        }
        catch (Exception e) when (e is (IOException or UnauthorizedAccessException) and not DataDirectoryException)
        {
            throw new DataDirectoryException(
                $"is {full}, which cannot be written: {e.Message}", "Give a directory that this process may create and write, on a disk with room.", e);
        }
    }

    public void Dispose() => _lock.Dispose();

    private static FileStream Hold(string folder)
    {
        try
        {
            // FileShare.None is flock(LOCK_EX) on Linux: it ends with the process, however that ends.
            return new FileStream(Path.Combine(folder, "broker.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not DirectoryNotFoundException && File.Exists(Path.Combine(folder, "broker.lock")) && IsHeld(e))
        {
            throw new DataDirectoryException(
                $"is {folder}, which another broker is using{Holder(folder)}.", "Stop that broker first, or give this one a data directory of its own.", e);
        }
    }

    private static bool IsHeld(IOException e)
    {
        const int WouldBlock = 11;
        return e.HResult == WouldBlock || e.Message.Contains("being used by another process", StringComparison.Ordinal);
    }

    private static string Holder(string folder)
    {
        try
        {
            var id = File.ReadAllText(Path.Combine(folder, "broker.pid")).Trim();
            return id.Length == 0 ? "" : $" (process {id})";
        }
        catch (IOException)
        {
            // The other broker has only just started and not yet written its number.
            return "";
        }
    }
}

/// <summary>The data directory cannot be used.</summary>
internal sealed class DataDirectoryException(string what, string remedy, Exception? cause = null) : IOException(what, cause)
{
    public string Remedy { get; } = remedy;
}
