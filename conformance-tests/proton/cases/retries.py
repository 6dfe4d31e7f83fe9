"""Failed deliveries wait for their next try: backoff.# 300 ms at first, backoff.slow.# and backoff.held.# an hour;
backoff.held.# and backoff.group.# keep the order of groups."""

import time

from proton import Delivery, Message, symbol, timestamp

from harness import check
from harness.engine import Coordinator, Peer, bodies, drained, put, retire
from harness.manager import Manager
from harness.registry import case

HOUR = 3_600_000


def annotated(body, **annotations):
    return Message(body=body, durable=True,
                   annotations={symbol("x-opt-" + key.replace("_", "-")): value for key, value in annotations.items()})


def grouped(body):
    message = Message(body=body, durable=True)
    message.group_id = body[0]
    return message


def send(ctx, queue, *messages):
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(messages)


def asking(received, key, value, failed=True):
    received.modify(failed=failed, annotations={symbol("x-opt-" + key): value})


def passed(before, milliseconds):
    """Insists that so long went by since BEFORE."""
    check.that((time.monotonic() - before) * 1000 >= milliseconds - 5, "it came %d ms after" % ((time.monotonic() - before) * 1000))


@case("retries.only-the-failed-delivery-waits")
def failed_waits(ctx):
    """What failed is away; what was behind it flows on."""
    queue = ctx.queue("backoff.slow.q")
    put(ctx, queue, 1, 2, 3, durable=True)
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().modify(failed=True)
        check.equal(bodies(link.drain(10)), [2, 3], "the rest")


@case("retries.waits-grow-until-it-dies")
def grows(ctx):
    """It comes again after 300 and 600 ms with its count, and after the third failure it is dead-lettered."""
    queue = ctx.queue("backoff.q")
    put(ctx, queue, "poison", durable=True)
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        before = time.monotonic()
        for count, wait in enumerate((0, 300, 600)):
            received = link.receive()
            passed(before, wait)
            check.equal(received.message.delivery_count, count, "delivery-count")
            before = time.monotonic()
            received.modify(failed=True)
        dead = peer.receiver("DLQ." + queue).receive().message
        check.equal((dead.annotations["x-opt-dead-letter-reason"], dead.annotations["x-opt-delivery-count"]),
                    ("max-deliveries", 3), "reason, failed deliveries")


@case("retries.released-does-not-wait")
def released(ctx):
    """A released message is there again at once."""
    queue = ctx.queue("backoff.slow.q")
    put(ctx, queue, "back")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().release()
        check.equal(link.receive().message.delivery_count, 0, "delivery-count")


@case("retries.rollback-waits")
def rollback(ctx):
    """A settled acknowledgement that is rolled back failed, and waits."""
    queue = ctx.queue("backoff.slow.q")
    put(ctx, queue, "rolled back", "other")
    with Peer(ctx) as peer:
        coordinator, link = Coordinator(peer), peer.receiver(queue)
        txn = coordinator.declare()
        retire(link.receive(), txn, settle=True)
        coordinator.rollback(txn)
        check.equal(bodies(link.drain(10)), ["other"], "the rest")


@case("retries.own-delay")
def own_delay(ctx):
    """x-opt-retry-delay holds on a queue without a policy."""
    queue = ctx.queue()
    send(ctx, queue, annotated("soon", retry_delay=300), annotated("away", retry_delay=HOUR))
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        soon, away = link.receive_many(2)
        away.modify(failed=True)
        before = time.monotonic()
        soon.modify(failed=True)
        again = link.receive()
        passed(before, 300)
        check.equal((again.body, again.message.delivery_count), ("soon", 1), "body, delivery-count")
        link.expect_empty()


@case("retries.own-maximum")
def own_maximum(ctx):
    """x-opt-max-deliveries takes the place of the queue's maximum."""
    queue = ctx.queue()
    send(ctx, queue, annotated("once", max_deliveries=1))
    with Peer(ctx) as peer:
        peer.receiver(queue).receive().modify(failed=True)
        dead = peer.receiver("DLQ." + queue).receive().message
        check.equal(dead.annotations["x-opt-delivery-count"], 1, "failed deliveries")


@case("retries.wrong-annotations-are-rejected")
def wrong(ctx):
    """A delay or maximum that cannot be is rejected with amqp:invalid-field, by its name."""
    with Peer(ctx) as peer:
        out = peer.sender(ctx.queue())
        for message in (annotated(1, retry_delay=-1), annotated(2, retry_delay="soon"), annotated(3, retry_delay=400 * 24 * HOUR),
                        annotated(4, max_deliveries=0), annotated(5, max_deliveries=1001)):
            condition = out.send(message, Delivery.REJECTED).remote.condition
            check.equal(condition.name, "amqp:invalid-field", "condition for %s" % message.annotations)
            check.that("x-opt-" in condition.description, "a description that names it: %s" % condition.description)


@case("retries.a-consumer-asks-for-a-delay")
def asks_delay(ctx):
    """modified with x-opt-delivery-delay goes before the policy, for this time; the message does not keep it."""
    queue = ctx.queue("backoff.slow.q")
    put(ctx, queue, "a")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        before = time.monotonic()
        asking(link.receive(), "delivery-delay", 300)
        again = link.receive()
        passed(before, 300)
        check.equal(again.message.delivery_count, 1, "delivery-count")
        check.that(symbol("x-opt-delivery-delay") not in (again.message.annotations or {}), "no delay in the message")
        asking(again, "delivery-delay", 0)
        check.equal(link.receive().message.delivery_count, 2, "at once")


@case("retries.a-consumer-asks-for-a-time")
def asks_time(ctx):
    """modified with x-opt-delivery-time puts a message away that did not fail."""
    queue = ctx.queue()
    put(ctx, queue, "soon", "away", durable=True)
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        soon, away = link.receive_many(2)
        now = int(time.time() * 1000)
        asking(away, "delivery-time", timestamp(now + HOUR), failed=False)
        asking(soon, "delivery-time", timestamp(now + 300), failed=False)
        again = link.receive()
        check.that(time.time() * 1000 >= now + 300, "it came early")
        check.equal((again.body, again.message.delivery_count), ("soon", 0), "body, delivery-count")
        link.expect_empty()


@case("retries.a-consumer-asks-for-what-cannot-be")
def asks_wrong(ctx):
    """The link ends with amqp:invalid-field, and the message is there uncounted."""
    queue = ctx.queue("backoff.slow.q")
    put(ctx, queue, "a")
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        asking(link.receive(), "delivery-time", "tomorrow")
        check.equal(link.wait_closed(), "amqp:invalid-field", "condition")
        check.equal(peer.receiver(queue).receive().message.delivery_count, 0, "delivery-count")


@case("retries.a-group-waits")
def group_waits(ctx):
    """Behind a failed message its group waits; other groups and messages without one do not."""
    queue = ctx.queue("backoff.held.q")
    send(ctx, queue, grouped("a1"), grouped("a2"), grouped("b1"), Message(body="x"), grouped("a3"))
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().modify(failed=True)
        check.equal(bodies(link.drain(10)), ["b1", "x"], "what flows on")


@case("retries.a-group-keeps-its-order")
def group_order(ctx):
    """Each message fails once, and they are consumed in order all the same."""
    queue = ctx.queue("backoff.group.q")
    send(ctx, queue, grouped("a1"), grouped("a2"), grouped("a3"))
    done = []
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        while len(done) < 3:
            received = link.receive()
            if received.message.delivery_count == 0:
                received.modify(failed=True)
            else:
                done.append(received.body)
                received.accept()
    check.equal(done, ["a1", "a2", "a3"], "order")
    check.equal(drained(ctx, queue), [], "queue content")


@case("retries.cancelled")
def cancelled(ctx):
    """A failed delivery that waits is cancelled through the management node, and is dead-lettered for that reason."""
    queue = ctx.queue("backoff.slow.q")
    put(ctx, queue, "given up", "other", durable=True)
    manager, kind = Manager(ctx), "org.mamba.schedule"
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        link.receive().modify(failed=True)
        check.equal(bodies(link.drain(10)), ["other"], "the rest")
    (name,), = manager.expect(200, "QUERY", {"attributeNames": ["name"]}, entityType=kind, address=queue, kind="parked")["results"]
    manager.expect(204, "DELETE", type=kind, name=name)
    manager.expect(404, "DELETE", type=kind, name=name)
    dead, = drained(ctx, "DLQ." + queue)
    check.equal((dead.body, dead.message.annotations[symbol("x-opt-dead-letter-reason")]), ("given up", "cancelled"), "dead letter")
