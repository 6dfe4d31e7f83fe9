"""Sessions and links: begin, attach, refusal, detach, re-attach, stealing, many of each."""

from proton import Link, Message, Terminus

from harness import check
from harness.codec import NULL, amqp_map, binary, described, string, symbol as sym
from harness.engine import Peer, Refused, bodies, drained, put
from harness.performatives import ACCEPTED, data_message, outcome_name, source, target, terminus
from harness.rawpeer import RawPeer, multiple
from harness.registry import case

ALL_OUTCOMES = ["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"]


@case("session.begin-fields")
def begin_fields(ctx):
    """begin is answered on the same channel with remote-channel, small ids, a window and at least 256 handles."""
    peer = RawPeer(ctx)
    peer.open()
    for channel in (0, 7):
        got = peer.begin(channel=channel)
        check.equal((got.channel, got.remote_channel), (channel, channel), "channel, remote-channel")
        check.one_of(got.next_outgoing_id, (0, 1), "next-outgoing-id (rhea #426)")
        check.that(got.incoming_window > 0 and got.outgoing_window > 0, "windows above zero: %r" % got)
        check.that(got.handle_max is None or got.handle_max >= 255, "handle-max %s" % got.handle_max)
    peer.close()


@case("session.end-and-begin-in-one-write")
def end_begin(ctx):
    """end and a new begin on the same channel in one write: the channel is free again at once (rhea #233)."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_receiver(queue)
    peer.batch(peer.encode("end"), peer.encode("begin", next_outgoing_id=0, incoming_window=10, outgoing_window=10))
    check.equal(peer.expect("end", skip=("flow",)).condition, None, "condition of end")
    begin = peer.expect("begin")
    peer.first_incoming[0] = begin.next_outgoing_id
    peer.attach_receiver(queue)
    peer.close()


@case("session.nothing-but-end-after-end")
def nothing_after_end(ctx):
    """After our end the broker sends no detach on the session, only its end (AMQPNetLite #159)."""
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_receiver(ctx.queue(), handle=0)
    peer.attach_receiver(ctx.queue(), handle=1)
    peer.send("end")
    peer.expect("end", skip=("flow", "transfer", "disposition"))
    peer.close()


@case("session.serial-ids-near-the-wrap")
def serial(ctx):
    """A client whose transfer-ids start three below 2**32 (AMQPNetLite) sends across the wrap."""
    queue, first = ctx.queue(), 2 ** 32 - 3
    peer = RawPeer(ctx)
    peer.open()
    peer.begin(next_outgoing_id=first)
    peer.attach_sender(queue, initial_delivery_count=2 ** 32 - 2)
    settled = []
    for number in range(6):
        peer.transfer(data_message(b"%d" % number), delivery_id=(first + number) % 2 ** 32)
        got = peer.expect("disposition", skip=("flow",))
        check.equal(outcome_name(got.state), "accepted", "outcome")
        settled.append(got.first)
    check.equal(settled, [(first + n) % 2 ** 32 for n in range(6)], "settled delivery-ids")
    peer.close()
    check.equal(bodies(drained(ctx, queue)), [b"%d" % n for n in range(6)], "queue content")


@case("session.many-sessions", seconds=30)
def many_sessions(ctx):
    """64 sessions on one connection, each with a sender and a receiver of its own queue."""
    with Peer(ctx) as peer:
        pairs = []
        for number in range(64):
            session, queue = peer.new_session(wait=False), ctx.queue()
            pairs.append((number, peer.sender(queue, session=session), peer.receiver(queue, session=session)))
        for number, out, _ in pairs:
            out.send(Message(body=number))
        for number, _, link in pairs:
            received = link.receive()
            check.equal(received.body, number, "body")
            received.accept()


@case("session.255-links", seconds=30)
def many_links(ctx):
    """255 links attached on one session at once; the last one works."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        outs = [peer.sender(queue, wait=False) for _ in range(255)]
        for out in outs:
            out.wait_attached()
        outs[0].send(Message(body="first"))
        outs[-1].send(Message(body="last"))
        for out in outs[:-1]:
            out.link.close()
        peer.pump(lambda: all(out.closed for out in outs[:-1]), "all detaches")
        check.equal(bodies(peer.receiver(queue).receive_many(2)), ["first", "last"], "bodies")


@case("session.handle-above-handle-max")
def handle_max(ctx):
    """An attach with a handle above the broker's handle-max closes the connection with framing-error."""
    peer = RawPeer(ctx)
    peer.open()
    limit = peer.begin().handle_max
    check.that(limit is not None and limit < 2 ** 32 - 1, "the broker limits its handles, got %s" % limit)
    peer.send("attach", name="too-high", handle=limit + 1, role=True, source=source(address=ctx.queue()),
              target=target())
    peer.expect_close("amqp:connection:framing-error")


@case("link.sender-attach-reply")
def sender_reply(ctx):
    """The answer to a sender: same name, handle, modes, termini repeated, max-message-size; then credit."""
    queue, name = ctx.queue(), ctx.name("link")
    peer = RawPeer(ctx)
    peer.start()
    got = peer.attach_sender(queue, name=name, handle=3, snd_settle_mode=0, rcv_settle_mode=0,
                             source=source(address="me", outcomes=ALL_OUTCOMES))
    check.equal((got.values["name"], got.handle, got.role, got.snd_settle_mode or 0, got.rcv_settle_mode or 0),
                (name, 3, True, 0, 0), "name, handle, role, settle modes")
    check.equal(terminus(got.target, "target")["address"], queue, "target address")
    check.equal(terminus(got.source)["address"], "me", "source address")
    check.that(got.max_message_size, "max-message-size is given")
    flow = peer.flow
    check.equal((flow.handle, flow.delivery_count), (3, 0), "handle and delivery-count of the flow")
    check.that(flow.link_credit > 0, "credit")
    peer.close()


@case("link.receiver-attach-reply")
def receiver_reply(ctx):
    """The answer to a receiver: initial-delivery-count 0, the address, the outcomes in force."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    got = peer.attach_receiver(handle=2, source=source(address=queue, outcomes=ALL_OUTCOMES))
    check.equal((got.handle, got.role, got.initial_delivery_count), (2, False, 0), "handle, role, count")
    fields = terminus(got.source)
    check.equal((fields["address"], bool(fields["dynamic"])), (queue, False), "address, dynamic")
    for outcome in multiple(fields["outcomes"]) or ALL_OUTCOMES:
        check.contains(ALL_OUTCOMES, outcome, "outcomes")
    peer.close()


@case("link.attached-with-capability-queue")
def capability(ctx):
    """A source capability "queue" is confirmed in the reply."""
    peer = RawPeer(ctx)
    peer.start()
    got = peer.attach_receiver(source=source(address=ctx.queue(), capabilities=["queue"]))
    check.contains(multiple(terminus(got.source)["capabilities"]), "queue", "capabilities")
    peer.close()


@case("link.unknown-capabilities-are-not-confirmed")
def unknown_capability(ctx):
    """Capabilities the broker does not have are missing from its reply."""
    peer = RawPeer(ctx)
    peer.start()
    got = peer.attach_receiver(source=source(address=ctx.queue(), capabilities=["queue", "example:levitate"]))
    check.that("example:levitate" not in multiple(terminus(got.source)["capabilities"]), "an unknown capability")
    peer.close()


@case("link.filter-echo-is-honest")
def honest_filter(ctx):
    """A selector is either in the reply and applied, or missing from it and not applied."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send_all([Message(body=c, properties={"color": c}) for c in ("red", "blue", "red")])
    raw = RawPeer(ctx)
    raw.start()
    selector = amqp_map([(sym("sel"), described(0x468C00000004, string("color = 'red'")))])
    got = raw.attach_receiver(source=source(address=queue, filter=selector))
    applied = bool(terminus(got.source)["filter"])
    raw.credit(10, drain=True)
    seen = []
    while True:
        frame = raw.expect("transfer", "flow")
        if frame.name == "flow":
            break
        seen.append(b"red" if b"\xa1\x03red" in frame.payload[-6:] else b"blue")
    check.equal(seen, [b"red", b"red"] if applied else [b"red", b"blue", b"red"], "deliveries (applied: %s)" % applied)
    raw.close()


@case("link.unknown-filter-is-omitted")
def unknown_filter(ctx):
    """A filter the broker does not know is left out of the reply, and the link works unfiltered."""
    queue = ctx.queue()
    put(ctx, queue, "x")
    raw = RawPeer(ctx)
    raw.start()
    odd = amqp_map([(sym("odd"), described("example:odd-filter:string", string("whatever")))])
    got = raw.attach_receiver(source=source(address=queue, filter=odd))
    check.that(not terminus(got.source)["filter"], "the reply has no filter")
    raw.credit(1)
    raw.expect("transfer")
    raw.close()


def _refused(peer, role, **fields):
    """Attaches, expects the shape of a refusal, and returns the detach."""
    peer.send("attach", name=peer.ctx.name("refused"), handle=0, role=role,
              **(fields if role else {"initial_delivery_count": 0, **fields}))
    attach = peer.expect("attach", skip=("flow",))
    check.equal(attach.source if role else attach.target, None, "the terminus in the refusing attach")
    if role:
        check.that(attach.initial_delivery_count is not None, "initial-delivery-count in the refusing attach")
    detach = peer.expect("detach")
    check.that(detach.closed, "the detach is closed=true")
    check.that(detach.condition, "the detach has an error")
    peer.send("detach", handle=0, closed=True)
    return detach


@case("link.refusal-of-a-receiver")
def refusal_receiver(ctx):
    """A receiver from an address that is not created on demand: attach with source null, detach with not-found."""
    peer = RawPeer(ctx)
    peer.start()
    detach = _refused(peer, True, source=source(address=ctx.queue("closed.q")), target=target())
    check.equal(detach.condition, "amqp:not-found", "condition")
    peer.begin(channel=1)
    peer.close()


@case("link.refusal-of-a-sender")
def refusal_sender(ctx):
    """A sender to an address that is not created on demand: attach with target null, detach closed with not-found."""
    peer = RawPeer(ctx)
    peer.start()
    detach = _refused(peer, False, source=source(), target=target(address=ctx.queue("closed.q")))
    check.equal(detach.condition, "amqp:not-found", "condition")
    peer.begin(channel=1)
    peer.close()


@case("link.refusal-seen-by-proton")
def refusal_proton(ctx):
    """Proton as sender and receiver is told not-found for an address that is not created on demand."""
    queue = ctx.queue("closed.q")
    with Peer(ctx) as peer:
        for attach in (peer.sender, peer.receiver):
            try:
                attach(queue)
            except Refused as refused:
                check.equal(refused.condition, "amqp:not-found", "condition")
            else:
                check.fail("the link was attached")
        peer.sender(ctx.queue()).send(Message(body="the connection is fine"))


@case("link.refusal-of-an-unknown-temporary-queue")
def refusal_temporary(ctx):
    """A sender to a temporary queue that does not exist is refused with not-found: nothing is created in its place."""
    peer = RawPeer(ctx)
    peer.start()
    detach = _refused(peer, False, source=source(),
                      target=target(address=ctx.name("no-such-temp"), capabilities=["temporary-queue"]))
    check.equal(detach.condition, "amqp:not-found", "condition")
    peer.close()


@case("link.no-third-detach")
def no_third_detach(ctx):
    """Our answer to the broker's refusing detach is not answered again; the handle is then free."""
    peer = RawPeer(ctx)
    peer.start()
    _refused(peer, True, source=NULL, target=target())
    peer.attach_receiver(ctx.queue(), handle=0)
    peer.close()


@case("link.detach-closed-is-mirrored")
def mirrored(ctx):
    """detach closed=true is answered with true, closed=false with false, for senders and receivers (go-amqp #310)."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    handle = 0
    for attach in (peer.attach_sender, peer.attach_receiver):
        for closed in (True, False):
            attach(queue, handle=handle)
            peer.send("detach", handle=handle, closed=closed)
            got = peer.expect("detach", skip=("flow",))
            check.equal((got.handle, bool(got.closed), got.condition), (handle, closed, None),
                        "handle, closed, condition of the answer")
            handle += 1
    peer.close()


@case("link.proton-detach-and-close")
def proton_detach(ctx):
    """Proton's close() and detach() both come to their end, and the names can be attached again."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        for _ in range(2):
            out = peer.sender(queue, name="the-sender")
            out.send(Message(body="x"))
            out.close()
            out.link.free()
            link = peer.receiver(queue, name="the-receiver")
            link.receive().accept()
            link.detach()
            link.link.free()


@case("link.same-name-in-both-directions")
def both_directions(ctx):
    """A sender and a receiver of the same name on one connection are two links."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out, link = peer.sender(queue, name="pair"), peer.receiver(queue, name="pair")
        out.send(Message(body="x"))
        check.equal(link.receive().body, "x", "body")


@case("link.same-name-on-two-connections")
def two_containers(ctx):
    """The same link name on connections of different containers are two links."""
    queue = ctx.queue()
    with Peer(ctx) as one, Peer(ctx) as two:
        a, b = one.sender(queue, name="shared-name"), two.sender(queue, name="shared-name")
        a.send(Message(body="a"))
        b.send(Message(body="b"))
        a.send(Message(body="c"))
    check.equal(bodies(drained(ctx, queue)), ["a", "b", "c"], "queue content")


@case("link.stolen-by-the-same-container")
def stolen(ctx):
    """The same container attaches the same receiver from another connection: the old link is detached as stolen."""
    queue, container = ctx.queue(), ctx.name("mover")
    with Peer(ctx, container=container) as old, Peer(ctx, container=container) as new:
        first = old.receiver(queue, name="one-link", credit=1)
        second = new.receiver(queue, name="one-link", credit=1)
        check.equal(first.wait_closed(), "amqp:link:stolen", "condition at the old link")
        with Peer(ctx) as sending:
            sending.sender(queue).send(Message(body="x"))
        check.equal(second.receive().body, "x", "what the new link gets")
        first.link.close()


@case("link.handle-in-use")
def handle_in_use(ctx):
    """An attach on a handle that is in use ends the session with handle-in-use."""
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_receiver(ctx.queue(), handle=4)
    peer.send("attach", name="another", handle=4, role=True, source=source(address=ctx.queue()), target=target())
    peer.expect_end("amqp:session:handle-in-use")
    peer.begin(channel=1)
    peer.close()


@case("link.late-disposition-is-ignored")
def late_disposition(ctx):
    """A disposition for deliveries of a link that is already detached is passed over; the message was requeued."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"x"])
    peer.attach_receiver(queue)
    peer.credit(1)
    peer.expect("transfer")
    peer.send("detach", handle=0, closed=True)
    peer.expect("detach")
    peer.send("disposition", role=True, first=0, settled=True, state=ACCEPTED)
    peer.attach_receiver(queue, handle=1)
    peer.credit(1, handle=1, received=1)
    check.equal(peer.expect("transfer").payload[-1:], b"x", "the message again")
    peer.close()


@case("link.unsettled-map-is-empty")
def unsettled_map(ctx):
    """A re-attach with an unsettled map gets an attach with an empty one: nothing is resumed, nothing is lost."""
    queue, name = ctx.queue(), ctx.name("resume")
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"x"])
    peer.attach_receiver(queue, name=name)
    peer.credit(1)
    tag = peer.expect("transfer").delivery_tag
    peer.send("detach", handle=0, closed=False)
    peer.expect("detach")
    got = peer.attach_receiver(queue, name=name, handle=1, unsettled=amqp_map([(binary(tag), ACCEPTED)]))
    check.that(not got.unsettled, "the broker's unsettled map is empty, got %r" % got.unsettled)
    peer.credit(1, handle=1, received=1)
    check.equal(bool(peer.expect("transfer").resume), False, "resume flag")
    peer.close()


@case("link.settle-modes-of-proton")
def settle_modes(ctx):
    """Every combination of Proton's sender settle modes is confirmed as asked."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        for mode in (Link.SND_UNSETTLED, Link.SND_SETTLED, Link.SND_MIXED):
            out = peer.sender(queue, snd=mode)
            check.equal(out.link.remote_snd_settle_mode, mode, "snd-settle-mode")
            check.equal(out.link.remote_rcv_settle_mode, Link.RCV_FIRST, "rcv-settle-mode")


@case("link.address-of-proton-termini")
def proton_addresses(ctx):
    """Proton finds its address again in the broker's terminus, for both directions (BlockingConnection checks it)."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        check.equal(peer.sender(queue).link.remote_target.address, queue, "target")
        link = peer.receiver(queue)
        check.equal((link.link.remote_source.type, link.address), (Terminus.SOURCE, queue), "source")
