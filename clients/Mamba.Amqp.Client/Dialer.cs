using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>Makes the byte stream below AMQP: TCP, and TLS on it where asked for.</summary>
internal static class Dialer
{
    public static async Task<Stream> ConnectAsync(AmqpConnectionOptions options, CancellationToken ct)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(options.Host, options.PortOrDefault, ct);
            var stream = new NetworkStream(socket, ownsSocket: true);
            return options.UseTls ? await SecureAsync(stream, options, ct) : stream;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw Lost(options, $"{e.Message}; is the broker running and the port right?", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Stream> SecureAsync(NetworkStream stream, AmqpConnectionOptions options, CancellationToken ct)
    {
        var secure = new SslStream(stream);
        try
        {
            await secure.AuthenticateAsClientAsync(TlsOptions(options), ct);
            return secure;
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            await secure.DisposeAsync();
            throw Lost(options, $"TLS failed: {e.InnerException?.Message ?? e.Message}", e);
        }
        catch
        {
            await secure.DisposeAsync();
            throw;
        }
    }

    private static SslClientAuthenticationOptions TlsOptions(AmqpConnectionOptions options)
    {
        var tls = new SslClientAuthenticationOptions
        {
            TargetHost = options.Host,
            ClientCertificates = options.ClientCertificates,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (options.TrustedAuthorities is { } authorities)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        return tls;
    }

    private static AmqpException Lost(AmqpConnectionOptions options, string why, Exception cause) =>
        ClientErrors.Make(ClientErrors.ConnectionLost, $"could not connect to {options}: {why}", AmqpErrorScope.Connection, cause);
}
