"""Senders: settlement, outcomes, volume, pieces, aborts."""

from proton import Delivery, Link, Message

from harness import check
from harness.engine import Peer, bodies, drained
from harness.codec import NULL, decode
from harness.performatives import ACCEPTED, data_message, outcome_name, state_condition
from harness.rawpeer import RawPeer
from harness.registry import case


@case("send.at-least-once")
def at_least_once(ctx):
    """An unsettled message is accepted and settled by the broker, and is then in the queue."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue, snd=Link.SND_UNSETTLED)
        out.send(Message(body="hello"))
        check.equal(out.link.remote_snd_settle_mode, Link.SND_UNSETTLED, "the broker's snd-settle-mode")
    check.equal(bodies(drained(ctx, queue)), ["hello"], "queue content")


@case("send.at-most-once")
def at_most_once(ctx):
    """Messages sent settled on a settled link arrive, in order, and get no disposition."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue, settled=True)
        check.equal(out.link.remote_snd_settle_mode, Link.SND_SETTLED, "the broker's snd-settle-mode")
        for number in range(20):
            out.wait_credit()
            out.push(Message(body=number))
        got = peer.receiver(queue).receive_many(20)
        check.equal(bodies(got), list(range(20)), "bodies")
        check.equal(peer.seen("<-", "disposition"), [], "dispositions from the broker")


@case("send.mixed-settlement")
def mixed(ctx):
    """On a mixed link settled and unsettled messages alternate; only the unsettled ones are answered."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue, snd=Link.SND_MIXED)
        check.equal(out.link.remote_snd_settle_mode, Link.SND_MIXED, "the broker's snd-settle-mode")
        for number in range(10):
            out.wait_credit()
            if number % 2:
                out.push(Message(body=number), settled=True)
            else:
                out.send(Message(body=number))
        check.equal(bodies(peer.receiver(queue).receive_many(10)), list(range(10)), "bodies")


@case("send.settled-transfer-on-unsettled-link")
def settled_on_unsettled(ctx):
    """A settled transfer on a link negotiated unsettled is taken as settled (AMQPNetLite does that)."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue, snd=Link.SND_UNSETTLED)
        out.wait_credit(2)
        out.push(Message(body="fire"), settled=True)
        out.send(Message(body="wait"))
        check.equal(bodies(peer.receiver(queue).receive_many(2)), ["fire", "wait"], "bodies")


@case("send.5000-messages", seconds=60)
def five_thousand(ctx):
    """5,000 durable unsettled messages through one link: all accepted, all received once, in order."""
    queue, count = ctx.queue(), 5000
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(Message(body=n, durable=True) for n in range(count))
    with Peer(ctx) as peer:
        link, seen = peer.receiver(queue), []
        while len(seen) < count:
            batch = link.receive_many(min(500, count - len(seen)))
            seen.extend(bodies(batch))
            for received in batch:
                received.delivery.update(Delivery.ACCEPTED)
                received.delivery.settle()
        link.expect_empty()
    check.equal(seen, list(range(count)), "bodies")


@case("send.two-producers-keep-their-order", seconds=30)
def two_producers(ctx):
    """Two interleaved producers: each one's messages stay in the order it sent them."""
    queue = ctx.queue()
    with Peer(ctx) as one, Peer(ctx) as two:
        a, b = one.sender(queue), two.sender(queue)
        waiting = []
        for number in range(100):
            for name, out in (("a", a), ("b", b)):
                out.wait_credit()
                waiting.append((out, out.push(Message(body="%s%d" % (name, number)))))
        for out, delivery in waiting:
            check.equal(out.outcome(delivery), Delivery.ACCEPTED, "outcome")
        got = bodies(one.receiver(queue).receive_many(200))
    for name in "ab":
        check.equal([b for b in got if b[0] == name], ["%s%d" % (name, n) for n in range(100)], "order of " + name)


@case("send.streamed-in-pieces")
def streamed(ctx):
    """A message written in pieces, each flushed as frames of its own, arrives whole."""
    queue, piece = ctx.queue(), bytes(range(256)) * 200
    message = Message(body=piece * 8, inferred=True).encode()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        out.wait_credit()
        delivery = out.link.delivery("streamed")
        for at in range(0, len(message), len(piece)):
            out.link.stream(message[at:at + len(piece)])
            peer.flush()
        check.that(len(peer.seen("->", "transfer")) >= 8, "the message left in several frames")
        out.link.advance()
        peer.flush()
        check.equal(out.outcome(delivery), Delivery.ACCEPTED, "outcome")
        received = peer.receiver(queue).receive()
        check.equal(bytes(received.body), piece * 8, "body")


@case("send.pieces-of-two-links-interleaved")
def interleaved(ctx):
    """Two links of one session write a message each, frame by frame in turn; both arrive whole."""
    one, two = ctx.queue(), ctx.queue()
    messages = {one: Message(body=b"1" * 60000, inferred=True).encode(),
                two: Message(body=b"2" * 60000, inferred=True).encode()}
    with Peer(ctx) as peer:
        outs = {queue: peer.sender(queue) for queue in messages}
        deliveries = {}
        for queue, out in outs.items():
            out.wait_credit()
            deliveries[queue] = out.link.delivery("x")
        for at in range(0, 60100, 6000):
            for queue, out in outs.items():
                out.link.stream(messages[queue][at:at + 6000])
                peer.flush()
        for queue, out in outs.items():
            out.link.advance()
            peer.flush()
            check.equal(out.outcome(deliveries[queue]), Delivery.ACCEPTED, "outcome")
        for queue, message in messages.items():
            check.equal(peer.receiver(queue).receive().raw[-60000:], message[-60000:], "body")


@case("send.aborted-delivery-is-discarded", seconds=30)
def aborted(ctx):
    """Aborted deliveries leave nothing behind, and their credit comes back: more aborts than credit, then a send."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        out.wait_credit()
        aborts = 2 * out.link.credit + 5
        check.between(aborts, 3, 20000, "aborts to do for the initial credit")
        for number in range(aborts):
            out.wait_credit()
            delivery = out.link.delivery("abort%d" % number)
            out.link.stream(Message(body="never").encode())
            peer.flush()
            delivery.abort()
            peer.flush()
        check.that(len([f for f in peer.seen("->", "transfer") if "aborted=true" in f]) > 0, "aborts left as frames")
        out.send(Message(body="after"))
        got = peer.receiver(queue).drain()
        check.equal(bodies(got), ["after"], "queue content")


@case("send.tag-reuse-after-settlement")
def tag_reuse(ctx):
    """A delivery tag may be used again once its delivery is settled, and settled ones may all be empty."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(queue)
    for number in range(3):
        peer.transfer(data_message(b"same"), delivery_id=number, tag=b"same")
        peer.expect("disposition", skip=("flow",))
    for number in range(3, 6):
        peer.transfer(data_message(b"none"), delivery_id=number, tag=b"", settled=True)
    peer.transfer(data_message(b"last"), delivery_id=6)
    check.equal(outcome_name(peer.expect("disposition", skip=("flow",)).state), "accepted", "outcome")
    peer.close()
    check.equal(bodies(drained(ctx, queue)), [b"same"] * 3 + [b"none"] * 3 + [b"last"], "queue content")


@case("send.continuation-frames-without-ids")
def continuation(ctx):
    """Continuation frames may omit delivery-id, tag and format, and the last may be empty (ProtonJ2)."""
    queue, message = ctx.queue(), data_message(bytes(3000))
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(queue)
    peer.transfer(message[:1000], more=True)
    peer.send("transfer", message[1000:2000], handle=0, more=True)
    peer.send("transfer", message[2000:], handle=0, more=True)
    peer.send("transfer", handle=0)
    got = peer.expect("disposition", skip=("flow",))
    check.equal((outcome_name(got.state), got.settled), ("accepted", True), "outcome")
    peer.close()
    check.equal(drained(ctx, queue)[0].body, bytes(3000), "body")


@case("send.settled-on-the-last-frame")
def settled_late(ctx):
    """A multi-frame delivery is settled when any of its frames says so, also the last (section 2.7.5)."""
    queue, message = ctx.queue(), data_message(bytes(2000))
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(queue)
    peer.transfer(message[:1000], more=True, settled=False)
    peer.send("transfer", message[1000:], handle=0, settled=True)
    peer.transfer(data_message(b"next"), delivery_id=1)
    got = peer.expect("disposition", skip=("flow",))
    check.equal((got.first, outcome_name(got.state)), (1, "accepted"), "the first disposition")
    peer.close()
    check.equal(len(drained(ctx, queue)), 2, "messages")


@case("send.every-delivery-gets-a-state")
def states(ctx):
    """Every disposition the broker sends for unsettled transfers carries a state and covers each id once."""
    queue, count = ctx.queue(), 50
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(queue)
    check.that(peer.flow.link_credit >= count, "credit for %d messages, got %s" % (count, peer.flow.link_credit))
    check.that(None not in (peer.flow.delivery_count, peer.flow.next_incoming_id, peer.flow.incoming_window,
                            peer.flow.next_outgoing_id, peer.flow.outgoing_window), "the flow fills every field")
    for number in range(count):
        peer.transfer(data_message(b"x"), delivery_id=number)
    covered = []
    while len(covered) < count:
        got = peer.expect("disposition", skip=("flow",))
        check.that(got.role is True and got.settled is True and got.state == _decoded(ACCEPTED),
                   "a settled, accepted disposition of role receiver, got %r" % got)
        covered.extend(range(got.first, (got.last if got.last is not None else got.first) + 1))
    check.equal(sorted(covered), list(range(count)), "covered delivery ids")
    peer.close()


def _decoded(encoded):
    return decode(encoded)[0]


@case("send.unknown-message-format")
def message_format(ctx):
    """A message of a format the broker does not know is refused as not-implemented, whatever its bytes would mean."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(queue)
    peer.transfer(data_message(b"looks like format 0"), message_format=0x12345600)
    got = peer.expect("disposition", "detach", skip=("flow",))
    condition = got.condition if got.name == "detach" else state_condition(got.state)
    check.equal(condition, "amqp:not-implemented", "condition")
    peer.close()
    check.equal(len(drained(ctx, queue)), 0, "messages in the queue")


@case("send.undecodable-message")
def undecodable(ctx):
    """Bytes that are no AMQP message are refused; the connection and the queue stay usable."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(queue)
    peer.transfer(b"\x00\x53\x75\xa0\xff only a few bytes, though 255 were announced")
    got = peer.expect("disposition", "detach", skip=("flow",))
    condition = got.condition if got.name == "detach" else state_condition(got.state)
    check.one_of(condition, ("amqp:decode-error", "amqp:invalid-field"), "condition")
    peer.begin(channel=1)
    peer.attach_sender(queue, handle=0, channel=1)
    peer.close()
    check.equal(len(drained(ctx, queue)), 0, "messages in the queue")


@case("send.above-the-message-limit")
def above_limit(ctx):
    """A message above max-message-size is refused with message-size-exceeded; the connection stays."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        limit = out.link.remote_max_message_size
        check.that(limit > 0, "the broker says max-message-size in its attach")
        if ctx.max_message_size:
            check.equal(limit, ctx.max_message_size, "max-message-size in the attach")
        out.wait_credit()
        check.equal(_send_oversize(peer, out, limit + 1), "amqp:link:message-size-exceeded", "condition")
        again = peer.sender(queue)
        again.send(Message(body="small"))
        check.equal(bodies(peer.receiver(queue).drain()), ["small"], "queue content")


def _send_oversize(peer, out, size):
    """Streams SIZE bytes and stops when the broker objects; returns the condition it gave."""
    delivery = out.link.delivery("big")
    head = b"\x00\x53\x75\xb0" + (size - 8).to_bytes(4, "big")
    out.link.stream(head)
    left, chunk = size - len(head), bytes(1024 * 1024)
    while left and not out.closed and not delivery.remote_state:
        out.link.stream(chunk[:min(left, len(chunk))])
        left -= min(left, len(chunk))
        peer.flush()
    if not out.closed:
        out.link.advance()
    peer.pump(lambda: out.closed or delivery.settled, "an objection to the message", 15)
    found = delivery.remote.condition if delivery.remote_state == Delivery.REJECTED else out.link.remote_condition
    return found.name if found else None


@case("send.rcv-settle-mode-second")
def second(ctx):
    """With rcv-settle-mode second the broker answers unsettled, and settles for itself once the sender did (2.8.3)."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    attach = peer.attach_sender(queue, rcv_settle_mode=1, snd_settle_mode=0)
    check.equal(attach.rcv_settle_mode, 1, "rcv-settle-mode in the broker's attach")
    peer.transfer(data_message(b"twice"))
    first = peer.expect("disposition", skip=("flow",))
    check.equal((first.role, bool(first.settled), outcome_name(first.state)), (True, False, "accepted"), "first answer")
    peer.send("disposition", role=False, first=0, settled=True, state=ACCEPTED)
    # Both ends have settled now; the delivery-id is forgotten, and the next delivery takes its course.
    peer.transfer(data_message(b"again"), delivery_id=1)
    second_answer = peer.expect("disposition", skip=("flow",))
    check.equal((second_answer.first, bool(second_answer.settled), outcome_name(second_answer.state)),
                (1, False, "accepted"), "next answer")
    peer.close()
    check.equal(bodies(drained(ctx, queue)), [b"twice", b"again"], "queue content")


@case("send.proton-rcv-second")
def proton_second(ctx):
    """Proton as sender with rcv-settle-mode second sees accepted, settles, and every message is stored once."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue, rcv=Link.RCV_SECOND, snd=Link.SND_UNSETTLED)
        for number in range(10):
            out.wait_credit()
            delivery = out.push(Message(body=number))
            check.equal(out.outcome(delivery), Delivery.ACCEPTED, "outcome")
            delivery.settle()
            peer.flush()
    check.equal(bodies(drained(ctx, queue)), list(range(10)), "queue content")


@case("send.closed-while-credit-is-zero")
def close_cleanly(ctx):
    """A sender that is closed right after its last transfers still gets every message stored."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        out.wait_credit()
        count = min(out.link.credit, 50)
        for number in range(count):
            out.push(Message(body=number), settled=True, flush=False)
        out.close()
        check.equal(bodies(peer.receiver(queue).receive_many(count)), list(range(count)), "bodies")


@case("send.to-a-null-target-is-refused")
def null_target(ctx):
    """A sender whose target is null is refused with attach(target null) and detach(closed, error)."""
    peer = RawPeer(ctx)
    peer.start()
    peer.send("attach", name=ctx.name("snd"), handle=0, role=False, source=NULL, target=NULL,
              initial_delivery_count=0)
    attach = peer.expect("attach")
    check.equal(attach.target, None, "target in the refusal")
    detach = peer.expect("detach")
    check.that(detach.closed and detach.condition, "a closing detach with an error, got %r" % detach)
    peer.send("detach", handle=0, closed=True)
    peer.close()
