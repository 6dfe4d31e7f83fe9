"""What JMS clients put on the wire in their acknowledgement modes, in transactions, and when they change subscriptions.

The sequences are those of Qpid JMS and Apache.NMS.AMQP; the rules are in broker/docs/jms-contract.md.
"""

from proton import Message

from harness import check
from harness.codec import amqp_map, boolean, described, string, symbol as sym
from harness.engine import Peer, bodies, drained, put
from harness.performatives import (ACCEPTED, MODIFIED_FAILED, RELEASED, declare, discharge, outcome_name, source,
                                   state_condition, target, transactional)
from harness.rawpeer import RawPeer
from harness.registry import case

from .jms import _coordinate, _declared
from .topics import _durable, _shared

NO_LOCAL = 0x468C00000003


def _qpid_source(address, *capabilities, **fields):
    """The source of a Qpid JMS consumer: what is lost with it has failed."""
    return source(address=address, default_outcome=MODIFIED_FAILED, expiry_policy="link-detach",
                  outcomes=["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"],
                  capabilities=list(capabilities) or ["queue"], **fields)


def _settle(raw, first, last, state):
    raw.send("disposition", role=True, first=first, last=last, settled=True, state=state)


def _counts(ctx, queue, count):
    with Peer(ctx) as peer:
        got = peer.receiver(queue).receive_many(count)
        return [(r.body, r.message.delivery_count) for r in got]


@case("modes.auto-acknowledge-listener-fails")
def listener_fails(ctx):
    """AUTO and DUPS_OK: a listener that throws makes the client release the message; it comes again, in its place, not
    counted as redelivered."""
    queue = ctx.queue()
    put(ctx, queue, *range(4))
    raw = RawPeer(ctx)
    raw.start()
    raw.attach_receiver(source=_qpid_source(queue))
    raw.credit(4)
    ids = [raw.expect("transfer").delivery_id for _ in range(4)]
    _settle(raw, ids[0], ids[0], ACCEPTED)
    _settle(raw, ids[1], ids[1], RELEASED)
    _settle(raw, ids[2], ids[2], ACCEPTED)
    raw.close()
    check.equal(_counts(ctx, queue, 2), [(1, 0), (3, 0)], "bodies and delivery-counts")


@case("modes.client-acknowledge")
def client_ack(ctx):
    """CLIENT: acknowledge() accepts all that was delivered in one range; session.close() returns what was delivered since
    as failed, and leaves the prefetched as they are: neither lost nor counted."""
    queue = ctx.queue()
    put(ctx, queue, *range(6))
    raw = RawPeer(ctx)
    raw.start()
    raw.attach_receiver(source=_qpid_source(queue))
    raw.credit(6)
    ids = [raw.expect("transfer").delivery_id for _ in range(6)]
    _settle(raw, ids[0], ids[1], ACCEPTED)
    _settle(raw, ids[2], ids[3], MODIFIED_FAILED)
    raw.send("detach", handle=0, closed=True)
    raw.expect("detach")
    raw.close()
    check.equal(_counts(ctx, queue, 4), [(2, 1), (3, 1), (4, 0), (5, 0)], "bodies and delivery-counts")


@case("modes.individual-acknowledge-out-of-order")
def individual(ctx):
    """Individual acknowledgement: each message by itself, in any order; the rest keep their order when the socket is lost, and
    say that they were delivered before."""
    queue = ctx.queue()
    put(ctx, queue, *range(5))
    raw = RawPeer(ctx)
    raw.start()
    raw.attach_receiver(source=_qpid_source(queue))
    raw.credit(5)
    ids = [raw.expect("transfer").delivery_id for _ in range(5)]
    for n in (3, 1):
        _settle(raw, ids[n], ids[n], ACCEPTED)
    raw.session_flow(echo=True)
    raw.expect("flow")
    raw.abort()
    check.equal(_counts(ctx, queue, 3), [(0, 1), (2, 1), (4, 1)], "bodies and delivery-counts")


@case("modes.transacted-rollback-of-qpid")
def rollback(ctx):
    """Transacted: the rollback of Qpid JMS (drain, discharge and declare in one write, releases of what was prefetched, new
    credit) brings everything back in order, what was received counted as redelivered."""
    queue = ctx.queue()
    put(ctx, queue, *range(5))
    raw = RawPeer(ctx)
    raw.start()
    _coordinate(raw)
    txn = _declared(raw, 0)
    raw.attach_receiver(handle=1, source=_qpid_source(queue))
    raw.credit(10, handle=1)
    ids = [raw.expect("transfer").delivery_id for _ in range(5)]
    for n in (0, 1):
        _settle(raw, ids[n], ids[n], transactional(txn, ACCEPTED))
    raw.credit(5, handle=1, delivery_count=5, drain=True)
    flow = raw.expect("flow")
    check.equal((flow.delivery_count, flow.link_credit, flow.drain), (10, 0, True), "answer to the drain")
    raw.batch(raw.encode("transfer", discharge(txn, failed=True), handle=0, delivery_id=1, delivery_tag=b"d", message_format=0),
              raw.encode("transfer", declare(), handle=0, delivery_id=2, delivery_tag=b"e", message_format=0))
    names = [outcome_name(raw.expect("disposition", skip=("flow",)).state) for _ in range(2)]
    check.equal(names, ["accepted", "declared"], "answers to discharge and declare")
    for n in (2, 3, 4):
        _settle(raw, ids[n], ids[n], RELEASED)
    raw.close()
    check.equal(_counts(ctx, queue, 5), [(0, 1), (1, 1), (2, 0), (3, 0), (4, 0)], "bodies and delivery-counts")


@case("modes.full-queue-is-told-at-commit")
def full_at_commit(ctx):
    """Sends of a transacted session wait for no outcome: one to a full queue makes the commit fail, though its rejection
    came before, and none of the transaction's messages is seen."""
    small, other = ctx.queue("small.q"), ctx.queue()
    raw = RawPeer(ctx)
    raw.start()
    raw.put(small, [b"%d" % n for n in range(5)], handle=5)
    _coordinate(raw)
    raw.attach_sender(small, handle=1)
    raw.attach_sender(other, handle=2)
    txn = _declared(raw, 20)
    sends = [raw.encode("transfer", Message(body="x").encode(), handle=handle, delivery_id=20 + handle,
                        delivery_tag=b"t%d" % handle, message_format=0, state=transactional(txn)) for handle in (1, 2)]
    raw.batch(*sends, raw.encode("transfer", discharge(txn), handle=0, delivery_id=23, delivery_tag=b"c", message_format=0))
    seen = {}
    while 23 not in seen:
        got = raw.expect("disposition", skip=("flow",))
        seen.update((n, got.state) for n in range(got.first, (got.last or got.first) + 1))
    check.equal(state_condition(seen[23]), "amqp:transaction:rollback", "answer to the commit")
    raw.close()
    check.equal(len(drained(ctx, other)), 0, "messages in the other queue")
    check.equal(len(drained(ctx, small)), 5, "messages in the full queue")


@case("modes.missing-queue-is-told-at-commit")
def missing_at_commit(ctx):
    """The same for a message through the relay to an address that is not there; the next transaction is sound."""
    queue = ctx.queue()
    raw = RawPeer(ctx)
    raw.start()
    _coordinate(raw)
    raw.attach_sender(target=target(), handle=1)
    for number, (address, expected) in enumerate(((ctx.queue("closed.q"), "amqp:transaction:rollback"), (queue, None))):
        first = number * 10
        txn = _declared(raw, first)
        for n, to in enumerate((queue, address)):
            raw.transfer(Message(body=number, address=to).encode(), delivery_id=first + 1 + n, handle=1, state=transactional(txn))
            raw.expect("disposition", skip=("flow",))
        raw.transfer(discharge(txn), delivery_id=first + 5)
        check.equal(state_condition(raw.expect("disposition", skip=("flow",)).state), expected, "answer to commit %d" % number)
    raw.close()
    check.equal(bodies(drained(ctx, queue)), [1, 1], "what the queue has")


@case("modes.no-local-changed")
def no_local_changed(ctx):
    """An unshared durable subscription that comes back without no-local, or with it, is another one: it begins anew."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    no_local = amqp_map([(sym("no-local"), described(NO_LOCAL, string("NoLocalFilter{}")))])
    for used, found in ((None, []), (no_local, []), (no_local, ["kept"]), (None, [])):
        raw = RawPeer(ctx)
        raw.start(container_id=container)
        fields = {"filter": used} if used else {}
        raw.attach_receiver(name=name, source=source(address=topic, durable=2, expiry_policy="never", distribution_mode="copy",
                                                     capabilities=["topic"], **fields))
        raw.credit(10, drain=True)
        for body in found:
            check.that(raw.expect("transfer").payload.endswith(body.encode()), "the message that was kept")
        raw.expect("flow")
        raw.send("detach", handle=0, closed=False)
        raw.expect("detach")
        raw.close()
        put(ctx, topic, "kept")
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=name, configure=_durable).close()


@case("modes.subscription-of-nms")
def nms(ctx):
    """A volatile shared subscription as NMS names it, with expiry-policy session-end: it outlives neither its links nor, when
    they are not detached, their session."""
    topic, name = ctx.topic(), ctx.name("sub")
    with Peer(ctx) as peer:
        def volatile(link):
            _shared("global")(link)
            link.source.expiry_policy = 1  # session-end
        one = peer.receiver(topic, name=name + "|global-volatile1", configure=volatile, credit=5)
        put(ctx, topic, "a")
        check.equal(one.receive().body, "a", "what a member gets")
        peer.end_session()
        put(ctx, topic, "missed")
        peer.receiver(topic, name=name + "|global-volatile2", configure=volatile).expect_empty()


@case("modes.shared-volatile-ended-while-attaching")
def volatile_abandoned(ctx):
    """attach of a volatile shared subscription and end in one write, behind another attach that keeps the broker busy: nothing
    stays behind that collects messages for nobody."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    durable = {"durable": 2, "expiry_policy": "never", "distribution_mode": "copy"}
    raw = RawPeer(ctx)
    raw.start(container_id=container)
    raw.attach_receiver(name="first", source=source(address=topic, capabilities=["topic"]))
    raw.batch(
        raw.encode("attach", name=name + "-durable", handle=1, role=True, target=target(),
                   source=source(address=topic, capabilities=["topic"], **durable)),
        raw.encode("attach", name=name + "|volatile1", handle=2, role=True, target=target(),
                   source=source(address=topic, capabilities=["topic", "shared"])),
        raw.encode("end"))
    raw.expect("end", skip=("attach", "flow"))
    raw.begin()
    raw.attach_receiver(name=name + "-later", handle=3, source=source(address=topic, capabilities=["topic"], **durable))
    put(ctx, topic, "missed")
    raw.attach_receiver(name=name + "|volatile2", handle=4, source=source(address=topic, capabilities=["topic", "shared"]))
    raw.credit(5, handle=4, drain=True)
    check.equal(raw.expect("flow", "transfer").name, "flow", "the answer to the drain, and no message before it")
    raw.close()


@case("modes.exclusive-consumer")
def exclusive(ctx):
    """A consumer whose attach has the property exclusive has the queue for itself: others are refused with resource-locked
    while it is there, and it is refused where others are."""
    queue = ctx.queue()
    only = {"properties": amqp_map([(sym("exclusive"), boolean(True))])}
    one, two = RawPeer(ctx), RawPeer(ctx)
    for raw in (one, two):
        raw.start()
    one.attach_receiver(queue, handle=0, **only)

    def refused(raw, handle, **fields):
        raw.send("attach", name=ctx.name("r"), handle=handle, role=True, source=source(address=queue), target=target(), **fields)
        check.that(raw.expect("attach").source is None, "the attach is refused")
        condition = raw.expect("detach").condition
        raw.send("detach", handle=handle, closed=True)
        return condition

    check.equal(refused(two, 0), "amqp:resource-locked", "condition for another consumer")
    check.equal(refused(two, 1, **only), "amqp:resource-locked", "condition for another exclusive consumer")
    one.send("detach", handle=0, closed=True)
    one.expect("detach")
    two.attach_receiver(queue, handle=2)
    check.equal(refused(one, 3, **only), "amqp:resource-locked", "condition where somebody is")
    one.close()
    two.close()
