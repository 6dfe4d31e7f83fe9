using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Security.Claims;

/// <summary>
/// One connection's business with <c>$cbs</c>, the node of claims-based security (AMQP CBS 1.0, working draft, as Azure's clients speak
/// it): requests with <c>operation</c> put-token, <c>type</c> and <c>name</c> as application properties and the token as the body, each
/// answered with <c>status-code</c> and <c>status-description</c>. Touched only by the connection's turns.
/// </summary>
internal sealed class ClaimsDesk(AmqpConnection connection) : RequestDesk(connection)
{
    public const string Address = "$cbs";

    /// <summary>Tokens that one connection may have refused, one after the other, before it is closed.</summary>
    public const int MaxRefused = 5;

    private const string PutToken = "put-token";

    private int _refused;

    public override ulong MaxRequestBytes => 16 * 1024;

    /// <summary>Whether an address is that of the node.</summary>
    public static bool IsNode(string? address) => string.Equals(address, Address, StringComparison.Ordinal);

    protected override void CheckUser()
    {
        // Whoever may connect may show a token.
    }

    protected override bool IsOwnAddress(string address) => IsNode(address);

    protected override Func<Task<DeskResponse>> Prepare(ManagementRequest request) => () => Task.FromResult(Execute(request));

    private static DeskResponse Respond(ManagementRequest request, TokenVerdict verdict) => new(
        new AmqpMessage
        {
            Properties = new MessageProperties { To = request.ReplyTo, CorrelationId = request.CorrelationId },
            ApplicationProperties = new AmqpMap { { "status-code", verdict.Status }, { "status-description", verdict.Description } },
            Body = new ValueBody(null),
        }.Encode(),
        verdict.Claim is null ? new AmqpError(ErrorCondition.UnauthorizedAccess, verdict.Description) : null);

    private DeskResponse Execute(ManagementRequest request)
    {
        var verdict = Judge(request);
        return verdict.Claim is { } claim
            ? new DeskResponse([], Error: null, () => Respond(request, Apply(claim, verdict)))
            : Respond(request, verdict) with { InTurn = () => Count(Respond(request, verdict)) };
    }

    private TokenVerdict Judge(ManagementRequest request)
    {
        try
        {
            return request.Text("operation") is PutToken
                ? Connection.Server.Tokens!.Verify(
                    request.Text("type"), request.Text("name"), (request.Value as ValueBody)?.Value as string, Connection.Listener.Remote)
                : new TokenVerdict(ManagementStatus.NotImplemented, $"{Address} understands the operation {PutToken} and no other.");
        }
        catch (ManagementException e)
        {
            return new TokenVerdict(e.Status, e.Message);
        }
    }

    private TokenVerdict Apply(Claim claim, TokenVerdict verdict)
    {
        if (Connection.Accept(claim) is { } refused)
        {
            Count(default);
            return new TokenVerdict(ManagementStatus.Unauthorized, refused);
        }

        _refused = 0;
        return verdict;
    }

    private DeskResponse Count(DeskResponse response)
    {
        if (++_refused == MaxRefused)
        {
            Connection.CloseWith(new AmqpError(
                ErrorCondition.UnauthorizedAccess, $"{MaxRefused} tokens of this connection were refused, one after the other; the responses say why."));
        }

        return response;
    }
}
