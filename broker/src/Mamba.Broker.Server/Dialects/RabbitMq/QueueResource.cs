using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary><c>/queues/NAME</c> and <c>/queues/NAME/messages</c>: queues from declaration to deletion. Thread-safe.</summary>
internal sealed class QueueResource(ServerContext server)
{
    private const string Durable = "durable";
    private const string Exclusive = "exclusive";
    private const string AutoDelete = "auto_delete";
    private const string Arguments = "arguments";
    private const string MessageCount = "message_count";

    private MessageEngine Engine => server.Engine;

    public PairedResponse Get(string name, PairedCaller caller)
    {
        RabbitMqNode.Require(caller, AddressActions.Manage | AddressActions.Send | AddressActions.Receive | AddressActions.Browse | AddressActions.Create, name);
        return new PairedResponse(200, Describe(Find(name) ?? throw PairedException.NotFound($"queue '{name}' not found")));
    }

    /// <summary>Declares a queue: makes it, or finds that the one that is there is the same.</summary>
    public async Task<PairedResponse> PutAsync(string name, object? body, PairedCaller caller)
    {
        var declaration = Read(name, body);
        RabbitMqNode.CheckName("queue", name);
        RabbitMqNode.Require(caller, AddressActions.Manage, name);
        if (ExchangeAddress.Parse(declaration.Options.DeadLetterAddress) is { } target)
        {
            RabbitMqNode.Require(caller, AddressActions.Manage, RabbitMqNode.PermissionName(target.Exchange));
        }
        else if (declaration.Options.DeadLetterAddress != Engine.OptionsFor(name).DeadLetterAddress)
        {
            RabbitMqNode.Require(caller, AddressActions.Manage, declaration.Options.DeadLetterAddress);
        }

        while (true)
        {
            if (Engine.Find(name) is { } there)
            {
                CheckEquivalent(there, declaration, caller);
                return new PairedResponse(200, Describe(there));
            }

            var made = declaration.IsExclusive
                ? await Engine.TryCreateExclusiveAsync(name, declaration.Options, caller.Owner)
                : await Engine.TryCreateAsync(name, NodeKind.Queue, declaration.Options == Engine.OptionsFor(name) ? null : declaration.Options);
            if (made is not null)
            {
                return new PairedResponse(201, Describe(made));
            }
        }
    }

    public async Task<PairedResponse> DeleteAsync(string name, PairedCaller caller)
    {
        RabbitMqNode.Require(caller, AddressActions.Manage, name);
        if (Find(name) is not { } node)
        {
            return Count(0);
        }

        CheckAccess(node, caller);
        var messages = node.Describe().Depth;
        await Engine.DeleteAsync(name);
        return Count(messages);
    }

    public async Task<PairedResponse> PurgeAsync(string name, PairedCaller caller)
    {
        RabbitMqNode.Require(caller, AddressActions.Manage, name);
        CheckAccess(Find(name) ?? throw PairedException.NotFound($"no queue '{name}'"), caller);
        return Count(await Engine.PurgeAsync(name));
    }

    private static PairedResponse Count(long messages) => new(200, new AmqpMap { { MessageCount, (ulong)messages } });

    private IMessageNode? Find(string name) => Engine.Find(name) is { Kind: NodeKind.Queue } node ? node : null;

    private Declaration Read(string name, object? body)
    {
        var fields = new PairedBody("queue", body);
        var durable = fields.Flag(Durable, otherwise: true);
        var exclusive = fields.Flag(Exclusive, otherwise: false);
        var autoDelete = fields.Flag(AutoDelete, otherwise: false);
        var arguments = fields.Map(Arguments);
        fields.RefuseOthers();
        return new Declaration(exclusive, QueueArguments.Apply(arguments, Engine.OptionsFor(name), durable, Engine.FindExchange) with { Durable = durable && !exclusive, AutoDelete = autoDelete });
    }

    /// <summary>A queue that is there is not changed: it is as the declaration says, or the declaration fails.</summary>
    private static void CheckEquivalent(IMessageNode there, Declaration declaration, PairedCaller caller)
    {
        if (there.Kind != NodeKind.Queue)
        {
            throw PairedException.Conflict($"'{there.Address}' is a topic; choose another name for the queue");
        }

        CheckAccess(there, caller);
        var difference = Compare(Exclusive, there.IsTemporary, declaration.IsExclusive)
            ?? Compare(Durable, there.Options.Durable, declaration.Options.Durable)
            ?? Compare(AutoDelete, there.Options.AutoDelete, declaration.Options.AutoDelete)
            ?? QueueArguments.Difference(there.Options, declaration.Options);
        if (difference is not null)
        {
            throw PairedException.Conflict($"queue '{there.Address}' is there with other settings: {difference}; declare it as it is, or delete it first");
        }
    }

    private static string? Compare(string name, bool there, bool wanted) =>
        there == wanted ? null : $"inequivalent arg '{name}': received '{wanted}' but current is '{there}'";

    /// <summary>An exclusive queue is its connection's alone.</summary>
    private static void CheckAccess(IMessageNode node, PairedCaller caller)
    {
        if (node.IsTemporary && node.Owner is TerminusOwner owner && owner.Connection != caller.Connection)
        {
            throw PairedException.Bad($"cannot obtain exclusive access to locked queue '{node.Address}': it belongs to another connection");
        }
    }

    private AmqpMap Describe(IMessageNode node)
    {
        var status = node.Describe();
        var options = node.Options;
        return new AmqpMap
        {
            { "leader", server.Options.ContainerId },
            { MessageCount, (ulong)Math.Max(0, status.Depth - status.Acquired) },
            { "consumer_count", (uint)status.Consumers },
            { "name", node.Address },
            { "vhost", "/" },
            { Durable, options.Durable },
            { AutoDelete, options.AutoDelete },
            { Exclusive, node.IsTemporary },
            { "type", QueueArguments.TypeOf(options) },
            { Arguments, QueueArguments.Describe(options) },
            { "replicas", new[] { server.Options.ContainerId } },
        };
    }

    private sealed record Declaration(bool IsExclusive, NodeOptions Options);
}
