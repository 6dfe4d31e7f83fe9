"""Queues whose senders wait for room: tight.# holds four messages."""

from proton import Message

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained
from harness.registry import case

LIMIT = 4


def filled(peer, queue):
    """A link that has sent as many messages as there is room for."""
    out = peer.sender(queue)
    out.send_all([Message(body=n) for n in range(LIMIT)])
    return out


@case("block.credit-is-the-room")
def credit(ctx):
    """The first credit of a link is the room of its queue."""
    with Peer(ctx) as peer:
        out = peer.sender(ctx.queue("tight.q"))
        out.wait_credit()
        check.equal(out.link.credit, LIMIT, "credit")


@case("block.full")
def full(ctx):
    """A full queue gives no credit, and gives it when messages were consumed."""
    queue = ctx.queue("tight.q")
    with Peer(ctx) as peer:
        out = filled(peer, queue)
        check.equal(out.link.credit, 0, "credit")
        check.equal(bodies(drained(ctx, queue)), [0, 1, 2, 3], "queue content")
        out.wait_credit()
        out.send(Message(body="later"))
    check.equal(bodies(drained(ctx, queue)), ["later"], "queue content")


@case("block.taken-back")
def taken_back(ctx):
    """The credit of a link that has sent nothing is taken back when another fills the queue, and given again."""
    queue = ctx.queue("tight.q")
    with Peer(ctx) as idle, Peer(ctx) as peer:
        out = idle.sender(queue)
        out.wait_credit()
        filled(peer, queue)
        idle.pump(lambda: out.link.credit == 0, "the credit to be taken back")
        check.equal(len(drained(ctx, queue)), LIMIT, "messages")
        out.wait_credit()
        out.send(Message(body="later"))


@case("block.released-is-no-room")
def released(ctx):
    """What a consumer holds or gives back still takes room."""
    queue = ctx.queue("tight.q")
    with Peer(ctx) as peer:
        out, link = filled(peer, queue), peer.receiver(queue, credit=LIMIT)
        for received in link.receive_many(LIMIT):
            received.release()
        peer.sender(ctx.queue()).wait_credit()
        check.equal(out.link.credit, 0, "credit")
        check.equal(bodies(drained(ctx, queue)), [0, 1, 2, 3], "queue content")
        out.wait_credit()


@case("block.other-links-go-on")
def others(ctx):
    """Links of the same session to other queues go on."""
    with Peer(ctx) as peer:
        filled(peer, ctx.queue("tight.q"))
        free = ctx.queue()
        peer.sender(free).send_all([Message(body=n) for n in range(50)])
        check.equal(len(drained(ctx, free)), 50, "messages")


@case("block.transaction")
def transaction(ctx):
    """A transaction may send more than there is room for; what it sends counts from its commit on."""
    queue = ctx.queue("tight.q")
    with Peer(ctx) as peer:
        coordinator, out = Coordinator(peer), peer.sender(queue)
        txn = coordinator.declare()
        for n in range(3 * LIMIT):
            out.wait_credit()
            out.push(Message(body=n), txn=txn)
        coordinator.commit(txn)
        check.equal(len(drained(ctx, queue)), 3 * LIMIT, "messages")
        out.wait_credit()


@case("block.deleted")
def deleted(ctx):
    """A sender that waits is told when its queue is deleted."""
    queue = ctx.queue("tight.q")
    with Peer(ctx) as peer, Peer(ctx) as admin:
        out = filled(peer, queue)
        admin.sender("$management").send(Message(properties={"operation": "DELETE", "type": "org.mamba.queue", "name": queue}))
        check.equal(out.wait_closed(), "amqp:resource-deleted", "condition")
