"""Several things at once: requeueing under other consumers, blocked windows, detaching in the middle of things."""

from proton import Delivery, Message, Terminus

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained, put, retire
from harness.performatives import ACCEPTED, data_message
from harness.rawpeer import RawPeer
from harness.registry import case


@case("contention.requeued-before-what-others-wait-for")
def requeue_to_other(ctx):
    """What a leaving consumer held goes to a waiting one in order, ahead of messages that came later."""
    queue = ctx.queue()
    put(ctx, queue, *range(6))
    with Peer(ctx) as leaving, Peer(ctx) as staying:
        held = leaving.receiver(queue).receive_many(4)
        held[0].link.close()
        put(ctx, queue, 6)
        check.equal(bodies(staying.receiver(queue).receive_many(7)), list(range(7)), "order")


@case("contention.large-prefetch-released-at-once", seconds=40)
def large_prefetch(ctx):
    """3,000 prefetched deliveries of a consumer that vanishes come again to another, all of them, in order."""
    queue, count = ctx.queue(), 3000
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(Message(body=n) for n in range(count))
    gone = Peer(ctx)
    gone.receiver(queue).receive_many(count)
    gone.abort()
    with Peer(ctx) as peer:
        check.equal(bodies(peer.receiver(queue).receive_many(count)), list(range(count)), "order")


@case("contention.detach-with-the-window-closed")
def detach_blocked(ctx):
    """A link is detached while its message is half sent and the session window closed: the session goes on."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send(Message(body=bytes(5000), inferred=True))
    peer = RawPeer(ctx)
    peer.open(max_frame_size=512)
    peer.begin(incoming_window=3)
    peer.attach_receiver(queue)
    peer.credit(1, incoming_window=3)
    for _ in range(3):
        check.that(peer.expect("transfer").more, "the message has more frames")
    peer.send("detach", handle=0, closed=True)
    peer.session_flow(received=3, incoming_window=1000)
    frames = 3
    while True:
        got = peer.expect("transfer", "detach", skip=("flow",))
        if got.name == "detach":
            break
        frames += 1
    peer.session_flow(received=frames, echo=True)
    flow = peer.expect("flow")
    check.equal(flow.next_outgoing_id, (peer.first_incoming[0] + frames) % 2 ** 32, "frames the broker counted")
    peer.attach_receiver(queue, handle=1)
    peer.credit(1, handle=1, received=frames)
    size, more = 0, True
    while more:
        got = peer.expect("transfer", skip=("flow",))
        check.equal(got.handle, 1, "handle")
        size, more = size + len(got.payload), got.more
    check.that(size >= 5000, "the whole message, got %d bytes" % size)
    peer.close()


@case("contention.end-with-the-window-closed")
def end_blocked(ctx):
    """A session is ended while the broker waits for its window: answered, and the messages are free again."""
    queue = ctx.queue()
    put(ctx, queue, *range(5))
    peer = RawPeer(ctx)
    peer.open()
    peer.begin(incoming_window=2)
    peer.attach_receiver(queue)
    peer.credit(5, incoming_window=2)
    for _ in range(2):
        peer.expect("transfer")
    peer.send("end")
    peer.expect("end", skip=("flow",))
    check.equal(bodies(drained(ctx, queue)), list(range(5)), "queue content")
    peer.close()


@case("contention.one-session-blocked-another-flows")
def blocked_session(ctx):
    """A session whose window is closed does not hold up another session of the same connection."""
    one, two = ctx.queue(), ctx.queue()
    put(ctx, one, *range(5))
    put(ctx, two, *range(5))
    peer = RawPeer(ctx)
    peer.open()
    peer.begin(channel=0, incoming_window=1)
    peer.begin(channel=1, incoming_window=100)
    peer.attach_receiver(one, channel=0)
    peer.credit(5, channel=0, incoming_window=1)
    check.equal(peer.expect("transfer").channel, 0, "channel")
    peer.attach_receiver(two, channel=1)
    peer.credit(5, channel=1)
    check.equal([peer.expect("transfer").channel for _ in range(5)], [1] * 5, "channels")
    peer.close()


@case("contention.large-message-beside-small-ones")
def interleave(ctx):
    """Two links of a 512-byte client get a large and small messages; every delivery is whole, ids without a gap."""
    large, small = ctx.queue(), ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(large).send(Message(body=bytes(50000), inferred=True))
        peer.sender(small).send_all([Message(body=n) for n in range(20)])
    peer = RawPeer(ctx)
    peer.start(max_frame_size=512)
    peer.attach_receiver(large, handle=0)
    peer.attach_receiver(small, handle=1)
    peer.credit(1, handle=0)
    peer.credit(20, handle=1)
    open_id, ids, sizes = {}, [], {0: 0, 1: 0}
    while len(ids) < 21 or open_id:
        got = peer.expect("transfer", skip=("flow",))
        if got.handle not in open_id:
            check.equal(got.delivery_id, len(ids), "delivery-id of a new delivery")
            ids.append(got.delivery_id)
            open_id[got.handle] = got.delivery_id
        else:
            check.one_of(got.delivery_id, (None, open_id[got.handle]), "delivery-id of a continuation")
        sizes[got.handle] += len(got.payload)
        if not got.more:
            del open_id[got.handle]
    check.that(sizes[0] >= 50000, "the large message is whole")
    peer.close()


@case("contention.browser-sees-what-comes-later")
def browser_follows(ctx):
    """A browser with credit left also gets messages that are sent after it came to the end."""
    queue = ctx.queue()

    def copy(link):
        link.source.distribution_mode = Terminus.DIST_MODE_COPY

    put(ctx, queue, "early")
    with Peer(ctx) as peer:
        link = peer.receiver(queue, configure=copy, credit=2)
        check.equal(link.receive().body, "early", "first")
        put(ctx, queue, "late")
        check.equal(link.receive().body, "late", "second")
    check.equal(bodies(drained(ctx, queue)), ["early", "late"], "queue content")


@case("contention.held-past-its-expiry")
def held_past_expiry(ctx):
    """A message that expires while a consumer holds it can be accepted; released, it is dead-lettered as expired."""
    queue = ctx.queue()
    put(ctx, queue, "keep", "release", ttl=0.3)
    with Peer(ctx) as peer:
        kept, released = peer.receiver(queue).receive_many(2)
        ghost = peer.receiver(ctx.dead_letters(ctx.queue()), credit=1)
        probe = ctx.queue()
        put(ctx, probe, "clock", ttl=0.35)
        check.equal(peer.receiver(ctx.dead_letters(probe)).receive().body, "clock", "the time has passed")
        kept.accept()
        released.release()
        peer.receiver(queue).expect_empty()
        dead = peer.receiver(ctx.dead_letters(queue))
        check.equal(dead.receive().body, "release", "dead letter")
        dead.expect_empty()
        check.equal(ghost.inbox, [], "what nobody sent")


@case("contention.relay-in-a-transaction")
def relay_in_transaction(ctx):
    """The anonymous relay in transactions: two queues, one transaction rolled back, one committed."""
    one, two = ctx.queue(), ctx.queue()
    with Peer(ctx) as peer:
        txc, out = Coordinator(peer), peer.sender(None)
        for word, commit in (("no", False), ("yes", True)):
            txn = txc.declare()
            for queue in (one, two):
                out.send(Message(body=word, address=queue), expect=0x34, txn=txn)
            (txc.commit if commit else txc.rollback)(txn)
        for queue in (one, two):
            check.equal(bodies(peer.receiver(queue).drain()), ["yes"], "queue content")


@case("contention.commit-after-the-link-is-gone")
def commit_after_detach(ctx):
    """A consumer link closed before the commit: what was acknowledged in the transaction is taken away all the same."""
    queue = ctx.queue()
    put(ctx, queue, *range(3))
    with Peer(ctx) as peer:
        txc, link = Coordinator(peer), peer.receiver(queue)
        txn, held = txc.declare(), link.receive_many(3)
        retire(held[0], txn, settle=True)
        retire(held[1], txn, settle=True)
        link.close()
        other = peer.receiver(queue)
        check.equal(bodies(other.drain()), [2], "what is free before the commit")
        txc.commit(txn)
        other.expect_empty()


@case("contention.two-transactions-one-queue")
def two_connections(ctx):
    """Transactions of two connections on one queue: each gets its own messages, one commits, the other is lost."""
    queue = ctx.queue()
    put(ctx, queue, *range(4))
    with Peer(ctx) as one:
        two = Peer(ctx)
        first, second = Coordinator(one), Coordinator(two)
        a, b = first.declare(), second.declare()
        mine, theirs = one.receiver(queue).receive_many(2), two.receiver(queue).receive_many(2)
        check.equal(bodies(mine) + bodies(theirs), [0, 1, 2, 3], "who got what")
        for received in mine:
            retire(received, a, settle=True)
        for received in theirs:
            retire(received, b, settle=True)
        first.commit(a)
        two.end_session(two.new_session())  # a round trip: the broker has seen the acknowledgements
        two.abort()
        got = one.receiver(queue).receive_many(2)
        check.equal([(r.body, r.message.delivery_count) for r in got], [(2, 1), (3, 1)], "what comes again")


@case("contention.many-links-share-one-queue", seconds=30)
def many_consumers(ctx):
    """Fifty links with one credit each, on five connections: fifty messages, one for each link."""
    queue = ctx.queue()
    peers = [Peer(ctx) for _ in range(5)]
    links = [peer.receiver(queue, credit=1) for peer in peers for _ in range(10)]
    put(ctx, queue, *range(50))
    for peer in peers:
        peer.pump(lambda who=peer: all(link.inbox for link in links if link.peer is who), "a message for each link")
    check.equal(sorted(bodies(received for link in links for received in link.inbox)), list(range(50)), "messages")
    for peer in peers:
        peer.close()


@case("contention.settle-all-in-reverse")
def reverse(ctx):
    """Deliveries settled from the last to the first, one disposition each, are all gone."""
    queue = ctx.queue()
    put(ctx, queue, *range(200))
    with Peer(ctx) as peer:
        for received in reversed(peer.receiver(queue).receive_many(200)):
            received.accept()
    check.equal(drained(ctx, queue), [], "queue content")


@case("contention.accept-twice")
def accept_twice(ctx):
    """A second outcome for a settled delivery changes nothing."""
    queue = ctx.queue()
    peer = RawPeer(ctx)
    peer.start()
    peer.put(queue, [b"x"])
    peer.attach_receiver(queue)
    peer.credit(1)
    peer.expect("transfer")
    for state in (ACCEPTED, ACCEPTED):
        peer.send("disposition", role=True, first=0, settled=True, state=state)
    peer.close()
    check.equal(drained(ctx, queue), [], "queue content")


@case("contention.sender-detached-mid-stream-sends-again")
def resend(ctx):
    """A client that loses its connection in the middle of a large message sends it anew: it is there once."""
    queue, body = ctx.queue(), bytes(range(256)) * 400
    lost = RawPeer(ctx)
    lost.start()
    lost.attach_sender(queue)
    lost.transfer(data_message(body)[:50000], more=True)
    lost.abort()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        out.wait_credit()
        delivery = out.push(Message(body=body, inferred=True))
        check.equal(out.outcome(delivery), Delivery.ACCEPTED, "outcome")
    got = drained(ctx, queue)
    check.equal((len(got), got[0].body == body), (1, True), "messages, body whole")
