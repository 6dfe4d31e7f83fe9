"""Credit, drain and echo: what the sender of messages (the broker) must keep to."""

from proton import Message

from harness import check
from harness.codec import Described
from harness.engine import Peer, bodies, put
from harness.performatives import (ACCEPTED, MODIFIED_FAILED, NULL, data_message, source)
from harness.rawpeer import RawPeer
from harness.registry import case


def _filled(ctx, count):
    """A queue with COUNT messages and a raw peer that is attached to it as receiver, without credit."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"%d" % n for n in range(count)])
    peer.attach_receiver(queue)
    return queue, peer


def _link_flow(peer):
    """The next flow for handle 0, its delivery-count told from the initial one."""
    while True:
        got = peer.expect("flow", "transfer")
        if got.name == "transfer":
            check.fail("a transfer where a flow was due: %r" % got)
        if got.handle == 0:
            if got.delivery_count is not None:
                got.values["delivery_count"] = (got.delivery_count - peer.initial_count[0, 0]) % 2 ** 32
            return got


def _complete(flow):
    check.that(None not in (flow.next_incoming_id, flow.incoming_window, flow.next_outgoing_id, flow.outgoing_window,
                            flow.delivery_count, flow.link_credit), "every field of the flow is filled: %r" % flow)


@case("flow.exactly-the-credit")
def exactly(ctx):
    """With 20 messages and credit 7 exactly seven transfers come; the echo after them shows no credit left."""
    _, peer = _filled(ctx, 20)
    peer.credit(7)
    ids = [peer.expect("transfer").delivery_id for _ in range(7)]
    check.equal(ids, list(range(7)), "delivery-ids")
    peer.credit(0, delivery_count=7, received=7, echo=True)
    flow = _link_flow(peer)
    _complete(flow)
    check.equal((flow.delivery_count, flow.link_credit), (7, 0), "delivery-count and credit of the broker")
    peer.close()


@case("flow.credit-is-not-added-up")
def not_added(ctx):
    """Credit is absolute: two flows with credit 3 at the same delivery-count allow three messages, not six."""
    _, peer = _filled(ctx, 10)
    one = peer.encode("flow", handle=0, link_credit=3, delivery_count=peer.initial_count[0, 0],
                      next_incoming_id=peer.first_incoming[0],
                      incoming_window=2048, next_outgoing_id=0, outgoing_window=2048)
    peer.batch(one, one)
    for _ in range(3):
        peer.expect("transfer")
    peer.credit(0, delivery_count=3, received=3, echo=True)
    check.equal(_link_flow(peer).delivery_count, 3, "delivery-count of the broker")
    peer.close()


@case("flow.without-delivery-count")
def without_count(ctx):
    """A pipelined first flow without delivery-count and next-incoming-id is understood (AMQPNetLite)."""
    _, peer = _filled(ctx, 3)
    peer.send("flow", handle=0, link_credit=2, incoming_window=2048, next_outgoing_id=0, outgoing_window=2048)
    for number in range(2):
        check.equal(peer.expect("transfer").delivery_id, number, "delivery-id")
    peer.close()


@case("flow.transfer-fields")
def transfer_fields(ctx):
    """A transfer has delivery-id, a tag of 1 to 32 bytes, format 0, and is unsettled; tags differ."""
    _, peer = _filled(ctx, 3)
    peer.credit(3)
    tags = set()
    for number in range(3):
        got = peer.expect("transfer")
        check.equal((got.handle, got.delivery_id, got.message_format, bool(got.settled), bool(got.more)),
                    (0, number, 0, False, False), "handle, delivery-id, format, settled, more")
        check.between(len(got.delivery_tag), 1, 32, "length of the tag")
        tags.add(got.delivery_tag)
    check.equal(len(tags), 3, "distinct tags")
    peer.close()


@case("flow.credit-taken-back")
def taken_back(ctx):
    """Credit reduced to zero before anything was there stops the broker: a later message does not come."""
    queue, peer = _filled(ctx, 0)
    peer.credit(10)
    peer.credit(0)
    peer.put(queue, [b"late"], handle=1)
    peer.credit(0, echo=True)
    check.equal(_link_flow(peer).delivery_count, 0, "delivery-count of the broker")
    peer.close()


@case("flow.drain-with-messages")
def drain_some(ctx):
    """drain with credit 10 and three messages: three transfers, then a flow that gives back the other seven."""
    _, peer = _filled(ctx, 3)
    peer.credit(10, drain=True)
    for number in range(3):
        check.equal(peer.expect("transfer").payload[-1:], b"%d" % number, "message")
    flow = _link_flow(peer)
    _complete(flow)
    check.equal((flow.delivery_count, flow.link_credit, flow.drain), (10, 0, True), "delivery-count, credit, drain")
    peer.close()


@case("flow.drain-empty")
def drain_empty(ctx):
    """drain on an empty queue gives the whole credit back at once."""
    _, peer = _filled(ctx, 0)
    peer.credit(5, drain=True)
    flow = _link_flow(peer)
    check.equal((flow.delivery_count, flow.link_credit, flow.drain), (5, 0, True), "delivery-count, credit, drain")
    peer.close()


@case("flow.drain-without-credit")
def drain_nothing(ctx):
    """drain with no credit at all is answered too: Qpid JMS waits for it."""
    _, peer = _filled(ctx, 1)
    peer.credit(0, drain=True)
    flow = _link_flow(peer)
    check.equal((flow.delivery_count, flow.link_credit, flow.drain), (0, 0, True), "delivery-count, credit, drain")
    peer.close()


@case("flow.drain-used-up-exactly")
def drain_exact(ctx):
    """drain whose credit is used up exactly by messages is still answered with a flow."""
    _, peer = _filled(ctx, 5)
    peer.credit(2, drain=True)
    for _ in range(2):
        peer.expect("transfer")
    flow = _link_flow(peer)
    check.equal((flow.delivery_count, flow.link_credit, flow.drain), (2, 0, True), "delivery-count, credit, drain")
    peer.close()


@case("flow.drain-then-resume")
def drain_resume(ctx):
    """After a drain, a flow without drain makes the broker send on as messages come."""
    queue, peer = _filled(ctx, 0)
    peer.credit(5, drain=True)
    _link_flow(peer)
    peer.credit(5, delivery_count=5)
    put(ctx, queue, "new")
    check.equal(peer.expect("transfer", skip=("flow",)).payload[-3:], b"new", "message")
    peer.close()


@case("flow.proton-drain-cycles")
def proton_drain(ctx):
    """Proton drains, gets messages, drains again: every cycle ends, nothing is lost or doubled."""
    queue, seen = ctx.queue(), []
    with Peer(ctx) as peer:
        out, link = peer.sender(queue), peer.receiver(queue)
        for cycle in range(20):
            link.expect_empty()
            out.send_all([Message(body="%d.%d" % (cycle, n)) for n in range(cycle % 4)])
            got = link.drain()
            seen.extend(bodies(got))
            for received in got:
                received.accept()
    check.equal(seen, ["%d.%d" % (c, n) for c in range(20) for n in range(c % 4)], "messages of all cycles")



@case("flow.echo-on-a-link")
def echo_link(ctx):
    """A flow with echo is answered with the state of the link; credit stays what it was."""
    _, peer = _filled(ctx, 0)
    peer.credit(9, echo=True)
    flow = _link_flow(peer)
    _complete(flow)
    check.equal((flow.delivery_count, flow.link_credit), (0, 9), "delivery-count and credit")
    peer.close()


@case("flow.echo-on-a-session")
def echo_session(ctx):
    """A session flow with echo is answered with a session flow that has every session field."""
    peer = RawPeer(ctx)
    peer.start()
    peer.session_flow(echo=True)
    flow = peer.expect("flow")
    check.equal(flow.handle, None, "handle")
    check.that(None not in (flow.next_incoming_id, flow.incoming_window, flow.next_outgoing_id,
                            flow.outgoing_window), "every session field is filled: %r" % flow)
    peer.close()


@case("flow.session-window-is-kept")
def window(ctx):
    """With an incoming-window of 4 frames only four transfers come; the window reopened, the rest follow."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    first = peer.start().next_outgoing_id
    peer.put(queue, [b"%d" % n for n in range(10)])
    peer.attach_receiver(queue)
    peer.credit(10, incoming_window=4)
    for _ in range(4):
        peer.expect("transfer")
    peer.session_flow(4, incoming_window=0, next_outgoing_id=10, echo=True)
    flow = peer.expect("flow")
    check.equal(flow.next_outgoing_id, (first + 4) % 2**32, "next-outgoing-id after four transfers")
    peer.session_flow(4, next_outgoing_id=10)
    for number in range(4, 10):
        check.equal(peer.expect("transfer").payload[-1:], b"%d" % number, "message")
    peer.close()



@case("flow.small-window-of-proton", seconds=30)
def proton_window(ctx):
    """A Proton session with a capacity of a few frames of 512 bytes still gets 300 messages, whole and in order."""
    queue = ctx.queue()
    put(ctx, queue, *["%04d" % n + "x" * 1000 for n in range(300)])

    def small(peer):
        peer.transport.max_frame_size = 512

    with Peer(ctx, configure=small) as peer:
        session = peer.new_session(capacity=4096)
        link, got = peer.receiver(queue, session=session), []
        while len(got) < 300:
            for received in link.receive_many(20):
                got.append(received.body[:4])
                received.accept()
    check.equal(got, ["%04d" % n for n in range(300)], "order")


@case("flow.default-outcome-applies")
def default_outcome(ctx):
    """Settled without a state, a delivery gets the source's default-outcome: modified(failed) counts."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"x"])
    attach = peer.attach_receiver(source=source(address=queue, default_outcome=MODIFIED_FAILED))
    check.that(isinstance(attach.source.value[8], Described) and attach.source.value[8].descriptor == 0x27,
               "the broker's attach repeats the default-outcome in force")
    peer.credit(1)
    peer.expect("transfer")
    peer.send("disposition", role=True, first=0, settled=True, state=NULL)
    peer.close()
    with Peer(ctx) as other:
        check.equal(other.receiver(queue).receive().message.delivery_count, 1, "delivery-count")


@case("flow.default-outcome-after-socket-loss")
def default_outcome_loss(ctx):
    """Lost with the socket, a delivery gets the default-outcome in force: with modified(failed) it counts."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"x"])
    peer.attach_receiver(source=source(address=queue, default_outcome=MODIFIED_FAILED))
    peer.credit(1)
    peer.expect("transfer")
    peer.abort()
    with Peer(ctx) as other:
        check.equal(other.receiver(queue).receive().message.delivery_count, 1, "delivery-count")


@case("flow.disposition-range")
def disposition_range(ctx):
    """One disposition settles a range of deliveries of two links; ids it does not know are passed over."""
    one, two = ctx.queue(), ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.put(one, [b"1", b"2"], handle=10)
    peer.attach_sender(two, handle=11)
    peer.transfer(data_message(b"3"), delivery_id=2, handle=11)
    peer.expect("disposition", skip=("flow",))
    peer.attach_receiver(one, handle=0)
    peer.attach_receiver(two, handle=1)
    peer.credit(2, handle=0)
    for _ in range(2):
        peer.expect("transfer")
    peer.credit(1, handle=1, received=2)
    peer.expect("transfer")
    peer.send("disposition", role=True, first=0, last=50, settled=True, state=ACCEPTED)
    peer.close()
    with Peer(ctx) as other:
        other.receiver(one).expect_empty()
        other.receiver(two).expect_empty()
