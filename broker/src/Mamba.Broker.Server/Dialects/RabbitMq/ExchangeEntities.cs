using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Management;
using Attribute = Mamba.Broker.Server.Management.Attribute;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary>Exchanges on <c>$management</c>: what there is, and where it leads. They are made by <c>/management</c>.</summary>
internal sealed class ExchangeEntities(MessageEngine engine) : EntityType("org.mamba.exchange", "exchange")
{
    public override IReadOnlyList<string> Attributes { get; } =
        [Attribute.Name, Attribute.Identity, Attribute.Type, "exchangeType", Attribute.Durable, "autoDelete", "internal", "bindings"];

    public override IReadOnlyList<string> Operations { get; } = [Operation.Read, Operation.Delete];

    public override IEnumerable<Entity> List() => engine.ListExchanges().Select(exchange => new Entity(this, exchange.Name, exchange));

    public override Entity? Find(string name) => engine.FindExchange(name) is { } exchange ? new Entity(this, name, exchange) : null;

    public override string? AddressOf(in Entity entity) => RabbitMqNode.PermissionName(entity.Name);

    public override Task DeleteAsync(Entity entity, AttributeBody conditions, long caller)
    {
        conditions.RefuseOthers();
        return engine.DeleteExchangeAsync(entity.Name);
    }

    protected override void Describe(object handle, AmqpMap into)
    {
        var exchange = (ExchangeOptions)handle;
        into.Add("exchangeType", exchange.Type.ToString().ToLowerInvariant());
        into.Add(Attribute.Durable, exchange.Durable);
        into.Add("autoDelete", exchange.AutoDelete);
        into.Add("internal", exchange.Internal);
        into.Add("bindings", engine.ListBindings(exchange.Name).Select(BindingResource.Describe).ToList<object?>());
    }
}
