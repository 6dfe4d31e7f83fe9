"""Message groups: properties.group-id (JMSXGroupID) binds messages to one consumer at a time."""

from proton import Delivery, Message

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained, retire
from harness.registry import case

CLOSED = 0xffffffff


def send(ctx, queue, *names, sequence=None):
    """One message for each name; its first letter is its group, "-" is none."""
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(message(name, sequence) for name in names)


def message(name, sequence=None):
    made = Message(body=name)
    if name[0] != "-":
        made.group_id = name[0]
    if sequence is not None:
        made.group_sequence = sequence
    return made


@case("groups.one-consumer-for-each")
def affinity(ctx):
    """Each of two consumers gets the groups it began with, in order."""
    queue = ctx.queue()
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue), right.receiver(queue)
        send(ctx, queue, "a1")
        check.equal(bodies(one.receive_many(1)), ["a1"], "first of a")
        send(ctx, queue, "b1", "a2")
        check.equal(bodies(two.drain(10)), ["b1"], "what is left for the other")
        send(ctx, queue, "b2", "a3", "b3")
        check.equal(bodies(one.drain(10)), ["a2", "a3"], "group a")
        check.equal(bodies(two.drain(10)), ["b2", "b3"], "group b")


@case("groups.no-stall")
def no_stall(ctx):
    """A group whose consumer takes nothing holds nobody up."""
    queue = ctx.queue()
    with Peer(ctx) as left, Peer(ctx) as right:
        one = left.receiver(queue)
        send(ctx, queue, "a0")
        one.receive()
        send(ctx, queue, *["a%d" % n for n in range(1, 200)], "-x", "b1")
        check.equal(bodies(right.receiver(queue).drain(1000)), ["-x", "b1"], "other messages")
        check.equal(bodies(one.receive_many(199)), ["a%d" % n for n in range(1, 200)], "group a")


@case("groups.consumer-leaves")
def leaves(ctx):
    """When a consumer closes, its groups go to another with all that was unsettled, in order."""
    queue = ctx.queue()
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue), right.receiver(queue)
        send(ctx, queue, "a1", "a2", "a3", "a4")
        one.receive_many(2)
        check.equal(two.drain(10), [], "while it is there")
        one.close()
        check.equal(bodies(two.receive_many(4)), ["a1", "a2", "a3", "a4"], "after it left")


@case("groups.consumer-vanishes")
def vanishes(ctx):
    """The same when its connection is lost."""
    queue = ctx.queue()
    gone = Peer(ctx)
    one = gone.receiver(queue)
    with Peer(ctx) as peer:
        two = peer.receiver(queue)
        send(ctx, queue, "a1", "a2", "a3")
        one.receive_many(1)
        check.equal(two.drain(10), [], "while it is there")
        gone.abort()
        check.equal(bodies(two.receive_many(3)), ["a1", "a2", "a3"], "after it left")


@case("groups.closed-by-sequence")
def closed(ctx):
    """group-sequence -1 ends a group: the next message may go to another, once what came before is settled."""
    queue = ctx.queue()
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue), right.receiver(queue)
        send(ctx, queue, "a1", sequence=CLOSED)
        last = one.receive()
        send(ctx, queue, "a2")
        check.equal(two.drain(10), [], "before the last of the group is settled")
        last.accept()
        check.equal(bodies(two.receive_many(1)), ["a2"], "after it")
        send(ctx, queue, "a3")
        check.equal(one.drain(10), [], "for the consumer that had it")
        check.equal(bodies(two.receive_many(1)), ["a3"], "for the one that has it now")


@case("groups.closed-and-alone")
def closed_alone(ctx):
    """With one consumer only, closing a group stops nothing."""
    queue = ctx.queue()
    send(ctx, queue, "a1", "a2", sequence=CLOSED)
    send(ctx, queue, "a3")
    with Peer(ctx) as peer:
        check.equal(bodies(peer.receiver(queue).receive_many(3)), ["a1", "a2", "a3"], "order")


@case("groups.shared-out-anew")
def rebalanced(ctx):
    """A consumer that comes gets its share of the groups."""
    queue, names = ctx.queue(), ["a", "b", "c", "d"]
    with Peer(ctx) as left, Peer(ctx) as right:
        one = left.receiver(queue)
        send(ctx, queue, *names)
        for received in one.receive_many(4):
            received.accept()
        check.equal(one.drain(10), [], "what is left")
        two = right.receiver(queue)
        send(ctx, queue, *names)
        got = bodies(one.drain(10)), bodies(two.drain(10))
        check.equal((len(got[0]), sorted(got[0] + got[1])), (2, names), "shares")


@case("groups.rollback-keeps-order")
def rolled_back(ctx):
    """What a transaction took comes back before the rest of its group."""
    queue = ctx.queue()
    send(ctx, queue, "a1", "a2", "a3")
    with Peer(ctx) as peer:
        coordinator = Coordinator(peer)
        receiver = peer.receiver(queue)
        txn = coordinator.declare()
        for received in receiver.receive_many(2):
            retire(received, txn)
        coordinator.rollback(txn)
        peer.end_session()
    check.equal(bodies(drained(ctx, queue)), ["a1", "a2", "a3"], "queue content")


@case("groups.released-comes-first")
def released(ctx):
    """A released message of a group comes again, to the same consumer, before later ones."""
    queue = ctx.queue()
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue), right.receiver(queue)
        send(ctx, queue, "a1", "a2", "a3")
        one.receive_many(2)[0].release()
        check.equal(two.drain(10), [], "for another")
        check.equal(bodies(one.receive_many(2)), ["a1", "a3"], "order")


@case("groups.undeliverable-here")
def undeliverable(ctx):
    """A message that its consumer must not get again takes the group to another one."""
    queue = ctx.queue()
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue), right.receiver(queue)
        send(ctx, queue, "a1", "a2")
        one.receive().modify(undeliverable=True)
        check.equal(one.drain(10), [], "for the consumer that cannot")
        check.equal(bodies(two.receive_many(2)), ["a1", "a2"], "for the other")


@case("groups.empty-id-is-none")
def empty(ctx):
    """An empty group-id binds nothing."""
    queue = ctx.queue()
    with Peer(ctx) as left, Peer(ctx) as right:
        one, two = left.receiver(queue), right.receiver(queue)
        raw = Message(body="m")
        raw.group_id = ""
        with Peer(ctx) as peer:
            out = peer.sender(queue)
            out.send(raw)
            one.receive()
            out.send(raw, Delivery.ACCEPTED)
        check.equal(bodies(two.receive_many(1)), ["m"], "the second message")
