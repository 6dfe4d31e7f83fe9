using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary>
/// A request on a link pair (HTTP over AMQP, working draft 6, as RabbitMQ 4 speaks it): the method is the message's subject, path and
/// query its <c>to</c>, the body one amqp-value section.
/// </summary>
/// <param name="Id">The message-id, which the response's correlation-id repeats.</param>
/// <param name="Method">GET, PUT, POST or DELETE.</param>
/// <param name="Target">Path and query as they came.</param>
/// <param name="Body">The value of the body; null for none.</param>
internal sealed record PairedRequest(object? Id, string Method, string Target, object? Body)
{
    /// <summary>A request needs few values; whoever sends more means harm.</summary>
    private static readonly DecodeLimits Limits = new() { MaxDepth = 8, MaxCount = 1_024, MaxValues = 4_096, MaxSections = 8 };

    /// <summary>The path's segments as they came: still percent-encoded.</summary>
    public string[] Segments { get; } = Target.Split('?', 2)[0] is ['/', .. var path] ? path.Split('/') : [];

    /// <exception cref="AmqpException">It is no AMQP message, or has far more in it than a request needs.</exception>
    public static PairedRequest Decode(ReadOnlySpan<byte> payload)
    {
        var message = AmqpMessage.Decode(payload, Limits);
        var properties = message.Properties;
        return new PairedRequest(properties?.MessageId, properties?.Subject ?? string.Empty, properties?.To ?? string.Empty, message.Value);
    }

    /// <summary>A parameter of the query, decoded; null when it is absent.</summary>
    /// <exception cref="PairedException">400: it is not percent-encoded as it should be.</exception>
    public string? Parameter(string name)
    {
        var query = Target.IndexOf('?', StringComparison.Ordinal);
        foreach (var pair in query < 0 ? [] : Target[(query + 1)..].Split('&'))
        {
            var parts = pair.Split('=', 2);
            if (string.Equals(parts[0], name, StringComparison.Ordinal))
            {
                return Decoded(parts.Length < 2 ? string.Empty : parts[1].Replace('+', ' '), $"the parameter '{name}'");
            }
        }

        return null;
    }

    /// <summary>The text behind percent-encoding.</summary>
    /// <exception cref="PairedException">400.</exception>
    public static string Decoded(string encoded, string what) =>
        PercentText.Decode(encoded) ?? throw PairedException.Bad($"{what} '{encoded}' is not percent-encoded UTF-8");
}

/// <summary>A response: the status is the message's subject, the body one amqp-value section: a map, a list, null, or why it failed.</summary>
internal sealed record PairedResponse(int Status, object? Body = null)
{
    private const string VersionKey = "http:response";
    private const string Version = "1.1";

    public byte[] Encode(object? requestId) => new AmqpMessage
    {
        Properties = new MessageProperties { Subject = $"{Status}", CorrelationId = requestId },
        ApplicationProperties = new AmqpMap { { VersionKey, Version } },
        Body = new ValueBody(Body),
    }.Encode();
}

/// <summary>A request that is not carried out: the status of its response, and a text that says why and what to do.</summary>
internal sealed class PairedException(int status, string text) : Exception(text)
{
    public int Status { get; } = status;

    public static PairedException Bad(string text) => new(400, text);

    public static PairedException Forbidden(string text) => new(403, text);

    public static PairedException NotFound(string text) => new(404, text);

    public static PairedException Conflict(string text) => new(409, text);
}
