"""Diverts: rules of management by which messages go to another address as well, or instead."""

from proton import Delivery, Message

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained
from harness.manager import Manager
from harness.registry import case

DIVERT = "org.mamba.divert"


def _divert(ctx, target=None, **attributes):
    """A divert of the case's own: manager, its name, and both addresses."""
    manager, name = Manager(ctx), ctx.name("divert")
    source, target = ctx.queue("from"), target or ctx.queue("to")
    manager.expect(201, "CREATE", dict(attributes, pattern=source, target=target), type=DIVERT, name=name)
    return manager, name, source, target


@case("diverts.copy")
def copy(ctx):
    """A copy goes to the target and names the address it was sent to; the message stays where it was sent."""
    _, _, source, target = _divert(ctx)
    with Peer(ctx) as peer:
        peer.sender(source).send_all([Message(body=1), Message(body=2, durable=True)])
        copies = peer.receiver(target, credit=2).receive_many(2)
        check.equal(bodies(copies), [1, 2], "copies")
        check.equal({one.message.annotations["x-opt-orig-address"] for one in copies}, {source}, "original address")
    check.equal(bodies(drained(ctx, source)), [1, 2], "where they were sent")


@case("diverts.move-by-selector")
def move(ctx):
    """A moving divert takes what its selector is true of, and leaves the rest."""
    _, _, source, target = _divert(ctx, move=True, selector="amount > 100")
    with Peer(ctx) as peer:
        peer.sender(source).send_all([Message(properties={"amount": n}, body=n) for n in (50, 500, 99, 101)])
    check.equal(bodies(drained(ctx, target)), [500, 101], "moved")
    check.equal(bodies(drained(ctx, source)), [50, 99], "left")


@case("diverts.chain-and-priority")
def chain(ctx):
    """Diverts follow one another; of two the one of higher priority is first, and a move ends the search."""
    manager, _, source, middle = _divert(ctx, move=True, priority=5)
    last, never = ctx.queue("last"), ctx.queue("never")
    manager.expect(201, "CREATE", {"pattern": source, "target": never, "priority": 1}, type=DIVERT, name=ctx.name("divert"))
    manager.expect(201, "CREATE", {"pattern": middle, "target": last}, type=DIVERT, name=ctx.name("divert"))
    with Peer(ctx) as peer:
        peer.sender(source).send_all([Message(body="x")])
    check.equal([len(drained(ctx, queue)) for queue in (source, middle, last, never)], [0, 1, 1, 0], "messages at each address")


@case("diverts.full-target")
def full(ctx):
    """A target that is full refuses the message at all addresses, with the reason."""
    _, _, source, target = _divert(ctx, target=ctx.queue("small.to"))
    with Peer(ctx) as peer:
        out = peer.sender(source)
        out.send_all([Message(body=n) for n in range(5)])
        refused = out.send(Message(body=5), expect=Delivery.REJECTED)
        check.that("divert" in refused.remote.condition.description, "reason: %s" % refused.remote.condition.description)
    check.equal(bodies(drained(ctx, source)), list(range(5)), "where they were sent")
    check.equal(bodies(drained(ctx, target)), list(range(5)), "copies")


@case("diverts.transaction")
def transaction(ctx):
    """Copies of a transaction's messages are there when it commits, and never when it does not."""
    _, _, source, target = _divert(ctx)
    with Peer(ctx) as peer:
        coordinator, out = Coordinator(peer), peer.sender(source)
        lost, done = coordinator.declare(), coordinator.declare()
        out.push(Message(body="lost"), txn=lost)
        out.push(Message(body="done"), txn=done)
        coordinator.rollback(lost)
        coordinator.commit(done)
    check.equal(bodies(drained(ctx, source)), ["done"], "where they were sent")
    check.equal(bodies(drained(ctx, target)), ["done"], "copies")


@case("diverts.dry-run")
def dry_run(ctx):
    """ROUTE says where a message would go and why, and stores nothing."""
    manager, name, source, target = _divert(ctx, selector="amount > 100")
    with Peer(ctx) as peer:
        peer.sender(source)
    for amount, stored, applied in ((5, [source], False), (500, [source, target], True)):
        route = manager.expect(200, "ROUTE", {"applicationProperties": {"amount": amount}}, address=source)
        check.equal(route["stored"], stored, "where a message of %d would be stored" % amount)
        seen = route["stops"][0]["diverts"]
        check.equal([(one["name"], one["applied"]) for one in seen], [(name, applied)], "diverts looked at")
    check.equal(bodies(drained(ctx, target)), [], "nothing was stored")


@case("diverts.round")
def go_round(ctx):
    """A divert by which messages would go round is refused, with the way they would take; a target that is led to cannot be deleted."""
    manager, name, source, target = _divert(ctx)
    manager.expect(409, "CREATE", {"pattern": target, "target": source}, type=DIVERT, name=ctx.name("back"))
    manager.expect(409, "DELETE", type="org.mamba.queue", name=target)
    manager.expect(204, "DELETE", type=DIVERT, name=name)
    manager.expect(204, "DELETE", type="org.mamba.queue", name=target)
