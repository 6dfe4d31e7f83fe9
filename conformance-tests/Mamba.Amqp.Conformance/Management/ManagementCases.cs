using Mamba.Amqp.Conformance.Messaging;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Management;

/// <summary>
/// AMQP Management (working draft) on the node $management. Not applicable where that cannot be attached to, or where nothing answers
/// a request for the node types within two seconds: there it is an address like any other.
/// </summary>
public static class ManagementCases
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);

    [Case("MGMT-01", "mgmt 3.3.3", "GET-TYPES of the management node answers 200 with a map of types")]
    public static async Task Types(CaseContext c)
    {
        var (_, answer) = await StartAsync(c);
        Check.Is<AmqpMap>(answer.Value, "the body");
    }

    [Case("MGMT-02", "mgmt 3.3.2", "QUERY of the management node answers 200 with attribute names and results")]
    public static async Task Query(CaseContext c)
    {
        var (client, _) = await StartAsync(c);
        var body = Check.Is<AmqpMap>((await client.AskAsync("QUERY", "org.amqp.management", "self", new AmqpMap { ["attributeNames"] = new List<object?>() }, 200)).Value, "the body");
        Check.Is<List<object?>>(body["attributeNames"], "attributeNames");
        Check.Is<List<object?>>(body["results"], "results");
    }

    [Case("MGMT-03", "mgmt 3.3.1", "An operation that does not exist answers 501")]
    public static async Task UnknownOperation(CaseContext c)
    {
        var (client, _) = await StartAsync(c);
        await client.AskAsync("CONFORMANCE-NONSENSE", "org.amqp.management", "self", new AmqpMap(), 501);
    }

    [Case("MGMT-04", "mgmt 3.2.2", "READ of something that does not exist answers 404")]
    public static async Task Missing(CaseContext c)
    {
        var (client, answer) = await StartAsync(c);
        await client.AskAsync("READ", QueueType(answer), c.Name(), null, 404);
    }

    [Case("MGMT-05", "mgmt 3.2", "A queue is made, read, listed and deleted")]
    public static async Task Life(CaseContext c)
    {
        var (client, answer) = await StartAsync(c);
        var type = QueueType(answer);
        var name = c.Name();
        await client.AskAsync("CREATE", type, name, new AmqpMap(), 201);
        Check.Is<AmqpMap>((await client.AskAsync("READ", type, name, null, 200)).Value, "the body");
        await client.AskAsync("DELETE", type, name, null, 204);
        await client.AskAsync("READ", type, name, null, 404);
    }

    [Case("MGMT-06", "mgmt 3.1", "The answer's correlation-id is the request's message-id, whatever its type")]
    public static async Task Correlation(CaseContext c)
    {
        var (client, _) = await StartAsync(c);
        foreach (var id in new object[] { 17UL, Guid.NewGuid(), "text" })
        {
            Check.Equal((await client.AskAsync("GET-TYPES", "org.amqp.management", "self", null, 200, id)).Properties?.CorrelationId, id);
        }
    }

    [Case("MGMT-07", "mgmt 3.1", "A request without an operation answers 400")]
    public static async Task WithoutOperation(CaseContext c)
    {
        var (client, _) = await StartAsync(c);
        await client.AskAsync(null, "org.amqp.management", "self", null, 400);
    }

    private static string QueueType(AmqpMessage types) =>
        ((AmqpMap)types.Value!).Select(static e => e.Key as string).FirstOrDefault(static t => t?.Contains("queue", StringComparison.OrdinalIgnoreCase) == true)
        ?? throw CaseContext.NotApplicable("the management node names no type of queues");

    private static async Task<(Client Client, AmqpMessage Types)> StartAsync(CaseContext c)
    {
        var session = await c.BeginAsync();
        var replies = await TerminusCases.DynamicSourceAsync(session);
        var sender = await Session.OptionalAsync(session.SendToAsync("$management"), "a link to $management");
        var client = new Client(sender, replies);
        await client.SendAsync("GET-TYPES", "org.amqp.management", "self", null, "first");
        await replies.CreditAsync(100);
        try
        {
            await session.Wire.ExpectQuietAsync(static f => f.Body is Transfer, Silence);
        }
        catch (CheckFailedException)
        {
            return (client, await client.AnswerAsync(200));
        }

        throw CaseContext.NotApplicable("nothing answers at $management: it is an address like any other");
    }

    private sealed record Client(SenderLink Sender, ReceiverLink Replies)
    {
        public async Task<AmqpMessage> AskAsync(string? operation, string type, string name, AmqpMap? body, int status, object? id = null)
        {
            await SendAsync(operation, type, name, body, id ?? "request");
            return await AnswerAsync(status);
        }

        public async Task SendAsync(string? operation, string type, string name, AmqpMap? body, object id)
        {
            var request = AmqpMessage.FromValue(body);
            request.Properties = new MessageProperties { MessageId = id, ReplyTo = Replies.Remote.Source!.Address };
            request.ApplicationProperties = new AmqpMap { ["type"] = type, ["name"] = name };
            if (operation is not null)
            {
                request.ApplicationProperties["operation"] = operation;
            }

            Check.Is<Accepted>(await Sender.OutcomeAsync(await Sender.SendAsync(request)), "the outcome of a request");
        }

        public async Task<AmqpMessage> AnswerAsync(int status)
        {
            var delivery = await Replies.ReceiveAsync("an answer of $management");
            await Replies.SettleAsync(delivery, Accepted.Instance);
            Check.Equal(delivery.Message.ApplicationProperties?["statusCode"], status, "statusCode");
            return delivery.Message;
        }
    }
}
