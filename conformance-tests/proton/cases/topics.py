"""Topics: fan-out, durable and shared subscriptions, unsubscribing."""

from proton import Link, Message, Terminus

from harness import check
from harness.codec import NULL
from harness.engine import Coordinator, Peer, bodies, put_symbols
from harness.performatives import target, terminus
from harness.rawpeer import RawPeer, multiple
from harness.registry import case


def _publish(ctx, topic, *values):
    with Peer(ctx) as peer:
        peer.sender(topic).send_all([Message(body=v, durable=True) for v in values])


def _durable(link):
    link.source.durability = Terminus.DELIVERIES
    link.source.expiry_policy = Terminus.EXPIRE_NEVER
    link.source.distribution_mode = Terminus.DIST_MODE_COPY
    put_symbols(link.source.capabilities, "topic")


def _shared(*more, durable=False):
    def configure(link):
        if durable:
            link.source.durability = Terminus.DELIVERIES
            link.source.expiry_policy = Terminus.EXPIRE_NEVER
            link.source.distribution_mode = Terminus.DIST_MODE_COPY
        put_symbols(link.source.capabilities, "topic", "shared", *more)
    return configure


@case("topic.fan-out")
def fan_out(ctx):
    """Every subscriber of a topic gets every message, in order, on whatever connection."""
    topic = ctx.topic()
    with Peer(ctx) as one, Peer(ctx) as two:
        links = [one.receiver(topic), one.receiver(topic), two.receiver(topic)]
        _publish(ctx, topic, *range(10))
        for link in links:
            check.equal(bodies(link.receive_many(10)), list(range(10)), "what a subscriber gets")


@case("topic.no-subscriber")
def no_subscriber(ctx):
    """A message to a topic nobody subscribed to is accepted, and not kept for a later subscriber."""
    topic = ctx.topic()
    with Peer(ctx) as peer:
        out = peer.sender(topic)
        out.send(Message(body="nobody"))
        link = peer.receiver(topic)
        link.expect_empty()
        out.send(Message(body="you"))
        check.equal(bodies(link.drain()), ["you"], "what the subscriber gets")


@case("topic.volatile-subscription-ends-with-its-link")
def volatile(ctx):
    """A subscription that is not durable ends with its link."""
    topic, name = ctx.topic(), ctx.name("sub")
    with Peer(ctx) as peer:
        link = peer.receiver(topic, name=name)
        link.close()
        link.link.free()
        peer.sender(topic).send(Message(body="missed"))
        peer.receiver(topic, name=name).expect_empty()


@case("topic.acknowledgements-are-per-subscriber")
def per_subscriber(ctx):
    """What one subscriber accepts, rejects or releases does not touch another's copy."""
    topic = ctx.topic()
    with Peer(ctx) as peer:
        one, two = peer.receiver(topic), peer.receiver(topic)
        peer.sender(topic).send(Message(body="x"))
        one.receive().accept()
        two.receive().release()
        again = two.receive()
        check.equal((again.body, again.message.delivery_count), ("x", 0), "the other's copy")
        one.expect_empty()


@case("topic.durable-subscription-keeps-messages")
def durable(ctx):
    """A durable subscription keeps what is published while its subscriber is away (detach closed=false)."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(topic, name=name, configure=_durable)
        source_ = link.link.remote_source
        check.equal((source_.durability, source_.expiry_policy), (Terminus.DELIVERIES, Terminus.EXPIRE_NEVER),
                    "durability and expiry-policy in the reply")
        _publish(ctx, topic, "present")
        link.receive().accept()
        link.detach()
    _publish(ctx, topic, "away-1", "away-2")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(topic, name=name, configure=_durable)
        got = link.receive_many(2)
        check.equal(bodies(got), ["away-1", "away-2"], "what was kept")
        for received in got:
            received.accept()
        link.close()


@case("topic.durable-subscription-survives-connection-loss")
def durable_loss(ctx):
    """It also survives a lost connection, with the deliveries that were not settled."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    peer = Peer(ctx, container=container)
    link = peer.receiver(topic, name=name, configure=_durable)
    _publish(ctx, topic, "a", "b")
    link.receive_many(2)
    peer.abort()
    _publish(ctx, topic, "c")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(topic, name=name, configure=_durable)
        check.equal(bodies(link.receive_many(3)), ["a", "b", "c"], "what was kept")
        link.close()


@case("topic.durable-subscription-is-stolen")
def durable_stolen(ctx):
    """Failover: the same container attaches its durable subscription anew while the old link still seems alive."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as old, Peer(ctx, container=container) as new:
        first = old.receiver(topic, name=name, configure=_durable)
        _publish(ctx, topic, "a", "b")
        first.receive_many(2)[0].accept()
        old.end_session(old.new_session())  # a round trip: the broker has seen the acceptance
        second = new.receiver(topic, name=name, configure=_durable)
        check.equal(first.wait_closed(), "amqp:link:stolen", "condition at the old link")
        check.equal(bodies(second.receive_many(1)), ["b"], "what the new link gets")
        first.link.close()
        second.close()


@case("topic.durable-names-are-per-container")
def durable_names(ctx):
    """The same subscription name of two containers is two subscriptions."""
    topic, name = ctx.topic(), ctx.name("sub")
    with Peer(ctx) as one, Peer(ctx) as two:
        a = one.receiver(topic, name=name, configure=_durable)
        b = two.receiver(topic, name=name, configure=_durable)
        _publish(ctx, topic, "x")
        check.equal([a.receive().body, b.receive().body], ["x", "x"], "what both get")
        a.close()
        b.close()


@case("topic.durable-subscription-is-no-browser")
def durable_consumes(ctx):
    """distribution-mode copy on a durable subscription is no browsing: what was accepted is gone."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(topic, name=name, configure=_durable)
        _publish(ctx, topic, "x")
        link.receive().accept()
        link.detach()
        link.link.free()
        link = peer.receiver(topic, name=name, configure=_durable)
        link.expect_empty()
        link.close()


@case("topic.close-unsubscribes")
def close_unsubscribes(ctx):
    """detach closed=true of a durable subscription deletes it: nothing is kept any more."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=name, configure=_durable).close()
    _publish(ctx, topic, "missed")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(topic, name=name, configure=_durable)
        link.expect_empty()
        link.close()


def _lookup(ctx, peer, name, **fields):
    """Attaches with a null source, the way Qpid JMS looks a subscription up; returns (attach, detach or None)."""
    peer.send("attach", name=name, handle=9, role=True, source=NULL, target=target(), **fields)
    attach = peer.expect("attach")
    return attach, peer.expect("detach") if attach.source is None else None


@case("topic.unsubscribe-by-null-source")
def null_source(ctx):
    """Qpid JMS' unsubscribe: attach with null source finds the subscription, detach closed=true deletes it."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=name, configure=_durable).detach()
    peer = RawPeer(ctx)
    peer.start(container_id=container)
    attach, _ = _lookup(ctx, peer, name)
    check.that(attach.source is not None, "the subscription was found")
    found = terminus(attach.source)
    check.one_of(found["address"], (topic, topic[len(ctx.topic_prefix):]), "address of the found source")
    check.equal((found["durable"], found["expiry_policy"]), (2, "never"), "durable, expiry-policy of the found source")
    check.contains(multiple(found["capabilities"]), "topic", "capabilities of the found source")
    peer.send("detach", handle=9, closed=True)
    answer = peer.expect("detach")
    check.equal((answer.closed, answer.condition), (True, None), "answer to the closing detach")
    attach, detach = _lookup(ctx, peer, name)
    check.equal((attach.source, detach and detach.condition), (None, "amqp:not-found"), "a second lookup")
    peer.send("detach", handle=9, closed=True)
    peer.close()


@case("topic.unsubscribe-of-an-unknown-name")
def unknown_name(ctx):
    """Unsubscribing a name that does not exist is refused with not-found."""
    peer = RawPeer(ctx)
    peer.start()
    attach, detach = _lookup(ctx, peer, ctx.name("nothing"))
    check.equal((attach.source, detach and detach.closed, detach and detach.condition),
                (None, True, "amqp:not-found"), "refusal")
    peer.send("detach", handle=9, closed=True)
    peer.close()


@case("topic.shared-volatile")
def shared_volatile(ctx):
    """Two links of one shared subscription (JMS names sub|volatile1, |volatile2) share the messages."""
    topic, name = ctx.topic(), ctx.name("sub")
    with Peer(ctx) as peer:
        one = peer.receiver(topic, name=name + "|volatile1", configure=_shared(), credit=5)
        two = peer.receiver(topic, name=name + "|volatile2", configure=_shared(), credit=5)
        _publish(ctx, topic, *range(10))
        peer.pump(lambda: len(one.inbox) + len(two.inbox) == 10, "ten messages in all")
        check.equal(sorted(bodies(one.inbox) + bodies(two.inbox)), list(range(10)), "each message once")


@case("topic.shared-durable")
def shared_durable(ctx):
    """A shared durable subscription (sub, sub|2) keeps messages while all are away, and shares them afterwards."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=name, configure=_shared(durable=True)).detach()
    _publish(ctx, topic, *range(6))
    with Peer(ctx, container=container) as peer:
        one = peer.receiver(topic, name=name, configure=_shared(durable=True), credit=3)
        peer.pump(lambda: len(one.inbox) == 3, "three messages at the first link")
        two = peer.receiver(topic, name=name + "|2", configure=_shared(durable=True), credit=3)
        peer.pump(lambda: len(two.inbox) == 3, "three messages at the second link")
        check.equal(sorted(bodies(one.inbox) + bodies(two.inbox)), list(range(6)), "each message once")
        for received in one.inbox + two.inbox:
            received.accept()
        two.detach()
        one.close()


@case("topic.shared-global")
def shared_global(ctx):
    """A shared subscription with the capability global is one across containers (names sub|global...)."""
    topic, name = ctx.topic(), ctx.name("sub")
    with Peer(ctx) as first, Peer(ctx) as second:
        one = first.receiver(topic, name=name + "|global-volatile1", configure=_shared("global"), credit=5)
        two = second.receiver(topic, name=name + "|global-volatile1", configure=_shared("global"), credit=5)
        _publish(ctx, topic, *range(10))
        first.pump(lambda: len(one.inbox) == 5, "five messages at the first container")
        second.pump(lambda: len(two.inbox) == 5, "five messages at the second container")
        check.equal(sorted(bodies(one.inbox) + bodies(two.inbox)), list(range(10)), "each message once")


@case("topic.shared-beside-unshared")
def shared_and_unshared(ctx):
    """A shared subscription and an unshared one of the same topic both get every message."""
    topic, name = ctx.topic(), ctx.name("sub")
    with Peer(ctx) as peer:
        shared = peer.receiver(topic, name=name + "|volatile1", configure=_shared())
        alone = peer.receiver(topic)
        _publish(ctx, topic, *range(3))
        check.equal(bodies(shared.receive_many(3)), [0, 1, 2], "shared")
        check.equal(bodies(alone.receive_many(3)), [0, 1, 2], "unshared")


@case("topic.durable-moved-to-another-topic")
def moved(ctx):
    """Re-attached with another topic, an idle durable subscription is replaced (JMS changes it so)."""
    old, new, container, name = ctx.topic(), ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        peer.receiver(old, name=name, configure=_durable).detach()
    _publish(ctx, old, "old")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(new, name=name, configure=_durable)
        check.equal(link.address, new, "address in the reply")
        _publish(ctx, new, "new")
        check.equal(bodies(link.drain()), ["new"], "what it gets")
        link.close()


@case("topic.presettled-subscriber")
def presettled(ctx):
    """A presettled subscriber gets settled copies."""
    topic = ctx.topic()
    with Peer(ctx) as peer:
        link = peer.receiver(topic, snd=Link.SND_SETTLED)
        _publish(ctx, topic, 1, 2)
        got = link.receive_many(2)
        check.equal((bodies(got), [r.delivery.settled for r in got]), ([1, 2], [True, True]), "bodies, settled")


@case("topic.transactional-publish")
def transactional(ctx):
    """Messages published in a transaction reach the subscribers at the commit."""
    topic = ctx.topic()
    with Peer(ctx) as peer:
        links = [peer.receiver(topic), peer.receiver(topic)]
        txc, out = Coordinator(peer), peer.sender(topic)
        txn = txc.declare()
        out.send(Message(body="x"), expect=0x34, txn=txn)
        for link in links:
            link.expect_empty()
        txc.commit(txn)
        check.equal([link.receive().body for link in links], ["x", "x"], "what both get")
