"""Message sections: header, properties, bodies of every shape, annotations, time to live, priority, delay."""

import time
import uuid

from proton import Message, symbol, timestamp, ulong

from harness import check
from harness.codec import (LIST0, amqp_list, amqp_map, bare, binary, described, sections, string, symbol as sym,
                           timestamp as stamp, ubyte, uint)
from harness.engine import Peer, bodies, put
from harness.registry import case


def _echo(ctx, *messages):
    """Sends encoded messages, returns the deliveries."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(messages)
        return peer.receiver(queue).receive_many(len(messages))


def _unchanged(ctx, *messages):
    for received, sent in zip(_echo(ctx, *messages), messages):
        check.equal(bare(received.raw).hex(), bare(sent).hex(), "bare message")


@case("message.ids-of-four-types")
def ids(ctx):
    """message-id and correlation-id as string, ulong, uuid and binary keep their type."""
    values = ["text", ulong(2 ** 63), uuid.UUID(int=7), b"\x00\x01"]
    sent = [Message(id=v, correlation_id=v, body="x").encode() for v in values]
    for value, encoded, received in zip(values, sent, _echo(ctx, *sent)):
        check.equal(received.message.id, value, "message-id")
        check.equal(received.message.correlation_id, value, "correlation-id")
        check.equal(bare(received.raw).hex(), bare(encoded).hex(), "bare message")


@case("message.all-properties")
def properties(ctx):
    """Every field of properties comes back as it was sent."""
    fields = {"id": "id-1", "user_id": b"someone", "address": "an address", "subject": "subject",
              "reply_to": "reply", "correlation_id": "corr", "content_type": "text/plain",
              "content_encoding": "gzip", "expiry_time": 4102444800.0, "creation_time": 1764000000.5,
              "group_id": "group", "group_sequence": 4294967295, "reply_to_group_id": "reply-group"}
    message = Message(body="x")
    for name, value in fields.items():
        setattr(message, name, value)
    encoded = message.encode()
    received = _echo(ctx, encoded)[0]
    check.equal(bare(received.raw).hex(), bare(encoded).hex(), "bare message")
    for name, value in fields.items():
        check.equal(getattr(received.message, name), value, name)


@case("message.header-fields")
def header(ctx):
    """durable, priority and ttl arrive; delivery-count starts at 0 whatever the sender claimed for first-acquirer."""
    queue = ctx.queue()
    put(ctx, queue, "x", durable=True, priority=7, ttl=60.0)
    with Peer(ctx) as peer:
        message = peer.receiver(queue).receive().message
    check.equal((message.durable, message.priority), (True, 7), "durable, priority")
    check.between(message.ttl, 0.001, 60.0, "ttl")
    check.equal((message.delivery_count, message.first_acquirer), (0, True), "delivery-count, first-acquirer")


@case("message.header-defaults")
def header_defaults(ctx):
    """A message without a header is delivered as not durable, priority 4, without ttl."""
    received = _echo(ctx, described(0x77, string("bare")))[0]
    message = received.message
    check.equal((message.durable, message.priority, message.ttl), (False, 4, 0.0), "durable, priority, ttl")


@case("message.durable-survives-in-header")
def durable(ctx):
    """durable=true and durable=false come back as sent."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send_all([Message(body=v, durable=v) for v in (True, False, True)])
        got = peer.receiver(queue).receive_many(3)
        check.equal([r.message.durable for r in got], [True, False, True], "durable")


@case("message.several-data-sections")
def data_sections(ctx):
    """Three data sections stay three data sections."""
    message = b"".join(described(0x75, binary(part)) for part in (b"one", b"", b"three" * 100))
    received = _echo(ctx, message)[0]
    check.equal([raw.hex() for code, raw in sections(received.raw) if code == 0x75],
                [raw.hex() for _, raw in sections(message)], "data sections")


@case("message.several-sequence-sections")
def sequence_sections(ctx):
    """amqp-sequence sections, one and several, stay as they are."""
    one = described(0x76, amqp_list([string("a"), uint(1)]))
    _unchanged(ctx, one, one + described(0x76, LIST0) + one)


@case("message.data-and-sequence-of-proton")
def inferred(ctx):
    """Proton's inferred bodies: binary as a data section, a list as an amqp-sequence."""
    got = _echo(ctx, Message(body=b"binary", inferred=True).encode(), Message(body=[1, "two"], inferred=True).encode())
    check.equal([r.body for r in got], [b"binary", [1, "two"]], "bodies")
    check.equal([sections(r.raw)[-1][0] for r in got], [0x75, 0x76], "section codes")
    check.equal([r.message.inferred for r in got], [True, True], "inferred")


@case("message.without-body")
def no_body(ctx):
    """A message without any body section (a plain JMS Message) is accepted and forwarded so."""
    message = described(0x73, amqp_list([string("only-properties")]))
    received = _echo(ctx, message)[0]
    check.equal(bare(received.raw).hex(), message.hex(), "bare message")


@case("message.null-body")
def null_body(ctx):
    """amqp-value null (a JMS TextMessage without text) stays amqp-value null."""
    _unchanged(ctx, described(0x77, b"\x40"))


@case("message.all-sections-together")
def all_sections(ctx):
    """All sections at once: the bare part unchanged, annotations kept, delivery-annotations not passed on."""
    message = b"".join([
        described(0x70, amqp_list([b"\x41", ubyte(9)])),
        described(0x71, amqp_map([(sym("x-opt-hop"), string("only this hop"))])),
        described(0x72, amqp_map([(sym("x-opt-kept"), string("kept"))])),
        described(0x73, amqp_list([string("id")])),
        described(0x74, amqp_map([(string("k"), string("v"))])),
        described(0x75, binary(b"body")),
        described(0x78, amqp_map([(sym("x-opt-foot"), string("note"))]))])
    received = _echo(ctx, message)[0]
    check.equal(bare(received.raw).hex(), bare(message).hex(), "bare message")
    check.equal((received.message.annotations or {}).get(symbol("x-opt-kept")), "kept", "message annotation")
    check.that(symbol("x-opt-hop") not in (received.message.instructions or {}), "the delivery annotation ended here")
    codes = [code for code, _ in sections(received.raw)]
    check.equal(codes, sorted(codes), "order of the sections")


@case("message.empty-payloads")
def empties(ctx):
    """Empty string, empty binary, empty list and empty map bodies stay empty."""
    _unchanged(ctx, Message(body="").encode(), Message(body=b"").encode(), Message(body=[]).encode(),
               Message(body={}).encode(), Message(body=b"", inferred=True).encode())


@case("message.priority-order")
def priority(ctx):
    """Higher priorities are delivered first; within one priority the order of sending holds."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        order = [4, 1, 9, 4, 0, 9, 1]
        peer.sender(queue).send_all([Message(body="%d.%d" % (p, n), priority=p) for n, p in enumerate(order)])
        got = bodies(peer.receiver(queue).receive_many(len(order)))
    check.equal(got, ["9.2", "9.5", "4.0", "4.3", "1.1", "1.6", "0.4"], "order of delivery")


@case("message.ttl-counts-down")
def ttl_countdown(ctx):
    """header.ttl shrinks by the time the message lay in the broker."""
    queue = ctx.queue()
    put(ctx, queue, "x", ttl=60.0)
    with Peer(ctx) as peer:
        link, ttl = peer.receiver(queue), 60.0
        while ttl >= 60.0:
            received = link.receive()
            ttl = received.message.ttl
            check.between(ttl, 0.001, 60.0, "ttl")
            received.release()


@case("message.without-ttl-no-expiry")
def no_ttl(ctx):
    """ttl 0 means no expiry: the message is delivered, without a ttl."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send(described(0x70, amqp_list([b"\x40", b"\x40", uint(0)])) + described(0x77, string("x")))
        received = peer.receiver(queue).receive()
    check.equal((received.body, received.message.ttl), ("x", 0.0), "body, ttl")


def _expired_letter(ctx, peer, queue):
    received = peer.receiver(ctx.dead_letters(queue)).receive()
    annotations = received.message.annotations or {}
    check.same(annotations.get(symbol("x-opt-dead-letter-reason")), "expired", "reason")
    check.same(annotations.get(symbol("x-opt-orig-address")), queue, "original address")
    check.that(isinstance(annotations.get(symbol("x-opt-death-time")), timestamp), "death time is a timestamp")
    return received


@case("message.expired-by-ttl")
def expired(ctx):
    """A message whose ttl passed is not delivered but dead-lettered with the reason expired; others stay."""
    queue = ctx.queue()
    put(ctx, queue, "short", durable=True, ttl=0.2)
    put(ctx, queue, "long")
    with Peer(ctx) as peer:
        received = _expired_letter(ctx, peer, queue)
        check.equal((received.body, received.message.durable), ("short", True), "dead letter")
        check.equal(received.message.ttl, 0.0, "ttl of the dead letter")
        check.equal(bodies(peer.receiver(queue).drain()), ["long"], "what is left in the queue")


@case("message.expired-by-absolute-time")
def expired_absolute(ctx):
    """A message whose absolute-expiry-time is in the past is dead-lettered as expired, not delivered."""
    queue = ctx.queue()
    past = described(0x73, amqp_list([string("id")] + [b"\x40"] * 7 + [stamp(1000)])) + described(0x77, string("old"))
    with Peer(ctx) as peer:
        link = peer.receiver(queue, credit=5)
        peer.sender(queue).send(past)
        check.equal(_expired_letter(ctx, peer, queue).body, "old", "dead letter")
        check.equal(link.inbox, [], "deliveries from the queue")


@case("message.delayed-delivery")
def delayed(ctx):
    """With DELAYED_DELIVERY offered in the open, x-opt-delivery-time keeps a message back until then."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        offered = [str(c) for c in peer.connection.remote_offered_capabilities or []]
        due = int(time.time() * 1000) + 1500
        peer.sender(queue).send(Message(body="later", annotations={symbol("x-opt-delivery-time"): due}))
        link = peer.receiver(queue)
        if "DELAYED_DELIVERY" not in offered:
            check.equal(link.receive().body, "later", "without the offer the message is simply delivered")
            return
        link.expect_empty()
        check.equal(link.receive().body, "later", "body")
        check.that(time.time() * 1000 >= due, "delivered %d ms early" % (due - time.time() * 1000))


@case("message.user-annotations-survive-dead-lettering")
def annotations_dead(ctx):
    """The sender's own annotations are still there on the dead letter, beside the broker's."""
    queue = ctx.queue()
    put(ctx, queue, "x", annotations={symbol("x-opt-mine"): ulong(5)})
    with Peer(ctx) as peer:
        peer.receiver(queue).receive().reject()
        found = peer.receiver(ctx.dead_letters(queue)).receive().message.annotations
    check.same(found.get(symbol("x-opt-mine")), ulong(5), "the sender's annotation")
    check.same(found.get(symbol("x-opt-dead-letter-reason")), "rejected", "the broker's annotation")
