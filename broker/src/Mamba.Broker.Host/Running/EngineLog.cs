using Mamba.Broker.Engine;
using Mamba.Broker.Server.Security;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Host.Running;

/// <summary>
/// Writes what the engine reports to the log. A failed journal ends the process: what was accepted is on disk, nothing more can
/// be, and a new start recovers from the last record that was stored.
/// </summary>
internal sealed partial class EngineLog(ILogger<MessageEngine> logger, BrokerState state, IHostApplicationLifetime lifetime) : IEngineEvents
{
    public void NodeCreated(string address, NodeKind kind) => LogCreated(kind, LogText.Clean(address));

    public void NodeDeleted(string address, long discarded) => LogDeleted(LogText.Clean(address), discarded);

    public void MessageMoved(string from, string? target, DeadLetterReason reason, uint deliveryCount) =>
        LogMoved(LogText.Clean(from), target is null ? "nowhere" : LogText.Clean(target), reason, deliveryCount);

    public void Recovered(long messages, int nodes, TimeSpan took) => LogRecovered(messages, nodes, (long)took.TotalMilliseconds);

    public void JournalFailed(Exception cause)
    {
        if (state.Fail(cause.Message))
        {
            LogJournalFailed(cause.Message);
            lifetime.StopApplication();
        }
    }

    public void MessageDamaged(string queue, ulong messageId, Exception cause) => LogDamaged(messageId, LogText.Clean(queue), cause.Message);

    public void SubscriptionHeld(string topic, string? clientId, string name, string reason) =>
        LogHeld(LogText.Clean(name), clientId is null ? "no client (it is global)" : $"client \"{LogText.Clean(clientId)}\"", LogText.Clean(topic), LogText.Clean(reason));

    public void SegmentDeleted(long segment, int relocated) => LogSegment(segment, relocated);

    public void BackgroundFailure(string what, Exception cause) => LogBackground(what, cause.Message);

    [LoggerMessage(2001, LogLevel.Debug, "{Kind} \"{Address}\" created")]
    private partial void LogCreated(NodeKind kind, string address);

    [LoggerMessage(2002, LogLevel.Debug, "\"{Address}\" deleted with {Discarded} messages")]
    private partial void LogDeleted(string address, long discarded);

    [LoggerMessage(2003, LogLevel.Debug, "A message moved from \"{From}\" to {Target}: {Reason} after {DeliveryCount} failed deliveries")]
    private partial void LogMoved(string from, string target, DeadLetterReason reason, uint deliveryCount);

    [LoggerMessage(2004, LogLevel.Information, "Recovered {Messages} messages on {Nodes} queues and topics in {Milliseconds} ms")]
    private partial void LogRecovered(long messages, int nodes, long milliseconds);

    [LoggerMessage(2005, LogLevel.Critical, "The journal failed and the broker stops: {Cause} Mend the disk, then start it again")]
    private partial void LogJournalFailed(string cause);

    [LoggerMessage(2006, LogLevel.Error, "Message {MessageId} on \"{Queue}\" cannot be read and is held back: {Cause}")]
    private partial void LogDamaged(ulong messageId, string queue, string cause);

    [LoggerMessage(2009, LogLevel.Error, "Subscription \"{Name}\" of {Client} to topic \"{Topic}\" is held: its stored filter is not understood ({Reason}). All its messages are kept, and its consumers are refused. Run the broker version that made it; or give its messages up and unsubscribe it, by its client or by DELETE on $management")]
    private partial void LogHeld(string name, string client, string topic, string reason);

    [LoggerMessage(2007, LogLevel.Debug, "Journal segment {Segment} deleted, {Relocated} messages rewritten")]
    private partial void LogSegment(long segment, int relocated);

    [LoggerMessage(2008, LogLevel.Error, "{What}: {Cause}")]
    private partial void LogBackground(string what, string cause);
}
