"""Topics that keep their last messages for new subscriptions; "kept.#" keeps three (the fixture's address rule)."""

from proton import Message

from harness import check
from harness.engine import Coordinator, Peer, bodies
from harness.registry import case

from .selectors import _selecting
from .topics import _durable, _shared


def _topic(ctx):
    return "%skept.%s" % (ctx.topic_prefix, ctx.name("t"))


def _publish(ctx, topic, *values, durable=True, **more):
    with Peer(ctx) as peer:
        peer.sender(topic).send_all([Message(body=v, durable=durable, **more) for v in values])


def _take(link):
    got = link.drain()
    for one in got:
        one.accept()
    return bodies(got)


@case("retained.last-ones-then-live")
def late(ctx):
    """A new subscription gets the last three messages, in order, and then what is published."""
    topic = _topic(ctx)
    _publish(ctx, topic, *range(6))
    with Peer(ctx) as peer:
        link = peer.receiver(topic)
        _publish(ctx, topic, 6, 7)
        check.equal(_take(link), [3, 4, 5, 6, 7], "what it gets")


@case("retained.fewer-than-three")
def fewer(ctx):
    """With fewer messages than are kept, all come; with none, none."""
    topic = _topic(ctx)
    with Peer(ctx) as peer:
        peer.receiver(topic).expect_empty()
        _publish(ctx, topic, "only")
        check.equal(_take(peer.receiver(topic)), ["only"], "what it gets")


@case("retained.non-durable")
def non_durable(ctx):
    """Messages that are not durable are kept in memory."""
    topic = _topic(ctx)
    _publish(ctx, topic, 1, 2, 3, 4, durable=False)
    with Peer(ctx) as peer:
        check.equal(_take(peer.receiver(topic)), [2, 3, 4], "what it gets")


@case("retained.each-subscriber-has-its-own")
def own(ctx):
    """What one subscriber accepts is still there for the next; a released one comes again to the same."""
    topic = _topic(ctx)
    _publish(ctx, topic, "a", "b")
    with Peer(ctx) as peer:
        one = peer.receiver(topic)
        got = one.receive_many(2)
        got[0].release()
        got[1].accept()
        check.equal(_take(one), ["a"], "what was released")
        check.equal(_take(peer.receiver(topic)), ["a", "b"], "what the next gets")


@case("retained.with-selector")
def with_selector(ctx):
    """A selector holds for what is kept."""
    topic = _topic(ctx)
    _publish(ctx, topic, "small", properties={"size": 1})
    _publish(ctx, topic, "large", properties={"size": 9})
    with Peer(ctx) as peer:
        check.equal(_take(peer.receiver(topic, configure=_selecting("size > 5"))), ["large"], "what it gets")


@case("retained.durable-subscription")
def durable(ctx):
    """A durable subscription gets it when it is made, and not again when it is attached to."""
    topic, container, name = _topic(ctx), ctx.name("client"), ctx.name("sub")
    _publish(ctx, topic, 1, 2, 3, 4)
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=name, configure=_durable).detach()
    _publish(ctx, topic, 5)
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(topic, name=name, configure=_durable)
        check.equal(_take(link), [2, 3, 4, 5], "what it gets")
        link.detach()
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(topic, name=name, configure=_durable)
        link.expect_empty()
        link.close()


@case("retained.shared")
def shared(ctx):
    """A shared subscription gets it once, for all its members."""
    topic, name = _topic(ctx), ctx.name("group")
    _publish(ctx, topic, 1, 2, 3)
    with Peer(ctx) as peer:
        first = peer.receiver(topic, name=name + "|volatile1", configure=_shared())
        second = peer.receiver(topic, name=name + "|volatile2", configure=_shared())
        got = bodies(first.drain(1)) + bodies(second.drain())
        check.equal(sorted(got), [1, 2, 3], "what the members get together")


@case("retained.pattern")
def pattern(ctx):
    """A subscription to a pattern gets what each of the topics keeps, in the order of publishing."""
    root = _topic(ctx)
    for name, body in (("x", 1), ("y", 2), ("x", 3)):
        _publish(ctx, "%s.%s" % (root, name), body)
    with Peer(ctx) as peer:
        check.equal(_take(peer.receiver(root + ".#")), [1, 2, 3], "what it gets")


@case("retained.rolled-back")
def rolled_back(ctx):
    """What a transaction published and rolled back is not kept."""
    topic = _topic(ctx)
    with Peer(ctx) as peer:
        coordinator = Coordinator(peer)
        out = peer.sender(topic)
        for failed in (True, False):
            txn = coordinator.declare()
            out.outcome(out.push(Message(body="failed" if failed else "committed"), txn=txn))
            coordinator.discharge(txn, failed)
        check.equal(_take(peer.receiver(topic)), ["committed"], "what it gets")
