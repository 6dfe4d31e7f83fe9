"""What JMS clients rely on beyond the plain protocol: subscriptions by name, refusals they can take, small print.

The rules are those of broker/docs/jms-contract.md.
"""

import time

from proton import Message, symbol

from harness import check
from harness.codec import NULL, amqp_list, amqp_map, binary, byte, described, string, symbol as sym, ubyte, uint
from harness.engine import Peer, Refused, bodies, drained, put, put_symbols
from harness.performatives import (ACCEPTED, MODIFIED_FAILED, coordinator, data_message, declare, discharge, outcome_name,
                                   source, state_condition, target, terminus, transactional)
from harness.rawpeer import RawPeer, multiple
from harness.registry import case

from .topics import _durable, _shared

NO_LOCAL = 0x468C00000003
ONLY_ACCEPTED = ["amqp:accepted:list"]


def _looked_up(peer, name, handle=9, channel=0, **fields):
    """Attaches with a null source; returns the found source's fields, or the condition of the refusal."""
    peer.send("attach", channel=channel, name=name, handle=handle, role=True, source=NULL, target=target(), **fields)
    attach = peer.expect("attach", skip=("flow", "transfer"))
    if attach.source is not None:
        found = terminus(attach.source)
        found["address"] = found["address"].removeprefix("topic://")
        return found
    condition = peer.expect("detach").condition
    peer.send("detach", channel=channel, handle=handle, closed=True)
    return condition


def _left(peer, handle=9, closed=True, channel=0):
    """Detaches and returns the broker's answer."""
    peer.send("detach", channel=channel, handle=handle, closed=closed)
    answer = peer.expect("detach", skip=("flow", "transfer"))
    check.equal(bool(answer.closed), closed, "closed in the answer")
    return answer


def _refusal(attach, *arguments, **fields):
    try:
        attach(*arguments, **fields)
    except Refused as refused:
        return refused.condition
    return check.fail("the link was attached")


@case("jms.shared-and-unshared-names-collide")
def collide(ctx):
    """A shared and an unshared durable subscription of one name and client exclude each other, also while idle; the
    one that is there keeps its messages."""
    topic, container = ctx.topic(), ctx.name("client")
    first, second = ctx.name("shared"), ctx.name("alone")
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=first, configure=_shared(durable=True)).detach()
        peer.receiver(topic, name=second, configure=_durable).detach()
    put(ctx, topic, "kept")
    with Peer(ctx, container=container) as peer:
        for name, other in ((first, _durable), (second, _shared(durable=True))):
            check.one_of(_refusal(peer.receiver, topic, name=name, configure=other),
                         ("amqp:resource-locked", "amqp:invalid-field", "amqp:illegal-state"), "condition")
    with Peer(ctx, container=container) as peer:
        for name, same in ((first + "|2", _shared(durable=True)), (second, _durable)):
            link = peer.receiver(topic, name=name, configure=same)
            check.equal(bodies(link.drain()), ["kept"], "what " + name + " kept")
            link.close()


@case("jms.subscription-in-use-is-not-changed")
def changed_in_use(ctx):
    """A shared subscription with an active consumer cannot be moved to another topic; the consumer is undisturbed."""
    topic, other, container, name = ctx.topic(), ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer, Peer(ctx, container=container) as late:
        link = peer.receiver(topic, name=name, configure=_shared(durable=True), credit=1)
        check.one_of(_refusal(late.receiver, other, name=name + "|2", configure=_shared(durable=True)),
                     ("amqp:resource-locked", "amqp:illegal-state"), "condition")
        put(ctx, topic, "still here")
        check.equal(link.receive().body, "still here", "what the consumer gets")
        link.close()


@case("jms.unsubscribe-with-active-consumers")
def unsubscribe_in_use(ctx):
    """Unsubscribing while a consumer is attached is answered with an error in the detach, and deletes nothing."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    address = topic.removeprefix("topic://")
    with Peer(ctx, container=container) as peer:
        link = peer.receiver(topic, name=name, configure=_durable, credit=1)
        raw = RawPeer(ctx)
        raw.start(container_id=container)
        check.equal(_looked_up(raw, name)["address"], address, "address found")
        check.equal(_left(raw).condition, "amqp:resource-locked", "condition of the answer")
        put(ctx, topic, "not deleted")
        link.receive().accept()
        link.detach()
        check.equal(_looked_up(raw, name)["address"], address, "address found again")
        check.equal(_left(raw).condition, None, "condition of the answer when nobody is attached")
        check.equal(_looked_up(raw, name), "amqp:not-found", "a third look-up")
        raw.close()


@case("jms.global-subscription-is-looked-up")
def global_lookup(ctx):
    """A global shared subscription is found by "sub|global" (Qpid JMS) and by "sub" with the desired capabilities shared
    and global (NMS), from any container; closing deletes it for all its link names."""
    topic, name = ctx.topic(), ctx.name("sub")
    address = topic.removeprefix("topic://")
    desired = {"desired_capabilities": ["shared", "global"]}
    for looked_up, fields in ((name + "|global", desired), (name, desired)):
        with Peer(ctx) as one, Peer(ctx) as two:
            one.receiver(topic, name=name + "|global", configure=_shared("global", durable=True)).detach()
            two.receiver(topic, name=name + "|global2", configure=_shared("global", durable=True)).detach()
        put(ctx, topic, "kept for a member")
        raw = RawPeer(ctx)
        raw.start()
        check.equal(_looked_up(raw, name), "amqp:not-found", "the name without the capabilities is the client's own")
        found = _looked_up(raw, looked_up, **fields)
        check.equal((found["address"], sorted(multiple(found["capabilities"]))), (address, ["global", "shared", "topic"]),
                    "address and capabilities found")
        check.equal(_left(raw).condition, None, "condition of the answer")
        raw.close()
        with Peer(ctx) as peer:
            link = peer.receiver(topic, name=name + "|global3", configure=_shared("global", durable=True))
            link.expect_empty()
            link.close()


@case("jms.look-up-closes-nothing-by-detach")
def lookup_kept(ctx):
    """A look-up that ends with closed=false leaves the subscription; it shows the no-local filter, which is applied though
    its key is odd and its descriptor a symbol."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    no_local = amqp_map([(sym("any-key"), described("apache.org:no-local-filter:list", string("NoLocalFilter{}")))])
    raw = RawPeer(ctx)
    raw.start(container_id=container)
    raw.attach_receiver(name=name, source=source(address=topic, durable=2, expiry_policy="never", filter=no_local,
                                                 distribution_mode="copy", capabilities=["topic"]))
    check.equal(_left(raw, handle=0, closed=False).condition, None, "condition of the answer")
    with Peer(ctx, container=container) as peer:
        peer.sender(topic).send(Message(body="own"))
    put(ctx, topic, "of others")
    found = _looked_up(raw, name)
    check.equal([value.descriptor for value in (found["filter"] or {}).values()], [NO_LOCAL], "filters found")
    _left(raw, closed=False)
    raw.attach_receiver(name=name, handle=1, source=source(
        address=topic, durable=2, expiry_policy="never", filter=no_local, distribution_mode="copy",
        capabilities=["topic"]))
    raw.credit(5, handle=1, drain=True)
    check.that(raw.expect("transfer").payload.endswith(b"of others"), "the message of another container")
    raw.expect("flow")
    check.equal(_left(raw, handle=1).condition, None, "condition of the answer to unsubscribing")
    raw.close()


@case("jms.durable-subscription-outlives-its-session")
def outlives_session(ctx):
    """A durable subscription whose session ends without a detach keeps its messages."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=name, configure=_durable)
        peer.end_session()
        put(ctx, topic, "while away")
        link = peer.receiver(topic, name=name, configure=_durable)
        check.equal(bodies(link.drain()), ["while away"], "what was kept")
        link.close()


@case("jms.volatile-subscriptions-end-with-the-session")
def volatile_end(ctx):
    """Volatile subscriptions, shared and not, end with their session when no detach came (NMS; ARTEMIS-1034)."""
    topic, name = ctx.topic(), ctx.name("sub")
    with Peer(ctx) as peer:
        peer.receiver(topic, name=name + "|volatile1", configure=_shared())
        peer.receiver(topic, name=name)
        peer.end_session()
        put(ctx, topic, "missed")
        peer.receiver(topic, name=name + "|volatile2", configure=_shared()).expect_empty()
        peer.receiver(topic, name=name).expect_empty()


@case("jms.expiry-policy-in-the-reply")
def expiry_reply(ctx):
    """The reply says which expiry-policy is in force: link-detach where nothing survives the link, whatever was asked."""
    raw = RawPeer(ctx)
    raw.start()
    for handle, policy in enumerate(("link-detach", "session-end", "connection-close", None)):
        got = raw.attach_receiver(handle=handle, source=source(address=ctx.queue(), expiry_policy=policy))
        fields = terminus(got.source)
        check.equal((fields["expiry_policy"], fields["durable"] or 0), ("link-detach", 0), "expiry-policy, durable")
    raw.close()


def _annotated(to, kind):
    """A message for the relay with the annotation by which JMS clients say what its destination is."""
    return (described(0x72, amqp_map([(sym("x-opt-jms-dest"), byte(kind))]))
            + described(0x73, amqp_list([NULL, NULL, string(to)])) + data_message(b"x"))


@case("jms.relay-makes-what-the-annotation-says")
def relay_kind(ctx):
    """Through the relay x-opt-jms-dest decides whether an unknown address becomes a queue or a topic; a temporary
    destination is never made."""
    raw = RawPeer(ctx)
    raw.start()
    raw.attach_sender(target=target())
    names = [ctx.name(stem) for stem in ("queue", "topic", "temporary-queue", "temporary-topic")]
    outcomes = []
    for kind, name in enumerate(names):
        raw.transfer(_annotated(name, kind), delivery_id=kind)
        state = raw.expect("disposition", skip=("flow",)).state
        outcomes.append(state_condition(state) or outcome_name(state))
    check.equal(outcomes, ["accepted", "accepted", "amqp:not-found", "amqp:not-found"], "outcomes")
    raw.close()
    check.equal(bodies(drained(ctx, names[0])), [b"x"], "what the queue kept")
    with Peer(ctx) as peer:
        peer.receiver(names[1], configure=lambda link: put_symbols(link.source.capabilities, "topic")).expect_empty()
        check.equal(_refusal(peer.receiver, names[1],
                             configure=lambda link: put_symbols(link.source.capabilities, "queue")),
                    "amqp:illegal-state", "condition for a queue of the topic's name")


@case("jms.sender-that-cannot-take-rejected")
def cannot_take_rejected(ctx):
    """A sender whose outcomes do not include rejected learns of a refused message by the end of its link."""
    raw = RawPeer(ctx)
    raw.start()
    raw.attach_sender(target=target(), source=source(outcomes=ONLY_ACCEPTED))
    raw.transfer(Message(body="x", address=ctx.queue("closed.q")).encode(), tag=b"tag-7")
    got = raw.expect("detach", skip=("flow",))
    check.equal((got.closed, got.condition), (True, "amqp:not-found"), "closed, condition")
    check.equal(got.error.value[2].get("delivery-tag"), b"tag-7", "delivery-tag in info")
    raw.send("detach", handle=0, closed=True)
    raw.close()


def _coordinate(raw, handle=0, channel=0, name=None, outcomes=None):
    raw.send("attach", channel=channel, name=name or raw.ctx.name("txc"), handle=handle, role=False, snd_settle_mode=0,
             source=source(outcomes=outcomes), target=coordinator("amqp:local-transactions"), initial_delivery_count=0)
    attach = raw.expect("attach", skip=("flow",))
    raw.expect("flow")
    return attach


def _declared(raw, delivery_id, handle=0, channel=0):
    raw.transfer(declare(), delivery_id=delivery_id, handle=handle, channel=channel)
    got = raw.expect("disposition", skip=("flow",))
    check.equal((got.settled, outcome_name(got.state)), (True, "declared"), "answer to declare")
    return got.state.value[0]


@case("jms.coordinator-that-cannot-take-rejected")
def coordinator_cannot(ctx):
    """A coordinator link whose outcomes do not include rejected is detached instead (section 4.3)."""
    raw = RawPeer(ctx)
    raw.start()
    _coordinate(raw, outcomes=ONLY_ACCEPTED)
    raw.transfer(discharge(b"no-such-id"))
    got = raw.expect("detach", skip=("flow",))
    check.equal((got.closed, got.condition), (True, "amqp:transaction:unknown-id"), "closed, condition")
    raw.send("detach", handle=0, closed=True)
    raw.close()


@case("jms.coordinators-of-one-name")
def coordinators(ctx):
    """Coordinator links of one name on two sessions of a connection (NMS' short random names) both live on."""
    raw, name = RawPeer(ctx), ctx.name("transaction-link")
    raw.start()
    raw.begin(channel=1)
    attach = _coordinate(raw, name=name)
    check.equal(sorted(multiple(attach.target.value[0])), ["amqp:local-transactions", "amqp:multi-ssns-per-txn",
                                                           "amqp:multi-txns-per-ssn"], "capabilities")
    _coordinate(raw, name=name, channel=1)
    for channel in (0, 1):
        txn = _declared(raw, 0, channel=channel)
        raw.transfer(discharge(txn), delivery_id=1, channel=channel)
        check.equal(outcome_name(raw.expect("disposition", skip=("flow",)).state), "accepted", "answer to discharge")
    raw.close()


@case("jms.transactions-of-a-session-are-bounded")
def many_transactions(ctx):
    """Declares beyond the limit are rejected with resource-limit-exceeded; a discharge makes room."""
    raw = RawPeer(ctx)
    raw.start()
    _coordinate(raw)
    ids, condition = [], None
    while condition is None and len(ids) < 90:
        raw.transfer(declare(), delivery_id=len(ids))
        state = raw.expect("disposition", skip=("flow",)).state
        condition = state_condition(state)
        if condition is None:
            ids.append(state.value[0])
    check.equal(condition, "amqp:resource-limit-exceeded", "condition after %d declares" % len(ids))
    raw.transfer(discharge(ids[0], failed=True), delivery_id=len(ids) + 1)
    check.equal(outcome_name(raw.expect("disposition", skip=("flow",)).state), "accepted", "answer to discharge")
    _declared(raw, len(ids) + 2)
    raw.close()


@case("jms.failed-settled-send-makes-the-commit-fail")
def rollback_only(ctx):
    """A settled send in a transaction that cannot be routed makes its commit fail with transaction:rollback, and nothing
    of the transaction is seen; the next transaction is sound."""
    queue = ctx.queue()
    raw = RawPeer(ctx)
    raw.start()
    _coordinate(raw)
    raw.attach_sender(target=target(), handle=1)
    txn = _declared(raw, 0)
    raw.transfer(Message(body="sound", address=queue).encode(), delivery_id=1, handle=1, state=transactional(txn))
    check.equal(outcome_name(raw.expect("disposition", skip=("flow",)).state), "transactional", "answer to the send")
    raw.transfer(Message(body="lost", address=ctx.queue("closed.q")).encode(), delivery_id=2, handle=1, settled=True,
                 state=transactional(txn))
    raw.transfer(discharge(txn), delivery_id=3)
    got = raw.expect("disposition", skip=("flow",))
    check.equal((got.settled, state_condition(got.state)), (True, "amqp:transaction:rollback"), "answer to the commit")
    txn = _declared(raw, 4)
    raw.transfer(Message(body="next", address=queue).encode(), delivery_id=5, handle=1, state=transactional(txn))
    raw.expect("disposition", skip=("flow",))
    raw.transfer(discharge(txn), delivery_id=6)
    check.equal(outcome_name(raw.expect("disposition", skip=("flow",)).state), "accepted", "the next commit")
    raw.close()
    check.equal(bodies(drained(ctx, queue)), ["next"], "queue content")


@case("jms.discharge-waits-for-addresses-being-made")
def discharge_waits(ctx):
    """Sends in a transaction through the relay to addresses that do not exist yet, and the commit, in one write: the
    commit comes after all of them."""
    queues = [ctx.queue() for _ in range(5)]
    raw = RawPeer(ctx)
    raw.start()
    _coordinate(raw)
    raw.attach_sender(target=target(), handle=1)
    txn = _declared(raw, 0)
    frames = [raw.encode("transfer", Message(body=n, address=queue).encode(), handle=1, delivery_id=n + 1,
                         delivery_tag=b"%d" % n, message_format=0, state=transactional(txn))
              for n, queue in enumerate(queues)]
    raw.batch(*frames, raw.encode("transfer", discharge(txn), handle=0, delivery_id=9, delivery_tag=b"c", message_format=0))
    states = {}
    while 9 not in states:
        got = raw.expect("disposition", skip=("flow",))
        states.update((n, outcome_name(got.state)) for n in range(got.first, (got.last or got.first) + 1))
    check.equal(states, {**{n + 1: "transactional" for n in range(5)}, 9: "accepted"}, "outcomes")
    raw.close()
    check.equal([bodies(drained(ctx, queue)) for queue in queues], [[n] for n in range(5)], "content of the queues")


@case("jms.full-queue")
def full(ctx):
    """A queue at its limit (five messages under small.#) rejects with resource-limit-exceeded, directly and through the
    relay, and takes messages again when one was consumed."""
    queue, limit = ctx.queue("small.q"), 5
    raw = RawPeer(ctx)
    raw.start()
    raw.put(queue, [b"%d" % n for n in range(limit)], handle=0)
    raw.attach_sender(target=target(), handle=1)
    for handle, number in ((0, limit), (1, limit + 1)):
        raw.transfer(Message(body=number, address=queue).encode(), delivery_id=number, handle=handle)
        got = raw.expect("disposition", skip=("flow",))
        check.equal((got.settled, state_condition(got.state)), (True, "amqp:resource-limit-exceeded"), "outcome")
    with Peer(ctx) as peer:
        peer.receiver(queue).receive().accept()
        peer.end_session()
    raw.transfer(data_message(b"new"), delivery_id=limit + 2)
    check.equal(outcome_name(raw.expect("disposition", skip=("flow",)).state), "accepted", "outcome with room again")
    raw.close()
    check.equal(bodies(drained(ctx, queue)), [b"%d" % n for n in range(1, limit)] + [b"new"], "queue content")


@case("jms.priority-above-nine")
def priority(ctx):
    """A priority above 9 counts as 9: in order with the nines, before all others."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        order = [9, 200, 4, 9]
        peer.sender(queue).send_all([described(0x70, amqp_list([NULL, ubyte(p)])) + data_message(b"%d.%d" % (p, n))
                                     for n, p in enumerate(order)])
        got = peer.receiver(queue).receive_many(4)
        check.equal(bodies(got), [b"9.0", b"200.1", b"9.3", b"4.2"], "order of delivery")
        check.one_of(got[1].message.priority, (9, 200), "priority in the header")


@case("jms.unwritten-messages-are-not-counted")
def unwritten(ctx):
    """Lost with the socket, only what was written counts as a failed delivery; what waited behind a shut window does not."""
    queue = ctx.queue()
    put(ctx, queue, *range(5))
    raw = RawPeer(ctx)
    raw.start()
    raw.attach_receiver(source=source(address=queue, default_outcome=MODIFIED_FAILED))
    raw.credit(5, incoming_window=2)
    for _ in range(2):
        raw.expect("transfer")
    raw.abort()
    with Peer(ctx) as other:
        got = other.receiver(queue).receive_many(5)
        check.equal([(r.body, r.message.delivery_count) for r in got], [(0, 1), (1, 1), (2, 0), (3, 0), (4, 0)],
                    "bodies and delivery-counts")


@case("jms.session-ended-while-attaching")
def ended_while_attaching(ctx):
    """attach and end in one write: whatever the broker had begun for the link is undone, so nobody counts as attached."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    raw = RawPeer(ctx)
    raw.start(container_id=container)
    raw.batch(raw.encode("attach", name=name, handle=0, role=True, target=target(), source=source(
        address=topic, durable=2, expiry_policy="never", distribution_mode="copy", capabilities=["topic"])),
        raw.encode("end"))
    raw.expect("end", skip=("attach", "flow"))
    raw.begin()
    raw.attach_receiver(name="another", handle=3, source=source(address=ctx.topic(), capabilities=["topic"]))
    found = _looked_up(raw, name)
    if found != "amqp:not-found":
        check.equal(_left(raw).condition, None, "condition of the answer to unsubscribing")
    raw.close()


@case("jms.transfer-without-payload")
def no_payload(ctx):
    """A transfer that carries no bytes at all is answered, and the connection lives on."""
    queue = ctx.queue()
    raw = RawPeer(ctx)
    raw.start()
    raw.attach_sender(queue)
    raw.transfer(b"")
    got = raw.expect("disposition", "detach", skip=("flow",))
    check.that(got.condition if got.name == "detach" else got.settled and got.state is not None, "an answer: %r" % got)
    raw.begin(channel=1)
    raw.close()


@case("jms.transactional-acquisition-is-refused")
def acquisition(ctx):
    """A txn-id in the properties of a flow (transactional acquisition, which no JMS client uses) ends the link with not-implemented."""
    queue = ctx.queue()
    raw = RawPeer(ctx)
    raw.start()
    raw.put(queue, [b"x"])
    _coordinate(raw)
    raw.transfer(declare(), delivery_id=1)
    txn = raw.expect("disposition", skip=("flow",)).state.value[0]
    raw.attach_receiver(queue, handle=1)
    raw.credit(1, handle=1, properties=amqp_map([(sym("txn-id"), binary(txn))]))
    got = raw.expect("detach", skip=("flow",))
    check.equal(got.condition, "amqp:not-implemented", "condition")
    raw.close()
    check.equal(len(drained(ctx, queue)), 1, "messages in the queue: nothing was acquired")


@case("jms.consumer-priority")
def consumer_priority(ctx):
    """A consumer whose attach has the property priority (or rabbitmq:priority) is served before the others."""
    for key in ("priority", "rabbitmq:priority"):
        queue = ctx.queue()
        raw = RawPeer(ctx)
        raw.start()
        raw.attach_receiver(queue, handle=0)
        raw.attach_receiver(queue, handle=1, properties=amqp_map([(sym(key), uint(5))]))
        raw.credit(10, handle=0)
        raw.credit(2, handle=1)
        raw.session_flow(echo=True)
        raw.expect("flow")
        put(ctx, queue, *range(3))
        check.equal([raw.expect("transfer").handle for _ in range(3)], [1, 1, 0], "handles by " + key)
        raw.close()


@case("jms.delayed-messages-are-not-browsed")
def delayed_browse(ctx):
    """A message that is not due is invisible to browsers and consumers; delivery-time goes before delivery-delay."""
    queue = ctx.queue()
    later = {symbol("x-opt-delivery-delay"): 600_000}
    due = int(time.time() * 1000) + 300
    both = {symbol("x-opt-delivery-time"): due, symbol("x-opt-delivery-delay"): 600_000}
    with Peer(ctx) as peer:
        peer.sender(queue).send_all([Message(body="later", annotations=later), Message(body="soon", annotations=both),
                                     Message(body="now")])
        browser = peer.receiver(queue, configure=lambda link: setattr(link.source, "distribution_mode", 1))
        seen = bodies(browser.drain())
        check.that("now" in seen and "later" not in seen, "what a browser sees: %r" % seen)
        link = peer.receiver(queue)
        check.equal(sorted(bodies(link.receive_many(2))), ["now", "soon"], "what a consumer gets")
        check.that(time.time() * 1000 >= due, "the delayed message came %d ms early" % (due - time.time() * 1000))
        link.expect_empty()


@case("jms.expiry-before-the-delivery-time")
def expires_before_due(ctx):
    """A message that expires before it is due is dead-lettered as expired and never delivered."""
    queue = ctx.queue()
    put(ctx, queue, "never", ttl=0.1, annotations={symbol("x-opt-delivery-delay"): 600_000})
    with Peer(ctx) as peer:
        received = peer.receiver(ctx.dead_letters(queue)).receive()
        check.equal((received.body, received.message.annotations[symbol("x-opt-dead-letter-reason")]),
                    ("never", "expired"), "dead letter and reason")
        peer.receiver(queue).expect_empty()


@case("jms.link-capabilities-desired-and-offered")
def offered(ctx):
    """DELAYED_DELIVERY and SHARED-SUBS desired on a link are offered on it; what the broker does not know is not."""
    raw = RawPeer(ctx)
    raw.start()
    out = raw.attach_sender(ctx.queue(), handle=0, desired_capabilities=["DELAYED_DELIVERY", "example:levitate"])
    check.equal(multiple(out.offered_capabilities), ["DELAYED_DELIVERY"], "offered to a producer")
    link = raw.attach_receiver(ctx.queue(), handle=1, desired_capabilities=["SHARED-SUBS"])
    check.equal(multiple(link.offered_capabilities), ["SHARED-SUBS"], "offered to a consumer")
    raw.close()


@case("jms.unsettled-map-of-a-sender")
def sender_unsettled(ctx):
    """A sender that attaches with an unsettled map gets an empty one back, and may send again what it lists."""
    queue = ctx.queue()
    raw = RawPeer(ctx)
    raw.start()
    got = raw.attach_sender(queue, unsettled=amqp_map([(binary(b"t"), ACCEPTED), (binary(b"u"), NULL)]))
    check.that(not got.unsettled, "the broker's unsettled map is empty, got %r" % got.unsettled)
    raw.transfer(data_message(b"again"), tag=b"u")
    check.equal(outcome_name(raw.expect("disposition", skip=("flow",)).state), "accepted", "outcome")
    raw.close()
    check.equal(bodies(drained(ctx, queue)), [b"again"], "queue content")
