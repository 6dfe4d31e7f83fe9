"""Wrong order, broken limits and plain garbage: the right error in the right scope, and nobody else is disturbed."""

import contextlib
import struct

from proton import Message

from harness import check
from harness.codec import Enc, NULL, amqp_list, amqp_map, described, symbol, uint
from harness.engine import Peer, drained
from harness.performatives import (ACCEPTED, AMQP_HEADER, SASL_HEADER, data_message, frame, performative, source,
                                   target)
from harness.rawpeer import RawPeer
from harness.registry import case


@contextlib.contextmanager
def bystander(ctx):
    """Another connection with a message in flight and credit out; afterwards it must still work."""
    queue = ctx.queue("bystander")
    with Peer(ctx) as peer:
        out, link = peer.sender(queue), peer.receiver(queue, credit=2)
        out.send(Message(body="before"))
        held = link.receive()
        yield
        held.accept()
        out.send(Message(body="after"))
        check.equal(link.receive().body, "after", "what the bystander receives")


def _attached_sender(ctx, queue=None):
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(queue or ctx.queue())
    return peer


def _session_error(ctx, condition, send):
    """SEND(peer) must end the session with CONDITION, and only the session."""
    with bystander(ctx):
        peer = RawPeer(ctx)
        peer.start()
        send(peer)
        peer.expect_end(condition)
        peer.begin(channel=1)
        peer.close()


def _connection_error(ctx, conditions, send, start=True):
    """SEND(peer) must close the connection with one of CONDITIONS."""
    with bystander(ctx):
        peer = RawPeer(ctx)
        peer.start() if start else peer.open()
        send(peer)
        peer.expect_close(*conditions)


@case("hostile.transfer-on-unattached-handle")
def unattached_transfer(ctx):
    """A transfer on a handle that was never attached ends the session with unattached-handle."""
    _session_error(ctx, "amqp:session:unattached-handle", lambda peer: peer.transfer(data_message(b"x"), handle=7))


@case("hostile.flow-on-unattached-handle")
def unattached_flow(ctx):
    """A flow on a handle that was never attached does the same."""
    _session_error(ctx, "amqp:session:unattached-handle",
                   lambda peer: peer.session_flow(handle=7, link_credit=1, delivery_count=0))


@case("hostile.detach-of-unattached-handle")
def unattached_detach(ctx):
    """So does a detach."""
    _session_error(ctx, "amqp:session:unattached-handle", lambda peer: peer.send("detach", handle=7, closed=True))


def _settled(peer, number):
    return peer.encode("transfer", data_message(b"x"), handle=0, delivery_id=number, message_format=0,
                       delivery_tag=struct.pack(">I", number), settled=True)


@case("hostile.transfer-without-credit", seconds=30)
def over_credit(ctx):
    """Transfers beyond the credit detach the link with transfer-limit-exceeded, unless fresh credit covered them."""
    with bystander(ctx):
        queue = ctx.queue()
        peer = _attached_sender(ctx, queue)
        limit = peer.flow.link_credit
        check.that(limit < 20000, "credit is bounded, got %d" % limit)
        count = limit + 50
        peer.raw(b"".join(_settled(peer, n) for n in range(count)), "%d transfers in one write" % count)
        peer.session_flow(echo=True, next_outgoing_id=count)
        granted = limit
        while granted < count:
            got = peer.expect("detach", "flow", "end")
            if got.name == "flow" and got.handle is None and got.next_incoming_id >= count:
                check.fail("%d transfers were taken with credit for %d" % (count, granted))
            if got.name == "flow" and got.handle is not None:
                granted = got.delivery_count + got.link_credit
            if got.name == "end":
                check.equal(got.condition, "amqp:session:window-violation", "condition of end")
                return
            if got.name == "detach":
                check.equal((got.closed, got.condition), (True, "amqp:link:transfer-limit-exceeded"),
                            "closed, condition")
                peer.send("detach", handle=0, closed=True)
                peer.begin(channel=1)
                peer.close()
                return
        peer.close()
    check.equal(len(drained(ctx, queue)), count, "messages taken under fresh credit")


@case("hostile.window-violation", seconds=30)
def window_violation(ctx):
    """Frames beyond the broker's incoming-window end the session with window-violation, unless it was reopened."""
    with bystander(ctx):
        peer = _attached_sender(ctx)
        window = peer.flow.incoming_window
        check.that(window < 100000, "the broker's incoming-window is bounded, got %d" % window)
        peer.transfer(b"\x00\x53\x75\xb0\x7f\xff\xff\xff", more=True)
        count = window + 50
        peer.raw(peer.encode("transfer", b"x", handle=0, more=True) * count, "%d frames in one write" % count)
        reopened = window
        while reopened <= count:
            got = peer.expect("end", "flow")
            if got.name == "end":
                check.equal(got.condition, "amqp:session:window-violation", "condition of end")
                peer.send("end")
                peer.begin(channel=1)
                break
            reopened = got.next_incoming_id + got.incoming_window
        peer.close()


@case("hostile.next-incoming-id-ahead")
def ahead(ctx):
    """A flow that claims transfers the broker never sent ends the session with window-violation."""
    _session_error(ctx, "amqp:session:window-violation", lambda peer: peer.session_flow(received=1000))


@case("hostile.frame-above-max-frame-size")
def big_frame(ctx):
    """A frame larger than the broker's max-frame-size closes the connection with framing-error."""
    def send(peer):
        peer.attach_sender(ctx.queue())
        size = peer.remote_open.max_frame_size
        peer.transfer(data_message(bytes(size)))
    _connection_error(ctx, ("amqp:connection:framing-error",), send)


@case("hostile.announced-huge-frame")
def huge_announcement(ctx):
    """A frame that announces 2 GiB is refused by its header alone; its bytes are not waited for."""
    _connection_error(ctx, ("amqp:connection:framing-error",),
                      lambda peer: peer.raw(struct.pack(">IBBH", 0x7FFFFFFF, 2, 0, 0)))


@case("hostile.frame-size-below-eight")
def tiny_frame(ctx):
    """A frame size below eight closes the connection with framing-error."""
    _connection_error(ctx, ("amqp:connection:framing-error",), lambda peer: peer.raw(struct.pack(">IBBH", 7, 2, 0, 0)))


@case("hostile.data-offset-below-two")
def small_offset(ctx):
    """A data offset below two closes the connection with framing-error."""
    _connection_error(ctx, ("amqp:connection:framing-error",), lambda peer: peer.raw(struct.pack(">IBBH", 8, 1, 0, 0)))


@case("hostile.data-offset-beyond-the-frame")
def large_offset(ctx):
    """A data offset that points behind the frame closes the connection with framing-error."""
    _connection_error(ctx, ("amqp:connection:framing-error",),
                      lambda peer: peer.raw(struct.pack(">IBBH", 12, 200, 0, 0) + bytes(4)))


@case("hostile.extended-header")
def extended_header(ctx):
    """A frame with an extended header (data offset 4) is legal and read (section 2.3.1)."""
    peer = RawPeer(ctx)
    peer.open()
    body = performative("begin", next_outgoing_id=0, incoming_window=10, outgoing_window=10)
    peer.raw(struct.pack(">IBBH", 16 + len(body), 4, 0, 0) + bytes(8) + body, "begin with an extended header")
    peer.expect("begin")
    peer.close()


@case("hostile.sasl-frame-after-open")
def sasl_late(ctx):
    """A SASL frame after the open closes the connection with framing-error."""
    _connection_error(ctx, ("amqp:connection:framing-error", "amqp:not-allowed", "amqp:not-implemented"),
                      lambda peer: peer.raw(frame(performative("sasl_response", response=b"x"), kind=1)))


@case("hostile.garbage-after-open")
def garbage(ctx):
    """Random bytes after the open close the connection with an error."""
    _connection_error(ctx, ("amqp:connection:framing-error", "amqp:decode-error"),
                      lambda peer: peer.raw(bytes((7 * n * n + 3 * n + 1) % 256 for n in range(400))))


@case("hostile.garbage-instead-of-a-header")
def garbage_first(ctx):
    """Another protocol on the AMQP port gets the broker's header at most, and the end of the connection."""
    with bystander(ctx):
        peer = RawPeer(ctx)
        peer.raw(b"EHLO example\r\nMAIL FROM:<ada@example>\r\n")
        rest = peer.drop_rest()
        check.one_of(rest, (b"", AMQP_HEADER, SASL_HEADER), "what the broker said")


@case("hostile.unknown-performative")
def unknown_performative(ctx):
    """A described list with a descriptor that is no performative closes the connection with an error."""
    _connection_error(ctx, ("amqp:decode-error", "amqp:connection:framing-error", "amqp:not-implemented",
                            "amqp:not-allowed"), lambda peer: peer.raw(frame(described(0x99, amqp_list([])))))


@case("hostile.body-that-is-no-performative")
def no_performative(ctx):
    """A frame body that is not described at all closes the connection with an error."""
    _connection_error(ctx, ("amqp:decode-error", "amqp:connection:framing-error"),
                      lambda peer: peer.raw(frame(Enc(b"\xa1\x05hello"))))


@case("hostile.truncated-performative")
def truncated(ctx):
    """A performative whose list ends before its items closes the connection with decode-error."""
    _connection_error(ctx, ("amqp:decode-error", "amqp:connection:framing-error"),
                      lambda peer: peer.raw(frame(Enc(b"\x00\x53\x13\xc0\x20\x0b\x43\x43"))))


@case("hostile.missing-mandatory-field")
def missing_field(ctx):
    """A begin without its mandatory windows closes the connection with an error."""
    _connection_error(ctx, ("amqp:decode-error", "amqp:invalid-field", "amqp:connection:framing-error"),
                      lambda peer: peer.raw(frame(described(0x11, amqp_list([NULL, uint(0)])))), start=False)


@case("hostile.wrong-field-type")
def wrong_type(ctx):
    """An attach whose name is a number closes the connection with an error."""
    _connection_error(ctx, ("amqp:decode-error", "amqp:invalid-field", "amqp:connection:framing-error"),
                      lambda peer: peer.raw(frame(described(0x12, amqp_list([uint(5), uint(0), Enc(b"\x41")])))))


@case("hostile.array-of-4-billion-nulls")
def zero_width(ctx):
    """An array of 4 billion elements of no width is refused at once."""
    bomb = Enc(b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40")
    _connection_error(ctx, ("amqp:decode-error", "amqp:connection:framing-error"),
                      lambda peer: peer.send("attach", name="bomb", handle=0, role=True, source=source(address="q"),
                                             target=target(), properties=amqp_map([(symbol("x"), bomb)])))


@case("hostile.deeply-nested-list")
def nested(ctx):
    """A list nested a thousand levels deep is refused, as undecodable or as beyond a limit."""
    value = amqp_list([])
    for _ in range(1000):
        value = amqp_list([value])
    _connection_error(ctx, ("amqp:decode-error", "amqp:connection:framing-error", "amqp:resource-limit-exceeded"),
                      lambda peer: peer.send("attach", name="deep", handle=0, role=True, source=source(address="q"),
                                             target=target(), properties=amqp_map([(symbol("x"), value)])))


@case("hostile.invalid-utf-8")
def bad_utf8(ctx):
    """A link name that is no valid UTF-8 is refused."""
    _connection_error(ctx, ("amqp:decode-error", "amqp:invalid-field", "amqp:connection:framing-error"),
                      lambda peer: peer.send("attach", name=Enc(b"\xa1\x02\xc3\x28"), handle=0, role=True,
                                             source=source(address="q"), target=target()))


@case("hostile.begin-before-open")
def begin_first(ctx):
    """begin before open closes the connection."""
    with bystander(ctx):
        peer = RawPeer(ctx)
        peer.raw(AMQP_HEADER + frame(performative("begin", next_outgoing_id=0, incoming_window=1, outgoing_window=1)),
                 "AMQP header, then begin")
        peer.read_header()
        got = peer.expect("close", skip=("open",))
        check.that(got.condition, "the close has an error")


@case("hostile.open-twice")
def open_twice(ctx):
    """A second open closes the connection with an error."""
    _connection_error(ctx, ("amqp:illegal-state", "amqp:not-allowed", "amqp:connection:framing-error"),
                      lambda peer: peer.send("open", container_id="again"))


@case("hostile.begin-twice-on-a-channel")
def begin_twice(ctx):
    """A second begin on a channel in use closes the connection (or ends the session) with an error."""
    with bystander(ctx):
        peer = RawPeer(ctx)
        peer.start()
        peer.send("begin", next_outgoing_id=0, incoming_window=1, outgoing_window=1)
        got = peer.expect("close", "end")
        check.one_of(got.condition, ("amqp:illegal-state", "amqp:not-allowed", "amqp:connection:framing-error",
                                     "amqp:session:errant-link"), "condition")


@case("hostile.frame-on-a-channel-without-session")
def no_session(ctx):
    """An attach on a channel without a session closes the connection with an error."""
    _connection_error(ctx, ("amqp:not-allowed", "amqp:invalid-field", "amqp:illegal-state",
                            "amqp:connection:framing-error"),
                      lambda peer: peer.send("attach", channel=9, name="x", handle=0, role=True,
                                             source=source(address="q"), target=target()))


@case("hostile.transfer-to-a-receiver")
def wrong_direction(ctx):
    """A transfer on a link on which the client is the receiver is an error of link or session, not a message."""
    queue = ctx.queue()
    with bystander(ctx):
        peer = RawPeer(ctx)
        peer.start()
        peer.attach_receiver(queue)
        peer.transfer(data_message(b"x"), handle=0)
        got = peer.expect("end", "detach", "close", skip=("flow",))
        check.that(got.condition, "the %s has an error" % got.name)
    check.equal(len(drained(ctx, queue)), 0, "messages in the queue")


@case("hostile.delivery-id-in-the-middle")
def changed_id(ctx):
    """A continuation frame with another delivery-id than the delivery it continues is refused."""
    peer = _attached_sender(ctx)
    peer.transfer(data_message(b"one")[:5], delivery_id=0, more=True)
    peer.send("transfer", b"rest", handle=0, delivery_id=1)
    got = peer.expect("end", "detach", "close", skip=("flow",))
    check.that(got.condition, "the %s has an error" % got.name)


@case("hostile.delivery-id-gap")
def id_gap(ctx):
    """Delivery-ids that skip are refused with an error, or tolerated with the disposition for the id as sent."""
    peer = _attached_sender(ctx)
    peer.transfer(data_message(b"one"), delivery_id=0)
    peer.expect("disposition", skip=("flow",))
    peer.transfer(data_message(b"two"), delivery_id=5)
    got = peer.expect("end", "detach", "close", "disposition", skip=("flow",))
    if got.name == "disposition":
        check.equal(got.first, 5, "first of the disposition")
    else:
        check.that(got.condition, "the %s has an error" % got.name)


@case("hostile.tag-longer-than-32-bytes")
def long_tag(ctx):
    """A delivery-tag of 33 bytes is refused with an error."""
    peer = _attached_sender(ctx)
    peer.transfer(data_message(b"x"), tag=bytes(33))
    got = peer.expect("end", "detach", "close", skip=("flow",))
    check.that(got.condition, "the %s has an error" % got.name)


@case("hostile.disposition-of-unknown-ids")
def unknown_disposition(ctx):
    """A disposition for ids that were never sent, a range of 2**31 of them, is passed over quickly."""
    with bystander(ctx):
        peer = RawPeer(ctx)
        peer.start()
        peer.send("disposition", role=True, first=0, last=2 ** 31 - 2, settled=True, state=ACCEPTED)
        peer.send("disposition", role=False, first=77, settled=True, state=ACCEPTED)
        peer.session_flow(echo=True)
        peer.expect("flow", seconds=3.0)
        peer.close()


@case("hostile.unfinished-message-at-detach")
def unfinished(ctx):
    """A delivery whose last frame never came is dropped with its link."""
    queue = ctx.queue()
    peer = _attached_sender(ctx, queue)
    peer.transfer(data_message(bytes(100))[:50], more=True)
    peer.send("detach", handle=0, closed=True)
    peer.expect("detach", skip=("flow",))
    peer.close()
    check.equal(len(drained(ctx, queue)), 0, "messages in the queue")


@case("hostile.half-a-frame-then-nothing")
def half_frame(ctx):
    """A client that leaves in the middle of a frame does no harm; what it finished before is kept."""
    queue = ctx.queue()
    with bystander(ctx):
        peer = _attached_sender(ctx, queue)
        peer.transfer(data_message(b"whole"))
        peer.expect("disposition", skip=("flow",))
        peer.raw(peer.encode("transfer", data_message(b"half"), handle=0, delivery_id=1, delivery_tag=b"2",
                             message_format=0)[:20])
        peer.abort()
    check.equal([r.body for r in drained(ctx, queue)], [b"whole"], "queue content")


@case("hostile.one-byte-at-a-time", seconds=30)
def slow_bytes(ctx):
    """A whole session written one byte per packet is understood."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    stream = b"".join([
        SASL_HEADER, peer.encode("sasl_init", mechanism="ANONYMOUS", initial_response=b""), AMQP_HEADER,
        peer.encode("open", container_id=ctx.name("slow")),
        peer.encode("begin", next_outgoing_id=0, incoming_window=10, outgoing_window=10),
        peer.encode("attach", name="s", handle=0, role=False, source=source(), target=target(address=queue),
                    initial_delivery_count=0)])
    for value in stream:
        peer.send_bytes(bytes([value]))
    peer.read_header()
    for name in ("sasl_mechanisms", "sasl_outcome"):
        peer.expect(name)
    peer.read_header()
    for name in ("open", "begin", "attach", "flow"):
        peer.expect(name)
    for value in peer.encode("transfer", data_message(b"slow"), handle=0, delivery_id=0, delivery_tag=b"1",
                             message_format=0):
        peer.send_bytes(bytes([value]))
    peer.expect("disposition", skip=("flow",))
    peer.close()
    check.equal([r.body for r in drained(ctx, queue)], [b"slow"], "queue content")
