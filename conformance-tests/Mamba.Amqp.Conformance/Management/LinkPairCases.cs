using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Management;

/// <summary>
/// Link pairs (Link Pair 1.0, committee specification 1) with the node /management, and requests over them (HTTP over AMQP, working
/// draft 6) as RabbitMQ 4 defines them. Not applicable where open does not offer LINK_PAIR_V1_0.
/// </summary>
public static class LinkPairCases
{
    private const string Node = "/management";
    private const string Own = "$me";

    private static readonly Symbol Paired = new("paired");

    [Case("PAIR-01", "linkpair 2.1", "Both halves of a pair are attached in either order, and say that they are paired")]
    public static async Task Halves(CaseContext c)
    {
        foreach (var requestsFirst in new[] { true, false })
        {
            var pair = await StartAsync(c, requestsFirst);
            Check.Equal(pair.Requests.Remote.Properties?[Paired], true, "paired in the answer to the sender");
            Check.Equal(pair.Responses.Remote.Properties?[Paired], true, "paired in the answer to the receiver");
        }
    }

    [Case("PAIR-02", "linkpair 2.1", "A link whose property paired is not true is no half of a pair")]
    public static async Task NotPaired(CaseContext c)
    {
        var session = await SessionAsync(c);
        await RefusedAsync(() => session.SendToAsync(Node, Half(Own, paired: false)), ErrorCondition.InvalidField);
    }

    [Case("PAIR-03", "linkpair 2.1", "Halves with different addresses on the client's side do not fit")]
    public static async Task DifferentAddresses(CaseContext c)
    {
        var session = await SessionAsync(c);
        var name = c.Name();
        await session.ReceiveFromAsync(Node, Half(Own, name: name));
        await RefusedAsync(() => session.SendToAsync(Node, Half("elsewhere", name: name)), ErrorCondition.PreconditionFailed);
    }

    [Case("PAIR-04", "http 5.1", "A response has the request's message-id as correlation-id, whatever its type, and says http:response")]
    public static async Task Correlation(CaseContext c)
    {
        var pair = await StartAsync(c);
        foreach (var id in new object[] { "text", 17UL, Guid.NewGuid() })
        {
            var response = await pair.AskAsync("404", "GET", $"/queues/{c.Name()}", id: id);
            Check.Equal(response.Properties?.CorrelationId, id, "correlation-id");
            Check.Equal(response.ApplicationProperties?["http:response"], "1.1", "http:response");
        }
    }

    [Case("PAIR-05", "http 5.1", "A queue is declared, declared again, used by its address of version 2, and deleted")]
    public static async Task QueueLife(CaseContext c)
    {
        var pair = await StartAsync(c);
        var address = $"/queues/{c.Name()}";
        Check.Equal(Check.Is<AmqpMap>((await pair.AskAsync("201", "PUT", address, new AmqpMap())).Value, "the body")["durable"], true, "durable");
        await pair.AskAsync("200", "PUT", address, new AmqpMap());
        await pair.AskAsync("409", "PUT", address, new AmqpMap { { "durable", false } });
        var session = await c.BeginAsync();
        await (await session.SendToAsync(address)).SendAcceptedAsync("there");
        var receiver = await session.ReceiveFromAsync(address);
        await receiver.CreditAsync(1);
        var delivery = await receiver.ReceiveAsync();
        Check.Equal(delivery.Value, "there", "the body");
        await receiver.SettleAsync(delivery, Accepted.Instance);
        await pair.AskAsync("200", "DELETE", address);
        await pair.AskAsync("404", "GET", address);
    }

    [Case("PAIR-06", "http 5.1", "Messages to an exchange go to the queues that are bound; what no binding takes is released")]
    public static async Task Exchange(CaseContext c)
    {
        var pair = await StartAsync(c);
        var (queue, exchange) = (c.Name(), c.Name());
        await pair.AskAsync("201", "PUT", $"/queues/{queue}", new AmqpMap());
        await pair.AskAsync("204", "PUT", $"/exchanges/{exchange}", new AmqpMap { { "type", "topic" } });
        await pair.AskAsync("204", "POST", "/bindings", new AmqpMap
        {
            { "source", exchange }, { "destination_queue", queue }, { "binding_key", "a.*" }, { "arguments", new AmqpMap() },
        });
        var session = await c.BeginAsync();
        await (await session.SendToAsync($"/exchanges/{exchange}/a.b")).SendAcceptedAsync("routed");
        var nowhere = await session.SendToAsync($"/exchanges/{exchange}/b.a");
        Check.Is<Released>(await nowhere.OutcomeAsync(await nowhere.SendAsync("nowhere")), "the outcome of what no binding takes");
        var receiver = await session.ReceiveFromAsync($"/queues/{queue}");
        await receiver.CreditAsync(2);
        Check.Equal((await receiver.ReceiveAsync()).Value, "routed", "the body");
        await pair.AskAsync("204", "DELETE", $"/exchanges/{exchange}");
        await pair.AskAsync("200", "DELETE", $"/queues/{queue}");
    }

    private static Action<Attach> Half(string own, string? name = null, bool paired = true) => attach =>
    {
        attach.Name = name ?? attach.Name;
        attach.SndSettleMode = SenderSettleMode.Settled;
        attach.Properties = new AmqpMap { { Paired, paired } };
        if (attach.Role == Role.Sender)
        {
            attach.Source = new Source { Address = own };
        }
        else
        {
            attach.Target = new Target { Address = own };
        }
    };

    private static async Task<Session> SessionAsync(CaseContext c)
    {
        var peer = await c.OpenAsync();
        return Array.IndexOf(peer.Remote.OfferedCapabilities ?? [], new Symbol("LINK_PAIR_V1_0")) >= 0
            ? await peer.BeginAsync(0)
            : throw CaseContext.NotApplicable("the broker does not offer LINK_PAIR_V1_0");
    }

    private static async Task<Pair> StartAsync(CaseContext c, bool requestsFirst = true)
    {
        var session = await SessionAsync(c);
        var half = Half(Own, c.Name());
        var requests = requestsFirst ? await session.SendToAsync(Node, half) : null;
        var responses = await session.ReceiveFromAsync(Node, half);
        var pair = new Pair(requests ?? await session.SendToAsync(Node, half), responses);
        await responses.CreditAsync(100);
        return pair;
    }

    private static async Task RefusedAsync(Func<Task> attach, Symbol condition)
    {
        try
        {
            await attach();
        }
        catch (RefusedException e)
        {
            Check.Condition(e.Error, condition);
            return;
        }

        throw new CheckFailedException("the broker takes the link");
    }

    private sealed record Pair(SenderLink Requests, ReceiverLink Responses)
    {
        public async Task<AmqpMessage> AskAsync(string status, string method, string target, object? body = null, object? id = null)
        {
            var request = AmqpMessage.FromValue(body);
            request.Properties = new MessageProperties { MessageId = id ?? "request", To = target, Subject = method, ReplyTo = Own };
            await Requests.SendAsync(request, settled: true);
            var response = (await Responses.ReceiveAsync("a response of /management")).Message;
            Check.Equal(response.Properties?.Subject, status, $"the status of {method} {target}");
            return response;
        }
    }
}
