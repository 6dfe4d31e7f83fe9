using System.Text.Json;
using Mamba.Amqp.Messaging;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Dialects.Artemis;

/// <summary>
/// One request as clients of ActiveMQ Artemis make it: which resource, which attribute or operation, and the operation's arguments as a
/// JSON array in the body.
/// </summary>
/// <param name="Resource"><c>broker</c>, <c>queue.NAME</c> or <c>address.NAME</c>.</param>
/// <param name="Name">The attribute or operation, as the client wrote it.</param>
/// <param name="IsAttribute">Whether it is an attribute.</param>
/// <param name="Arguments">The operation's arguments; empty for an attribute.</param>
internal sealed record ArtemisRequest(string Resource, string Name, bool IsAttribute, IReadOnlyList<JsonElement> Arguments)
{
    private const string ResourceKey = "_AMQ_ResourceName";
    private const string AttributeKey = "_AMQ_Attribute";
    private const string OperationKey = "_AMQ_OperationName";

    /// <exception cref="ManagementException">400: it is none; the text says what is missing.</exception>
    public static ArtemisRequest Read(ManagementRequest request)
    {
        var resource = request.Text(ResourceKey)
            ?? throw ManagementException.Bad($"The request has no application property '{ResourceKey}': 'broker', 'queue.NAME' or 'address.NAME'.");
        if (request.Text(AttributeKey) is { } attribute)
        {
            return new ArtemisRequest(resource, attribute, IsAttribute: true, []);
        }

        var operation = request.Text(OperationKey)
            ?? throw ManagementException.Bad($"The request has neither of the application properties '{AttributeKey}' and '{OperationKey}'.");
        return new ArtemisRequest(resource, operation, IsAttribute: false, ArgumentsIn(request.Value));
    }

    /// <summary>The text at a place among the arguments.</summary>
    /// <exception cref="ManagementException">400: there is none.</exception>
    public string Text(int index) => index < Arguments.Count && Arguments[index].ValueKind == JsonValueKind.String
        ? TextOf(Arguments[index])
        : throw ManagementException.Bad($"{Name} needs a text as argument {index + 1}; the body is the JSON array of the arguments, such as [\"orders\"].");

    /// <summary>The text of a JSON string.</summary>
    /// <exception cref="ManagementException">400: it has half a surrogate pair.</exception>
    public static string TextOf(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw ManagementException.Bad($"{element.GetRawText()} is no text: half of a surrogate pair stands for no character.");
        }
    }

    private static IReadOnlyList<JsonElement> ArgumentsIn(MessageBody? body)
    {
        if (body is null or ValueBody { Value: null or "" })
        {
            return [];
        }

        try
        {
            if (body is ValueBody { Value: string json } && JsonDocument.Parse(json) is { RootElement.ValueKind: JsonValueKind.Array } document)
            {
                using (document)
                {
                    return [.. document.RootElement.Clone().EnumerateArray()];
                }
            }
        }
        catch (JsonException e)
        {
            throw ManagementException.Bad($"The body must be a text with a JSON array of the operation's arguments, and is none: {e.Message}");
        }

        throw ManagementException.Bad("The body must be one amqp-value, a text with a JSON array of the operation's arguments, such as [\"orders\"].");
    }
}
