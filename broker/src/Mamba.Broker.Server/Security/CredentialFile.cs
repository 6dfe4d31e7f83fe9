using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mamba.Amqp.Sasl;

namespace Mamba.Broker.Server.Security;

/// <summary>The credential file cannot be used; the message says why, and what to do.</summary>
public sealed class CredentialFileException(string message, Exception? cause = null) : IOException(message, cause);

/// <summary>
/// The users of a broker as they are stored: SCRAM keys, never a password. Immutable; edits return a new one.
/// </summary>
/// <remarks>
/// users.json, mode 0600:
/// <code>
///   { "version": 1,
///     "secret": base64, 32 random bytes from which the salts of users that do not exist are made,
///     "users": [ { "name", "created",
///                  "scram": [ { "mechanism", "iterations", "salt", "storedKey", "serverKey" } ] } ] }
/// </code>
/// </remarks>
public sealed partial class CredentialFile
{
    /// <summary>The name of the file in the data directory.</summary>
    public const string FileName = "users.json";

    /// <summary>PBKDF2 iterations of a new credential (OWASP's figure for HMAC-SHA-256).</summary>
    public const int Iterations = 600_000;

    private const int CurrentVersion = 1;

    private readonly SortedDictionary<string, User> _users;
    private byte[]? _secret;

    private CredentialFile(byte[]? secret, SortedDictionary<string, User> users)
    {
        _secret = secret;
        _users = users;
    }

    /// <summary>User names in ordinal order.</summary>
    public IReadOnlyCollection<string> Names => _users.Keys;

    /// <summary>Made when first asked for: a broker without users need not load the cryptographic library for it.</summary>
    private byte[] Secret => LazyInitializer.EnsureInitialized(ref _secret, static () => RandomNumberGenerator.GetBytes(32));

    /// <summary>A file without users.</summary>
    public static CredentialFile Empty() => new(secret: null, new SortedDictionary<string, User>(StringComparer.Ordinal));

    /// <summary>Reads the file; one that does not exist has no users.</summary>
    /// <exception cref="CredentialFileException">It is readable by others, damaged, or not readable at all.</exception>
    public static CredentialFile Load(string path)
    {
        if (!File.Exists(path))
        {
            return Empty();
        }

        try
        {
            if (DurableFile.IsOpenToOthers(path))
            {
                throw new CredentialFileException(
                    $"{path} can be read or written by other users of this machine. Run `chmod 600 {path}`, and change the passwords if others may have read it.");
            }

            var content = JsonSerializer.Deserialize(File.ReadAllBytes(path), Json.Default.Content)
                ?? throw new JsonException("the file holds null");
            return FromContent(content, path);
        }
        catch (Exception e) when (e is JsonException or FormatException or ArgumentException)
        {
            throw new CredentialFileException(
                $"{path} is damaged ({e.Message}). Restore it from a backup, or delete it and add the users again with `mamba-broker user add`.", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CredentialFileException($"{path} cannot be read by this process ({e.Message}). Run the broker as the owner of its data directory.", e);
        }
    }

    /// <summary>Replaces the file atomically and durably.</summary>
    public void Save(string path) =>
        DurableFile.Replace(path, JsonSerializer.SerializeToUtf8Bytes(new Content(CurrentVersion, Secret, [.. _users.Values]), Json.Default.Content));

    /// <summary>Adds a user, or gives an existing one a new password. Derives two keys: takes about a second.</summary>
    /// <exception cref="SaslException">The name or the password holds a character that SASLprep prohibits.</exception>
    public CredentialFile With(string name, string password, DateTimeOffset now)
    {
        var prepared = SaslPrep.Prepare(name);
        ScramEntry[] scram = [Derive(password, ScramHash.Sha256), Derive(password, ScramHash.Sha512)];
        return new CredentialFile(Secret, new SortedDictionary<string, User>(_users, StringComparer.Ordinal)
        {
            [prepared] = new User(prepared, now, scram),
        });
    }

    /// <summary>Without this user; null when there is none of that name.</summary>
    public CredentialFile? Without(string name)
    {
        var users = new SortedDictionary<string, User>(_users, StringComparer.Ordinal);
        return SaslPrep.TryPrepare(name, out var prepared) && users.Remove(prepared) ? new CredentialFile(Secret, users) : null;
    }

    /// <summary>When the user was added or last got a password.</summary>
    public DateTimeOffset Created(string name) => _users[name].Created;

    /// <summary>
    /// The credential of a user, prepared with SASLprep; for a user that does not exist one that nobody can meet and that
    /// looks the same at every attempt and after every restart.
    /// </summary>
    public ScramCredential Find(string name, ScramHash hash)
    {
        if (_users.TryGetValue(name, out var user))
        {
            foreach (var entry in user.Scram)
            {
                if (string.Equals(entry.Mechanism, hash.MechanismName(), StringComparison.Ordinal))
                {
                    return entry.ToCredential(hash);
                }
            }
        }

        return ScramCredential.ForUnknownUser(name, hash, Secret, Iterations);
    }

    private static CredentialFile FromContent(Content content, string path)
    {
        if (content.Version != CurrentVersion)
        {
            throw new CredentialFileException($"{path} has version {content.Version}, and this broker reads {CurrentVersion}. Use the broker that wrote it.");
        }

        if (content.Secret is not { Length: >= 16 } || content.Users is null)
        {
            throw new JsonException("secret or users is missing");
        }

        var users = new SortedDictionary<string, User>(StringComparer.Ordinal);
        foreach (var user in content.Users)
        {
            foreach (var entry in user.Scram)
            {
                _ = entry.ToCredential(string.Equals(entry.Mechanism, SaslMechanismNames.ScramSha512, StringComparison.Ordinal) ? ScramHash.Sha512 : ScramHash.Sha256);
            }

            users.Add(user.Name, user);
        }

        return new CredentialFile(content.Secret, users);
    }

    private static ScramEntry Derive(string password, ScramHash hash)
    {
        var credential = ScramCredential.Create(password, hash, Iterations);
        return new ScramEntry(hash.MechanismName(), credential.Iterations,
            credential.Salt.ToArray(), credential.StoredKey.ToArray(), credential.ServerKey.ToArray());
    }

    internal sealed record Content(int Version, byte[] Secret, User[] Users);

    internal sealed record User(string Name, DateTimeOffset Created, ScramEntry[] Scram);

    internal sealed record ScramEntry(string Mechanism, int Iterations, byte[] Salt, byte[] StoredKey, byte[] ServerKey)
    {
        public ScramCredential ToCredential(ScramHash hash) => new(hash, Salt, Iterations, StoredKey, ServerKey);
    }

    [JsonSourceGenerationOptions(
        PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
        WriteIndented = true,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
    [JsonSerializable(typeof(Content))]
    private sealed partial class Json : JsonSerializerContext;
}
