"""Receivers: outcomes, redelivery, order, dead letters, browsing."""

from proton import Condition, Delivery, Link, Message, Terminus, symbol, timestamp, uint

from harness import check
from harness.engine import Peer, bodies, drained, put
from harness.registry import case

DEFAULT_MAX_DELIVERIES = 10
RETRY_RULE_MAX_DELIVERIES = 3


@case("receive.accept")
def accept(ctx):
    """An accepted message is gone; the others stay."""
    queue = ctx.queue()
    put(ctx, queue, "one", "two")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        first = link.receive()
        check.equal(first.body, "one", "body")
        first.accept()
        link.close()
        check.equal(bodies(peer.receiver(queue).drain()), ["two"], "queue content")


@case("receive.first-delivery-header")
def first_delivery(ctx):
    """A message delivered for the first time has first-acquirer true and delivery-count 0."""
    queue = ctx.queue()
    put(ctx, queue, "fresh")
    with Peer(ctx) as peer:
        message = peer.receiver(queue).receive().message
        check.equal((message.first_acquirer, message.delivery_count), (True, 0), "first-acquirer, delivery-count")


@case("receive.release")
def release(ctx):
    """A released message comes again with delivery-count 0 and first-acquirer false."""
    queue = ctx.queue()
    put(ctx, queue, "back")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().release()
        again = link.receive()
        check.equal(again.body, "back", "body")
        check.equal((again.message.delivery_count, again.message.first_acquirer), (0, False),
                    "delivery-count, first-acquirer")
        again.accept()
        link.expect_empty()


@case("receive.release-keeps-the-order")
def release_order(ctx):
    """Messages released in a mixed-up order come again in the order they were sent, before later ones."""
    queue = ctx.queue()
    put(ctx, queue, *range(10))
    with Peer(ctx) as peer:
        held = peer.receiver(queue).receive_many(5)
        for index in (3, 0, 4, 1, 2):
            held[index].release()
        held[0].link.close()
        check.equal(bodies(peer.receiver(queue).receive_many(10)), list(range(10)), "order")


@case("receive.modified-failed")
def modified_failed(ctx):
    """modified(delivery-failed) counts: delivery-count is 1, then 2."""
    queue = ctx.queue()
    put(ctx, queue, "again")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        for count in range(3):
            received = link.receive()
            check.equal(received.message.delivery_count, count, "delivery-count")
            received.modify(failed=True)


@case("receive.modified-plain")
def modified_plain(ctx):
    """modified without delivery-failed is a release: delivery-count stays 0."""
    queue = ctx.queue()
    put(ctx, queue, "again")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().modify()
        check.equal(link.receive().message.delivery_count, 0, "delivery-count")


@case("receive.modified-annotations")
def modified_annotations(ctx):
    """The annotations of modified are merged over the message's own for the next delivery."""
    queue = ctx.queue()
    annotations = {symbol("x-opt-keep"): "kept", symbol("x-opt-change"): "old"}
    put(ctx, queue, "noted", annotations=annotations)
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().modify(annotations={symbol("x-opt-change"): "new", symbol("x-opt-add"): uint(7)})
        found = link.receive().message.annotations
        check.equal(found.get(symbol("x-opt-keep")), "kept", "untouched annotation")
        check.equal(found.get(symbol("x-opt-change")), "new", "changed annotation")
        check.same(found.get(symbol("x-opt-add")), uint(7), "added annotation")


@case("receive.modified-undeliverable-here")
def undeliverable_here(ctx):
    """modified(undeliverable-here) keeps the message away from this link; another link gets it."""
    queue = ctx.queue()
    put(ctx, queue, "elsewhere", "here")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().modify(undeliverable=True)
        second = link.receive()
        check.equal(second.body, "here", "what the same link gets next")
        second.accept()
        link.expect_empty()
        other = peer.receiver(queue).receive()
        check.equal((other.body, other.message.delivery_count), ("elsewhere", 0), "what another link gets")


@case("receive.modified-failed-and-undeliverable")
def failed_and_undeliverable(ctx):
    """modified(delivery-failed, undeliverable-here), Qpid JMS' way to give up, dead-letters the message."""
    queue = ctx.queue()
    put(ctx, queue, "poison")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().modify(failed=True, undeliverable=True)
        link.expect_empty()
        check.equal(peer.receiver(ctx.dead_letters(queue)).receive().body, "poison", "dead letter")


def _dead_letter(ctx, peer, address, reason):
    """The one dead letter of ADDRESS, with the annotations every dead letter has."""
    received = peer.receiver(ctx.dead_letters(address)).receive()
    annotations = received.message.annotations or {}
    check.same(annotations.get(symbol("x-opt-dead-letter-reason")), reason, "reason")
    check.same(annotations.get(symbol("x-opt-orig-address")), address, "original address")
    check.that(isinstance(annotations.get(symbol("x-opt-death-time")), timestamp), "death time is a timestamp")
    check.that(isinstance(annotations.get(symbol("x-opt-delivery-count")), uint), "delivery count is a uint")
    return received, annotations


@case("receive.reject-dead-letters")
def reject(ctx):
    """A rejected message moves to the dead-letter address with reason, error, description and origin."""
    queue = ctx.queue()
    put(ctx, queue, "bad", "good", durable=True, id="message-1", properties={"k": "v"})
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().reject(Condition("example:bad-content", "cannot be read"))
        check.equal(link.receive().body, "good", "the next message")
        received, annotations = _dead_letter(ctx, peer, queue, "rejected")
        check.same(annotations.get(symbol("x-opt-dead-letter-error")), "example:bad-content", "error")
        check.same(annotations.get(symbol("x-opt-dead-letter-description")), "cannot be read", "description")
        check.equal((received.body, received.message.id, received.message.properties, received.message.durable),
                    ("bad", "message-1", {"k": "v"}, True), "the dead letter's content")


@case("receive.reject-without-error")
def reject_plain(ctx):
    """Rejected without an error dead-letters too, with the reason and no error annotation."""
    queue = ctx.queue()
    put(ctx, queue, "bad")
    with Peer(ctx) as peer:
        peer.receiver(queue).receive().reject()
        _, annotations = _dead_letter(ctx, peer, queue, "rejected")
        check.that(symbol("x-opt-dead-letter-error") not in annotations, "no error annotation")


def _fail_until_dead(ctx, queue, limit):
    put(ctx, queue, "poison")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        for count in range(limit):
            received = link.receive()
            check.equal(received.message.delivery_count, count, "delivery-count")
            received.modify(failed=True)
        link.expect_empty()
        _, annotations = _dead_letter(ctx, peer, queue, "max-deliveries")
        check.equal(annotations[symbol("x-opt-delivery-count")], limit, "failed deliveries")


@case("receive.max-deliveries-default")
def max_deliveries(ctx):
    """After ten failed deliveries the message is dead-lettered with the reason max-deliveries."""
    _fail_until_dead(ctx, ctx.queue(), DEFAULT_MAX_DELIVERIES)


@case("receive.max-deliveries-by-rule")
def max_deliveries_rule(ctx):
    """An address rule lowers the limit: three failed deliveries under retry.#."""
    _fail_until_dead(ctx, ctx.queue("retry.q"), RETRY_RULE_MAX_DELIVERIES)


@case("receive.releases-do-not-count")
def releases_do_not_count(ctx):
    """Released fifteen times, a message is still there with delivery-count 0: only failures count."""
    queue = ctx.queue()
    put(ctx, queue, "patient")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        for _ in range(DEFAULT_MAX_DELIVERIES + 5):
            received = link.receive()
            check.equal(received.message.delivery_count, 0, "delivery-count")
            received.release()


@case("receive.unsettled-outcome-is-settled")
def unsettled_outcome(ctx):
    """An unsettled accepted disposition on a rcv-first link is answered by the broker with settled."""
    queue = ctx.queue()
    put(ctx, queue, "slow")
    with Peer(ctx) as peer:
        received = peer.receiver(queue).receive()
        received.delivery.update(Delivery.ACCEPTED)
        peer.flush()
        peer.pump(lambda: received.delivery.settled, "the broker to settle")
        check.equal(received.delivery.remote_state, Delivery.ACCEPTED, "the broker's state")
        received.delivery.settle()
    check.equal(drained(ctx, queue), [], "queue content")


@case("receive.received-is-no-outcome")
def received_state(ctx):
    """An unsettled disposition with the state received settles nothing; the outcome that follows counts."""
    queue = ctx.queue()
    put(ctx, queue, "x")
    with Peer(ctx) as peer:
        received = peer.receiver(queue).receive()
        received.delivery.update(Delivery.RECEIVED)
        peer.flush()
        peer.end_session(peer.new_session())  # a round trip: the broker has seen the disposition
        check.that(not received.delivery.settled, "the broker settled on received")
        peer.receiver(queue).expect_empty()
        received.accept()
    check.equal(drained(ctx, queue), [], "queue content")


@case("receive.rcv-settle-mode-second")
def second(ctx):
    """With rcv-settle-mode second the broker settles after our outcome, then we do; the message is gone."""
    queue = ctx.queue()
    put(ctx, queue, "exactly", "once")
    with Peer(ctx) as peer:
        link = peer.receiver(queue, rcv=Link.RCV_SECOND, snd=Link.SND_UNSETTLED)
        check.equal(link.link.remote_rcv_settle_mode, Link.RCV_SECOND, "the broker's rcv-settle-mode")
        for received in link.receive_many(2):
            received.delivery.update(Delivery.ACCEPTED)
            peer.flush()
            peer.pump(lambda one=received: one.delivery.settled, "the broker to settle")
            received.delivery.settle()
    check.equal(drained(ctx, queue), [], "queue content")


@case("receive.presettled")
def presettled(ctx):
    """On a link with snd-settle-mode settled deliveries come settled, and are gone without an answer."""
    queue = ctx.queue()
    put(ctx, queue, "a", "b")
    with Peer(ctx) as peer:
        link = peer.receiver(queue, snd=Link.SND_SETTLED)
        check.equal(link.link.remote_snd_settle_mode, Link.SND_SETTLED, "the broker's snd-settle-mode")
        for received in link.receive_many(2):
            check.that(received.delivery.settled, "delivered settled")
        check.equal(peer.seen("->", "disposition"), [], "our dispositions")
        link.close()
    check.equal(drained(ctx, queue), [], "queue content")


@case("receive.message-arrives-while-waiting")
def waiting(ctx):
    """A receiver with credit gets a message the moment it is sent."""
    queue = ctx.queue()
    with Peer(ctx) as waiting_peer, Peer(ctx) as sending_peer:
        link = waiting_peer.receiver(queue, credit=1)
        sending_peer.sender(queue).send(Message(body="now"))
        check.equal(link.receive().body, "now", "body")


@case("receive.competing-consumers")
def competing(ctx):
    """Two consumers on one queue share the messages: each message goes to one of them, both get some."""
    queue = ctx.queue()
    with Peer(ctx) as one, Peer(ctx) as two, Peer(ctx) as sending:
        a, b = one.receiver(queue, credit=10), two.receiver(queue, credit=10)
        sending.sender(queue).send_all([Message(body=n) for n in range(20)])
        one.pump(lambda: len(a.inbox) == 10, "ten messages at the first consumer")
        two.pump(lambda: len(b.inbox) == 10, "ten messages at the second consumer")
        check.equal(sorted(bodies(a.inbox) + bodies(b.inbox)), list(range(20)), "all messages, each once")


def _browser(link):
    link.source.distribution_mode = Terminus.DIST_MODE_COPY


@case("receive.browse")
def browse(ctx):
    """A browser (distribution-mode copy) sees every message in order and takes none away."""
    queue = ctx.queue()
    put(ctx, queue, *range(5))
    with Peer(ctx) as peer:
        link = peer.receiver(queue, configure=_browser)
        check.equal(link.link.remote_source.distribution_mode, Terminus.DIST_MODE_COPY, "effective distribution-mode")
        check.equal(bodies(link.drain()), list(range(5)), "what a browser sees")
        link.close()
        again = peer.receiver(queue, configure=_browser)
        check.equal(bodies(again.drain()), list(range(5)), "what a second browser sees")
        check.equal(bodies(peer.receiver(queue).drain()), list(range(5)), "what a consumer gets afterwards")


@case("receive.accept-on-a-browser")
def browse_accept(ctx):
    """Accepting what a browser saw does not remove it."""
    queue = ctx.queue()
    put(ctx, queue, "stay")
    with Peer(ctx) as peer:
        link = peer.receiver(queue, configure=_browser)
        for received in link.drain():
            received.accept()
        link.close()
        check.equal(bodies(peer.receiver(queue).drain()), ["stay"], "queue content")


@case("receive.browse-sees-acquired-messages-later")
def browse_released(ctx):
    """A message another consumer holds and releases stays in its place for browsers and consumers."""
    queue = ctx.queue()
    put(ctx, queue, 0, 1, 2)
    with Peer(ctx) as peer:
        held = peer.receiver(queue).receive()
        held.release()
        held.link.close()
        check.equal(bodies(peer.receiver(queue, configure=_browser).drain()), [0, 1, 2], "what a browser sees")


def _unsettled_then(ctx, leave, expected_count):
    """Five messages, two settled, three left unsettled by LEAVE(peer, link); then what the queue has."""
    queue = ctx.queue()
    put(ctx, queue, *range(5))
    peer = Peer(ctx)
    link = peer.receiver(queue)
    held = link.receive_many(5)
    held[0].accept()
    held[3].accept()
    peer.end_session(peer.new_session())  # a round trip: the broker has seen the dispositions
    leave(peer, link)
    with Peer(ctx) as other:
        got = other.receiver(queue).receive_many(3)
        check.equal(bodies(got), [1, 2, 4], "what comes again, in order")
        check.equal([r.message.delivery_count for r in got], [expected_count] * 3, "delivery-counts")
        got[0].link.expect_empty()


@case("receive.unsettled-at-detach")
def unsettled_detach(ctx):
    """A clean close of the link requeues its unsettled deliveries in order, without counting a failure."""
    _unsettled_then(ctx, lambda peer, link: link.close(), 0)


@case("receive.unsettled-at-session-end")
def unsettled_end(ctx):
    """A clean end of the session does the same."""
    _unsettled_then(ctx, lambda peer, link: peer.end_session(), 0)


@case("receive.unsettled-at-connection-close")
def unsettled_close(ctx):
    """A clean close of the connection does the same."""
    _unsettled_then(ctx, lambda peer, link: peer.close(), 0)


@case("receive.unsettled-at-socket-loss")
def unsettled_loss(ctx):
    """After a lost socket the unsettled deliveries come again, in order, to another consumer."""
    queue = ctx.queue()
    put(ctx, queue, *range(4))
    peer = Peer(ctx)
    peer.receiver(queue).receive_many(3)
    peer.abort()
    with Peer(ctx) as other:
        got = other.receiver(queue).receive_many(4)
        check.equal(bodies(got), list(range(4)), "what comes again, in order")
        check.equal([r.message.first_acquirer for r in got], [False, False, False, True], "first-acquirer")
