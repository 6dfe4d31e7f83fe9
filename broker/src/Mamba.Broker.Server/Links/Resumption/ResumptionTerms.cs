using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Broker.Server.Links.Resumption;

/// <summary>
/// For how long the unsettled state of a link outlives it (AMQP 1.0 §3.5.6), as the attach asked and the reply states. A link is
/// resumable only when its terminus says that it outlives the link (expiry-policy <c>never</c> or <c>connection-close</c>, or a timeout)
/// and the receiver settles second, or the peer names what it has unsettled. All others, among them JMS durable subscriptions, which
/// say <c>never</c> and settle first, give back what they held at once.
/// </summary>
/// <param name="Durability">unsettled-state: it outlives the broker too.</param>
/// <param name="ExpiryPolicy">What it outlives.</param>
/// <param name="Timeout">For how many seconds after that.</param>
/// <param name="Address">Of the terminus; another one makes another terminus.</param>
internal sealed record ResumptionTerms(TerminusDurability Durability, Symbol ExpiryPolicy, uint Timeout, string Address)
{
    private const char Separator = '|';

    public bool IsDurable => Durability == TerminusDurability.UnsettledState;

    /// <summary>Terms of a link on which we send; null when it is not resumable.</summary>
    public static ResumptionTerms? Of(Source source, Attach attach) =>
        Outlives(source.ExpiryPolicy, source.Timeout)
        && !source.Dynamic
        && attach.SndSettleMode != SenderSettleMode.Settled
        && (attach.RcvSettleMode == ReceiverSettleMode.Second || attach.Unsettled is not null)
            ? new ResumptionTerms(source.Durable, source.ExpiryPolicy, source.Timeout, source.Address ?? string.Empty)
            : null;

    /// <summary>
    /// Terms of a link on which we receive; null when it is not resumable. A receiver that settles first has nothing to remember, so
    /// here it must settle second.
    /// </summary>
    public static ResumptionTerms? Of(Target target, Attach attach) =>
        Outlives(target.ExpiryPolicy, target.Timeout)
        && !target.Dynamic
        && attach.SndSettleMode != SenderSettleMode.Settled
        && attach.RcvSettleMode == ReceiverSettleMode.Second
            ? new ResumptionTerms(target.Durable, target.ExpiryPolicy, target.Timeout, target.Address ?? string.Empty)
            : null;

    /// <summary>As the journal keeps them.</summary>
    public byte[] Encode() => System.Text.Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"{(uint)Durability}{Separator}{ExpiryPolicy.Value}{Separator}{Timeout}{Separator}{Address}"));

    public static ResumptionTerms Decode(ReadOnlySpan<byte> bytes)
    {
        var parts = System.Text.Encoding.UTF8.GetString(bytes).Split(Separator, 4);
        return new ResumptionTerms(
            (TerminusDurability)uint.Parse(parts[0], CultureInfo.InvariantCulture),
            new Symbol(parts[1]),
            uint.Parse(parts[2], CultureInfo.InvariantCulture),
            parts[3]);
    }

    /// <summary>Whether the state begins to expire with this end.</summary>
    public bool ExpiresFrom(LinkEnd end) =>
        ExpiryPolicy == TerminusExpiryPolicy.LinkDetach
        || (ExpiryPolicy == TerminusExpiryPolicy.SessionEnd && end != LinkEnd.Detached)
        || (ExpiryPolicy == TerminusExpiryPolicy.ConnectionClose && end == LinkEnd.ConnectionGone);

    private static bool Outlives(Symbol policy, uint timeout) =>
        timeout > 0 || policy == TerminusExpiryPolicy.Never || policy == TerminusExpiryPolicy.ConnectionClose;
}

/// <summary>What ended a link.</summary>
internal enum LinkEnd
{
    Detached,
    SessionEnded,
    ConnectionGone,
}
