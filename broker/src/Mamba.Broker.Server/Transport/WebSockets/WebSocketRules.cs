using System.Net;

namespace Mamba.Broker.Server.Transport.WebSockets;

/// <summary>Which WebSockets carry AMQP, on whichever port they are asked for (AMQP WebSocket Binding 1.0 §2). Thread-safe.</summary>
public static class WebSocketRules
{
    /// <summary>What clients ask for, best first: the standard's name, that of Azure's clients, and what rhea's examples send.</summary>
    private static readonly string[] Subprotocols = ["amqp", "AMQPWSB10", "binary"];

    /// <summary>Whether AMQP is at this path, which has no query: at /amqp, or at / for clients that give no path.</summary>
    public static bool IsServed(string path) => path is "/amqp" or "/";

    /// <summary>The subprotocol to answer with, or null where the client asks for none that we know.</summary>
    public static string? ChooseSubprotocol(IEnumerable<string> requested) =>
        Array.Find(Subprotocols, name => requested.Contains(name, StringComparer.Ordinal));

    /// <summary>
    /// Whether a browser may connect. A page of any site can open a WebSocket to this port and would act with the user's
    /// network position; browsers say where the page came from, so only pages served from this very address are let in, and
    /// only when the address was not reached through a foreign name (DNS rebinding). Other clients send no Origin.
    /// </summary>
    /// <param name="origin">The Origin header, if there is one.</param>
    /// <param name="host">The Host header: a name or address, and the port where it is not the scheme's own.</param>
    /// <param name="local">The address at which the connection arrived.</param>
    public static bool IsFromHere(string? origin, string host, IPAddress local)
    {
        if (string.IsNullOrEmpty(origin))
        {
            return true;
        }

        var name = NameOf(host);
        var isOwnName = IPAddress.TryParse(name, out _) || string.Equals(name, "localhost", StringComparison.OrdinalIgnoreCase)
            || !IPAddress.IsLoopback(local);
        return isOwnName && Uri.TryCreate(origin, UriKind.Absolute, out var page)
            && string.Equals(page.Authority, host, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The name or address of <c>name:port</c>, <c>name</c>, <c>[address]:port</c> or <c>[address]</c>.</summary>
    private static string NameOf(string host)
    {
        if (host.StartsWith('['))
        {
            var end = host.IndexOf(']', StringComparison.Ordinal);
            return end < 0 ? host : host[1..end];
        }

        var colon = host.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? host : host[..colon];
    }
}
