using Mamba.Amqp.Sasl;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server.Security;

/// <summary>
/// The credential file of a running broker: read again when it has changed, so that `user add` and `user remove` need no
/// restart. A file that has become unusable keeps the last good content in force, and is reported once. Thread-safe.
/// </summary>
public sealed partial class CredentialStore
{
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly ILogger _logger;
    private CredentialFile _current;
    private (DateTime Written, long Length) _stamp;

    /// <summary>Reads the file for the first time.</summary>
    /// <exception cref="CredentialFileException">It cannot be used.</exception>
    public CredentialStore(string path, ILogger logger)
    {
        _path = path;
        _logger = logger;
        _stamp = Stamp();
        _current = CredentialFile.Load(path);
    }

    /// <summary>Whether nobody can log in with a password.</summary>
    public bool IsEmpty => Current.Names.Count == 0;

    private CredentialFile Current
    {
        get
        {
            lock (_gate)
            {
                var stamp = Stamp();
                if (stamp != _stamp)
                {
                    _stamp = stamp;
                    Reload();
                }

                return _current;
            }
        }
    }

    /// <summary>See <see cref="CredentialFile.Find"/>.</summary>
    public ScramCredential Find(string name, ScramHash hash) => Current.Find(name, hash);

    private void Reload()
    {
        try
        {
            _current = CredentialFile.Load(_path);
            LogReloaded(_path, _current.Names.Count);
        }
        catch (IOException e)
        {
            LogNotReloaded(e.Message);
        }
    }

    private (DateTime Written, long Length) Stamp()
    {
        var file = new FileInfo(_path);
        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : (DateTime.MinValue, 0);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Users read again from {Path}: {Count} in force.")]
    private partial void LogReloaded(string path, int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "The users were changed on disk but are not taken over: {Cause} Those known before stay in force.")]
    private partial void LogNotReloaded(string cause);
}
