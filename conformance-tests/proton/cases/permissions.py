"""A broker with rules of who may do what (profile permissions): clients without credentials may little, the user everything.

JMS clients turn amqp:unauthorized-access into JMSSecurityException, on a link and in a rejected outcome alike.
"""

from proton import Message, Terminus

from harness import check
from harness.engine import Peer, Refused, bodies
from harness.performatives import discharge, outcome_name, source, state_condition, target, transactional
from harness.rawpeer import RawPeer
from harness.registry import case

from .jms import _coordinate, _declared
from .topics import _durable, _shared

UNAUTHORIZED = "amqp:unauthorized-access"


def _user(ctx, **arguments):
    """A peer that may do everything."""
    return Peer(ctx, mechanisms="PLAIN", user=ctx.user, password=ctx.password, configure=_plain, **arguments)


def _plain(peer):
    peer.sasl.allow_insecure_mechs = True


def _refusal(attach, *arguments, **fields):
    try:
        attach(*arguments, **fields)
    except Refused as refused:
        return refused.condition
    return check.fail("the link was attached")


@case("permissions.sender-and-receiver", profile="permissions")
def sender_and_receiver(ctx):
    """Who may only send to an address is refused as its receiver, and the other way round; the session goes on."""
    post, fixed = ctx.queue("post.q"), ctx.queue("fixed.q")
    with _user(ctx) as user, Peer(ctx) as peer:
        check.equal(_refusal(peer.receiver, post), UNAUTHORIZED, "condition for a receiver")
        peer.sender(post).send(Message(body="may"))
        check.equal(user.receiver(post).receive().body, "may", "what the user got")
        check.equal(_refusal(peer.sender, fixed), UNAUTHORIZED, "condition where the queue would have to be made")
        user.sender(fixed).send(Message(body="there"))
        check.equal(peer.receiver(fixed).receive().body, "there", "what the visitor got")


@case("permissions.refusal-on-the-wire", profile="permissions")
def on_the_wire(ctx):
    """A refusal is an attach with a null terminus and a closing detach with the error, in this order, for either direction."""
    raw = RawPeer(ctx)
    raw.start()
    for handle, fields in enumerate((
            {"role": False, "source": source(), "target": target(address="nowhere"), "initial_delivery_count": 0},
            {"role": True, "source": source(address="nowhere"), "target": target()})):
        raw.send("attach", name=ctx.name("l"), handle=handle, **fields)
        attach = raw.expect("attach")
        check.equal(attach.target if handle == 0 else attach.source, None, "terminus of the refusing attach")
        detach = raw.expect("detach")
        check.equal((detach.closed, detach.condition), (True, UNAUTHORIZED), "closed, condition")
        raw.send("detach", handle=handle, closed=True)
    raw.close()


@case("permissions.browser", profile="permissions")
def browser(ctx):
    """Where browsing alone is permitted a browser is attached and a consumer is not."""
    queue = ctx.queue("look.q")
    with _user(ctx) as user, Peer(ctx) as peer:
        user.sender(queue).send(Message(body="seen"))
        check.equal(_refusal(peer.receiver, queue), UNAUTHORIZED, "condition for a consumer")
        link = peer.receiver(queue, configure=lambda l: setattr(l.source, "distribution_mode", Terminus.DIST_MODE_COPY))
        check.equal(bodies(link.drain()), ["seen"], "what the browser sees")


@case("permissions.relay-in-a-transaction", profile="permissions")
def relay(ctx):
    """Through the relay each address is judged by itself; in a transaction a refused message makes the commit fail."""
    post = ctx.queue("post.q")
    raw = RawPeer(ctx)
    raw.start()
    _coordinate(raw)
    raw.attach_sender(target=target(), handle=1)
    raw.transfer(Message(body="alone", address=post).encode(), delivery_id=0, handle=1)
    check.equal(outcome_name(raw.expect("disposition", skip=("flow",)).state), "accepted", "outcome where sending is permitted")
    raw.transfer(Message(body="x", address="nowhere").encode(), delivery_id=1, handle=1)
    check.equal(state_condition(raw.expect("disposition", skip=("flow",)).state), UNAUTHORIZED, "outcome where it is not")
    txn = _declared(raw, 2)
    for number, address in ((3, post), (4, "nowhere")):
        raw.transfer(Message(body=number, address=address).encode(), delivery_id=number, handle=1, state=transactional(txn))
        raw.expect("disposition", skip=("flow",))
    raw.transfer(discharge(txn), delivery_id=5)
    check.equal(state_condition(raw.expect("disposition", skip=("flow",)).state), "amqp:transaction:rollback", "answer to the commit")
    raw.close()
    with _user(ctx) as user:
        check.equal(bodies(user.receiver(post).drain()), ["alone"], "what the queue has")


@case("permissions.subscriptions", profile="permissions")
def subscriptions(ctx):
    """Volatile subscriptions, shared ones too, need no more than receive; durable ones need create to be made and to be ended."""
    topic, container, name = ctx.topic("feed.t"), ctx.name("client"), ctx.name("sub")
    with _user(ctx, container=container) as user:
        user.receiver(topic, name=name, configure=_durable).detach()
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=ctx.name("volatile"))
        peer.receiver(topic, name=ctx.name("shared") + "|volatile1", configure=_shared())
        check.equal(_refusal(peer.receiver, topic, name=ctx.name("new"), configure=_durable), UNAUTHORIZED, "condition of a new one")
        link = peer.receiver(topic, name=name, configure=_durable)
        link.link.close()
        check.equal(link.wait_closed(), UNAUTHORIZED, "condition of the answer to unsubscribing")
    with _user(ctx, container=container) as user:
        user.receiver(topic, name=name, configure=_durable).close()


@case("permissions.temporary-topic-and-queue", profile="permissions")
def temporary(ctx):
    """Temporary nodes are the connection's own to send to and receive from; sending to those of others is permitted by $temporary."""
    with Peer(ctx) as peer, Peer(ctx) as other:
        link = peer.receiver(dynamic=True)
        other.sender(link.address).send(Message(body="an answer"))
        peer.sender(link.address).send(Message(body="a note"))
        check.equal(bodies(link.receive_many(2)), ["an answer", "a note"], "what came")


@case("permissions.hostname", profile="permissions")
def hostname(ctx):
    """The broker's setting names the hosts it serves: another one in open is refused with not-found, marked as a failed open."""
    with Peer(ctx, virtual_host="mamba.test") as peer:
        peer.sender(ctx.queue("post.q")).send(Message(body="served"))
    raw = RawPeer(ctx)
    got = raw.open(container_id=ctx.name("c"), hostname="elsewhere.test")
    check.contains(list(got.properties or {}), "amqp:connection-establishment-failed", "keys of the open's properties")
    raw.expect_close("amqp:not-found")
