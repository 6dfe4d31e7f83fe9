using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Mamba.Broker.Host.Tests.Security;

/// <summary>Certificates made on the spot, and file modes.</summary>
internal static class Certificates
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    public static X509Certificate2 SelfSigned(string name, bool expired = false)
    {
        var request = Request(name, ECDsa.Create(ECCurve.NamedCurves.nistP256));
        request.CertificateExtensions.Add(SubjectNames());
        return expired ? request.CreateSelfSigned(Now.AddDays(-10), Now.AddDays(-1)) : request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(10));
    }

    public static X509Certificate2 Authority(string name)
    {
        var request = Request(name, ECDsa.Create(ECCurve.NamedCurves.nistP256));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(10));
    }

    public static X509Certificate2 Signed(string subject, X509Certificate2 authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName(subject), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(SubjectNames());
        using var signed = request.Create(authority, Now.AddDays(-1), Now.AddDays(5), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    public static string KeyPem(X509Certificate2 certificate) => certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem();

    public static string Pem(X509Certificate2 certificate) => certificate.ExportCertificatePem() + "\n" + KeyPem(certificate);

    public static void Chmod(string path, string octal)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32(octal, 8));
        }
    }

    public static string Mode(string path) =>
        OperatingSystem.IsWindows() ? "" : Convert.ToString((int)File.GetUnixFileMode(path), 8).ToString(CultureInfo.InvariantCulture);

    private static CertificateRequest Request(string name, ECDsa key) => new($"CN={name}", key, HashAlgorithmName.SHA256);

    private static X509Extension SubjectNames()
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        names.AddDnsName("localhost");
        return names.Build();
    }
}
