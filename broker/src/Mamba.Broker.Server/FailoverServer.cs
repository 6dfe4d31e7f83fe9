using System.Diagnostics.CodeAnalysis;

namespace Mamba.Broker.Server;

/// <summary>Another broker that clients may turn to when they lose this one.</summary>
/// <param name="Scheme">One of amqp, amqps, amqpws, amqpwss.</param>
/// <param name="Host">A name or an address, without brackets.</param>
/// <param name="Port">1 to 65,535.</param>
/// <param name="Path">Where it takes WebSockets; null for where clients look by themselves.</param>
public sealed record FailoverServer(string Scheme, string Host, int Port, string? Path = null)
{
    private const int MaxLength = 255;

    /// <summary>Reads <c>scheme://host</c>, with a port unless it is the scheme's own, and for WebSockets with a path.</summary>
    /// <param name="text">The URI.</param>
    /// <param name="server">The server, or null.</param>
    /// <param name="fault">What is wrong with the text, to be read behind "which"; empty where nothing is.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out FailoverServer? server, out string fault)
    {
        server = null;
        if (text.Length > MaxLength)
        {
            fault = $"has more than {MaxLength} characters";
            return false;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
        {
            fault = "is no URI with a scheme and a host";
            return false;
        }

        var ownPort = OwnPort(uri.Scheme);
        var hasPath = uri.AbsolutePath is not ("" or "/");
        fault = ownPort is null ? $"has the scheme {uri.Scheme}"
            : uri.Port == 0 ? "has the port 0"
            : uri.UserInfo.Length > 0 ? "has a user: clients log in as they did here"
            : uri.Query.Length > 0 || uri.Fragment.Length > 0 ? "has a query or a fragment: clients take none"
            : hasPath && uri.Scheme is "amqp" or "amqps" ? "has a path, which there is for WebSockets only"
            : "";
        if (fault.Length > 0)
        {
            return false;
        }

        server = new FailoverServer(uri.Scheme, uri.DnsSafeHost, uri.Port < 0 ? ownPort!.Value : uri.Port, hasPath ? uri.AbsolutePath : null);
        return true;
    }

    private static int? OwnPort(string scheme) => scheme switch
    {
        "amqp" => 5672,
        "amqps" => 5671,
        "amqpws" => 80,
        "amqpwss" => 443,
        _ => null,
    };
}
