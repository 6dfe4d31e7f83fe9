namespace Mamba.Broker.Server.Management;

/// <summary>The status codes of management responses: those of HTTP (AMQP Management 1.0, working draft).</summary>
internal static class ManagementStatus
{
    public const int Ok = 200;
    public const int Created = 201;
    public const int Accepted = 202;
    public const int NoContent = 204;
    public const int BadRequest = 400;
    public const int Unauthorized = 401;
    public const int Forbidden = 403;
    public const int NotFound = 404;
    public const int Conflict = 409;
    public const int Gone = 410;
    public const int InternalError = 500;
    public const int NotImplemented = 501;
}

/// <summary>A request that is not carried out: its status, and a text that says why and what to do.</summary>
internal sealed class ManagementException(int status, string text) : Exception(text)
{
    /// <summary>The response's statusCode, 400 or more.</summary>
    public int Status { get; } = status;

    public static ManagementException Bad(string text) => new(ManagementStatus.BadRequest, text);

    public static ManagementException NotFound(string text) => new(ManagementStatus.NotFound, text);

    public static ManagementException Conflict(string text) => new(ManagementStatus.Conflict, text);
}
