using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// Which subscription of a topic a consumer link means, by the conventions that JMS clients put into link names: of a shared one
/// everything up to the first <c>|</c> is the subscription's name, the rest counts the client's own links to it
/// (<c>sub</c>, <c>sub|2</c>, <c>sub|global3</c>, <c>sub|volatile1</c>). An unshared one has one link, whose name is its own.
/// </summary>
internal static class SubscriptionNames
{
    private const char Separator = '|';
    private const string GlobalSuffix = "|global";

    /// <summary>A subscription that outlives its links. Shared and unshared ones of a client share one namespace (JMS 2.0).</summary>
    /// <exception cref="LinkRefusedException">The link's name leaves nothing for that of the subscription.</exception>
    public static SubscriptionKey Durable(string clientId, string linkName, bool shared, bool global) =>
        new(global ? null : clientId, Named(shared || global ? NameOf(linkName) : linkName, linkName), Durable: true);

    /// <summary>A shared subscription that ends with its last link.</summary>
    /// <exception cref="LinkRefusedException">The link's name leaves nothing for that of the subscription.</exception>
    public static SubscriptionKey SharedVolatile(string clientId, string linkName, bool global) =>
        new(global ? null : clientId, Named(NameOf(linkName), linkName), Durable: false);

    /// <summary>
    /// What a look-up by null source finds, or null: the subscription that has the link's whole name, or the one that it is a link of.
    /// For a global one some clients say <c>sub|global</c>, others the bare name with the desired capability <c>global</c>.
    /// </summary>
    public static ISubscriptionNode? LookUp(MessageEngine engine, string clientId, string linkName, bool globalDesired)
    {
        var isGlobal = globalDesired || linkName.EndsWith(GlobalSuffix, StringComparison.Ordinal);
        var whole = globalDesired ? null : engine.FindSubscription(new SubscriptionKey(clientId, linkName, Durable: true));
        return whole ?? engine.FindSubscription(new SubscriptionKey(isGlobal ? null : clientId, NameOf(linkName), Durable: true));
    }

    private static string Named(string name, string linkName) =>
        name.Length > 0 ? name : throw new LinkRefusedException(Refusal.Unnamed(linkName));

    private static string NameOf(string linkName)
    {
        var end = linkName.IndexOf(Separator);
        return end < 0 ? linkName : linkName[..end];
    }
}
