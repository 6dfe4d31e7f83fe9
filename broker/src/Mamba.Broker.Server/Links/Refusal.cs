using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Security.Claims;

namespace Mamba.Broker.Server.Links;

/// <summary>A link that is not to be: answered by attach with a null terminus and detach with this error.</summary>
internal sealed class LinkRefusedException(AmqpError error) : Exception(error.Description)
{
    public AmqpError Error { get; } = error;
}

/// <summary>The errors that links are refused with, each saying what failed, why, and what to do.</summary>
internal static class Refusal
{
    public static AmqpError InvalidAddress(string fault) => new(
        ErrorCondition.InvalidField, $"The address cannot be used: {fault}.");

    public static AmqpError NotFound(string address) => new(
        ErrorCondition.NotFound,
        $"There is no node at '{address}', and it may not be created by attaching; have it created, or allow auto-creation for it.");

    public static AmqpError Reserved(string address) => new(
        ErrorCondition.NotFound,
        $"There is no node at '{address}'. Names that begin with $ are for nodes of a broker's own, and nothing is made there by attaching; "
        + (ClaimsDesk.IsNode(address)
            ? "It is where Azure's clients put their tokens: those are taken where the setting security.sharedAccessKeys has a key."
            : "If a queue is really meant, have it created, or allow auto-creation by an address rule that matches it."));

    public static AmqpError WrongKind(string address, NodeKind there, NodeKind wanted) => new(
        ErrorCondition.IllegalState,
        $"'{address}' is a {Name(there)}, and the link asks for a {Name(wanted)}; use another address or ask for a {Name(there)}.");

    public static AmqpError NoQueue(string address) => new(
        ErrorCondition.NotAllowed,
        $"'{address}' takes requests and is no queue or topic: send them on a link whose target has this address, without a prefix.");

    public static AmqpError WildcardTarget(string address) => new(
        ErrorCondition.NotAllowed,
        $"'{address}' has wildcards, which stand for many topics: they are for subscriptions. Send to one topic; for a queue of exactly "
        + $"this name, ask for {NodeAddress.QueuePrefix}{address} or the capability queue.");

    /// <summary>No queue takes the message.</summary>
    public static AmqpError Unroutable() => new(
        ErrorCondition.NotFound, "No queue takes the message; declare the queue, or bind one to the exchange with a key that fits.");

    public static AmqpError NotOwner(string address) => new(
        ErrorCondition.ResourceLocked,
        $"'{address}' is a temporary node of another connection: only the connection that created it may receive from it.");

    public static AmqpError Unnamed(string linkName) => new(
        ErrorCondition.InvalidField,
        $"The link's name '{linkName}' leaves no name for its subscription, which is what stands before the first '|' of a shared one's; name the link.");

    public static AmqpError NoSubscription(string name) => new(
        ErrorCondition.NotFound, $"There is no subscription '{name}' to look up.");

    public static AmqpError NotImplemented(string what) => new(ErrorCondition.NotImplemented, $"{what} is not implemented.");

    public static AmqpError NodeDeleted(string address) => new(ErrorCondition.ResourceDeleted, $"'{address}' was deleted.");

    /// <summary>The engine's refusal in AMQP's terms.</summary>
    public static AmqpError From(EngineException e) => new(
        e.Error switch
        {
            EngineError.NotFound => ErrorCondition.NotFound,
            EngineError.ResourceLocked => ErrorCondition.ResourceLocked,
            EngineError.NotAllowed => ErrorCondition.NotAllowed,
            EngineError.Mismatch => ErrorCondition.IllegalState,
            EngineError.LimitExceeded => ErrorCondition.ResourceLimitExceeded,
            _ => ErrorCondition.InternalError,
        },
        e.Message);

    /// <summary>Why a message was not stored; null for an accepted one.</summary>
    public static AmqpError? From(PublishOutcome outcome, string address) => outcome switch
    {
        PublishOutcome.Accepted or PublishOutcome.Duplicate => null,
        PublishOutcome.RejectedFull => new AmqpError(
            ErrorCondition.ResourceLimitExceeded, $"'{address}' has reached its limit; send again when messages have been consumed."),
        PublishOutcome.NotFound => new AmqpError(ErrorCondition.NotFound, $"'{address}' was deleted."),
        PublishOutcome.DivertRefused => new AmqpError(
            ErrorCondition.ResourceLimitExceeded,
            $"A divert leads from '{address}' to a queue that has reached its limit, so the message was stored nowhere; send again when messages have been consumed there "
            + "(ROUTE on $management tells where messages go)."),
        PublishOutcome.Unroutable => Unroutable(),
        PublishOutcome.NotSchedulable => new AmqpError(
            ErrorCondition.NotAllowed, $"'{address}' leads to several queues, and a repeating schedule is kept by one; send it to a queue, or without the schedule."),
        PublishOutcome.TooManySchedules => new AmqpError(
            ErrorCondition.ResourceLimitExceeded, $"'{address}' has as many repeating schedules as it may; cancel some, or let them end."),
        PublishOutcome.KeyTooLong => new AmqpError(
            ErrorCondition.InvalidField, $"The message's key has more than {NodeOptions.MaxKeyLength} characters; '{address}' tells messages apart by shorter ones."),
        PublishOutcome.TooLarge => new AmqpError(
            ErrorCondition.MessageSizeExceeded, $"The message is larger than the store of '{address}' can hold."),
        PublishOutcome.LimitExceeded => new AmqpError(
            ErrorCondition.ResourceLimitExceeded, "The transaction has reached its limit of operations or bytes; commit in smaller units."),
        _ => new AmqpError(
            ErrorCondition.InternalError, "The broker cannot write its journal and takes no more durable messages; see its log."),
    };

    private static string Name(NodeKind kind) => kind == NodeKind.Topic ? "topic" : "queue";
}
