"""Queues of last values: last.#, and seen.# whose consumers get copies. The key is the property "symbol"."""

from proton import Message, symbol

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained
from harness.registry import case


def quote(key, body, **header):
    return Message(properties={"symbol": key}, body=body, **header)


def put(ctx, queue, *messages):
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(messages)


@case("lastvalues.newest-of-each-key")
def newest(ctx):
    """Of each key the newest message is left, in the place of the first; messages without a key stay."""
    queue = ctx.queue("last.q")
    put(ctx, queue, quote("A", 1), quote("B", 2), Message(body=3), quote("A", 4), Message(body=5), quote("B", 6))
    check.equal(bodies(drained(ctx, queue)), [4, 6, 3, 5], "queue content")


@case("lastvalues.durable")
def durable(ctx):
    """The same with durable messages, many of them on their way at once."""
    queue = ctx.queue("last.q")
    put(ctx, queue, *[quote(n % 3, n, durable=True) for n in range(300)])
    check.equal(sorted(bodies(drained(ctx, queue))), [297, 298, 299], "queue content")


@case("lastvalues.annotation")
def annotation(ctx):
    """The key may stand in a message annotation."""
    queue = ctx.queue("last.q")
    put(ctx, queue, *[Message(annotations={symbol("symbol"): "A"}, body=n) for n in range(3)])
    check.equal(bodies(drained(ctx, queue)), [2], "queue content")


@case("lastvalues.held")
def held(ctx):
    """What a consumer holds is not pulled back; when it is given back after a newer one came, it is dropped."""
    queue = ctx.queue("last.q")
    with Peer(ctx) as peer:
        out, link = peer.sender(queue), peer.receiver(queue, credit=1)
        out.send(quote("A", 1))
        old = link.receive()
        out.send(quote("A", 2))
        old.modify(failed=True)
        check.equal(bodies(link.drain(10)), [2], "what is left")


@case("lastvalues.accepted-after-it-was-replaced")
def accepted(ctx):
    """The consumer that holds the older value may accept it: the newer one stays."""
    queue = ctx.queue("last.q")
    with Peer(ctx) as peer:
        out, link = peer.sender(queue), peer.receiver(queue, credit=1)
        out.send(quote("A", 1))
        old = link.receive()
        out.send(quote("A", 2))
        old.accept()
    check.equal(bodies(drained(ctx, queue)), [2], "what is left")


@case("lastvalues.transaction")
def transaction(ctx):
    """Sends of a transaction replace when it commits; a rollback replaces nothing."""
    queue = ctx.queue("last.q")
    put(ctx, queue, quote("A", "old"), quote("B", "old"))
    with Peer(ctx) as peer:
        coordinator, out = Coordinator(peer), peer.sender(queue)
        for key, fails in (("A", True), ("B", False)):
            txn = coordinator.declare()
            out.push(quote(key, "new"), txn=txn)
            (coordinator.rollback if fails else coordinator.commit)(txn)
    check.equal(bodies(drained(ctx, queue)), ["old", "new"], "queue content")


@case("lastvalues.copies")
def copies(ctx):
    """Consumers of a non-destructive queue get copies, and what replaces them later."""
    queue = ctx.queue("seen.q")
    put(ctx, queue, quote("A", 1), quote("B", 1))
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue, credit=10), right.receiver(queue, credit=10)
        for link in (one, two):
            for received in link.receive_many(2):
                received.accept()
        put(ctx, queue, quote("B", 2))
        check.equal(one.receive().body, 2, "for one")
        check.equal(two.receive().body, 2, "for the other")
