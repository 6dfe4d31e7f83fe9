using System.Net;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Management;

/// <summary>Who may administer the broker over AMQP. Asked when a link to <c>$management</c> is attached. Thread-safe.</summary>
public interface IManagementPolicy
{
    /// <summary>Whether this peer may attach to the management node, and so do everything the node can do.</summary>
    bool Allows(Principal principal, ListenerContext listener);
}

/// <summary>The policies that can be chosen by configuration.</summary>
public static class ManagementPolicy
{
    /// <summary>Every user that has proved who it is, and anyone on the broker's own machine where anonymous clients are let in.</summary>
    public static IManagementPolicy Auto { get; } =
        new Rule((principal, listener) => !principal.IsAnonymous || IPAddress.IsLoopback(listener.Remote.Address));

    /// <summary>Everyone who is let in.</summary>
    public static IManagementPolicy All { get; } = new Rule((_, _) => true);

    /// <summary>Nobody.</summary>
    public static IManagementPolicy None { get; } = new Rule((_, _) => false);

    /// <summary>These users, once they have proved who they are. Names are compared exactly.</summary>
    public static IManagementPolicy Users(IEnumerable<string> names)
    {
        var allowed = new HashSet<string>(names, StringComparer.Ordinal);
        return new Rule((principal, _) => !principal.IsAnonymous && allowed.Contains(principal.Name));
    }


    private sealed class Rule(Func<Principal, ListenerContext, bool> allows) : IManagementPolicy
    {
        public bool Allows(Principal principal, ListenerContext listener) => allows(principal, listener);
    }
}
