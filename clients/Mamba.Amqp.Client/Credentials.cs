using System.Net;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Client;

/// <summary>Which SASL mechanisms the credentials allow, best first; the first that the server offers too is taken.</summary>
internal static class Credentials
{
    public static IReadOnlyList<ISaslClientMechanism> Mechanisms(AmqpConnectionOptions options)
    {
        var mechanisms = new List<ISaslClientMechanism>();
        if (options.ClientCertificates is { Count: > 0 } && options.UseTls)
        {
            mechanisms.Add(new ExternalClient());
        }

        if (options is { User.Length: > 0 })
        {
            var password = options.Password ?? "";
            mechanisms.Add(new ScramClient(ScramHash.Sha512, options.User, password));
            mechanisms.Add(new ScramClient(ScramHash.Sha256, options.User, password));
            if (MayShowPassword(options))
            {
                mechanisms.Add(new PlainClient(options.User, password));
            }
        }
        else
        {
            mechanisms.Add(new AnonymousClient(options.ContainerId ?? ""));
        }

        return mechanisms;
    }

    /// <summary>PLAIN sends the password as it is: only where nobody listens, or the user said that it may.</summary>
    private static bool MayShowPassword(AmqpConnectionOptions options) =>
        options.UseTls || options.AllowPlainWithoutTls || IsLoopback(options.Host);

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
