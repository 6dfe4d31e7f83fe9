"""Subscriptions to patterns of topics: * for one word between dots, # for any number of words."""

from proton import Delivery, Message

from harness import check
from harness.engine import Peer, Refused, bodies
from harness.registry import case

from .selectors import _selecting
from .topics import _durable, _shared


def _publish(ctx, root, *names, **properties):
    """One message to each topic below ROOT; its body is the topic's name there."""
    with Peer(ctx) as peer:
        for name in names:
            peer.sender("%s.%s" % (root, name)).send(Message(body=name, durable=True, properties=properties or None))


def _take(link):
    got = link.drain()
    for one in got:
        one.accept()
    return bodies(got)


def _matched(ctx, pattern, *names):
    root = ctx.topic()
    with Peer(ctx) as peer:
        link = peer.receiver("%s.%s" % (root, pattern))
        _publish(ctx, root, *names)
        return _take(link)


@case("wildcard.star")
def star(ctx):
    """* takes in exactly one word."""
    check.equal(_matched(ctx, "a.*", "a.b", "a", "a.b.c", "b.b", "a.c"), ["a.b", "a.c"], "a.*")
    check.equal(_matched(ctx, "*.b.*", "a.b.c", "b.c", "a.b", "x.b.y"), ["a.b.c", "x.b.y"], "*.b.*")


@case("wildcard.hash")
def hash_(ctx):
    """# takes in any number of words, none included, at any place."""
    check.equal(_matched(ctx, "a.#", "a", "a.b", "b", "a.b.c"), ["a", "a.b", "a.b.c"], "a.#")
    check.equal(_matched(ctx, "#.z", "z", "a.z", "z.a", "a.b.z"), ["z", "a.z", "a.b.z"], "#.z")
    check.equal(_matched(ctx, "#.m.#", "m", "a.m", "m.a", "a.b", "a.m.b.c"), ["m", "a.m", "m.a", "a.m.b.c"], "#.m.#")


@case("wildcard.later-topics")
def later(ctx):
    """Topics that come into being after the subscription are taken in; one that was there before too."""
    root = ctx.topic()
    _publish(ctx, root, "before")
    with Peer(ctx) as peer:
        link = peer.receiver(root + ".*")
        link.expect_empty()
        for name in ("after", "before", "much-later"):
            _publish(ctx, root, name)
            check.equal(_take(link), [name], "what came")


@case("wildcard.overlapping")
def overlapping(ctx):
    """Each of many subscriptions that match gets a message once."""
    root = ctx.topic()
    with Peer(ctx) as peer:
        links = [peer.receiver("%s.%s" % (root, p)) for p in ("a.b", "a.*", "*.b", "#", "#.b", "a.#", "#.#")]
        _publish(ctx, root, "a.b")
        for link in links:
            check.equal(_take(link), ["a.b"], "what a subscription gets")


@case("wildcard.with-selector")
def with_selector(ctx):
    """A selector chooses among what the pattern takes in."""
    root = ctx.topic()
    with Peer(ctx) as peer:
        link = peer.receiver(root + ".#", configure=_selecting("size > 5"))
        _publish(ctx, root, "a", "b.c", size=9)
        _publish(ctx, root, "d", size=2)
        _publish(ctx, root, "e.f", size=6)
        check.equal(_take(link), ["a", "b.c", "e.f"], "what is selected")


@case("wildcard.durable")
def durable(ctx):
    """A durable subscription to a pattern keeps what comes while nobody is attached, to topics that are new as well."""
    root, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        peer.receiver(root + ".*", name=name, configure=_durable).detach()
    _publish(ctx, root, "one", "two", "not.this")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(root + ".*", name=name, configure=_durable)
        check.equal(_take(link), ["one", "two"], "what was kept")
        link.close()
    _publish(ctx, root, "three")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(root + ".*", name=name, configure=_durable)
        link.expect_empty()
        link.close()


@case("wildcard.shared-volatile")
def shared_volatile(ctx):
    """The members of a shared subscription to a pattern compete; one beside it gets all."""
    root, name = ctx.topic(), ctx.name("group")
    container = ctx.name("client")
    with Peer(ctx, container=container) as peer:
        members = [peer.receiver(root + ".*", name="%s|volatile%d" % (name, i), configure=_shared()) for i in (1, 2)]
        alone = peer.receiver(root + ".*")
        _publish(ctx, root, "a", "b", "c")
        got = bodies(members[0].drain(1)) + bodies(members[1].drain())
        check.equal(sorted(got), ["a", "b", "c"], "what the members get together")
        check.equal(_take(alone), ["a", "b", "c"], "what the other gets")


@case("wildcard.order")
def order(ctx):
    """Messages of one sender to several topics come in the order they were sent."""
    root = ctx.topic()
    with Peer(ctx) as peer:
        link = peer.receiver(root + ".#")
        out = peer.sender(None)
        expected = []
        for number in range(60):
            out.send(Message(body=number, durable=True, address="%s.%s" % (root, "abc"[number % 3])))
            expected.append(number)
        check.equal(_take(link), expected, "order")


@case("wildcard.no-target")
def no_target(ctx):
    """A sender to a pattern is refused with an error that names the remedy; through the relay the message is rejected."""
    root = ctx.topic()
    with Peer(ctx) as peer:
        for pattern in (root + ".*", root + ".#"):
            try:
                peer.sender(pattern)
                check.fail("the sender was attached")
            except Refused as refused:
                check.equal(refused.condition, "amqp:not-allowed", "condition")
                check.that("wildcards" in refused.description, "the description says why: %s" % refused.description)
        delivery = peer.sender(None).send(Message(body="x", address=root + ".*"), expect=Delivery.REJECTED)
        check.equal(delivery.remote.condition.name, "amqp:not-allowed", "condition")


@case("wildcard.literal-in-a-queue")
def literal(ctx):
    """In the address of a queue wildcards stand for themselves."""
    name = "queue://%s.#" % ctx.name("q")
    with Peer(ctx) as peer:
        peer.sender(name).send(Message(body="literal"))
        check.equal(_take(peer.receiver(name)), ["literal"], "queue content")
