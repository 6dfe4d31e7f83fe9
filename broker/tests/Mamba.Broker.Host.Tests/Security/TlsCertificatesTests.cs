using System.IO.Pipes;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mamba.Broker.Host.Tests.Security;

[TestFixture]
internal sealed class TlsCertificatesTests
{
    private TempDirectory _folder = null!;
    private X509Certificate2 _authority = null!;

    [SetUp]
    public void Create()
    {
        _folder = new TempDirectory();
        _authority = Certificates.Authority("authority");
        File.WriteAllText(_folder["ca.pem"], _authority.ExportCertificatePem());
    }

    [TearDown]
    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    [Test]
    public async Task A_PEM_pair_a_joint_PEM_and_a_PFX_file_all_serve()
    {
        using var broker = Certificates.Signed("CN=broker", _authority);
        File.WriteAllText(_folder["cert.pem"], broker.ExportCertificatePem());
        File.WriteAllText(_folder["key.pem"], Certificates.KeyPem(broker));
        File.WriteAllText(_folder["both.pem"], Certificates.Pem(broker));
        File.WriteAllBytes(_folder["broker.pfx"], broker.Export(X509ContentType.Pfx, "open"));
        File.WriteAllText(_folder["password"], "open\n");
        foreach (var files in new TlsFiles[]
        {
            new(_folder["cert.pem"], _folder["key.pem"], null, null),
            new(_folder["both.pem"], null, null, null),
            new(_folder["broker.pfx"], null, _folder["password"], null),
        })
        {
            using var tls = TlsCertificates.Load(files, TimeProvider.System, NullLogger.Instance);
            var (server, client) = await HandshakeAsync(tls, clientCertificate: null, SslProtocols.None);
            Assert.That(client.RemoteCertificate!.Subject, Is.EqualTo("CN=broker"), files.Certificate);
            Assert.That(server.SslProtocol, Is.EqualTo(SslProtocols.Tls13));
        }
    }

    [Test]
    public async Task A_client_certificate_of_the_authority_is_taken_and_none_is_too()
    {
        using var tls = Load();
        using var machine = Certificates.Signed("CN=machine-7", _authority);
        Assert.That((await HandshakeAsync(tls, machine, SslProtocols.None)).Server.RemoteCertificate!.Subject, Is.EqualTo("CN=machine-7"));
        Assert.That((await HandshakeAsync(tls, machine, SslProtocols.Tls12)).Server.RemoteCertificate!.Subject, Is.EqualTo("CN=machine-7"));
        Assert.That((await HandshakeAsync(tls, null, SslProtocols.None)).Server.RemoteCertificate, Is.Null);
    }

    [Test]
    public void A_client_certificate_of_anybody_else_is_refused()
    {
        using var tls = Load();
        using var other = Certificates.Authority("other");
        using var mallory = Certificates.Signed("CN=machine-7", other);
        Assert.That(async () => await HandshakeAsync(tls, mallory, SslProtocols.Tls12), Throws.InstanceOf<AuthenticationException>());
    }

    [Test]
    public async Task A_replaced_certificate_is_taken_over_while_running_and_a_broken_one_is_not()
    {
        var clock = new ManualClock(TimeProvider.System.GetUtcNow());
        using var tls = Load(clock);
        using var renewed = Certificates.Signed("CN=renewed", _authority);
        Replace(Certificates.Pem(renewed), seconds: 1);
        clock.Advance(TlsCertificates.CheckInterval);
        Assert.That((await HandshakeAsync(tls, null, SslProtocols.None)).Client.RemoteCertificate!.Subject, Is.EqualTo("CN=renewed"));

        Replace("garbage", seconds: 2);
        clock.Advance(TlsCertificates.CheckInterval);
        Assert.That((await HandshakeAsync(tls, null, SslProtocols.None)).Client.RemoteCertificate!.Subject, Is.EqualTo("CN=renewed"));
    }

    private static async Task<(SslStream Server, SslStream Client)> HandshakeAsync(TlsCertificates tls, X509Certificate2? clientCertificate, SslProtocols protocols)
    {
        var pipe = $"mamba-tls-{Guid.NewGuid():N}";
        await using var serverPipe = new NamedPipeServerStream(pipe, PipeDirection.InOut, 1, PipeTransmissionMode.Byte, PipeOptions.Asynchronous);
        await using var clientPipe = new NamedPipeClientStream(".", pipe, PipeDirection.InOut, PipeOptions.Asynchronous);
        await Task.WhenAll(serverPipe.WaitForConnectionAsync(), clientPipe.ConnectAsync());
        var server = new SslStream(serverPipe);
        var client = new SslStream(clientPipe, leaveInnerStreamOpen: false, (_, _, _, _) => true);
        var serverSide = server.AuthenticateAsServerAsync(tls.Options, CancellationToken.None);
        var clientSide = client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = protocols,
            ClientCertificates = clientCertificate is null ? null : [clientCertificate],
        });
        await serverSide.WaitAsync(TimeSpan.FromSeconds(30));
        await clientSide.WaitAsync(TimeSpan.FromSeconds(30));
        return (server, client);
    }

    private TlsCertificates Load(TimeProvider? time = null)
    {
        using var broker = Certificates.Signed("CN=broker", _authority);
        File.WriteAllText(_folder["broker.pem"], Certificates.Pem(broker));
        return TlsCertificates.Load(new TlsFiles(_folder["broker.pem"], null, null, _folder["ca.pem"]), time ?? TimeProvider.System, NullLogger.Instance);
    }

    private void Replace(string content, int seconds)
    {
        var written = File.GetLastWriteTimeUtc(_folder["broker.pem"]);
        File.WriteAllText(_folder["broker.pem"], content);
        File.SetLastWriteTimeUtc(_folder["broker.pem"], written.AddSeconds(seconds));
    }
}
