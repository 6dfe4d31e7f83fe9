namespace Mamba.Broker.Server.Security.Claims;

/// <summary>
/// What a token or a request for authorisation is about: of a URI such as <c>sb://host:5671/orders/Subscriptions/audit</c> the path,
/// without slashes at its ends. The empty path is everything. The scheme and the host are the client's view of the broker, and mean
/// nothing here. Letters count in any case, as Azure has it: some libraries write the URI in small ones.
/// </summary>
internal static class ResourcePath
{
    public static StringComparer Comparer => StringComparer.OrdinalIgnoreCase;

    public static string Of(string uri)
    {
        var scheme = uri.IndexOf("://", StringComparison.Ordinal);
        var rest = scheme < 0 ? uri : uri[(scheme + 3)..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? "" : rest[slash..].Trim('/');
    }

    /// <summary>Whether what is granted for a path takes in another one: the same, or one below it.</summary>
    public static bool Covers(string granted, string path) =>
        granted.Length == 0
        || (path.StartsWith(granted, StringComparison.OrdinalIgnoreCase) && (path.Length == granted.Length || path[granted.Length] == '/'));
}
