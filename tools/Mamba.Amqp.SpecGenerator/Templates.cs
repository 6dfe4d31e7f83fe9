namespace Mamba.Amqp.SpecGenerator;

/// <summary>How a type becomes C#.</summary>
internal enum Shape
{
    /// <summary>A sealed partial class.</summary>
    Class,

    /// <summary>A partial struct, for what is read and written with every message.</summary>
    Struct,

    /// <summary>A sealed class without fields, of which there is one instance.</summary>
    Singleton,

    /// <summary>A class whose base is <c>DeliveryState</c>.</summary>
    DeliveryState,

    /// <summary>A class whose base is <c>Outcome</c>.</summary>
    Outcome,

    /// <summary>A class that implements <c>ITarget</c>.</summary>
    Target,

    /// <summary>Written by hand; only its descriptor is generated.</summary>
    ByHand,
}

/// <summary>The decisions that the XML cannot make: names, folders and shapes.</summary>
internal static class Templates
{
    public static readonly Dictionary<string, (string Folder, string Name, Shape Shape)> Composites = new(StringComparer.Ordinal)
    {
        ["open"] = ("Transport", "Open", Shape.Class),
        ["begin"] = ("Transport", "Begin", Shape.Class),
        ["attach"] = ("Transport", "Attach", Shape.Class),
        ["flow"] = ("Transport", "Flow", Shape.Struct),
        ["transfer"] = ("Transport", "Transfer", Shape.Struct),
        ["disposition"] = ("Transport", "Disposition", Shape.Struct),
        ["detach"] = ("Transport", "Detach", Shape.Class),
        ["end"] = ("Transport", "End", Shape.Class),
        ["close"] = ("Transport", "Close", Shape.Class),
        ["error"] = ("Transport", "AmqpError", Shape.Class),
        ["header"] = ("Messaging", "MessageHeader", Shape.ByHand),
        ["properties"] = ("Messaging", "MessageProperties", Shape.Class),
        ["received"] = ("Messaging", "Received", Shape.DeliveryState),
        ["accepted"] = ("Messaging", "Accepted", Shape.Singleton),
        ["rejected"] = ("Messaging", "Rejected", Shape.Outcome),
        ["released"] = ("Messaging", "Released", Shape.Singleton),
        ["modified"] = ("Messaging", "Modified", Shape.Outcome),
        ["source"] = ("Messaging", "Source", Shape.Class),
        ["target"] = ("Messaging", "Target", Shape.Target),
        ["delete-on-close"] = ("Messaging", "LifetimePolicy", Shape.ByHand),
        ["delete-on-no-links"] = ("Messaging", "LifetimePolicy", Shape.ByHand),
        ["delete-on-no-messages"] = ("Messaging", "LifetimePolicy", Shape.ByHand),
        ["delete-on-no-links-or-messages"] = ("Messaging", "LifetimePolicy", Shape.ByHand),
        ["coordinator"] = ("Transactions", "Coordinator", Shape.Target),
        ["declare"] = ("Transactions", "Declare", Shape.Class),
        ["discharge"] = ("Transactions", "Discharge", Shape.Class),
        ["declared"] = ("Transactions", "Declared", Shape.Outcome),
        ["transactional-state"] = ("Transactions", "TransactionalState", Shape.DeliveryState),
        ["sasl-mechanisms"] = ("Sasl", "SaslMechanisms", Shape.Class),
        ["sasl-init"] = ("Sasl", "SaslInit", Shape.Class),
        ["sasl-challenge"] = ("Sasl", "SaslChallenge", Shape.Class),
        ["sasl-response"] = ("Sasl", "SaslResponse", Shape.Class),
        ["sasl-outcome"] = ("Sasl", "SaslOutcome", Shape.Class),
    };

    /// <summary>Restricted types with choices that become an enum.</summary>
    public static readonly Dictionary<string, (string Folder, string Name, string Underlying)> Enums = new(StringComparer.Ordinal)
    {
        ["role"] = ("Transport", "Role", "byte"),
        ["sender-settle-mode"] = ("Transport", "SenderSettleMode", "byte"),
        ["receiver-settle-mode"] = ("Transport", "ReceiverSettleMode", "byte"),
        ["terminus-durability"] = ("Messaging", "TerminusDurability", "uint"),
        ["sasl-code"] = ("Sasl", "SaslCode", "byte"),
    };

    /// <summary>Restricted symbols that become a class of constants.</summary>
    public static readonly Dictionary<string, (string Folder, string Name)> SymbolChoices = new(StringComparer.Ordinal)
    {
        ["terminus-expiry-policy"] = ("Messaging", "TerminusExpiryPolicy"),
        ["std-dist-mode"] = ("Messaging", "DistributionMode"),
        ["txn-capability"] = ("Transactions", "TransactionCapability"),
    };

    /// <summary>The groups of error conditions, all of which go to one class, and the names that would clash or mislead there.</summary>
    public static readonly string[] ErrorGroups = ["amqp-error", "connection-error", "session-error", "link-error", "transaction-error"];

    public static readonly Dictionary<string, string> ErrorNames = new(StringComparer.Ordinal)
    {
        ["amqp:connection:redirect"] = "ConnectionRedirect",
        ["amqp:link:redirect"] = "LinkRedirect",
        ["amqp:transaction:unknown-id"] = "TransactionUnknownId",
    };

    /// <summary>What a field of type <c>*</c> becomes, by what it requires.</summary>
    public static readonly Dictionary<string, FieldKind> Wildcards = new(StringComparer.Ordinal)
    {
        ["source"] = new("Source", "Source.Read(ref reader)", "Composite", IsReference: true),
        ["target"] = new("ITarget", "AnyTarget.Read(ref reader)", "Composite", IsReference: true),
        ["delivery-state"] = new("DeliveryState", "DeliveryState.Read(ref reader)", "Composite", IsReference: true),
        ["outcome"] = new("Outcome", "Outcome.Read(ref reader)", "Composite", IsReference: true),
        ["address"] = new("string", "reader.ReadString()", "String", IsReference: true),
        ["message-id"] = new("object", "MessageIdCodec.Read(ref reader)", "Value", IsReference: true),
        ["txn-id"] = new("byte[]", "reader.ReadBinary()", "Binary", IsReference: true),
        ["global-tx-id"] = new("object", "reader.ReadValue()", "Value", IsReference: true),
    };

    /// <summary>What a field of a primitive type becomes.</summary>
    public static readonly Dictionary<string, FieldKind> Primitives = new(StringComparer.Ordinal)
    {
        ["boolean"] = new("bool", "reader.ReadBoolean()", "Boolean"),
        ["ubyte"] = new("byte", "reader.ReadUByte()", "UByte"),
        ["ushort"] = new("ushort", "reader.ReadUShort()", "UShort"),
        ["uint"] = new("uint", "reader.ReadUInt()", "UInt"),
        ["ulong"] = new("ulong", "reader.ReadULong()", "ULong"),
        ["timestamp"] = new("Timestamp", "reader.ReadTimestamp()", "Timestamp"),
        ["string"] = new("string", "reader.ReadString()", "String", IsReference: true),
        ["symbol"] = new("Symbol", "reader.ReadSymbol()", "Symbol"),
        ["binary"] = new("byte[]", "reader.ReadBinary()", "Binary", IsReference: true),
        ["map"] = new("AmqpMap", "reader.ReadMap()", "Map", IsReference: true),
        ["error"] = new("AmqpError", "AmqpError.Read(ref reader)", "Composite", IsReference: true),
    };
}

/// <summary>The C# of a field.</summary>
/// <param name="Type">Its type, without the question mark.</param>
/// <param name="Read">The expression that reads it.</param>
/// <param name="Write">The method of <c>CompositeWriter</c> that writes it.</param>
/// <param name="IsReference">Whether the type is a reference type.</param>
/// <param name="Cast">A cast in front of the value when it is written.</param>
internal sealed record FieldKind(string Type, string Read, string Write, bool IsReference = false, string Cast = "");
