using Mamba.Broker.Engine;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary><c>/exchanges/NAME</c>: exchanges, made and deleted. Thread-safe.</summary>
internal sealed class ExchangeResource(ServerContext server)
{
    private const string Reserved = "amq.";

    public async Task<PairedResponse> PutAsync(string name, object? body, PairedCaller caller)
    {
        var options = Read(name, body);
        RefuseDefault(name);
        if (!name.StartsWith(Reserved, StringComparison.Ordinal) || server.Engine.FindExchange(name) is null)
        {
            RabbitMqNode.CheckName("exchange", name);
        }

        RabbitMqNode.Require(caller, AddressActions.Manage, RabbitMqNode.PermissionName(name));
        await server.Engine.DeclareExchangeAsync(options);
        return new PairedResponse(204);
    }

    public async Task<PairedResponse> DeleteAsync(string name, PairedCaller caller)
    {
        RefuseDefault(name);
        if (name.StartsWith(Reserved, StringComparison.Ordinal))
        {
            throw PairedException.Forbidden($"exchange '{name}' is always there and cannot be deleted");
        }

        RabbitMqNode.Require(caller, AddressActions.Manage, RabbitMqNode.PermissionName(name));
        await server.Engine.DeleteExchangeAsync(name);
        return new PairedResponse(204);
    }

    /// <exception cref="PairedException">403: the default exchange has a binding for each queue, and no others.</exception>
    public static void RefuseDefault(string name)
    {
        if (name.Length == 0)
        {
            throw PairedException.Forbidden("operation not permitted on the default exchange: every queue is bound to it by its name");
        }
    }

    private static ExchangeOptions Read(string name, object? body)
    {
        var fields = new PairedBody("exchange", body);
        var type = fields.Text("type") ?? "direct";
        var options = new ExchangeOptions(name, TypeOf(type))
        {
            Durable = fields.Flag("durable", otherwise: true),
            AutoDelete = fields.Flag("auto_delete", otherwise: false),
            Internal = fields.Flag("internal", otherwise: false),
        };
        var arguments = fields.Map("arguments");
        fields.RefuseOthers();
        return arguments.Count == 0
            ? options
            : throw PairedException.Bad($"invalid arg '{arguments.EntryAt(0).Key}': exchanges of this broker take no arguments (what no queue takes is released to its sender); leave it out");
    }

    private static ExchangeType TypeOf(string type) => type switch
    {
        "direct" => ExchangeType.Direct,
        "fanout" => ExchangeType.Fanout,
        "topic" => ExchangeType.Topic,
        "headers" => ExchangeType.Headers,
        _ => throw PairedException.Bad($"unknown exchange type '{type}'; there are direct, fanout, topic and headers"),
    };
}
