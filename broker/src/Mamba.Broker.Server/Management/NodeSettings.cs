using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Management;

/// <summary>The settings of queues, topics and subscriptions as attributes: the same words as in an address rule of the configuration.</summary>
internal static class NodeSettings
{
    private const string MaxMessages = "maxMessages";
    private const string MaxLength = "maxLength";
    private const string MaxBytes = "maxBytes";
    private const string Overflow = "overflow";
    private const string DeadLetterDropped = "deadLetterDropped";
    private const string SingleActiveConsumer = "singleActiveConsumer";
    private const string LastValueKey = "lastValueKey";
    private const string NonDestructive = "nonDestructive";
    private const string MaxDeliveries = "maxDeliveries";
    private const string MaxAcquires = "maxAcquires";
    private const string DeadLetterAddress = "deadLetterAddress";
    private const string ExpiryAddress = "expiryAddress";
    private const int MostDeliveries = 1_000;
    private const int LongestName = 255;

    /// <summary>Their names, in the order of READ.</summary>
    public static readonly string[] Names =
    [
        MaxMessages, MaxBytes, Overflow, DeadLetterDropped, SingleActiveConsumer, LastValueKey, NonDestructive, MaxDeliveries, MaxAcquires,
        DeadLetterAddress, ExpiryAddress, .. RetryAttributes.Names,
    ];

    private static readonly string[] Overflows = ["reject", "dropHead", "page", "block"];

    /// <summary>The settings that a body leaves when it is applied to others.</summary>
    /// <exception cref="ManagementException">400: an attribute has a value that cannot be; the text names it.</exception>
    public static NodeOptions Read(AttributeBody attributes, NodeOptions before) => before with
    {
        MaxMessages = attributes.Number(MaxMessages) ?? attributes.Number(MaxLength) ?? before.MaxMessages,
        MaxBytes = attributes.Number(MaxBytes) ?? before.MaxBytes,
        Overflow = (OverflowPolicy?)attributes.Choice(Overflow, Overflows) ?? before.Overflow,
        DeadLetterDropped = attributes.Flag(DeadLetterDropped) ?? before.DeadLetterDropped,
        SingleActiveConsumer = attributes.Flag(SingleActiveConsumer) ?? before.SingleActiveConsumer,
        LastValueKey = ReadKey(attributes, before),
        NonDestructive = attributes.Flag(NonDestructive) ?? before.NonDestructive,
        MaxDeliveries = (int?)attributes.Number(MaxDeliveries, MostDeliveries) ?? before.MaxDeliveries,
        MaxAcquires = (int?)attributes.Number(MaxAcquires, ushort.MaxValue) ?? before.MaxAcquires,
        DeadLetterAddress = ReadAddress(attributes, DeadLetterAddress) ?? before.DeadLetterAddress,
        ExpiryAddress = ReadAddress(attributes, ExpiryAddress) ?? before.ExpiryAddress,
        Retry = RetryAttributes.Read(attributes, before.Retry),
    };

    /// <summary>Whether a body says something about any of them.</summary>
    public static bool AreIn(AttributeBody attributes) => attributes.HasAny([.. Names, MaxLength]);

    /// <summary>The addresses that messages would move to by what a body says.</summary>
    public static IEnumerable<string> AddressesIn(AttributeBody attributes, string node)
    {
        foreach (var attribute in new[] { DeadLetterAddress, ExpiryAddress })
        {
            if (attributes.Text(attribute) is { Length: > 0 } address)
            {
                yield return address.Replace("{address}", node, StringComparison.Ordinal);
            }
        }
    }

    public static void Write(NodeOptions options, AmqpMap into)
    {
        into.Add(MaxMessages, options.MaxMessages);
        into.Add(MaxBytes, options.MaxBytes);
        into.Add(Overflow, Overflows[(int)options.Overflow]);
        into.Add(DeadLetterDropped, options.DeadLetterDropped);
        into.Add(SingleActiveConsumer, options.SingleActiveConsumer);
        into.Add(LastValueKey, options.LastValueKey);
        into.Add(NonDestructive, options.NonDestructive);
        into.Add(MaxDeliveries, (long)options.MaxDeliveries);
        into.Add(MaxAcquires, (long)options.MaxAcquires);
        into.Add(DeadLetterAddress, options.DeadLetterAddress);
        into.Add(ExpiryAddress, options.ExpiryAddress);
        RetryAttributes.Write(options.Retry, into);
    }

    /// <summary>The empty text takes the key away.</summary>
    private static string? ReadKey(AttributeBody attributes, NodeOptions before) => attributes.Text(LastValueKey) switch
    {
        null => before.LastValueKey,
        "" => null,
        { Length: <= LongestName } name => name,
        _ => throw ManagementException.Bad($"The attribute '{LastValueKey}' has more than {LongestName} characters."),
    };

    /// <summary>An address that messages move to; empty for none.</summary>
    private static string? ReadAddress(AttributeBody attributes, string name)
    {
        var address = attributes.Text(name);
        return string.IsNullOrEmpty(address) || new NodeAddress(address, NodeKind.Queue, IsTemporary: false).Fault() is not { } fault
            ? address
            : throw ManagementException.Bad($"The attribute '{name}' cannot be used: {fault}.");
    }
}
