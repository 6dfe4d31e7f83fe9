"""Addresses: anonymous relay, dynamic nodes and their lifetime policies, prefixes and capabilities."""

from proton import Described, Message, Delivery, symbol, ulong

from harness import check
from harness.engine import Peer, Refused, bodies, drained, get_map, get_symbols, put, put_lifetime, put_symbols
from harness.performatives import lifetime, outcome_name, source, target, terminus
from harness.rawpeer import RawPeer
from harness.registry import case

DELETE_ON_CLOSE, DELETE_ON_NO_LINKS, DELETE_ON_NO_MESSAGES, DELETE_ON_NEITHER = 0x2B, 0x2C, 0x2D, 0x2E


@case("relay.routes-by-to")
def relay(ctx):
    """Through the anonymous terminus each message goes where its "to" says."""
    queues = [ctx.queue() for _ in range(3)]
    with Peer(ctx) as peer:
        out = peer.sender(None)
        for number in range(9):
            out.send(Message(body=number, address=queues[number % 3]))
        for index, queue in enumerate(queues):
            got = peer.receiver(queue).receive_many(3)
            check.equal(bodies(got), [index, index + 3, index + 6], "queue %d" % index)
            check.equal({r.message.address for r in got}, {queue}, "to")


@case("relay.without-to")
def relay_nowhere(ctx):
    """A message without "to" on the anonymous terminus is rejected; the link stays."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(None)
        delivery = out.send(Message(body="where?"), expect=Delivery.REJECTED)
        check.one_of(delivery.remote.condition and delivery.remote.condition.name,
                     ("amqp:precondition-failed", "amqp:not-found", "amqp:invalid-field"), "condition")
        out.send(Message(body="here", address=queue))
        check.equal(bodies(peer.receiver(queue).drain()), ["here"], "queue content")


@case("relay.settled-without-to")
def relay_settled(ctx):
    """A settled message that cannot be routed detaches the link with an error: it cannot be rejected."""
    with Peer(ctx) as peer:
        out = peer.sender(None)
        out.wait_credit()
        out.push(Message(body="where?"), settled=True)
        check.one_of(out.wait_closed(), ("amqp:precondition-failed", "amqp:not-found", "amqp:invalid-field"),
                     "condition of the detach")
        out.link.close()
        peer.sender(ctx.queue()).send(Message(body="x"))


@case("relay.to-a-missing-temporary-node")
def relay_missing(ctx):
    """A message to a temporary queue that is gone is rejected with not-found."""
    with Peer(ctx) as peer:
        link = peer.receiver(dynamic=True)
        gone = link.address
        link.close()
        delivery = peer.sender(None).send(Message(body="late", address=gone), expect=Delivery.REJECTED)
        check.equal(delivery.remote.condition.name, "amqp:not-found", "condition")


@case("relay.to-an-address-that-is-not-created")
def relay_closed(ctx):
    """A message to an address that is not created on demand is rejected with not-found; the link stays."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(None)
        delivery = out.send(Message(body="x", address=ctx.queue("closed.q")), expect=Delivery.REJECTED)
        check.equal(delivery.remote.condition.name, "amqp:not-found", "condition")
        out.send(Message(body="here", address=queue))
        check.equal(bodies(peer.receiver(queue).drain()), ["here"], "queue content")


@case("relay.empty-target-list")
def relay_list0(ctx):
    """A target encoded as an empty list is the anonymous terminus, and not a missing one."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    attach = peer.attach_sender(target=target())
    check.equal(terminus(attach.target, "target")["address"], None, "address of the relay")
    message = Message(body="x", address=queue).encode()
    peer.transfer(message)
    check.equal(outcome_name(peer.expect("disposition", skip=("flow",)).state), "accepted", "outcome")
    peer.close()
    check.equal(len(drained(ctx, queue)), 1, "messages")


@case("relay.presettled-to-several")
def relay_presettled(ctx):
    """Settled messages through the relay arrive too."""
    one, two = ctx.queue(), ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(None, settled=True)
        for number in range(10):
            out.wait_credit()
            out.push(Message(body=number, address=two if number % 2 else one))
        check.equal(bodies(peer.receiver(one).receive_many(5)), [0, 2, 4, 6, 8], "first queue")
        check.equal(bodies(peer.receiver(two).receive_many(5)), [1, 3, 5, 7, 9], "second queue")


@case("dynamic.source-for-replies")
def dynamic_source(ctx):
    """A dynamic source gets an address of its own; a reply sent there from another connection arrives."""
    with Peer(ctx) as asking, Peer(ctx) as answering:
        link, second = asking.receiver(dynamic=True, credit=1), asking.receiver(dynamic=True)
        check.that(link.address and link.address != second.address, "two distinct addresses")
        check.that(link.link.remote_source.dynamic, "the reply says dynamic")
        answering.sender(link.address).send(Message(body="reply"))
        check.equal(link.receive().body, "reply", "body")


@case("dynamic.target")
def dynamic_target(ctx):
    """A dynamic target (Qpid JMS creates temporary queues so) gets an address, lifetime delete-on-close."""
    peer = RawPeer(ctx)
    peer.start()
    got = peer.attach_sender(credit=False, source=source(), target=target(
        dynamic=True, durable=0, expiry_policy="link-detach", dynamic_node_properties=lifetime(DELETE_ON_CLOSE),
        capabilities=["temporary-queue"]))
    fields = terminus(got.target, "target")
    check.that(fields["address"], "an address")
    check.equal(bool(fields["dynamic"]), True, "dynamic in the reply")
    policy = (fields["dynamic_node_properties"] or {}).get("lifetime-policy")
    check.equal(getattr(policy, "descriptor", None), DELETE_ON_CLOSE, "lifetime-policy in the reply")
    peer.begin(channel=1)
    peer.attach_receiver(channel=1, handle=1,
                         source=source(address=fields["address"], capabilities=["temporary-queue"]))
    peer.close()


def _exists(ctx, address, owner):
    """Whether ADDRESS is still a node: OWNER, its connection, can attach to it."""
    try:
        link = owner.receiver(address, configure=lambda l: put_symbols(l.source.capabilities, "temporary-queue"))
    except Refused as refused:
        check.one_of(refused.condition, ("amqp:not-found", "amqp:resource-deleted"), "condition of the refusal")
        return False
    link.close()
    return True


def _deleted(ctx, address, owner):
    check.that(not _exists(ctx, address, owner), "the node %s still exists" % address)


def _dynamic(peer, code, session=None):
    link = peer.receiver(dynamic=True, session=session, configure=lambda l: put_lifetime(l.source, code))
    policy = get_map(link.link.remote_source.properties).get(symbol("lifetime-policy"))
    check.equal(policy.descriptor if isinstance(policy, Described) else policy, ulong(code),
                "lifetime-policy in the reply")
    return link


@case("dynamic.delete-on-close")
def on_close(ctx):
    """delete-on-close: the node goes with the link that made it, though another link and a message are there."""
    with Peer(ctx) as peer:
        creator = _dynamic(peer, DELETE_ON_CLOSE)
        address = creator.address
        out = peer.sender(address)
        out.send(Message(body="x"))
        creator.close()
        check.equal(out.wait_closed(), "amqp:resource-deleted", "condition at the other link")
        out.link.close()
        _deleted(ctx, address, peer)


@case("dynamic.delete-on-no-links")
def on_no_links(ctx):
    """delete-on-no-links: the node outlives its creator while another link is attached, then goes, messages or not."""
    with Peer(ctx) as peer:
        creator = _dynamic(peer, DELETE_ON_NO_LINKS)
        address = creator.address
        out = peer.sender(address)
        creator.close()
        out.send(Message(body="still there"))
        out.close()
        _deleted(ctx, address, peer)


@case("dynamic.delete-on-no-messages")
def on_no_messages(ctx):
    """delete-on-no-messages: after its creator the node lives while it has messages, and goes with the last one."""
    with Peer(ctx) as peer:
        creator = _dynamic(peer, DELETE_ON_NO_MESSAGES)
        address = creator.address
        out = peer.sender(address)
        out.send(Message(body="keeps it"))
        out.close()
        creator.close()
        link = peer.receiver(address)
        received = link.receive()
        check.equal(received.body, "keeps it", "body")
        received.accept()
        peer.pump(lambda: link.closed, "the detach when the last message is gone")
        link.link.close()
        _deleted(ctx, address, peer)


@case("dynamic.delete-on-no-links-or-messages")
def on_neither(ctx):
    """delete-on-no-links-or-messages: the node lives while it has links or messages."""
    with Peer(ctx) as peer:
        creator = _dynamic(peer, DELETE_ON_NEITHER)
        address = creator.address
        out = peer.sender(address)
        out.send(Message(body="keeps it"))
        out.close()
        creator.close()
        link = peer.receiver(address)
        received = link.receive()
        check.equal(received.body, "keeps it", "body")
        received.accept()
        link.expect_empty()
        link.close()
        _deleted(ctx, address, peer)


@case("dynamic.gone-with-the-connection", seconds=90)
def connection_gone(ctx):
    """A lost connection takes its dynamic nodes with it if its client does not come back; those who send to them are detached."""
    owner = Peer(ctx)
    address = owner.receiver(dynamic=True).address
    with Peer(ctx) as peer:
        out = peer.sender(address)
        out.send(Message(body="x"))
        owner.abort()
        check.equal(out.wait_closed(seconds=60.0), "amqp:resource-deleted", "condition at the sender")
        out.link.close()


@case("dynamic.only-the-owner-consumes")
def owner_only(ctx):
    """Another connection may send to a temporary queue, and may not consume from it."""
    with Peer(ctx) as owner, Peer(ctx) as other:
        link = owner.receiver(dynamic=True, credit=1)
        try:
            other.receiver(link.address)
        except Refused as refused:
            check.one_of(refused.condition, ("amqp:unauthorized-access", "amqp:not-allowed", "amqp:resource-locked",
                                             "amqp:not-found"), "condition")
        else:
            check.fail("a stranger attached to the temporary queue")
        other.sender(link.address).send(Message(body="allowed"))
        check.equal(link.receive().body, "allowed", "body")


@case("dynamic.other-session-of-the-owner")
def other_session(ctx):
    """Another session of the owning connection consumes from the temporary queue."""
    with Peer(ctx) as peer:
        creator = peer.receiver(dynamic=True)
        peer.sender(creator.address).send(Message(body="x"))
        link = peer.receiver(creator.address, session=peer.new_session())
        check.equal(link.receive().body, "x", "body")


@case("address.queue-prefix")
def queue_prefix(ctx):
    """queue://X and X are one node; the reply repeats the address as the client wrote it."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender("queue://" + queue)
        check.equal(out.link.remote_target.address, "queue://" + queue, "address in the reply")
        out.send(Message(body="x"))
        check.equal(peer.receiver(queue).receive().body, "x", "body")


@case("address.topic-prefix")
def topic_prefix(ctx):
    """topic://X is a topic: two receivers both get the message, also one that says X with the capability topic."""
    name = ctx.name("t")
    with Peer(ctx) as peer:
        one = peer.receiver("topic://" + name, credit=1)
        two = peer.receiver(name, credit=1, configure=lambda l: put_symbols(l.source.capabilities, "topic"))
        peer.sender("topic://" + name).send(Message(body="all"))
        check.equal([one.receive().body, two.receive().body], ["all", "all"], "what both receive")


@case("address.capability-topic")
def capability_topic(ctx):
    """The target capability topic makes a topic of a plain name; sending without subscribers is accepted."""
    name = ctx.name("t")
    with Peer(ctx) as peer:
        out = peer.sender(name, configure=lambda l: put_symbols(l.target.capabilities, "topic"))
        check.contains(get_symbols(out.link.remote_target.capabilities), "topic", "capabilities in the reply")
        out.send(Message(body="nobody"))
        link = peer.receiver(name, configure=lambda l: put_symbols(l.source.capabilities, "topic"))
        link.expect_empty()
        out.send(Message(body="somebody"))
        check.equal(bodies(link.drain()), ["somebody"], "what the subscriber gets")


@case("address.topic-by-rule")
def topic_rule(ctx):
    """An address rule makes a topic of a plain name (news.#)."""
    name = ctx.queue("news.t")
    with Peer(ctx) as peer:
        one, two = peer.receiver(name, credit=1), peer.receiver(name, credit=1)
        peer.sender(name).send(Message(body="all"))
        check.equal([one.receive().body, two.receive().body], ["all", "all"], "what both receive")


@case("address.plain-name-is-a-queue")
def plain_queue(ctx):
    """A name without prefix or capability is a queue: it keeps what is sent before anyone listens."""
    queue = ctx.queue()
    put(ctx, queue, "kept")
    check.equal(bodies(drained(ctx, queue)), ["kept"], "queue content")


@case("address.wrong-kind-is-refused")
def wrong_kind(ctx):
    """A receiver that wants a topic where a queue of that name exists is refused; nothing is silently turned over."""
    queue = ctx.queue()
    put(ctx, queue, "x")
    with Peer(ctx) as peer:
        try:
            link = peer.receiver(queue, configure=lambda l: put_symbols(l.source.capabilities, "topic"))
        except Refused as refused:
            check.one_of(refused.condition, ("amqp:illegal-state", "amqp:precondition-failed", "amqp:invalid-field",
                                             "amqp:not-allowed", "amqp:not-implemented"), "condition")
        else:
            link.expect_empty()
            check.that("topic" in get_symbols(link.link.remote_source.capabilities),
                       "attached to something that is not a topic")
    check.equal(bodies(drained(ctx, queue)), ["x"], "queue content")


@case("address.unicode-and-odd-characters")
def odd_names(ctx):
    """Addresses with spaces, slashes, dots, colons and characters beyond ASCII are names like others."""
    with Peer(ctx) as peer:
        for stem in ("with space", "a/b/c", "a.b.c", "a:b", "gr\u00fc\u00dfe-\u4f60\u597d", "x" * 200):
            queue = ctx.queue(stem)
            peer.sender(queue).send(Message(body=stem))
            check.equal(peer.receiver(queue).receive().body, stem, "body")
