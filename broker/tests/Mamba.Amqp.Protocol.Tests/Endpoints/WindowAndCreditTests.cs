using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>The bookkeeping of windows, credit, idle time and disposition batches, without an engine around it.</summary>
public sealed class WindowAndCreditTests
{
    [Test]
    public void Trap_18_incoming_ids_begin_near_the_wrap()
    {
        var window = new SessionWindow(10);
        window.OnBegin(nextOutgoingId: 4294967293, incomingWindow: 5, outgoingWindow: 5);
        for (var i = 0; i < 5; i++)
        {
            Assert.That(window.TryReceive(), Is.True);
        }

        Assert.That(window.NextIncomingId.Value, Is.EqualTo(2u));
        Assert.That(window.IncomingWindow, Is.EqualTo(5u));
        Assert.That(window.NeedsRefill, Is.True);
    }

    [Test]
    public void The_incoming_window_can_be_used_to_the_last_frame_and_no_further()
    {
        var window = new SessionWindow(2);
        Assert.That(window.TryReceive() && window.TryReceive(), Is.True);
        Assert.That(window.TryReceive(), Is.False);
        window.Refill();
        Assert.That(window.IncomingWindow, Is.EqualTo(2u));
    }

    [Test]
    public void Trap_20_a_flow_without_next_incoming_id_counts_from_our_first_transfer()
    {
        var window = new SessionWindow(10);
        window.OnBegin(0, 5, 5);
        window.OnSent();
        window.OnSent();
        Assert.That(window.OnFlow(null, 8, 0, 5), Is.True);
        Assert.That(window.RemoteIncomingWindow, Is.EqualTo(6u));
    }

    [Test]
    public void A_shrinking_window_stops_at_zero()
    {
        var window = new SessionWindow(10);
        window.OnBegin(0, 5, 5);
        window.OnSent();
        window.OnSent();
        window.OnSent();
        Assert.That(window.OnFlow(0, 2, 0, 5), Is.True);
        Assert.That(window.RemoteIncomingWindow, Is.Zero);
    }

    [Test]
    public void A_flow_that_acknowledges_transfers_we_have_not_sent_is_a_violation()
    {
        var window = new SessionWindow(10);
        window.OnBegin(0, 5, 5);
        Assert.That(window.OnFlow(1, 5, 0, 5), Is.False);
    }

    [Test]
    public void Credit_that_was_taken_back_may_be_under_way_up_to_the_highest_limit_ever_told()
    {
        var credit = default(ReceiverCredit);
        credit.OnAttach(0);
        for (var round = 0; round < 3; round++)
        {
            // Given again it is the same deliveries: they do not add up.
            credit.Set(4);
            credit.Set(0);
        }

        credit.Set(1);
        for (var i = 0; i < 4; i++)
        {
            Assert.That(credit.TryReceive(), Is.True);
        }

        Assert.That((credit.TryReceive(), credit.Credit, credit.DeliveryCount.Value), Is.EqualTo((false, 0u, 4u)));
        credit.Set(2);
        Assert.That((credit.TryReceive(), credit.TryReceive(), credit.TryReceive()), Is.EqualTo((true, true, false)));
    }

    [TestCase(0u, 0u, 100u, 100u)]
    [TestCase(3u, 0u, 100u, 97u)]
    [TestCase(3u, 3u, 100u, 100u)]
    [TestCase(10u, 0u, 4u, 0u, TestName = "Credit taken back below what is in flight is 0, not negative")]
    [TestCase(0u, 5u, 10u, 10u, TestName = "A receiver ahead of us gains nothing")]
    [TestCase(2u, 0u, uint.MaxValue, uint.MaxValue - 2)]
    public void Sender_credit_follows_the_formula(uint begun, uint stated, uint linkCredit, uint expected)
    {
        var credit = default(SenderCredit);
        credit.OnFlow(0, 100);
        for (uint i = 0; i < begun; i++)
        {
            credit.OnDelivery();
        }

        credit.OnFlow(stated, linkCredit);
        Assert.That(credit.Credit, Is.EqualTo(expected));
    }

    [Test]
    public void Sender_credit_works_across_the_wrap_of_the_delivery_count()
    {
        var credit = default(SenderCredit);
        credit.OnFlow(null, int.MaxValue);
        credit.Exhaust();
        credit.OnFlow(int.MaxValue, int.MaxValue);
        credit.Exhaust();
        Assert.That(credit.DeliveryCount.Value, Is.EqualTo(uint.MaxValue - 1));
        credit.OnFlow(uint.MaxValue - 1, 5);
        credit.OnDelivery();
        credit.OnDelivery();
        credit.OnDelivery();
        Assert.That(credit.DeliveryCount.Value, Is.EqualTo(1u));
        credit.OnFlow(uint.MaxValue, 5);
        Assert.That(credit.Credit, Is.EqualTo(3u));
    }

    [Test]
    public void Trap_17_any_initial_delivery_count_of_a_sender_is_accepted()
    {
        var credit = default(ReceiverCredit);
        credit.OnAttach(uint.MaxValue);
        credit.Set(3);
        Assert.That(credit.TryReceive() && credit.TryReceive(), Is.True);
        Assert.That(credit.DeliveryCount.Value, Is.EqualTo(1u));
        credit.OnFlow(2);
        Assert.That(credit.Credit, Is.Zero, "the sender gave the last one up");
        Assert.That(credit.TryReceive(), Is.False);
    }

    [Test]
    public void Deliveries_on_credit_that_was_taken_back_are_accepted()
    {
        var credit = default(ReceiverCredit);
        credit.Set(10);
        credit.Set(2);
        for (var i = 0; i < 10; i++)
        {
            Assert.That(credit.TryReceive(), Is.True);
        }

        Assert.That(credit.TryReceive(), Is.False);
    }

    [Test]
    public void Trap_11_huge_idle_timeouts_mean_none()
    {
        var idle = default(IdleMonitor);
        idle.OnRemoteOpen(4294967295);
        Assert.That(idle.RemoteTimeout, Is.Zero);
        Assert.That(idle.Tick(0, out var next, out _), Is.True);
        Assert.That(next, Is.EqualTo(long.MaxValue));
        idle.OnRemoteOpen(4294967294);
        idle.Tick(0, out next, out _);
        Assert.That(next, Is.EqualTo(1073741823L));
    }

    [Test]
    public void The_longest_silence_is_half_of_what_the_peer_allows()
    {
        // Writes one frame at every offset within an interval and looks for the longest gap that follows.
        for (var offset = 0; offset < 1000; offset += 10)
        {
            var idle = default(IdleMonitor);
            idle.OnRemoteOpen(1000);
            idle.Tick(0, out var next, out _);
            long lastWrite = 0;
            for (long now = 1; now < 5000; now++)
            {
                if (now == offset)
                {
                    idle.HasWritten = true;
                    lastWrite = now;
                }

                if (now < next)
                {
                    continue;
                }

                idle.Tick(now, out next, out var heartbeat);
                if (heartbeat)
                {
                    Assert.That(now - lastWrite, Is.LessThanOrEqualTo(500));
                    lastWrite = now;
                }
            }

            Assert.That(5000 - lastWrite, Is.LessThanOrEqualTo(500));
        }
    }

    [Test]
    public void The_peer_is_given_up_after_the_threshold_and_not_before()
    {
        var idle = new IdleMonitor { LocalTimeout = 60_000 };
        Assert.That(idle.Tick(1000, out _, out _), Is.True);
        Assert.That(idle.Tick(60_999, out _, out _), Is.True);
        Assert.That(idle.Tick(61_000, out _, out _), Is.False);
    }

    [Test]
    public void Trap_65_a_batch_never_wraps()
    {
        var batch = default(DispositionBatch);
        batch.Start(uint.MaxValue - 1, uint.MaxValue - 1, Accepted.Instance, settled: true);
        Assert.That(batch.TryExtend(uint.MaxValue, uint.MaxValue, Accepted.Instance, settled: true), Is.True);
        Assert.That(batch.TryExtend(0, 0, Accepted.Instance, settled: true), Is.False);
        Assert.That((batch.First, batch.Last), Is.EqualTo((uint.MaxValue - 1, uint.MaxValue)));
        batch.Clear();
        batch.Start(0, 0, Accepted.Instance, settled: true);
        Assert.That(batch.TryExtend(uint.MaxValue, uint.MaxValue, Accepted.Instance, settled: true), Is.False);
    }

    [Test]
    public void A_batch_holds_one_state_and_one_settlement()
    {
        var batch = default(DispositionBatch);
        batch.Start(5, 5, Accepted.Instance, settled: true);
        Assert.That(batch.TryExtend(6, 6, Released.Instance, settled: true), Is.False);
        Assert.That(batch.TryExtend(6, 6, Accepted.Instance, settled: false), Is.False);
        Assert.That(batch.TryExtend(7, 7, Accepted.Instance, settled: true), Is.False);
        Assert.That(batch.TryExtend(4, 4, Accepted.Instance, settled: true), Is.True);
        Assert.That((batch.First, batch.Last), Is.EqualTo((4u, 5u)));
    }

    [Test]
    public void A_number_table_grows_only_as_far_as_numbers_are_used()
    {
        var table = new NumberTable<string>();
        Assert.That(table[uint.MaxValue], Is.Null);
        Assert.That(table.TryFindFree(0, out var free) && free == 0, Is.True);
        table.Set(0, "a");
        table.Set(255, "b");
        Assert.That(table.Count, Is.EqualTo(2));
        Assert.That(table.TryFindFree(255, out free) && free == 1, Is.True);
        table.Free(0, "not its owner");
        Assert.That(table[0], Is.EqualTo("a"));
        table.Free(255, "b");
        Assert.That(table.Count, Is.EqualTo(1));
        Assert.That(table.TryFindFree(0, out _), Is.False, "0 is taken, and no more is allowed");
    }
}
