using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// The way clients of ActiveMQ Classic look at scheduled messages and cancel them: messages to
/// <c>ActiveMQ.Scheduler.Management</c> whose application property <c>AMQ_SCHEDULER_ACTION</c> is <c>BROWSE</c> (what is scheduled is
/// sent to the reply-to, each with its <c>scheduledJobId</c>), <c>REMOVE</c> (the one of <c>scheduledJobId</c>) or
/// <c>REMOVEALL</c>. BROWSE and REMOVEALL take what is next due from <c>ACTION_START_TIME</c> to <c>ACTION_END_TIME</c>, when both
/// are there. One request of the broker is carried out at a time. Thread-safe.
/// </summary>
internal sealed class ClassicScheduler(ServerContext server)
{
    public const string Address = "ActiveMQ.Scheduler.Management";

    /// <summary>Messages that answer one BROWSE, at most: the next due.</summary>
    public const int MaxBrowsed = 1_000;

    private const string Action = "AMQ_SCHEDULER_ACTION";
    private const string JobId = "scheduledJobId";
    private const string StartTime = "ACTION_START_TIME";
    private const string EndTime = "ACTION_END_TIME";

    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Whether an address means the scheduler; with or without a prefix, in any case, as Classic has it.</summary>
    public static bool IsAddress(string? address) =>
        address is not null && address.Length >= Address.Length
        && NodeAddress.Parse(address, default).Name.Equals(Address, StringComparison.OrdinalIgnoreCase);

    /// <summary>Carries a request out; why it is refused, or null. Never throws.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">The id of the connection that it came on.</param>
    /// <param name="access">What its user may do, who then sees and cancels only what is at addresses it may manage; null for everything.</param>
    public async Task<AmqpError?> ExecuteAsync(ManagementRequest request, long caller, AddressAccess? access)
    {
        await _turn.WaitAsync();
        try
        {
            await DispatchAsync(request, access);
            return null;
        }
        catch (ManagementException e)
        {
            return new AmqpError(ErrorCondition.InvalidField, e.Message);
        }
        catch (LinkRefusedException e)
        {
            return e.Error;
        }
        catch (EngineException e)
        {
            return Refusal.From(e);
        }
        catch (Exception e)
        {
            ServerLog.ConnectionFault(server.Logger, e, caller);
            return new AmqpError(ErrorCondition.InternalError, "The request failed inside the broker; see its log.");
        }
        finally
        {
            _turn.Release();
        }
    }

    private Task DispatchAsync(ManagementRequest request, AddressAccess? access)
    {
        var action = request.Text(Action);
        switch (action)
        {
            case "BROWSE":
                Browse(request, access);
                return Task.CompletedTask;
            case "REMOVE":
                return RemoveAsync(IdIn(request), access);
            case "REMOVEALL":
                return RemoveAllAsync(Range(request), access);
            default:
                throw ManagementException.Bad($"The application property '{Action}' must be BROWSE, REMOVE or REMOVEALL; it is '{action}'.");
        }
    }

    /// <summary>An id that is gone is no error: what was asked for is so.</summary>
    private static ulong IdIn(ManagementRequest request) =>
        ulong.TryParse(request.Text(JobId), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? id
            : throw ManagementException.Bad($"REMOVE needs the application property '{JobId}', as a message that answered BROWSE has it.");

    private static ScheduledQuery Range(ManagementRequest request)
    {
        var query = new ScheduledQuery { WithoutParked = true, Max = MaxBrowsed };
        return request.Instant(StartTime) is { } start && request.Instant(EndTime) is { } end
            ? query with { DueFrom = start, DueBefore = end == long.MaxValue ? end : end + 1 }
            : query;
    }

    private Task<bool> RemoveAsync(ulong id, AddressAccess? access)
    {
        if (access is not null && server.Engine.QueryScheduled(new ScheduledQuery { Id = id, Max = 1 }).Items is [var item])
        {
            access.Require(AddressActions.Manage, NodeAddress.Of(item.Address));
        }

        return server.Engine.CancelScheduledAsync(id);
    }

    private async Task RemoveAllAsync(ScheduledQuery query, AddressAccess? access)
    {
        var kept = 0;
        bool any;
        do
        {
            any = false;
            foreach (var item in server.Engine.QueryScheduled(query with { Skip = kept }).Items)
            {
                if (May(access, item, AddressActions.Manage))
                {
                    any |= await server.Engine.CancelScheduledAsync(item.Id);
                }
                else
                {
                    kept++;
                    any = true;
                }
            }
        }
        while (any);
    }

    private static bool May(AddressAccess? access, ScheduledMessage item, AddressActions action) =>
        access is null || access.Allows(action, NodeAddress.Of(item.Address));

    private void Browse(ManagementRequest request, AddressAccess? access)
    {
        var replyTo = request.ReplyTo ?? throw ManagementException.Bad("BROWSE needs a reply-to: the queue that the scheduled messages are sent to.");
        var address = NodeAddress.Parse(replyTo, default);
        access?.Require(AddressActions.Send, address);
        var node = server.Addresses.Find(address) ?? throw new LinkRefusedException(Refusal.NotFound(replyTo));
        foreach (var item in server.Engine.QueryScheduled(Range(request)).Items)
        {
            if (!May(access, item, AddressActions.Manage) || !May(access, item, AddressActions.Browse)
                || server.Engine.ReadScheduled(item) is not { } stored)
            {
                continue;
            }

            try
            {
                var batch = PublishBatch.Rent();
                batch.Add(node, Describe(item, stored, request), observer: null, 0);
                server.Engine.Publish(batch);
            }
            finally
            {
                stored.Release();
            }
        }
    }

    /// <summary>A message as it was scheduled, with what says which it is, and without what would schedule it again.</summary>
    private StoredMessage Describe(ScheduledMessage item, StoredMessage stored, ManagementRequest request)
    {
        var message = AmqpMessage.Decode(stored.Span);
        foreach (var key in DeliveryTime.Keys)
        {
            message.MessageAnnotations?.Remove(key);
        }

        var properties = message.ApplicationProperties ??= [];
        properties[JobId] = item.Id.ToString(CultureInfo.InvariantCulture);
        properties["AMQ_SCHEDULED_DELAY"] = Math.Max(0, item.DueAt - server.Time.GetUtcNow().ToUnixTimeMilliseconds());
        if (item.Kind == ScheduledKind.Repeating)
        {
            properties["AMQ_SCHEDULED_PERIOD"] = item.Period;
            properties["AMQ_SCHEDULED_REPEAT"] = item.Repeats;
        }

        if (item.Cron is not null)
        {
            properties["AMQ_SCHEDULED_CRON"] = item.Cron;
        }

        (message.Properties ??= new MessageProperties()).CorrelationId ??= request.CorrelationId;
        return MessageIngress.Read(message.Encode(), server.Time.GetUtcNow().ToUnixTimeMilliseconds(), wantTo: false, out _, out _)!;
    }
}
