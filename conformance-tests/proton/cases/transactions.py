"""Transactions: commit, rollback, several at once, acknowledgements, refusals, loss."""

from proton import Delivery, Described, Message, symbol, ulong

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained, get_symbols, put, retire
from harness.performatives import (ACCEPTED, coordinator, data_message, declare, discharge, outcome_name, source,
                                   state_condition, transactional)
from harness.rawpeer import RawPeer
from harness.registry import case

REJECTED, RELEASED, MODIFIED = 0x25, 0x26, 0x27


@case("tx.coordinator-attach")
def attach(ctx):
    """The coordinator link is attached as coordinator with local-transactions, and gets credit for pipelining."""
    with Peer(ctx) as peer:
        link = Coordinator(peer)
        check.contains(get_symbols(link.link.remote_target.capabilities), "amqp:local-transactions", "capabilities")
        link.wait_credit(2)


@case("tx.commit-of-sends")
def commit_sends(ctx):
    """Messages sent in a transaction are invisible until the commit, then all there, in order, on two queues."""
    one, two = ctx.queue(), ctx.queue()
    with Peer(ctx) as peer:
        txc = Coordinator(peer)
        txn = txc.declare()
        outs = {queue: peer.sender(queue) for queue in (one, two)}
        for number in range(6):
            delivery = outs[one if number % 2 else two].send(Message(body=number, durable=True), expect=0x34, txn=txn)
            check.equal(delivery.remote.data[0], txn, "txn-id in the sender's outcome")
            check.equal(delivery.remote.data[1].descriptor, ulong(0x24), "outcome inside the transactional state")
        first, second = peer.receiver(one), peer.receiver(two)
        first.expect_empty()
        second.expect_empty()
        txc.commit(txn)
        check.equal(bodies(first.receive_many(3)), [1, 3, 5], "first queue")
        check.equal(bodies(second.receive_many(3)), [0, 2, 4], "second queue")


@case("tx.rollback-of-sends")
def rollback_sends(ctx):
    """Messages sent in a transaction that is rolled back never appear."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        txc, out = Coordinator(peer), peer.sender(queue)
        txn = txc.declare()
        out.send(Message(body="never", durable=True), expect=0x34, txn=txn)
        txc.rollback(txn)
        out.send(Message(body="plain"))
        check.equal(bodies(peer.receiver(queue).drain()), ["plain"], "queue content")


@case("tx.waiting-consumer-gets-all-at-commit")
def waiting_consumer(ctx):
    """A consumer that waits with credit on another connection gets nothing before the commit, all after it."""
    queue = ctx.queue()
    with Peer(ctx) as peer, Peer(ctx) as other:
        link = other.receiver(queue, credit=10)
        txc, out = Coordinator(peer), peer.sender(queue)
        txn = txc.declare()
        for number in range(5):
            out.send(Message(body=number), expect=0x34, txn=txn)
        other.end_session(other.new_session())  # a round trip: what was on its way has arrived
        check.equal(link.inbox, [], "deliveries before the commit")
        txc.commit(txn)
        other.pump(lambda: len(link.inbox) == 5, "five messages")
        check.equal(bodies(link.inbox), list(range(5)), "order")


@case("tx.commit-of-acknowledgements")
def commit_acks(ctx):
    """Acknowledgements in a committed transaction take the messages away; the broker settles them then."""
    queue = ctx.queue()
    put(ctx, queue, *range(3), durable=True)
    with Peer(ctx) as peer:
        txc, link = Coordinator(peer), peer.receiver(queue)
        txn, held = txc.declare(), link.receive_many(3)
        retire(held[0], txn)
        retire(held[1], txn)
        txc.commit(txn)
        peer.pump(lambda: held[0].delivery.settled and held[1].delivery.settled, "the broker to settle")
        for received in held[:2]:
            received.delivery.settle()
    check.equal(bodies(drained(ctx, queue)), [2], "what is left")


@case("tx.commit-of-settled-acknowledgements")
def commit_settled_acks(ctx):
    """The same with acknowledgements settled by the client at once (Qpid JMS' way)."""
    queue = ctx.queue()
    put(ctx, queue, *range(3))
    with Peer(ctx) as peer:
        txc, link = Coordinator(peer), peer.receiver(queue)
        txn, held = txc.declare(), link.receive_many(3)
        retire(held[0], txn, settle=True)
        retire(held[2], txn, settle=True)
        txc.commit(txn)
        held[1].release()
        check.equal(bodies(peer.receiver(queue).drain()), [1], "what is left")


@case("tx.rollback-of-settled-acknowledgements")
def rollback_settled_acks(ctx):
    """Settled acknowledgements rolled back: the messages come again in order, counted as failed."""
    queue = ctx.queue()
    put(ctx, queue, *range(3))
    with Peer(ctx) as peer:
        txc, link = Coordinator(peer), peer.receiver(queue)
        txn = txc.declare()
        for received in link.receive_many(3):
            retire(received, txn, settle=True)
        link.close()
        peer.receiver(queue).expect_empty()
        txc.rollback(txn)
        got = peer.receiver(queue).receive_many(3)
        check.equal(bodies(got), [0, 1, 2], "what comes again")
        check.equal([r.message.delivery_count for r in got], [1, 1, 1], "delivery-counts")


@case("tx.rollback-of-unsettled-acknowledgements")
def rollback_unsettled_acks(ctx):
    """Unsettled acknowledgements rolled back: the client still holds the messages and can settle them anew."""
    queue = ctx.queue()
    put(ctx, queue, "a", "b")
    with Peer(ctx) as peer:
        txc, link = Coordinator(peer), peer.receiver(queue)
        txn, held = txc.declare(), link.receive_many(2)
        for received in held:
            retire(received, txn)
        txc.rollback(txn)
        peer.receiver(queue).expect_empty()
        held[0].accept()
        held[1].release()
        check.equal(bodies(peer.receiver(queue).receive_many(1)), ["b"], "what comes again")
    check.equal(bodies(drained(ctx, queue)), ["b"], "what is left")


@case("tx.other-outcomes-at-commit")
def other_outcomes(ctx):
    """reject, release and modify in a transaction take effect at the commit."""
    queue = ctx.queue()
    put(ctx, queue, "accept", "reject", "release", "modify")
    with Peer(ctx) as peer:
        txc, link = Coordinator(peer), peer.receiver(queue)
        txn, held = txc.declare(), link.receive_many(4)
        retire(held[0], txn, settle=True)
        retire(held[1], txn, outcome=REJECTED, settle=True)
        retire(held[2], txn, outcome=RELEASED, settle=True)
        retire(held[3], txn, outcome=MODIFIED, settle=True, fields=[True])
        other, dead = peer.receiver(queue), peer.receiver(ctx.dead_letters(queue))
        other.expect_empty()
        dead.expect_empty()
        txc.commit(txn)
        got = other.receive_many(2)
        check.equal([(r.body, r.message.delivery_count) for r in got], [("release", 0), ("modify", 1)], "redelivered")
        check.equal(dead.receive().body, "reject", "dead letter")


@case("tx.move-between-queues")
def move(ctx):
    """Acknowledgement and send in one transaction: rolled back the message stays, committed it has moved."""
    here, there = ctx.queue(), ctx.queue()
    put(ctx, here, "cargo", durable=True)
    with Peer(ctx) as peer:
        txc, link, out = Coordinator(peer), peer.receiver(here), peer.sender(there)
        for commit in (False, True):
            txn, received = txc.declare(), link.receive()
            check.equal(received.message.delivery_count, 1 if commit else 0, "delivery-count")
            out.send(Message(body=received.body, durable=True), expect=0x34, txn=txn)
            retire(received, txn, settle=True)
            (txc.commit if commit else txc.rollback)(txn)
            peer.receiver(there if not commit else here).expect_empty()
        check.equal(peer.receiver(there).receive().body, "cargo", "what arrived")


@case("tx.several-at-once")
def several(ctx):
    """Three transactions on one coordinator link are independent: one commits, one rolls back, one stays open."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        txc, out = Coordinator(peer), peer.sender(queue)
        txns = [txc.declare() for _ in range(3)]
        check.equal(len(set(txns)), 3, "distinct transaction ids")
        for number in range(9):
            out.send(Message(body=number), expect=0x34, txn=txns[number % 3])
        txc.commit(txns[1])
        txc.rollback(txns[0])
        link = peer.receiver(queue)
        check.equal(bodies(link.drain()), [1, 4, 7], "after the first commit")
        txc.commit(txns[2])
        check.equal(bodies(link.drain()), [2, 5, 8], "after the second commit")


@case("tx.spans-sessions")
def sessions(ctx):
    """Sends and acknowledgements of other sessions of the connection belong to the transaction too."""
    queue = ctx.queue()
    put(ctx, queue, "old")
    with Peer(ctx) as peer:
        txc = Coordinator(peer)
        out = peer.sender(queue, session=peer.new_session())
        link = peer.receiver(queue, session=peer.new_session())
        txn = txc.declare()
        retire(link.receive(), txn, settle=True)
        out.send(Message(body="new"), expect=0x34, txn=txn)
        txc.commit(txn)
        check.equal(bodies(peer.receiver(queue).drain()), ["new"], "queue content")


@case("tx.presettled-send")
def presettled(ctx):
    """A settled transfer belongs to its transaction as well."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        txc, out = Coordinator(peer), peer.sender(queue)
        for commit in (False, True):
            txn = txc.declare()
            out.wait_credit()
            out.push(Message(body=commit), settled=True, txn=txn)
            (txc.commit if commit else txc.rollback)(txn)
        check.equal(bodies(peer.receiver(queue).drain()), [True], "queue content")


@case("tx.unknown-id-at-discharge")
def unknown_discharge(ctx):
    """Discharging an unknown transaction is rejected with unknown-id; so is discharging one twice."""
    with Peer(ctx) as peer:
        txc = Coordinator(peer)
        for failed in (False, True):
            state, _, condition = txc.discharge(b"no-such-transaction", failed)
            check.equal((state, condition), (Delivery.REJECTED, "amqp:transaction:unknown-id"), "answer")
        txn = txc.declare()
        txc.commit(txn)
        state, _, condition = txc.discharge(txn, False)
        check.equal((state, condition), (Delivery.REJECTED, "amqp:transaction:unknown-id"), "second discharge")
        txc.commit(txc.declare())


@case("tx.declare-with-global-id")
def global_id(ctx):
    """Distributed transactions are not supported, and the broker says so: rejected with not-implemented."""
    with Peer(ctx) as peer:
        txc = Coordinator(peer)
        state, _, condition = txc.command(0x31, [b"global"])
        check.equal((state, condition), (Delivery.REJECTED, "amqp:not-implemented"), "answer")
        txc.commit(txc.declare())


def _coordinator(peer, handle=0):
    peer.send("attach", name=peer.ctx.name("txc"), handle=handle, role=False, snd_settle_mode=0,
              source=source(outcomes=["amqp:accepted:list", "amqp:rejected:list"]),
              target=coordinator("amqp:local-transactions"), initial_delivery_count=0)
    got = peer.expect("attach", skip=("flow",))
    check.equal(getattr(got.target, "descriptor", None), 0x30, "the target is a coordinator")
    return peer.expect("flow")


@case("tx.discharge-and-declare-pipelined")
def pipelined(ctx):
    """discharge and the next declare written together (Qpid JMS) are answered in order, settled, with states."""
    peer = RawPeer(ctx)
    peer.start()
    check.that(_coordinator(peer).link_credit >= 2, "credit for two commands")
    peer.transfer(declare(), delivery_id=0)
    first = peer.expect("disposition", skip=("flow",))
    check.equal((first.settled, outcome_name(first.state)), (True, "declared"), "answer to declare")
    txn = first.state.value[0]
    peer.batch(peer.encode("transfer", discharge(txn), handle=0, delivery_id=1, delivery_tag=b"1", message_format=0),
               peer.encode("transfer", declare(), handle=0, delivery_id=2, delivery_tag=b"2", message_format=0))
    second = peer.expect("disposition", skip=("flow",))
    check.equal((second.first, second.last in (None, 1), second.settled, outcome_name(second.state)),
                (1, True, True, "accepted"), "answer to discharge")
    third = peer.expect("disposition", skip=("flow",))
    check.equal((third.first, third.settled, outcome_name(third.state)), (2, True, "declared"), "second declare")
    peer.close()


@case("tx.failed-discharge-does-not-hurt-the-next-declare")
def failed_discharge(ctx):
    """A discharge that is rejected does not touch the declare that was written behind it."""
    peer = RawPeer(ctx)
    peer.start()
    _coordinator(peer)
    peer.batch(peer.encode("transfer", discharge(b"nope"), handle=0, delivery_id=0, delivery_tag=b"0",
                           message_format=0),
               peer.encode("transfer", declare(), handle=0, delivery_id=1, delivery_tag=b"1", message_format=0))
    got = peer.expect("disposition", skip=("flow",))
    check.equal((got.first, state_condition(got.state)), (0, "amqp:transaction:unknown-id"), "answer to discharge")
    got = peer.expect("disposition", skip=("flow",))
    check.equal((got.first, outcome_name(got.state)), (1, "declared"), "answer to declare")
    peer.close()


@case("tx.declare-and-discharge-by-symbol")
def by_symbol(ctx):
    """Commands described by symbol (Proton's reactor) work like those described by number."""
    with Peer(ctx) as peer:
        txc = Coordinator(peer)
        txc.wait_credit()
        delivery = txc.push(Message(body=Described(symbol("amqp:declare:list"), [None])))
        peer.pump(lambda: delivery.settled, "the answer to declare")
        txn = delivery.remote.data[0]
        delivery = txc.push(Message(body=Described(symbol("amqp:discharge:list"), [txn, False])))
        check.equal(txc.outcome(delivery), Delivery.ACCEPTED, "answer to discharge")


@case("tx.settled-declare")
def settled_declare(ctx):
    """A declare sent settled cannot be answered: the coordinator link is detached with an error."""
    peer = RawPeer(ctx)
    peer.start()
    _coordinator(peer)
    peer.transfer(declare(), settled=True)
    got = peer.expect("detach", skip=("flow",))
    check.that(got.closed and got.condition, "a closing detach with an error, got %r" % got)
    peer.send("detach", handle=0, closed=True)
    peer.close()


@case("tx.garbage-on-the-coordinator")
def garbage(ctx):
    """A message that is neither declare nor discharge is rejected or the link detached; the connection stays."""
    peer = RawPeer(ctx)
    peer.start()
    _coordinator(peer)
    peer.transfer(data_message(b"what?"))
    got = peer.expect("disposition", "detach", skip=("flow",))
    condition = got.condition if got.name == "detach" else state_condition(got.state)
    check.that(condition, "an error, got %r" % got)
    peer.begin(channel=1)
    peer.close()


@case("tx.send-with-unknown-id")
def unknown_send(ctx):
    """A transfer under an unknown transaction is refused with unknown-id and not stored."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.attach_sender(queue)
    peer.transfer(data_message(b"x"), state=transactional(b"no-such-id"))
    got = peer.expect("disposition", "detach", skip=("flow",))
    state = getattr(got, "state", None) if got.name == "disposition" else None
    if state is not None and state.descriptor == 0x34:
        state = state.value[1]
    condition = got.condition if got.name == "detach" else state_condition(state)
    check.equal(condition, "amqp:transaction:unknown-id", "condition")
    peer.close()
    check.equal(len(drained(ctx, queue)), 0, "messages in the queue")


@case("tx.acknowledgement-with-unknown-id")
def unknown_ack(ctx):
    """An acknowledgement under an unknown transaction detaches the link with unknown-id; the message stays."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"x"])
    peer.attach_receiver(queue)
    peer.credit(1)
    peer.expect("transfer")
    peer.send("disposition", role=True, first=0, settled=True, state=transactional(b"no-such-id", ACCEPTED))
    got = peer.expect("detach", skip=("flow",))
    check.equal((got.closed, got.condition), (True, "amqp:transaction:unknown-id"), "closed, condition")
    peer.send("detach", handle=0, closed=True)
    peer.close()
    check.equal(bodies(drained(ctx, queue)), [b"x"], "queue content")


def _open_work(ctx, peer, queue):
    """A transaction with a send and an acknowledgement that is never discharged."""
    put(ctx, queue, "held")
    txc = Coordinator(peer)
    txn = txc.declare()
    retire(peer.receiver(queue).receive(), txn, settle=True)
    peer.sender(queue).send(Message(body="unborn", durable=True), expect=0x34, txn=txn)
    return txc


def _rolled_back(ctx, queue):
    with Peer(ctx) as other:
        link = other.receiver(queue)
        got = link.receive()
        check.equal((got.body, got.message.delivery_count), ("held", 1), "what comes again")
        link.expect_empty()


@case("tx.lost-connection-rolls-back")
def connection_loss(ctx):
    """A connection lost inside a transaction: nothing it sent appears, what it acknowledged comes again."""
    queue = ctx.queue()
    peer = Peer(ctx)
    _open_work(ctx, peer, queue)
    peer.abort()
    _rolled_back(ctx, queue)


@case("tx.closed-connection-rolls-back")
def connection_close(ctx):
    """A connection closed in order inside a transaction rolls it back too."""
    queue = ctx.queue()
    peer = Peer(ctx)
    _open_work(ctx, peer, queue)
    peer.close()
    _rolled_back(ctx, queue)


@case("tx.closed-coordinator-rolls-back")
def coordinator_close(ctx):
    """Closing the coordinator link rolls its undischarged transactions back."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        _open_work(ctx, peer, queue).close()
        _rolled_back(ctx, queue)


@case("tx.ended-session-rolls-back")
def session_end(ctx):
    """Ending the coordinator's session rolls back."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        _open_work(ctx, peer, queue)
        peer.end_session()
        _rolled_back(ctx, queue)


@case("tx.multi-frame-send", seconds=30)
def multi_frame(ctx):
    """A message of many frames sent in a transaction (state on the first frame) is committed whole."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        txc, out = Coordinator(peer), peer.sender(queue)
        txn, body = txc.declare(), bytes(range(256)) * 8192
        out.send(Message(body=body, inferred=True), expect=0x34, txn=txn)
        link = peer.receiver(queue)
        link.expect_empty()
        txc.commit(txn)
        check.equal(link.receive().body == body, True, "the body is whole")


@case("tx.1000-transactions", seconds=60)
def thousand(ctx):
    """A thousand small durable transactions one after the other, each with two sends; all of them arrive in order."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        txc, out = Coordinator(peer), peer.sender(queue)
        for number in range(1000):
            txn = txc.declare()
            for part in range(2):
                out.send(Message(body=2 * number + part, durable=number % 50 == 0), expect=0x34, txn=txn)
            txc.commit(txn)
    with Peer(ctx) as peer:
        check.equal(bodies(peer.receiver(queue).receive_many(2000, 30)), list(range(2000)), "order")
