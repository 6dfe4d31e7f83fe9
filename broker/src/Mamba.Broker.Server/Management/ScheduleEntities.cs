using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// What waits for its time: delayed messages and repeating schedules, by id. A delayed message on a topic is listed once for each
/// subscription that will get it. QUERY gives the next due first, and takes the filters <c>address</c>, <c>kind</c> and
/// <c>dueBefore</c> as application properties. Failed deliveries that wait for their next try are listed by the kind <c>parked</c> only;
/// one that is deleted is dead-lettered as cancelled.
/// </summary>
internal sealed class ScheduleEntities(MessageEngine engine) : EntityType("org.mamba.schedule", "schedule")
{
    private const string Kind = "kind";
    private const string Delayed = "delayed";
    private const string Repeating = "repeating";
    private const string Parked = "parked";

    public override IReadOnlyList<string> Attributes { get; } =
    [
        Attribute.Name, Attribute.Identity, Attribute.Type, Attribute.Address, "subscription", Kind, "messageId", "nextAt", "cron", "period", "repeatsLeft",
        "parent", "createdAt", "deliveryCount", Attribute.Durable, "bytes",
    ];

    public override IReadOnlyList<string> Operations { get; } = [Operation.Read, Operation.Delete];

    /// <summary>The first of them only: there may be more than can be held. <see cref="Page"/> gives any part.</summary>
    public override IEnumerable<Entity> List() => EntitiesOf(engine.QueryScheduled(Schedules with { Max = EntityCatalog.MaxRows }).Items);

    public override EntityPage Page(ManagementRequest request, int skip, int count)
    {
        var address = request.Text(Attribute.Address);
        try
        {
            var kind = KindOf(request.Text(Kind));
            var page = engine.QueryScheduled(Schedules with
            {
                WithoutParked = kind != ScheduledKind.Parked,
                Address = address,
                Kind = kind,
                DueBefore = request.Number("dueBefore") ?? long.MaxValue,
                Skip = skip,
                Max = count,
            });
            return new EntityPage([.. EntitiesOf(page.Items)], page.Total);
        }
        catch (EngineException e) when (e.Error == EngineError.NotFound)
        {
            throw ManagementException.NotFound($"There is no queue or topic '{address}' that could have schedules.");
        }
    }

    public override string? AddressOf(in Entity entity) => ((ScheduledMessage)entity.Handle).Address;

    public override Entity? Find(string name) =>
        IdOf(name) is { } id && engine.QueryScheduled(new ScheduledQuery { Id = id, Max = 1 }).Items is [var found] ? new Entity(this, name, found) : null;

    /// <summary>Cancels it: on all its subscriptions, and with the series that its crontab entry began. A failed delivery is dead-lettered.</summary>
    public override async Task DeleteAsync(Entity entity, AttributeBody conditions, long caller)
    {
        conditions.RefuseOthers();
        var item = (ScheduledMessage)entity.Handle;
        if (!await (item.Kind == ScheduledKind.Parked ? engine.CancelParkedAsync(item.Id) : engine.CancelScheduledAsync(item.Id)))
        {
            throw ManagementException.NotFound($"'{entity.Name}' ended, was tried again, or was cancelled by somebody else, just now.");
        }
    }

    protected override void Describe(object handle, AmqpMap into)
    {
        var item = (ScheduledMessage)handle;
        into.Add(Attribute.Address, item.Address);
        into.Add("subscription", item.SubscriptionName);
        into.Add(Kind, item.Kind switch
        {
            ScheduledKind.Repeating => Repeating,
            ScheduledKind.Parked => Parked,
            _ => Delayed,
        });
        into.Add("messageId", MessageIdOf(item));
        into.Add("nextAt", item.DueAt);
        into.Add("cron", item.Cron);
        into.Add("period", item.Period);
        into.Add("repeatsLeft", (long)item.Repeats);
        into.Add("parent", item.Parent == 0 ? null : NameOf(item.Parent));
        into.Add("createdAt", item.CreatedAt);
        into.Add("deliveryCount", (long)item.DeliveryCount);
        into.Add(Attribute.Durable, item.Durable);
        into.Add("bytes", (long)item.Length);
    }

    /// <summary>The message-id that its sender gave it, of any type, or null. Read from the message: a page has few.</summary>
    private object? MessageIdOf(ScheduledMessage item)
    {
        var message = engine.ReadScheduled(item);
        if (message is null)
        {
            return null;
        }

        try
        {
            var layout = MessageScanner.Scan(message.Span);
            return layout.Properties.IsPresent ? new PropertiesView(layout.Properties.ValueIn(message.Span)).MessageId : null;
        }
        finally
        {
            message.Release();
        }
    }

    private static ScheduledQuery Schedules { get; } = new() { WithoutParked = true };

    private static ScheduledKind? KindOf(string? text) => text switch
    {
        null => null,
        Delayed => ScheduledKind.Delayed,
        Repeating => ScheduledKind.Repeating,
        Parked => ScheduledKind.Parked,
        _ => throw ManagementException.Bad($"The application property '{Kind}' must be '{Delayed}', '{Repeating}' or '{Parked}'; it is '{text}'."),
    };

    private IEnumerable<Entity> EntitiesOf(IReadOnlyList<ScheduledMessage> items) => items.Select(item => new Entity(this, NameOf(item.Id), item));

    private static string NameOf(ulong id) => id.ToString(CultureInfo.InvariantCulture);

    /// <summary>The id that a name is, written as we write it; null when it is none.</summary>
    private static ulong? IdOf(string name) =>
        ulong.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && string.Equals(NameOf(id), name, StringComparison.Ordinal) ? id : null;
}
