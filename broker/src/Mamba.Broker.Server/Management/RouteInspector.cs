using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// The operation ROUTE of the management node: where a message would go that is sent to an address, and why. The address is an
/// application property; the body says what the message is like: <c>header</c>, <c>messageAnnotations</c>, <c>properties</c> and
/// <c>applicationProperties</c>, each a map. Nothing is stored and nobody is signalled.
/// </summary>
internal sealed class RouteInspector(MessageEngine engine, TimeProvider time)
{
    public const string Operation = "ROUTE";

    private const int MaxTtl = int.MaxValue;

    public ManagementResponse Execute(ManagementRequest request)
    {
        var address = request.Text(Attribute.Address)
            ?? throw ManagementException.Bad("ROUTE needs the application property 'address': where the message would be sent.");
        var payload = Read(request.Attributes()).Encode();
        var message = MessageIngress.Read(payload, time.GetUtcNow().ToUnixTimeMilliseconds(), wantTo: false, out _, out var fault)
            ?? throw ManagementException.Bad($"The message cannot be: {fault!.Description}");
        try
        {
            return ManagementResponse.Ok(Describe(engine.TraceRoute(address, message)));
        }
        finally
        {
            message.Release();
        }
    }

    private static AmqpMap Describe(RouteTrace trace)
    {
        var stored = new List<object?>();
        var stops = new List<object?>();
        foreach (var stop in trace.Stops)
        {
            if (stop.IsStored)
            {
                stored.Add(stop.Address);
            }

            stops.Add(new AmqpMap
            {
                { Attribute.Address, stop.Address },
                { Attribute.Type, stop.Kind is { } kind ? DivertEntities.NameOf(kind) : "none" },
                { "via", stop.Via },
                { "stored", stop.IsStored },
                { "diverts", stop.Diverts.Select(Describe).ToList<object?>() },
                { "queues", stop.Queues.Select(Describe).ToList<object?>() },
            });
        }

        return new AmqpMap { { Attribute.Address, trace.Address }, { "stored", stored }, { "stops", stops } };
    }

    private static AmqpMap Describe(RouteDivert divert) => new()
    {
        { Attribute.Name, divert.Divert.Name },
        { "pattern", divert.Divert.Pattern },
        { "target", divert.Divert.Target },
        { "move", divert.Divert.Move },
        { "priority", (long)divert.Divert.Priority },
        { "selector", divert.Divert.Selector },
        { "selected", divert.IsSelected },
        { "applied", divert is { IsSelected: true, IsReached: true } },
        { "reason", Reason(divert) },
    };

    private static AmqpMap Describe(RouteQueue queue) => new() { { Attribute.Name, queue.Name }, { "selected", queue.Wants }, { "full", queue.IsFull } };

    private static string Reason(RouteDivert divert) =>
        !divert.IsReached ? "a divert before it took the message away"
        : !divert.IsSelected ? "its selector is not true of the message"
        : divert.IsRepeated ? "the message comes to its target by another way already"
        : divert.Divert.Selector is null ? "its pattern takes the address in" : "its pattern takes the address in, and its selector is true of the message";

    private static AmqpMessage Read(AmqpMap body)
    {
        var message = new AmqpMessage();
        foreach (var (key, value) in body)
        {
            var name = (key as Symbol?)?.Value ?? key as string ?? "";
            var fields = value as AmqpMap ?? throw ManagementException.Bad($"'{name}' in the body must be a map.");
            switch (name)
            {
                case "header":
                    message.Header = ReadHeader(new AttributeBody(fields));
                    break;
                case "messageAnnotations":
                    message.MessageAnnotations = Annotations(fields);
                    break;
                case "properties":
                    message.Properties = ReadProperties(new AttributeBody(fields), fields);
                    break;
                case "applicationProperties":
                    message.ApplicationProperties = fields;
                    break;
                default:
                    throw ManagementException.Bad(
                        $"'{name}' in the body is not understood; these are: header, messageAnnotations, properties, applicationProperties.");
            }
        }

        return message;
    }

    private static MessageHeader ReadHeader(AttributeBody fields)
    {
        var header = new MessageHeader(
            fields.Flag("durable") ?? false, (byte?)fields.Number("priority", 9) ?? MessageHeader.DefaultPriority, (uint?)fields.Number("ttl", MaxTtl), FirstAcquirer: false, 0);
        fields.RefuseOthers();
        return header;
    }

    private static MessageProperties ReadProperties(AttributeBody fields, AmqpMap map)
    {
        var properties = new MessageProperties
        {
            MessageId = fields.Any("message-id"),
            To = fields.Text("to"),
            Subject = fields.Text("subject"),
            ReplyTo = fields.Text("reply-to"),
            CorrelationId = fields.Any("correlation-id"),
            ContentType = fields.Text("content-type") is { } type ? new Symbol(type) : (Symbol?)null,
            GroupId = fields.Text("group-id"),
            ReplyToGroupId = fields.Text("reply-to-group-id"),
        };
        fields.RefuseOthers();
        return properties.MessageId is null or string or ulong or Guid or byte[] && properties.CorrelationId is null or string or ulong or Guid or byte[]
            ? properties
            : throw ManagementException.Bad($"message-id and correlation-id are strings, ulongs, uuids or binaries; the properties are {AmqpValue.ToString(map)}.");
    }

    /// <summary>Keys of annotations are symbols; requests may name them by strings.</summary>
    private static AmqpMap Annotations(AmqpMap given)
    {
        var annotations = new AmqpMap();
        foreach (var (key, value) in given)
        {
            annotations[key is string name ? new Symbol(name) : key] = value;
        }

        return annotations;
    }
}
