"""Addresses that leave out messages whose message-id they know: once.#."""

import uuid

from proton import Message, symbol, ulong

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained
from harness.registry import case

MARK = symbol("mamba:duplicate-mark")


def numbered(ids, **header):
    return [Message(id=id, body=number, **header) for number, id in enumerate(ids)]


def _asks(link):
    # Proton cannot desire a capability of a link.
    link.properties = {MARK: True}


def _marked(peer):
    """Whether the last outcome is marked. Proton calls it accepted and does not show its fields, so the frame is looked at."""
    return "mamba:duplicate" in str(peer.seen("<-", "disposition")[-1])


@case("duplicates.left-out")
def left_out(ctx):
    """A message whose id is known is accepted, and is not there."""
    queue = ctx.queue("once.q")
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(numbered(["a", "b", "a", "c", "b"]))
    check.equal(bodies(drained(ctx, queue)), [0, 1, 3], "queue content")


@case("duplicates.durable")
def durable(ctx):
    """The same with durable messages, sent at once by two connections."""
    queue = ctx.queue("once.q")
    ids = ["id %d" % n for n in range(200)]
    with Peer(ctx) as one, Peer(ctx) as two:
        for peer in (one, two, one):
            peer.sender(queue).send_all(numbered(ids, durable=True))
    check.equal(sorted(bodies(drained(ctx, queue))), list(range(200)), "queue content")


@case("duplicates.types")
def types(ctx):
    """Ids of other types are other ids."""
    queue = ctx.queue("once.q")
    some = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(numbered(["7", ulong(7), some, b"7", str(some), "7", ulong(7), some, b"7"]))
    check.equal(bodies(drained(ctx, queue)), [0, 1, 2, 3, 4], "queue content")


@case("duplicates.no-id")
def no_id(ctx):
    """Messages without an id are never left out."""
    queue = ctx.queue("once.q")
    with Peer(ctx) as peer:
        peer.sender(queue).send_all([Message(body=1), Message(body=2)])
    check.equal(bodies(drained(ctx, queue)), [1, 2], "queue content")


@case("duplicates.mark")
def mark(ctx):
    """Proton takes the marked outcome for accepted; nobody gets it who did not ask."""
    queue = ctx.queue("once.q")
    with Peer(ctx) as peer:
        asks, plain = peer.sender(queue, configure=_asks), peer.sender(queue)
        check.equal(asks.link.remote_properties, {MARK: True}, "the link's properties")
        for out, number, expected in ((asks, 1, False), (asks, 2, True), (plain, 3, False), (asks, 4, True)):
            out.send(Message(id="a", body=number))
            check.equal(_marked(peer), expected, "mark of message %d" % number)
    check.equal(bodies(drained(ctx, queue)), [1], "queue content")


@case("duplicates.transaction")
def transaction(ctx):
    """An id counts when its transaction commits: a rolled-back one is free, and of two transactions the first to commit wins."""
    queue = ctx.queue("once.q")
    with Peer(ctx) as peer:
        coordinator, out = Coordinator(peer), peer.sender(queue)
        lost = coordinator.declare()
        out.push(Message(id="a", body="lost"), txn=lost)
        coordinator.rollback(lost)
        one, two = coordinator.declare(), coordinator.declare()
        for txn in (one, two):
            out.push(Message(id="a", body="a"), txn=txn)
        out.push(Message(id="b", body="second"), txn=two)
        out.push(Message(id="c", body="first"), txn=one)
        coordinator.commit(two)
        coordinator.commit(one)
    check.equal(bodies(drained(ctx, queue)), ["a", "second", "first"], "queue content")


@case("duplicates.counted")
def counted(ctx):
    """The address counts what it left out."""
    queue = ctx.queue("once.q")
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(numbered(["a", "a", "a"]))
        answers = peer.receiver("$management", credit=5)
        peer.sender("$management").send(Message(id="1", properties={"operation": "READ", "type": "org.mamba.queue", "name": queue}))
        check.equal(answers.receive().body["duplicates"], 2, "duplicates")
