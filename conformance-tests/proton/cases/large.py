"""Large messages: 64 MiB in frames of 512 bytes and of a megabyte, and the refusal above the limit.

The target's limit must be at least 64 MiB: the broker is started with max-message-size raised.
"""

import hashlib
import os

from proton import Delivery, Message

from harness import check
from harness.codec import sections
from harness.engine import Peer
from harness.performatives import frame, performative
from harness.rawpeer import RawPeer
from harness.registry import case
from harness.target import MIB

SIZE = 64 * MIB


def _body(size=SIZE):
    """Bytes that no two of them are easily confused."""
    block = os.urandom(MIB)
    return b"".join(block[n:] + block[:n] for n in range(size // MIB))


def _limit(ctx, link):
    limit = link.remote_max_message_size
    check.that(limit == 0 or limit >= SIZE + 1000,
               "this case needs a broker that takes 64 MiB messages; its max-message-size is %d" % limit)


def _frames_of(size):
    def configure(peer):
        peer.transport.max_frame_size = size
    return configure


def _receive_and_compare(ctx, queue, body, frame_size):
    with Peer(ctx, configure=_frames_of(frame_size)) as peer:
        received = peer.receiver(queue).receive(60)
        got = received.raw[-len(body):]
        check.equal(hashlib.sha256(got).hexdigest(), hashlib.sha256(body).hexdigest(), "checksum of the body")
        check.equal([code for code, _ in sections(received.raw)][-1], 0x75, "the one data section")
        received.accept()


@case("large.64-mib-in-frames-of-1-mib", seconds=120, profile="large")
def one_mib(ctx):
    """A durable 64 MiB message goes out and comes back in the largest frames both sides allow (Proton up to 1 MiB)."""
    queue, body = ctx.queue(), _body()
    with Peer(ctx, configure=_frames_of(MIB)) as peer:
        out = peer.sender(queue)
        _limit(ctx, out.link)
        out.wait_credit()
        delivery = out.push(Message(body=body, inferred=True, durable=True), flush=False)
        check.equal(out.outcome(delivery, 60), Delivery.ACCEPTED, "outcome")
    _receive_and_compare(ctx, queue, body, MIB)


@case("large.64-mib-in-frames-of-512", seconds=240, profile="large")
def tiny_frames(ctx):
    """A 64 MiB message sent in frames of 512 bytes, and received by Proton with max-frame-size 512."""
    queue, body = ctx.queue(), _body()
    message = b"\x00\x53\x75\xb0" + len(body).to_bytes(4, "big") + body
    peer = RawPeer(ctx)
    peer.start(max_frame_size=512)
    attach = peer.attach_sender(queue)
    limit = attach.max_message_size or 0
    check.that(limit == 0 or limit > len(message), "this case needs a raised max-message-size; it is %d" % limit)
    _send_in_frames(peer, message, 512)
    got = peer.expect("disposition", skip=("flow",), seconds=60)
    check.equal(got.state.descriptor, 0x24, "outcome")
    peer.close()
    _receive_and_compare(ctx, queue, body, 512)


def _send_in_frames(peer, message, size):
    """One delivery in frames of SIZE bytes, within the broker's session window."""
    first = performative("transfer", handle=0, delivery_id=0, delivery_tag=b"t", message_format=0, more=True)
    more = performative("transfer", handle=0, more=True)
    last = performative("transfer", handle=0)
    at, sent, limit = 0, 0, peer.flow.next_incoming_id + peer.flow.incoming_window
    batch = []
    while at < len(message):
        head = first if at == 0 else more
        room = size - 8 - len(head)
        if at + room >= len(message):
            head = last
            room = size - 8 - len(head)
        batch.append(frame(head, message[at:at + room]))
        at, sent = at + room, sent + 1
        if sent >= limit or len(batch) >= 500 or at >= len(message):
            peer.send_bytes(b"".join(batch))
            batch.clear()
        while sent >= limit and at < len(message):
            flow = peer.expect("flow", seconds=30)
            limit = flow.next_incoming_id + flow.incoming_window
    peer.log_out("%d frames of %d bytes" % (sent, size))


@case("large.above-the-raised-limit", seconds=120, profile="large")
def above(ctx):
    """Above the raised limit a message is refused with message-size-exceeded, and the connection stays."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        limit = out.link.remote_max_message_size
        check.that(limit >= SIZE, "the limit was raised to 64 MiB or more, got %d" % limit)
        out.wait_credit()
        delivery = out.link.delivery("big")
        out.link.stream(b"\x00\x53\x75\xb0" + (limit + MIB).to_bytes(4, "big"))
        left, chunk = limit + MIB, bytes(MIB)
        while left > 0 and not out.closed and not delivery.remote_state:
            out.link.stream(chunk)
            left -= len(chunk)
            peer.flush()
        if not out.closed:
            out.link.advance()
        peer.pump(lambda: out.closed or delivery.settled, "an objection to the message", 60)
        found = out.link.remote_condition if out.closed else delivery.remote.condition
        check.equal(found and found.name, "amqp:link:message-size-exceeded", "condition")
        peer.sender(queue).send(Message(body="small"))
        link = peer.receiver(queue)
        check.equal(link.receive().body, "small", "queue content")
        link.expect_empty()


@case("large.several-at-once", seconds=120, profile="large")
def several(ctx):
    """Four messages of 8 MiB on four connections at the same time arrive whole."""
    queue, body = ctx.queue(), _body(8 * MIB)
    peers = [Peer(ctx) for _ in range(4)]
    waiting = []
    for peer in peers:
        out = peer.sender(queue)
        out.wait_credit()
        waiting.append((out, out.push(Message(body=body, inferred=True), flush=False)))
    for out, delivery in waiting:
        check.equal(out.outcome(delivery, 60), Delivery.ACCEPTED, "outcome")
    digest = hashlib.sha256(body).hexdigest()
    link = peers[0].receiver(queue)
    for _ in peers:
        received = link.receive(30)
        check.equal(hashlib.sha256(received.body).hexdigest(), digest, "checksum of the body")
        received.accept()
    for peer in peers:
        peer.close()
