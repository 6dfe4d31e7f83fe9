using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// One connection's business with the management node of one entity, <c>ENTITY/$management</c>: the operations that clients of Service Bus
/// have beyond sending and receiving. Touched only by the connection's turns; operations are carried out off them.
/// </summary>
internal sealed class EntityDesk(AmqpConnection connection, string address, EntityAddress entity, Action onUnused) : RequestDesk(connection)
{
    private const string Prefix = "com.microsoft:";

    /// <summary>Requests carry whole messages.</summary>
    private static readonly DecodeLimits Limits = new() { MaxDepth = 8, MaxCount = 8_192, MaxValues = 65_536, MaxSections = 8 };

    private readonly EntityOperations _operations = new(connection, entity);

    public override ulong MaxRequestBytes => Connection.Server.Options.MaxMessageSize;

    public override ManagementRequest Decode(ReadOnlySpan<byte> payload) => ManagementRequest.Decode(payload, Limits);

    protected override void CheckUser()
    {
        // Each operation asks what the user may do.
    }

    protected override bool IsOwnAddress(string replyTo) => string.Equals(replyTo, address, StringComparison.Ordinal);

    protected override void OnUnused() => onUnused();

    protected override Func<Task<DeskResponse>> Prepare(ManagementRequest request)
    {
        try
        {
            var execute = Begin(request);
            return async () => (await Guard(execute)).For(request);
        }
        catch (Exception e) when (Explain(e) is { } failed)
        {
            return () => Task.FromResult(failed.For(request));
        }
    }

    /// <summary>What an operation does off the turn, after what it needs the turn for.</summary>
    private Func<Task<EntityResponse>> Begin(ManagementRequest request)
    {
        var operation = request.Text("operation") ?? throw ManagementException.Bad("The request has no application property 'operation'.");
        return operation switch
        {
            Prefix + "schedule-message" => _operations.Schedule(request.Attributes()),
            Prefix + "cancel-scheduled-message" => _operations.Cancel(request.Attributes()),
            Prefix + "peek-message" => _operations.Peek(request.Attributes()),
            Prefix + "renew-lock" => _operations.RenewLocks(request.Attributes(), request.Text("associated-link-name")),
            Prefix + "update-disposition" => throw new EntityException(
                ManagementStatus.Gone, "The receiver that held the message is closed, so that it was given back; receive it again.", EntityResponse.LockLost),
            _ => throw new EntityException(ManagementStatus.NotImplemented, $"The operation {Security.LogText.Clean(operation)} is not implemented; see azure.md."),
        };
    }

    private async Task<EntityResponse> Guard(Func<Task<EntityResponse>> execute)
    {
        try
        {
            return await execute();
        }
        catch (Exception e) when (Explain(e) is { } failed)
        {
            return failed;
        }
        catch (Exception e)
        {
            ServerLog.ManagementFault(Connection.Server.Logger, e);
            return new EntityResponse(ManagementStatus.InternalError, "The request failed inside the broker; see its log.");
        }
    }

    private static EntityResponse? Explain(Exception cause) => cause switch
    {
        EntityException e => new EntityResponse(e.Status, e.Message, Condition: e.Condition),
        ManagementException e => new EntityResponse(e.Status, e.Message),
        LinkRefusedException e => new EntityResponse(StatusOf(e.Error.Condition), e.Error.Description ?? "", Condition: e.Error.Condition.Value),
        AmqpException e => new EntityResponse(ManagementStatus.BadRequest, e.Error.Description ?? "", Condition: e.Error.Condition.Value),
        EngineException e when Refusal.From(e) is var error => new EntityResponse(StatusOf(error.Condition), e.Message, Condition: error.Condition.Value),
        _ => null,
    };

    private static int StatusOf(Symbol condition) =>
        condition == ErrorCondition.UnauthorizedAccess ? ManagementStatus.Unauthorized
        : condition == ErrorCondition.NotFound ? ManagementStatus.NotFound
        : condition == ErrorCondition.InternalError ? ManagementStatus.InternalError
        : ManagementStatus.BadRequest;
}

/// <summary>A request about an entity that is not carried out.</summary>
internal sealed class EntityException(int status, string text, string? condition = null) : Exception(text)
{
    public int Status { get; } = status;

    /// <summary>The error as clients tell it to the application; null leaves it to the status.</summary>
    public string? Condition { get; } = condition;
}
