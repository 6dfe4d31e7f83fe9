"""Delays and repeating schedules: their annotations, their refusals, and how they are listed and cancelled."""

import time

from proton import Delivery, Message, byte, int32, symbol, timestamp, uint, ulong

from harness import check
from harness.engine import Coordinator, Peer, bodies
from harness.manager import Manager
from harness.registry import case

KIND = "org.mamba.schedule"
HOUR = 3600 * 1000


def _message(body, durable=True, **annotations):
    named = {symbol("x-opt-delivery-" + name): value for name, value in annotations.items()}
    return Message(body=body, id=body, durable=durable, annotations=named)


def _now():
    return int(time.time() * 1000)


def _listed(manager, address, **more):
    """The schedules of ADDRESS as dictionaries, the next due first."""
    names = ["name", "messageId", "kind", "nextAt", "cron", "period", "repeatsLeft", "durable"]
    body = manager.expect(200, "QUERY", {"attributeNames": names}, entityType=KIND, address=address, **more)
    return [dict(zip(body["attributeNames"], row)) for row in body["results"]]


@case("schedules.delay")
def delay(ctx):
    """A delay keeps a message back, durable or not; one without it goes first; one of zero is none."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out, link = peer.sender(queue), peer.receiver(queue)
        began = _now()
        out.send(_message("late", delay=uint(400)))
        out.send(_message("late too", durable=False, delay=ulong(401)))
        out.send(_message("now", delay=int32(0)))
        check.equal(bodies(link.receive_many(3)), ["now", "late", "late too"], "order")
        check.that(_now() - began >= 400, "they came early")


@case("schedules.time")
def at_time(ctx):
    """A delivery time as timestamp or number; it goes before a delay, and in the past it means now."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out, link = peer.sender(queue), peer.receiver(queue)
        due = _now() + 300
        out.send(_message("first", time=timestamp(due), delay=HOUR))
        out.send(_message("second", time=due))
        out.send(_message("past", time=1))
        check.equal(bodies(link.receive_many(3)), ["past", "first", "second"], "order")
        check.that(_now() >= due, "they came early")


@case("schedules.series")
def series(ctx):
    """Period and repeat: so many copies on one beat, each with the schedule's id and its instant, and then no more."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        link = peer.receiver(queue)
        peer.sender(queue).send(_message("tick", delay=1, period=25, repeat=byte(4)))
        copies = link.receive_many(5)
        instants = [c.message.annotations["x-opt-delivery-time"] for c in copies]
        check.equal([instant - instants[0] for instant in instants], [0, 25, 50, 75, 100], "instants")
        check.equal(len({c.message.annotations["x-opt-schedule-id"] for c in copies}), 1, "schedule ids")
        link.expect_empty()


@case("schedules.cron")
def cron(ctx):
    """A crontab entry is listed with its next whole minute, and ends when it is cancelled."""
    manager, queue = Manager(ctx), ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send(_message("yearly", cron="30 4 1 JAN *"))
    entry, = _listed(manager, queue)
    check.equal((entry["cron"], entry["kind"], entry["messageId"]), ("30 4 1 JAN *", "repeating", "yearly"), "entry")
    check.equal(time.gmtime(entry["nextAt"] // 1000)[1:6], (1, 1, 4, 30, 0), "next instant")
    check.that(entry["nextAt"] > _now(), "its instant has passed")
    manager.expect(204, "DELETE", type=KIND, name=entry["name"])
    check.equal(_listed(manager, queue), [], "left")


@case("schedules.list")
def listing(ctx):
    """What waits is listed by time, filtered, in pages, with what is left of it."""
    manager, queue = Manager(ctx), ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        out.send(_message("c", durable=False, delay=3 * HOUR))
        out.send(_message("a", delay=HOUR, period=7, repeat=2))
        out.send(_message("b", delay=2 * HOUR, period=9, repeat=-1))
    found = _listed(manager, queue)
    check.equal([(f["messageId"], f["kind"], f["period"], f["repeatsLeft"], f["durable"]) for f in found],
                [("a", "repeating", 7, 2, True), ("b", "repeating", 9, -1, True), ("c", "delayed", 0, 0, False)], "list")
    check.equal([f["messageId"] for f in _listed(manager, queue, offset=1, count=1)], ["b"], "a page")
    check.equal([f["messageId"] for f in _listed(manager, queue, kind="delayed")], ["c"], "by kind")
    check.equal([f["messageId"] for f in _listed(manager, queue, dueBefore=found[1]["nextAt"])], ["a"], "by time")
    manager.expect(404, "QUERY", entityType=KIND, address=queue + ".no")
    manager.expect(400, "QUERY", entityType=KIND, kind="often")


@case("schedules.cancel")
def cancel(ctx):
    """DELETE by id ends a series and a delayed message; once; others are left alone."""
    manager, queue = Manager(ctx), ctx.queue()
    with Peer(ctx) as peer:
        out, link = peer.sender(queue), peer.receiver(queue)
        out.send(_message("series", delay=1, period=20, repeat=-1))
        out.send(_message("delayed", delay=HOUR))
        out.send(_message("kept", delay=2 * HOUR))
        link.receive().accept()
        for found in _listed(manager, queue):
            if found["messageId"] != "kept":
                manager.expect(204, "DELETE", identity="schedule/" + found["name"])
                manager.expect(404, "READ", type=KIND, name=found["name"])
        for copy in link.drain(1000):
            copy.accept()
        link.expect_empty()
        check.equal([f["messageId"] for f in _listed(manager, queue)], ["kept"], "left")
    manager.expect(404, "DELETE", type=KIND, name="no number")


@case("schedules.invalid")
def invalid(ctx):
    """What cannot be is rejected as amqp:invalid-field with the annotation's name, and the link goes on."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        for name, annotations in (
                ("cron", {"cron": "* * * * 8"}), ("cron", {"cron": "* * * * * *"}), ("cron", {"cron": "0 0 30 FEB *"}),
                ("cron", {"cron": True}), ("period", {"period": -3}), ("period", {"repeat": 1}), ("delay", {"delay": [1]}),
                ("repeat", {"period": 1, "repeat": 2 ** 40}), ("time", {"time": "noon"})):
            delivery = out.send(_message("wrong", **annotations), expect=Delivery.REJECTED)
            condition = delivery.remote.condition
            check.equal(condition.name, "amqp:invalid-field", "condition for %r" % (annotations,))
            check.contains(condition.description, "x-opt-delivery-" + name, "description")
        out.send(_message("right"))
        check.equal(bodies(peer.receiver(queue).receive_many(1)), ["right"], "content")


@case("schedules.transaction")
def transaction(ctx):
    """Schedules sent in a transaction are made by its commit, and not at all by its rollback."""
    manager, queue = Manager(ctx), ctx.queue()
    with Peer(ctx) as peer:
        coordinator, out = Coordinator(peer), peer.sender(queue)
        for name in ("never", "kept"):
            txn = coordinator.declare()
            out.send(_message(name, delay=HOUR, period=5, repeat=2), expect=0x34, txn=txn)
            out.send(_message(name + " once", delay=2 * HOUR), expect=0x34, txn=txn)
            check.equal(_listed(manager, queue), [], "before the end")
            (coordinator.commit if name == "kept" else coordinator.rollback)(txn)
        check.equal([f["messageId"] for f in _listed(manager, queue)], ["kept", "kept once"], "after the end")
        peer.receiver(queue).expect_empty()
