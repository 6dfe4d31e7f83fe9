namespace Mamba.Tools.Crash.Tests;

/// <summary>The checker must find what it is there to find: a checker that never objects proves nothing.</summary>
internal sealed class HistoryTests
{
    private const string Source = "source";
    private static readonly string[] Targets = ["left", "right"];

    private static readonly MessageIdentity First = new(1, 1);
    private static readonly MessageIdentity Second = new(1, 2);

    [Test]
    public void A_clean_run_is_clean()
    {
        var history = Sent(First, accepted: true);
        Move(history, First);
        history.CheckFinal(Source, Targets);
        Assert.That((history.Tally.IsClean, history.Tally.Acknowledged), Is.EqualTo((true, 1L)));
    }

    [Test]
    public void An_accepted_message_that_never_comes_out_is_lost()
    {
        var history = Sent(First, accepted: true);
        history.CheckFinal(Source, Targets);
        Assert.That((history.Tally.Lost, history.Tally.IsClean), Is.EqualTo((1L, false)));
    }

    [Test]
    public void A_message_whose_fate_is_unknown_may_be_gone()
    {
        var history = new History();
        history.Attempted(First);
        history.CheckFinal(Source, Targets);
        Assert.That((history.Tally.IsClean, history.Tally.Unknown), Is.EqualTo((true, 1L)));
    }

    [Test]
    public void A_message_nobody_sent_or_that_was_refused_is_a_phantom()
    {
        var history = Sent(First, accepted: false);
        history.Delivered(Source, First, flagged: true, ordered: false);
        history.Delivered(Source, Second, flagged: true, ordered: false);
        history.Delivered(Source, identity: null, flagged: true, ordered: false);
        Assert.That(history.Tally.Phantom, Is.EqualTo(3));
    }

    [Test]
    public void A_delivery_after_a_confirmed_consumption_is_a_resurrection()
    {
        var history = Sent(First, accepted: true);
        history.Delivered(Source, First, flagged: false, ordered: true);
        history.Confirmed(Source, First);
        history.Delivered(Source, First, flagged: true, ordered: true);
        Assert.That((history.Tally.Resurrected, history.Tally.Redelivered), Is.EqualTo((1L, 0L)));
    }

    [Test]
    public void A_second_delivery_must_be_flagged()
    {
        var history = Sent(First, accepted: true);
        history.Delivered(Source, First, flagged: false, ordered: true);
        history.Delivered(Source, First, flagged: true, ordered: true);
        history.Delivered(Source, First, flagged: false, ordered: true);
        Assert.That((history.Tally.Redelivered, history.Tally.Unflagged), Is.EqualTo((1L, 1L)));
    }

    [Test]
    public void A_move_to_one_of_two_queues_is_torn()
    {
        var history = Sent(First, accepted: true);
        history.Delivered(Source, First, flagged: false, ordered: true);
        history.Delivered(Targets[0], First, flagged: false, ordered: false);
        history.CheckFinal(Source, Targets);
        Assert.That((history.Tally.Torn, history.Tally.Lost), Is.EqualTo((1L, 0L)));
    }

    [Test]
    public void A_later_message_of_a_producer_that_comes_first_is_a_reordering()
    {
        var history = Sent(First, accepted: true);
        history.Attempted(Second);
        history.Answered(Second, accepted: true);
        history.Delivered(Source, Second, flagged: false, ordered: true);
        history.Delivered(Source, First, flagged: false, ordered: true);
        Assert.That(history.Tally.Reordered, Is.EqualTo(1));
    }

    [Test]
    public void A_body_that_was_altered_or_stands_on_another_queue_has_no_identity()
    {
        var body = MessagePayload.Create(First, Source, padding: 100);
        var altered = (byte[])body.Clone();
        altered[50] ^= 1;
        Assert.That(MessagePayload.Read(body, Source), Is.EqualTo(First));
        Assert.That(MessagePayload.Read(altered, Source), Is.Null);
        Assert.That(MessagePayload.Read(body, Targets[0]), Is.Null);
        Assert.That(MessagePayload.Read(body.AsSpan(0, 20), Source), Is.Null);
    }

    private static History Sent(MessageIdentity identity, bool accepted)
    {
        var history = new History();
        history.Attempted(identity);
        history.Answered(identity, accepted);
        return history;
    }

    private static void Move(History history, MessageIdentity identity)
    {
        history.Delivered(Source, identity, flagged: false, ordered: true);
        history.Confirmed(Source, identity);
        foreach (var target in Targets)
        {
            history.Delivered(target, identity, flagged: false, ordered: false);
            history.Confirmed(target, identity);
        }
    }
}
