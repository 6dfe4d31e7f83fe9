using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Mamba.Broker.Host.Configuration;

/// <summary>HOST:PORT as a setting gives it; the host is a name or an IP address, not yet resolved.</summary>
internal sealed record Endpoint(string Host, int Port)
{
    /// <summary>No endpoint: the listener is not opened.</summary>
    public static Endpoint Off { get; } = new("off", -1);

    public bool IsOff => Port < 0;

    /// <summary>Reads "127.0.0.1:5672", "[::1]:5672", "localhost:5672" or "off"; the error says what is wrong with it.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out Endpoint? endpoint, out string error)
    {
        endpoint = null;
        if (string.Equals(text, "off", StringComparison.OrdinalIgnoreCase))
        {
            endpoint = Off;
            error = "";
            return true;
        }

        var colon = text.LastIndexOf(':');
        if (colon <= 0)
        {
            error = "is not of the form HOST:PORT";
            return false;
        }

        if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port > 65_535)
        {
            error = "has no port between 0 and 65535 after its last colon";
            return false;
        }

        var host = text[..colon];
        if (!IsHost(ref host))
        {
            error = "has a host that is neither a name nor an IP address (IPv6 goes in brackets, all interfaces are 0.0.0.0 or [::])";
            return false;
        }

        endpoint = new Endpoint(host, port);
        error = "";
        return true;
    }

    public override string ToString() => IsOff ? "off" : Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    private static bool IsHost(ref string host)
    {
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
            return IPAddress.TryParse(host, out var address) && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        }

        return !host.Contains(':') && Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4;
    }
}
