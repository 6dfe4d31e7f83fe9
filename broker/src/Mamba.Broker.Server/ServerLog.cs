using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server;

/// <summary>Every log line of the server, with stable event ids. Peers' texts are passed as fields, never as templates.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1001, LogLevel.Warning, "Could not accept a connection on {EndPoint}: {Cause}")]
    public static partial void AcceptFailed(ILogger logger, string endPoint, string cause);

    [LoggerMessage(1002, LogLevel.Warning, "Refused {Remote}: too many connections have not authenticated yet; raise limits if this is honest load")]
    public static partial void TooManyUnauthenticated(ILogger logger, string remote);

    [LoggerMessage(1003, LogLevel.Information, "TLS handshake with {Remote} failed: {Cause}")]
    public static partial void TlsHandshakeFailed(ILogger logger, string remote, string cause);

    [LoggerMessage(1010, LogLevel.Information, "Connection {Id} opened by container {Container} as {Principal} from {Remote}")]
    public static partial void ConnectionOpened(ILogger logger, long id, string container, string principal, string remote);

    [LoggerMessage(1011, LogLevel.Information, "Connection {Id} closed: {Cause}")]
    public static partial void ConnectionClosed(ILogger logger, long id, string cause);

    [LoggerMessage(1012, LogLevel.Warning, "Connection {Id} broke the protocol: {Condition}: {Description}")]
    public static partial void ProtocolError(ILogger logger, long id, string condition, string description);

    [LoggerMessage(1013, LogLevel.Error, "Connection {Id} failed inside the broker and was closed; other connections go on")]
    public static partial void ConnectionFault(ILogger logger, Exception cause, long id);

    [LoggerMessage(1014, LogLevel.Warning, "Authentication by {Mechanism} from {Remote} refused")]
    public static partial void AuthenticationRefused(ILogger logger, string mechanism, string remote);

    [LoggerMessage(1020, LogLevel.Information, "Connection {Id} refused link {Link} to {Address}: {Condition}: {Description}")]
    public static partial void LinkRefused(ILogger logger, long id, string link, string address, string condition, string description);

    [LoggerMessage(1030, LogLevel.Error, "A management request failed inside the broker")]
    public static partial void ManagementFault(ILogger logger, Exception cause);

    [LoggerMessage(1031, LogLevel.Debug, "Connection {Id}: the response to a management request was dropped; it has no place at {Address}: {Cause}")]
    public static partial void ResponseDropped(ILogger logger, long id, string address, string cause);

    [LoggerMessage(1021, LogLevel.Error, "A message on {Address} cannot be read back and is not delivered: {Cause}")]
    public static partial void MessageUnreadable(ILogger logger, string address, string cause);

    [LoggerMessage(1023, LogLevel.Information, "The time of the suspended link {Link} of container {Container} is over; {Unsettled} unsettled deliveries go back")]
    public static partial void SuspendedLinkExpired(ILogger logger, string container, string link, long unsettled);

    [LoggerMessage(1024, LogLevel.Warning, "The end of the resumable link {Link} was not stored and will be found again after a restart: {Cause}")]
    public static partial void TerminusNotForgotten(ILogger logger, string link, string cause);

    [LoggerMessage(1022, LogLevel.Warning, "A message of {Bytes} bytes on {Address} is larger than a consumer's max-message-size and stays for others")]
    public static partial void MessageTooLargeForConsumer(ILogger logger, string address, int bytes);

    [LoggerMessage(1025, LogLevel.Warning, "Connection {Id}: a transaction with {Operations} sends and acknowledgements was open for more than {Seconds} seconds and was rolled back; its commit will be refused. Raise limits.transactionTimeout if this is honest work")]
    public static partial void TransactionTooOld(ILogger logger, long id, double seconds, int operations);
}
