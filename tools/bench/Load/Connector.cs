using System.Security.Cryptography.X509Certificates;
using Mamba.Amqp.Client;

namespace Mamba.Tools.Bench.Load;

/// <summary>Opens the connections of a run.</summary>
internal static class Connector
{
    public static AmqpConnectionOptions Options(BenchOptions options)
    {
        var connection = AmqpConnectionOptions.FromUri(options.Uri);
        return connection with
        {
            User = options.User ?? connection.User,
            Password = options.Password ?? connection.Password,
            MaxFrameSize = options.MaxFrameSize,

            // Who gives a password to a load generator has decided where it goes.
            AllowPlainWithoutTls = true,
            TrustedAuthorities = Authorities(options.CertificateAuthority),
        };
    }

    private static X509Certificate2Collection? Authorities(string? file)
    {
        if (file is null)
        {
            return null;
        }

        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(file);
        return authorities;
    }
}
