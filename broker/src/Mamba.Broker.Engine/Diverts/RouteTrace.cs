namespace Mamba.Broker.Engine;

/// <summary>Where a message would go, and why.</summary>
/// <param name="Address">Where it would be sent.</param>
/// <param name="Stops">Every address it would come by, in order; the first is <paramref name="Address"/>.</param>
public sealed record RouteTrace(string Address, IReadOnlyList<RouteStop> Stops);

/// <summary>An address that the message would come by.</summary>
/// <param name="Address">The address.</param>
/// <param name="Kind">What is there; null: nothing yet.</param>
/// <param name="Via">The divert that led there; null for the first.</param>
/// <param name="IsStored">Whether it stays there: false when a divert takes it away, or nobody subscribes.</param>
/// <param name="Diverts">The diverts that were looked at there, in order.</param>
/// <param name="Queues">Where it would be put: the queue, or the subscriptions of a topic, those that do not want it included.</param>
public sealed record RouteStop(
    string Address, NodeKind? Kind, string? Via, bool IsStored, IReadOnlyList<RouteDivert> Diverts, IReadOnlyList<RouteQueue> Queues);

/// <summary>A divert that was looked at.</summary>
/// <param name="Divert">The divert.</param>
/// <param name="IsSelected">Whether its selector takes the message.</param>
/// <param name="IsReached">False when a divert before it took the message away.</param>
/// <param name="IsRepeated">The message comes to its target by another way already, and goes there once.</param>
public sealed record RouteDivert(DivertOptions Divert, bool IsSelected, bool IsReached, bool IsRepeated);

/// <summary>A queue, or a subscription.</summary>
/// <param name="Name">The queue's address, or the subscription's name; empty for a plain consumer of a topic.</param>
/// <param name="Wants">Whether its selector takes the message.</param>
/// <param name="IsFull">Whether it has no room now, so that the sender would be refused.</param>
public sealed record RouteQueue(string Name, bool Wants, bool IsFull);
