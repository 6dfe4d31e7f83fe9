using Mamba.Amqp.Messaging;

namespace Mamba.Amqp.Endpoints;

/// <summary>What a sender does with one of its unsettled deliveries when its link is resumed (AMQP 1.0 §2.6.13, §3.4.6).</summary>
public enum ResumptionStep
{
    /// <summary>
    /// Nothing now: the receiver's map is incomplete and does not have the delivery, which says nothing. It is looked at again when the
    /// link is suspended and resumed once more.
    /// </summary>
    Wait,

    /// <summary>Forget it: the outcome was reached, and the receiver has forgotten it (tag 10 of the example in §3.4.6).</summary>
    Forget,

    /// <summary>Send the message as a new delivery, without resume: the receiver does not know of it (tags 1 and 5).</summary>
    SendAnew,

    /// <summary>Resume: send the message again, from the receiver's position or before (tags 2, 4 and 6).</summary>
    Resume,

    /// <summary>Take over the outcome that the receiver has reached, and settle by a resumed transfer without data (tags 3 and 8).</summary>
    TakeOver,

    /// <summary>Settle by a resumed transfer without data: both have reached the same outcome (tag 12).</summary>
    Settle,

    /// <summary>State the sender's outcome by a resumed transfer, unsettled: it counts, the receiver's does not (tag 13).</summary>
    Restate,

    /// <summary>Abort by a resumed transfer: what the receiver lacks cannot be sent any more (tags 7, 9, 11 and 14).</summary>
    Abort,
}

/// <summary>The comparison of the two unsettled maps, for one delivery.</summary>
public static class DeliveryResumption
{
    /// <summary>What the sender does. Deliveries that only the receiver has are none of its business: it ignores them.</summary>
    /// <param name="sender">The sender's state: null or received for what it can send again (from there on), or its outcome.</param>
    /// <param name="known">Whether the receiver's map has the delivery.</param>
    /// <param name="receiver">The receiver's state: null, received, or the outcome it wants. A transactional state counts as none:
    /// the transaction did not outlive the link.</param>
    /// <param name="complete">Whether the receiver's map is complete (not incomplete-unsettled).</param>
    public static ResumptionStep Decide(DeliveryState? sender, bool known, DeliveryState? receiver, bool complete)
    {
        if (!known)
        {
            return !complete ? ResumptionStep.Wait : sender is Outcome ? ResumptionStep.Forget : ResumptionStep.SendAnew;
        }

        if (sender is Outcome outcome)
        {
            return receiver is not Outcome wanted ? ResumptionStep.Abort
                : wanted.GetType() == outcome.GetType() ? ResumptionStep.Settle
                : ResumptionStep.Restate;
        }

        if (receiver is Outcome)
        {
            return ResumptionStep.TakeOver;
        }

        return IsBefore(receiver as Received, sender as Received) ? ResumptionStep.Abort : ResumptionStep.Resume;
    }

    private static bool IsBefore(Received? position, Received? from)
    {
        if (from is null)
        {
            return false;
        }

        var (section, offset) = position is null ? (0, 0) : (position.SectionNumber, position.SectionOffset);
        return section < from.SectionNumber || (section == from.SectionNumber && offset < from.SectionOffset);
    }
}
