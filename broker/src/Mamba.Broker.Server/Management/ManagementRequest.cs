using System.Globalization;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// One request to the management node, decoded (AMQP Management 1.0, working draft). What it asks for stands in the application
/// properties: <c>operation</c>, <c>type</c>, <c>name</c> or <c>identity</c>, and what the operation adds; the body is a map of
/// attributes, or nothing. Names of properties are strings; their values may be strings or symbols.
/// </summary>
internal sealed class ManagementRequest
{
    /// <summary>A request needs few values; whoever sends more means harm.</summary>
    private static readonly DecodeLimits Limits = new() { MaxDepth = 8, MaxCount = 1_024, MaxValues = 4_096, MaxSections = 8 };

    private readonly AmqpMap _properties;

    private ManagementRequest(AmqpMessage message)
    {
        _properties = message.ApplicationProperties ?? [];
        CorrelationId = message.Properties?.CorrelationId ?? message.Properties?.MessageId;
        ReplyTo = message.Properties?.ReplyTo;
        Value = message.Body;
    }

    private ManagementRequest(AmqpMap properties, AmqpMap? body)
    {
        _properties = properties;
        Value = body is null ? null : new ValueBody(body);
    }

    /// <summary>What the response carries as correlation-id: the request's, or else its message-id; null for neither.</summary>
    public object? CorrelationId { get; }

    /// <summary>Where the response is to go, or null.</summary>
    public string? ReplyTo { get; }

    /// <summary>The body as it came, or null.</summary>
    public MessageBody? Value { get; }

    /// <summary>Decodes a message within tight limits.</summary>
    /// <exception cref="AmqpException">It is no AMQP message, or has far more in it than a request needs.</exception>
    public static ManagementRequest Decode(ReadOnlySpan<byte> payload) => Decode(payload, Limits);

    /// <summary>The same, within other limits.</summary>
    /// <exception cref="AmqpException">As there.</exception>
    public static ManagementRequest Decode(ReadOnlySpan<byte> payload, DecodeLimits limits) => new(AmqpMessage.Decode(payload, limits));

    /// <summary>A request of our own about one entity.</summary>
    public static ManagementRequest Of(string operation, string type, string name) =>
        new(new AmqpMap { { "operation", operation }, { "type", type }, { "name", name } }, body: null);

    /// <summary>A request of our own for some attributes of all entities of a type, from an offset on.</summary>
    public static ManagementRequest OfQuery(string type, IReadOnlyList<string> attributes, int offset) => new(
        new AmqpMap { { "operation", Operation.Query }, { "entityType", type }, { "offset", offset } },
        new AmqpMap { { "attributeNames", new List<object?>(attributes) } });

    /// <summary>The text of an application property; null when it is absent or empty.</summary>
    /// <exception cref="ManagementException">400: it is of another type.</exception>
    public string? Text(string key) => _properties[key] switch
    {
        null => null,
        string text => text.Length == 0 ? null : text,
        Symbol symbol => symbol.Value,
        var other => throw ManagementException.Bad($"The application property '{key}' must be a string; it is {AmqpValue.ToString(other)}."),
    };

    /// <summary>The number of an application property, 0 or more; null when it is absent.</summary>
    /// <exception cref="ManagementException">400: it is negative, too large, or no number.</exception>
    public int? Count(string key) => (int?)Number(key, int.MaxValue);

    /// <summary>The number of an application property, 0 to <paramref name="max"/>; null when it is absent. A timestamp is its milliseconds.</summary>
    /// <exception cref="ManagementException">400: it is negative, too large, or no number.</exception>
    public long? Number(string key, long max = long.MaxValue)
    {
        if (_properties[key] is not { } value)
        {
            return null;
        }

        return (value is Timestamp time ? time.Milliseconds : Whole.Read(value)) is { } number and >= 0 && number <= max
            ? number
            : throw ManagementException.Bad($"The application property '{key}' must be a whole number from 0 to {max}; it is {AmqpValue.ToString(value)}.");
    }

    /// <summary>The Unix milliseconds of an application property, a number, a timestamp or a text of digits; null when it is absent.</summary>
    /// <exception cref="ManagementException">400: it is none of these.</exception>
    public long? Instant(string key) =>
        _properties[key] is string text && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : Number(key);

    /// <summary>The attributes in the body: a map as amqp-value. No body, null and the empty text count as an empty map.</summary>
    /// <exception cref="ManagementException">400: the body is something else.</exception>
    public AmqpMap Attributes() => Value switch
    {
        null or ValueBody { Value: null or "" } => [],
        ValueBody { Value: AmqpMap map } => map,
        DataBody data when data.Sections.TrueForAll(static section => section.Length == 0) => [],
        ValueBody => throw ManagementException.Bad("The body's amqp-value must be a map of attributes by name."),
        _ => throw ManagementException.Bad("The body must be one amqp-value section with a map of attributes; data and sequences are not understood."),
    };
}

/// <summary>Whole numbers of any AMQP width.</summary>
internal static class Whole
{
    /// <summary>The number, or null when the value is none or does not fit 64 bits with a sign.</summary>
    public static long? Read(object? value) => value switch
    {
        long number => number,
        int number => number,
        short number => number,
        sbyte number => number,
        ulong number and <= long.MaxValue => (long)number,
        uint number => number,
        ushort number => number,
        byte number => number,
        _ => null,
    };
}
