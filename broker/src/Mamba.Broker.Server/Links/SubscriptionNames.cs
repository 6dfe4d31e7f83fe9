using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// Which subscription of a topic a consumer link means, by the conventions that JMS clients put into link names:
/// everything up to the first <c>|</c> is the subscription's name, the rest counts the client's own links to it
/// (<c>sub</c>, <c>sub|2</c>, <c>sub|global3</c>, <c>sub|volatile1</c>).
/// </summary>
internal static class SubscriptionNames
{
    private const char Separator = '|';
    private const string GlobalSuffix = "|global";

    /// <summary>A subscription that outlives its links. Shared and unshared ones of a client share one namespace (JMS 2.0).</summary>
    public static SubscriptionKey Durable(string clientId, string linkName, bool global) =>
        new(global ? null : clientId, NameOf(linkName), Durable: true);

    /// <summary>A shared subscription that ends with its last link.</summary>
    public static SubscriptionKey SharedVolatile(string clientId, string linkName, bool global) =>
        new(global ? null : clientId, NameOf(linkName), Durable: false);

    /// <summary>
    /// The key of a look-up by null source: one client says <c>sub|global</c>, another the bare name with the desired
    /// capability <c>global</c>.
    /// </summary>
    public static SubscriptionKey LookUp(string clientId, string linkName, bool globalDesired) =>
        Durable(clientId, linkName, globalDesired || linkName.EndsWith(GlobalSuffix, StringComparison.Ordinal));

    private static string NameOf(string linkName)
    {
        var end = linkName.IndexOf(Separator);
        return end < 0 ? linkName : linkName[..end];
    }
}
