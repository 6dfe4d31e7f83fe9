"""open and close: fields, limits, heartbeats, refusals."""

import time

from proton import Message, symbol

from harness import check
from harness.codec import Sym, amqp_map, symbol as sym, uint
from harness.engine import Peer
from harness.rawpeer import RawPeer, multiple
from harness.registry import case


@case("open.fields")
def fields(ctx):
    """The broker's open says who it is, its limits, and the capabilities JMS clients look for."""
    peer = RawPeer(ctx)
    got = peer.open(hostname=ctx.host)
    check.that(got.container_id, "container-id is not empty")
    check.that(got.max_frame_size is not None and 512 <= got.max_frame_size <= 16 * 1024 * 1024,
               "max-frame-size is explicit and sensible, got %s" % got.max_frame_size)
    check.that(got.channel_max is not None and got.channel_max >= 63, "channel-max is at least 63")
    check.that((got.idle_time_out or 0) >= 1000, "an idle-time-out of a second or more (traps 12), got %s"
               % got.idle_time_out)
    for capability in ("ANONYMOUS-RELAY", "SHARED-SUBS", "sole-connection-for-container"):
        check.contains(multiple(got.offered_capabilities), capability, "offered-capabilities")
    for key in ("product", "version"):
        value = (got.properties or {}).get(Sym(key))
        check.that(isinstance(value, str) and not isinstance(value, Sym) and value, "%s is a string" % key)
    peer.close()


@case("open.proton-sees-properties")
def proton_fields(ctx):
    """Proton reads the broker's container-id, capabilities and properties."""
    with Peer(ctx) as peer:
        check.that(peer.connection.remote_container, "remote container")
        check.contains([str(c) for c in peer.connection.remote_offered_capabilities], "ANONYMOUS-RELAY", "capabilities")
        check.contains(peer.connection.remote_properties, symbol("product"), "properties")


@case("open.stable-container-id")
def stable(ctx):
    """Every connection sees the same broker container-id."""
    with Peer(ctx) as one, Peer(ctx) as two:
        check.equal(one.connection.remote_container, two.connection.remote_container, "container-id")


@case("open.max-frame-size-is-the-brokers-own")
def own_frame_size(ctx):
    """The broker's max-frame-size is its own limit, not a mirror of the client's 512."""
    peer = RawPeer(ctx)
    small = peer.open(max_frame_size=512).max_frame_size
    peer.close()
    peer = RawPeer(ctx)
    check.equal(small, peer.open(max_frame_size=1024 * 1024).max_frame_size, "max-frame-size for two clients")
    check.that(small > 512, "the broker takes more than 512 bytes")
    peer.close()


@case("open.max-frame-size-below-512")
def tiny_frames(ctx):
    """A max-frame-size below 512 is refused with open, then close."""
    peer = RawPeer(ctx)
    peer.open(max_frame_size=511)
    peer.expect_close("amqp:connection:framing-error", "amqp:frame-size-too-small", "amqp:invalid-field")


@case("open.frames-of-512")
def frames_512(ctx):
    """With a client of 512-byte frames no frame of the broker is larger, and a 20,000-byte message arrives whole."""
    queue, body = ctx.queue(), bytes(range(250)) * 80
    with Peer(ctx) as peer:
        peer.sender(queue).send(Message(body=body, inferred=True))
    peer = RawPeer(ctx)
    peer.start(max_frame_size=512)
    peer.attach_receiver(queue)
    peer.credit(1)
    message, sizes, more = b"", [], True
    while more:
        got = peer.expect("transfer")
        check.one_of(got.delivery_id, (0, None) if sizes else (0,), "delivery-id of frame %d" % len(sizes))
        sizes.append(got.size)
        message += got.payload
        more = got.more
    check.that(max(sizes) <= 512, "largest frame is %d bytes" % max(sizes))
    check.that(min(sizes[:-1]) > 450, "frames are filled: the smallest but the last is %d bytes" % min(sizes[:-1]))
    check.that(message.endswith(body), "the body is whole")
    peer.close()


@case("open.proton-max-frame-size-both-ways")
def proton_frames(ctx):
    """Proton with max_frame_size 512: a message of 100,000 bytes goes out and comes back whole."""
    queue, body = ctx.queue(), bytes(range(256)) * 400

    def small(peer):
        peer.transport.max_frame_size = 512

    with Peer(ctx, configure=small) as peer:
        check.that(peer.transport.remote_max_frame_size >= 4096, "the broker's max-frame-size")
        peer.sender(queue).send(Message(body=body, inferred=True))
        check.equal(peer.receiver(queue).receive().body, body, "body")
        check.that(len(peer.seen("<-", "transfer")) > 200, "the message came in many frames")


@case("open.channel-max")
def channel_max(ctx):
    """The broker's channel-max is not above the client's; that many sessions work at once."""
    def few(peer):
        peer.transport.channel_max = 3

    with Peer(ctx, configure=few) as peer:
        check.that(peer.transport.remote_channel_max <= 3, "channel-max %d" % peer.transport.remote_channel_max)
        for session in [peer.new_session() for _ in range(4)]:
            peer.sender(ctx.queue(), session=session).send(Message(body="x"))


@case("open.channel-above-channel-max")
def channel_above(ctx):
    """A begin on a channel above the agreed channel-max closes the connection."""
    peer = RawPeer(ctx)
    peer.open(channel_max=1)
    peer.send("begin", channel=5, next_outgoing_id=0, incoming_window=1, outgoing_window=1)
    peer.expect_close("amqp:connection:framing-error", "amqp:not-allowed")


@case("open.heartbeats-from-the-broker")
def heartbeats(ctx):
    """A client that wants to hear something every second gets empty frames, at least one per second."""
    peer = RawPeer(ctx)
    peer.open(idle_time_out=1000)
    for _ in range(4):
        started = time.monotonic()
        got = peer.next_frame(seconds=3.0, heartbeats=True)
        check.equal(got.name, "empty", "frame")
        check.that(time.monotonic() - started <= 1.0, "silence of %.0f ms" % (1000 * (time.monotonic() - started)))
    peer.close()


@case("open.proton-idle-timeout")
def proton_idle(ctx):
    """Proton with an idle timeout of one second stays connected without traffic: heartbeats keep it alive."""
    def idle(peer):
        peer.transport.idle_timeout = 1.0

    with Peer(ctx, configure=idle) as peer:
        frames = peer.transport.frames_input
        peer.pump(lambda: peer.transport.frames_input >= frames + 5, "five heartbeats")
        queue = ctx.queue()
        peer.sender(queue).send(Message(body="alive"))


@case("open.huge-idle-timeout")
def huge_idle(ctx):
    """idle-time-out 4294967295 (NMS' default) is treated as none, without overflow."""
    peer = RawPeer(ctx)
    peer.open(idle_time_out=4294967295)
    peer.begin()
    peer.close()


@case("open.sole-connection-refused")
def sole(ctx):
    """A second connection of one container that asks to be the only one: open with the failure marker, then close."""
    name = ctx.name("sole")
    capability = ["sole-connection-for-container"]
    first = RawPeer(ctx)
    first.open(container_id=name, desired_capabilities=capability)
    second = RawPeer(ctx)
    got = second.open(container_id=name, desired_capabilities=capability)
    marker = (got.properties or {}).get(Sym("amqp:connection-establishment-failed"))
    check.equal((marker, type(marker)), ("true", str), "amqp:connection-establishment-failed in the open")
    close = second.expect_close("amqp:invalid-field")
    info = close.error.value[2]
    check.equal((info.get("invalid-field"), type(info.get("invalid-field"))), ("container-id", Sym), "info")
    check.equal([type(key) for key in info], [Sym], "key type of info")
    first.begin()
    first.close()
    third = RawPeer(ctx)
    got = third.open(container_id=name, desired_capabilities=capability)
    check.that(Sym("amqp:connection-establishment-failed") not in (got.properties or {}), "free again after the close")
    third.close()


@case("open.sole-connection-takes-over")
def takes_over(ctx):
    """With enforcement policy 1 (close-existing) the second connection of a container gets in; the first is closed with
    resource-locked, and told why."""
    name = ctx.name("sole")
    capability = ["sole-connection-for-container"]
    first = RawPeer(ctx)
    first.open(container_id=name, desired_capabilities=capability)
    second = RawPeer(ctx)
    got = second.open(container_id=name, desired_capabilities=capability,
                      properties=amqp_map([(sym("sole-connection-enforcement-policy"), uint(1))]))
    check.that(Sym("amqp:connection-establishment-failed") not in (got.properties or {}), "the second was refused")
    check.equal(got.properties.get(Sym("sole-connection-detection-policy")), 0, "detection policy")
    close = first.expect_close("amqp:resource-locked")
    check.equal(close.error.value[2].get("sole-connection-enforcement"), True, "info")
    second.begin()
    second.close()


@case("open.same-container-without-sole")
def not_sole(ctx):
    """Two connections with the same container-id that do not ask to be the only one live side by side."""
    name, queue = ctx.name("twin"), ctx.queue()
    with Peer(ctx, container=name) as one, Peer(ctx, container=name) as two:
        one.sender(queue, name="s1").send(Message(body="x"))
        check.equal(two.receiver(queue, name="r1").receive().body, "x", "body")


@case("close.broker-closes-the-socket")
def socket_closed(ctx):
    """After the close exchange the broker closes the socket without waiting for the client."""
    peer = RawPeer(ctx)
    peer.start()
    peer.send("close")
    check.equal(peer.expect("close").condition, None, "condition of close")
    peer.expect_end_of_stream()


@case("close.nothing-after-close")
def nothing_after(ctx):
    """With messages in flight to the client, nothing follows the broker's close."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"x" * 2000] * 50)
    peer.attach_receiver(queue)
    peer.batch(peer.encode("flow", handle=0, link_credit=1000, delivery_count=peer.initial_count[0, 0],
                           next_incoming_id=peer.first_incoming[0], incoming_window=1000, next_outgoing_id=50,
                           outgoing_window=100),
               peer.encode("close"))
    peer.close_answer()


@case("close.without-ending-anything")
def abrupt_close(ctx):
    """close with sessions and links still attached is an orderly end."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.receiver(queue, credit=10)
        peer.sender(queue).send(Message(body="x"))
    with Peer(ctx) as peer:
        check.equal(peer.receiver(queue).receive().body, "x", "body")
