using System.Text.Json;
using System.Text.Json.Nodes;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Dialects.Artemis;

/// <summary>
/// One connection's business with <c>activemq.management</c>, where clients of ActiveMQ Artemis ask. The answer goes to the reply-to: a
/// text with a JSON array of the one result, and whether it succeeded in the application property <c>_AMQ_OperationSucceeded</c>. Touched
/// only by the connection's turns.
/// </summary>
internal sealed class ArtemisDesk(AmqpConnection connection) : ManagementDesk(connection)
{
    public const string Address = "activemq.management";

    private const string Succeeded = "_AMQ_OperationSucceeded";
    private const sbyte JmsText = 5;

    private static readonly Symbol JmsMessageType = new("x-opt-jms-msg-type");

    /// <summary>Whether an address means this node, with or without a prefix.</summary>
    public static new bool IsNode(string? address) =>
        address is not null && address.EndsWith(Address, StringComparison.Ordinal)
        && string.Equals(NodeAddress.Parse(address, default).Name, Address, StringComparison.Ordinal);

    protected override bool IsOwnAddress(string address) => IsNode(address);

    protected override Func<Task<DeskResponse>> Prepare(ManagementRequest request)
    {
        var resources = new ArtemisResources(Connection.Server.Management, Connection.Id, Connection.Access);
        return () => AnswerAsync(request, resources);
    }

    private static async Task<DeskResponse> AnswerAsync(ManagementRequest request, ArtemisResources resources)
    {
        try
        {
            var result = await resources.ExecuteAsync(ArtemisRequest.Read(request));
            return new DeskResponse(Encode(request, succeeded: true, result), Error: null);
        }
        catch (ManagementException e)
        {
            return new DeskResponse(Encode(request, succeeded: false, e.Message), ErrorOf(ManagementResponse.Failed(e)));
        }
    }

    private static byte[] Encode(ManagementRequest request, bool succeeded, JsonNode? result) => new AmqpMessage
    {
        MessageAnnotations = new AmqpMap { { JmsMessageType, JmsText } },
        Properties = new MessageProperties { To = request.ReplyTo, CorrelationId = request.CorrelationId },
        ApplicationProperties = new AmqpMap { { Succeeded, succeeded } },
        Body = new ValueBody(new JsonArray(result).ToJsonString(JsonSerializerOptions.Default)),
    }.Encode();
}
