"""Suspended links: a source that keeps unsettled state and never expires, and a receiver that settles second.

Proton has no way to state or read an unsettled map, nor a transfer's resume flag. So a link of Proton's own is suspended and held for it,
but knows nothing of what it had when it comes back; the rest is a scripted peer's.
"""

from proton import Delivery, Link, Terminus

from harness import check
from harness.codec import NULL, amqp_map, binary, symbol
from harness.engine import Peer, bodies, drained, put
from harness.performatives import ACCEPTED, data_message, outcome_name, source, target
from harness.rawpeer import RawPeer
from harness.registry import case


def kept(link):
    link.source.durability = Terminus.DELIVERIES
    link.source.expiry_policy = Terminus.EXPIRE_NEVER


@case("resume.held-while-the-link-is-detached")
def held(ctx):
    """What a suspended link holds nobody else gets; it comes again, uncounted, when the link is back."""
    queue, name, container = ctx.queue(), ctx.name("resumed"), ctx.name("container")
    put(ctx, queue, "held", "free")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(queue, name=name, rcv=Link.RCV_SECOND, snd=Link.SND_UNSETTLED, configure=kept)
        check.equal(link.link.remote_source.expiry_policy, Terminus.EXPIRE_NEVER, "the broker's expiry-policy")
        check.equal(link.link.remote_source.durability, Terminus.DELIVERIES, "the broker's durability")
        check.equal(link.receive_many(1)[0].body, "held", "first message")
        link.detach()
    check.equal(bodies(drained(ctx, queue)), ["free"], "what others get")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(queue, name=name, rcv=Link.RCV_SECOND, snd=Link.SND_UNSETTLED, configure=kept)
        again = link.receive_many(1)[0]
        check.equal((again.body, again.message.delivery_count), ("held", 0), "what comes again")
        again.delivery.update(Delivery.ACCEPTED)
        peer.flush()
        peer.pump(lambda: again.delivery.settled, "the broker to settle")
        again.delivery.settle()
        link.close()
    check.equal(drained(ctx, queue), [], "queue content")


@case("resume.closing-gives-back")
def closing(ctx):
    """A link that is closed has nothing to resume."""
    queue = ctx.queue()
    put(ctx, queue, "x")
    with Peer(ctx) as peer:
        link = peer.receiver(queue, rcv=Link.RCV_SECOND, snd=Link.SND_UNSETTLED, configure=kept)
        link.receive_many(1)
        link.close()
    check.equal(bodies(drained(ctx, queue)), ["x"], "queue content")


def keeping(make, address):
    return make(address=address, durable=2, expiry_policy=symbol("never"))


@case("resume.both-list-it")
def both(ctx):
    """A delivery in both maps is resumed under its tag, and marked so; one that the client accepted is settled without data."""
    queue, name = ctx.queue(), ctx.name("resumed")
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"again", b"accepted"])
    peer.attach_receiver(name=name, rcv_settle_mode=1, source=keeping(source, queue))
    peer.credit(2)
    tags = [peer.expect("transfer").delivery_tag for _ in range(2)]
    peer.send("detach", handle=0, closed=False)
    peer.expect("detach")
    got = peer.attach_receiver(name=name, handle=1, rcv_settle_mode=1, source=keeping(source, queue),
                               unsettled=amqp_map([(binary(tags[0]), NULL), (binary(tags[1]), ACCEPTED)]))
    check.equal(len(got.unsettled), 2, "deliveries in the broker's map")
    peer.credit(2, handle=1, received=2)
    first, second = peer.expect("transfer"), peer.expect("transfer")
    check.equal((first.resume, first.delivery_tag), (True, tags[0]), "the one that is sent again")
    check.equal((second.resume, second.delivery_tag, outcome_name(second.state)), (True, tags[1], "accepted"), "the other")
    peer.close()


@case("resume.stored-is-in-the-map")
def stored(ctx):
    """A sender finds in the broker's map what it need not send again."""
    queue, name = ctx.queue(), ctx.name("resumed")
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(name=name, rcv_settle_mode=1, target=keeping(target, queue))
    peer.transfer(data_message(b"once"), tag=b"once")
    check.equal(outcome_name(peer.expect("disposition", skip=("flow",)).state), "accepted", "outcome")
    peer.send("detach", handle=0, closed=False)
    peer.expect("detach")
    got = peer.attach_sender(name=name, handle=1, rcv_settle_mode=1, target=keeping(target, queue), unsettled=amqp_map([(binary(b"once"), NULL)]))
    check.equal(len(got.unsettled), 1, "deliveries in the broker's map")
    peer.close()
    check.equal(bodies(drained(ctx, queue)), [b"once"], "queue content")
