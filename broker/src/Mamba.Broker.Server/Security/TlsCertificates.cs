using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server.Security;

/// <summary>Where certificates are on disk.</summary>
/// <param name="Certificate">PEM (leaf first, then its chain) or PFX (.pfx, .p12).</param>
/// <param name="Key">The PEM private key when it is not in <paramref name="Certificate"/>.</param>
/// <param name="PasswordFile">A file whose first line opens the PFX file or the encrypted key.</param>
/// <param name="ClientAuthority">PEM certificates of the authorities that client certificates must come from; null asks for none.</param>
public sealed record TlsFiles(string Certificate, string? Key, string? PasswordFile, string? ClientAuthority);

/// <summary>A certificate, key or authority cannot be used; the message says which file and why.</summary>
public sealed class TlsFileException(string path, string message, string remedy, Exception? cause = null) : IOException(message, cause)
{
    public string Path { get; } = path;

    public string Remedy { get; } = remedy;
}

/// <summary>
/// The TLS policy of the broker: 1.3 and 1.2 with forward secrecy and AEAD only, no renegotiation, client certificates asked
/// for when an authority is given and then verified against it alone (no revocation list is consulted). Looks every
/// <see cref="CheckInterval"/> whether the files were replaced; new handshakes then use the new certificate.
/// </summary>
public sealed partial class TlsCertificates : IDisposable
{
    /// <summary>How often the files are looked at.</summary>
    public static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(30);

    private readonly TlsFiles _files;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private DateTime _stamp;

    private TlsCertificates(TlsFiles files, TimeProvider time, ILogger logger)
    {
        _files = files;
        _time = time;
        _logger = logger;
        _stamp = Stamp();
        var certificate = LoadCertificate(files, time.GetUtcNow());
        Options = CreateOptions(files);
        Options.ServerCertificateContext = certificate;
        _timer = time.CreateTimer(_ => Check(), state: null, CheckInterval, CheckInterval);
    }

    /// <summary>What each handshake starts from. The certificate in it changes when the files do.</summary>
    public SslServerAuthenticationOptions Options { get; }

    /// <summary>The same for one handshake, for a server that adds to what it is given, such as the application protocols of HTTP.</summary>
    public SslServerAuthenticationOptions CopyOptions() => new()
    {
        EnabledSslProtocols = Options.EnabledSslProtocols,
        AllowRenegotiation = Options.AllowRenegotiation,
        EncryptionPolicy = Options.EncryptionPolicy,
        CipherSuitesPolicy = Options.CipherSuitesPolicy,
        ClientCertificateRequired = Options.ClientCertificateRequired,
        CertificateChainPolicy = Options.CertificateChainPolicy,
        CertificateRevocationCheckMode = Options.CertificateRevocationCheckMode,
        RemoteCertificateValidationCallback = Options.RemoteCertificateValidationCallback,
        ServerCertificateContext = Options.ServerCertificateContext,
    };

    /// <summary>Reads the files.</summary>
    /// <exception cref="TlsFileException">One of them cannot be used.</exception>
    public static TlsCertificates Load(TlsFiles files, TimeProvider time, ILogger logger) => new(files, time, logger);

    /// <summary>Takes over replaced files now; keeps the old certificate when the new one cannot be used.</summary>
    public void Check()
    {
        var stamp = Stamp();
        if (stamp == _stamp)
        {
            return;
        }

        _stamp = stamp;
        try
        {
            Options.ServerCertificateContext = LoadCertificate(_files, _time.GetUtcNow());
            LogReplaced(_files.Certificate);
        }
        catch (TlsFileException e)
        {
            LogNotReplaced(e.Path, e.Message);
        }
    }

    public void Dispose() => _timer.Dispose();

    private static SslServerAuthenticationOptions CreateOptions(TlsFiles files)
    {
        var options = new SslServerAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
            EncryptionPolicy = EncryptionPolicy.RequireEncryption,
        };
        if (!OperatingSystem.IsWindows() && !OperatingSystem.IsAndroid())
        {
            options.CipherSuitesPolicy = new CipherSuitesPolicy(
            [
                TlsCipherSuite.TLS_AES_256_GCM_SHA384,
                TlsCipherSuite.TLS_AES_128_GCM_SHA256,
                TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
                TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            ]);
        }

        if (files.ClientAuthority is { } authority)
        {
            options.ClientCertificateRequired = true;
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(LoadAuthority(authority));

            // A client without a certificate may still log in with a password; one that shows a certificate must show a good one.
            options.RemoteCertificateValidationCallback = static (_, certificate, _, errors) => certificate is null || errors == SslPolicyErrors.None;
        }

        return options;
    }

    private static X509Certificate2Collection LoadAuthority(string path)
    {
        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPemFile(path);
            return certificates.Count > 0
                ? certificates
                : throw new TlsFileException(path, $"{path} holds no PEM certificate.", "Give a PEM file with at least one CERTIFICATE block.");
        }
        catch (Exception e) when (e is CryptographicException or UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TlsFileException(path, $"{path} cannot be used: {e.Message}", "Give a readable PEM file with at least one CERTIFICATE block.", e);
        }
    }

    private static SslStreamCertificateContext LoadCertificate(TlsFiles files, DateTimeOffset now)
    {
        var password = ReadPassword(files.PasswordFile);
        var path = files.Certificate;
        X509Certificate2 leaf;
        X509Certificate2Collection chain;
        try
        {
            (leaf, chain) = IsPfx(path) ? LoadPfx(path, password) : LoadPem(files, password);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TlsFileException(path, $"{path} cannot be used as a certificate with its private key: {e.Message}",
                "Give a PEM certificate with its key (tls.certificateKey), or a PFX file; an encrypted one needs tls.certificatePasswordFile.", e);
        }

        if (leaf.NotAfter.ToUniversalTime() <= now.UtcDateTime)
        {
            throw new TlsFileException(path, $"{path} expired on {leaf.NotAfter.ToUniversalTime():yyyy-MM-dd}.", "Renew the certificate.");
        }

        return SslStreamCertificateContext.Create(leaf, chain, offline: true);
    }

    private static bool IsPfx(string path) =>
        path.EndsWith(".pfx", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".p12", StringComparison.OrdinalIgnoreCase);

    private static (X509Certificate2 Leaf, X509Certificate2Collection Chain) LoadPfx(string path, string? password)
    {
        var all = X509CertificateLoader.LoadPkcs12CollectionFromFile(path, password);
        var leaf = all.FirstOrDefault(c => c.HasPrivateKey) ?? throw new CryptographicException("it holds no private key");
        return (leaf, all);
    }

    private static (X509Certificate2 Leaf, X509Certificate2Collection Chain) LoadPem(TlsFiles files, string? password)
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(files.Certificate);
        var leaf = password is null
            ? X509Certificate2.CreateFromPemFile(files.Certificate, files.Key)
            : X509Certificate2.CreateFromEncryptedPemFile(files.Certificate, password, files.Key);
        return (leaf, chain);
    }

    private static string? ReadPassword(string? path)
    {
        if (path is null)
        {
            return null;
        }

        try
        {
            return File.ReadLines(path).FirstOrDefault() ?? "";
        }
        catch (Exception e) when (e is UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TlsFileException(path, $"{path} cannot be read: {e.Message}", "Give a readable file whose first line is the password.", e);
        }
    }

    /// <summary>The latest change of any of the files that make up the certificate.</summary>
    private DateTime Stamp()
    {
        var latest = DateTime.MinValue;
        foreach (var path in new[] { _files.Certificate, _files.Key, _files.PasswordFile })
        {
            var written = path is null ? latest : File.GetLastWriteTimeUtc(path);
            latest = written > latest ? written : latest;
        }

        return latest;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The TLS certificate was read again from {Path}; new connections use it.")]
    private partial void LogReplaced(string path);

    [LoggerMessage(Level = LogLevel.Error, Message = "The TLS certificate was replaced but {Path} cannot be used: {Cause} The old one stays in use.")]
    private partial void LogNotReplaced(string path, string cause);
}
