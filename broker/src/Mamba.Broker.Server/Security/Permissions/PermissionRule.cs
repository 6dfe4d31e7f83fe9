namespace Mamba.Broker.Server.Security;

/// <summary>What can be permitted at an address.</summary>
[Flags]
public enum AddressActions
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Sending messages to it.</summary>
    Send = 1,

    /// <summary>Taking messages from it: consuming from a queue, subscribing to a topic. Browsing is part of it.</summary>
    Receive = 2,

    /// <summary>Looking at the messages of a queue without taking them (distribution-mode copy).</summary>
    Browse = 4,

    /// <summary>Making it by attaching to it, and making, changing and unsubscribing durable subscriptions to it.</summary>
    Create = 8,

    /// <summary>The operations of <c>$management</c> on it.</summary>
    Manage = 16,
}

/// <summary>
/// One rule of who may do what. Of the rules that take in both an address and a user the first decides, and permits what it names;
/// where there are rules and none takes in both, nothing is permitted.
/// </summary>
/// <param name="Pattern">Addresses: words divided by dots, <c>*</c> for one word, <c>#</c> for any number of them.</param>
/// <param name="Users">Names as their principals have them; <c>*</c> is everybody.</param>
/// <param name="Actions">What they may do; nothing refuses them.</param>
public sealed record PermissionRule(string Pattern, IReadOnlyCollection<string> Users, AddressActions Actions)
{
    /// <summary>The name that stands for all users, with credentials and without.</summary>
    public const string Everybody = "*";
}
