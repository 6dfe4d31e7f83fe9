"""Kinds of queues: rings (ring.#), single active consumers (single.#), expiry addresses (custom.#)."""

from proton import Message, Terminus

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained, put
from harness.registry import case


@case("kinds.ring-keeps-the-newest")
def ring(ctx):
    """A ring of three accepts everything and holds the last three."""
    queue = ctx.queue("ring.q")
    put(ctx, queue, *range(10))
    check.equal(bodies(drained(ctx, queue)), [7, 8, 9], "queue content")


@case("kinds.ring-of-durable-messages")
def ring_durable(ctx):
    """The same with durable messages."""
    queue = ctx.queue("ring.q")
    put(ctx, queue, *range(10), durable=True)
    check.equal(bodies(drained(ctx, queue)), [7, 8, 9], "queue content")


@case("kinds.ring-drops-by-age")
def ring_priority(ctx):
    """The oldest is dropped even if its priority is higher."""
    queue = ctx.queue("ring.q")
    put(ctx, queue, "old", priority=9)
    put(ctx, queue, 1, 2, 3)
    check.equal(bodies(drained(ctx, queue)), [1, 2, 3], "queue content")


@case("kinds.ring-does-not-count-what-is-held")
def ring_held(ctx):
    """Messages a consumer holds make no room and need none; when released they are the oldest."""
    queue = ctx.queue("ring.q")
    put(ctx, queue, 1, 2)
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        one, two = link.receive_many(2)
        put(ctx, queue, 3, 4)
        one.release()
        two.release()
        check.equal(bodies(link.drain(10)), [2, 3, 4], "what is left")


@case("kinds.ring-dead-letters")
def ring_dead(ctx):
    """With deadLetterDropped what makes room goes to the dead-letter queue, with its reason."""
    queue = ctx.queue("ring.dead.q")
    put(ctx, queue, 1, 2, 3, 4)
    with Peer(ctx) as peer:
        dead = peer.receiver("DLQ." + queue).receive()
        check.equal(dead.body, 1, "body")
        check.equal(dead.message.annotations["x-opt-dead-letter-reason"], "max-length", "reason")


@case("kinds.ring-in-a-transaction")
def ring_transaction(ctx):
    """A commit into a ring drops the oldest; a rollback drops nothing."""
    queue = ctx.queue("ring.q")
    put(ctx, queue, 1, 2, 3)
    with Peer(ctx) as peer:
        coordinator, out = Coordinator(peer), peer.sender(queue)
        for fails in (True, False):
            txn = coordinator.declare()
            out.push(Message(body="new"), txn=txn)
            (coordinator.rollback if fails else coordinator.commit)(txn)
    check.equal(bodies(drained(ctx, queue)), [2, 3, "new"], "queue content")


@case("kinds.single-active-consumer")
def single(ctx):
    """Of two consumers the first gets everything."""
    queue = ctx.queue("single.q")
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue), right.receiver(queue)
        put(ctx, queue, 1, 2, 3)
        check.equal(two.drain(10), [], "for the one that waits")
        check.equal(bodies(one.receive_many(3)), [1, 2, 3], "for the active one")


@case("kinds.single-active-hand-over")
def hand_over(ctx):
    """When the active consumer closes, the next goes on where it stopped, unsettled messages first."""
    queue = ctx.queue("single.q")
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue), right.receiver(queue, credit=5)
        put(ctx, queue, 1, 2, 3)
        one.receive_many(2)[0].accept()
        one.close()
        check.equal(bodies(two.receive_many(2)), [2, 3], "order")


@case("kinds.single-active-lost")
def hand_over_lost(ctx):
    """The same when its connection is lost."""
    queue = ctx.queue("single.q")
    gone = Peer(ctx)
    one = gone.receiver(queue)
    with Peer(ctx) as peer:
        two = peer.receiver(queue, credit=5)
        put(ctx, queue, 1, 2, 3)
        one.receive_many(2)
        gone.abort()
        check.equal(bodies(two.receive_many(3)), [1, 2, 3], "order")


@case("kinds.single-active-by-age")
def by_age(ctx):
    """A third consumer takes over only after the second."""
    queue = ctx.queue("single.q")
    with Peer(ctx) as a, Peer(ctx) as b, Peer(ctx) as c:
        one, two, three = a.receiver(queue), b.receiver(queue), c.receiver(queue)
        put(ctx, queue, 1, 2)
        one.close()
        check.equal(three.drain(10), [], "for the third")
        two.receive().accept()
        two.close()
        check.equal(bodies(three.receive_many(1)), [2], "for the third, alone")


@case("kinds.browser-of-a-single-active-queue")
def browse(ctx):
    """A browser is not held off by the active consumer, and is not the active one itself."""
    queue = ctx.queue("single.q")

    def copying(link):
        link.source.distribution_mode = Terminus.DIST_MODE_COPY

    with Peer(ctx) as left, Peer(ctx) as right:
        browser, one = left.receiver(queue, configure=copying), right.receiver(queue)
        put(ctx, queue, 1, 2)
        check.equal(bodies(browser.receive_many(2)), [1, 2], "browsed")
        check.equal(bodies(one.receive_many(2)), [1, 2], "consumed")
