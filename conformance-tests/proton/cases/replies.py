"""Request and reply: temporary queues over the loss of a connection, late replies, deadlines, responders that die."""

import time

from proton import Delivery, Message

from harness import check
from harness.engine import Peer, Refused, bodies
from harness.manager import Manager
from harness.registry import case


def _inbox(peer, credit=100):
    """The reply queue of a requester: always the link of the same name."""
    return peer.receiver(name="my-replies", dynamic=True, credit=credit)


def _late(ctx):
    return Manager(ctx).expect(200, "READ", type="org.mamba.broker", name="broker")["lateReplies"]


class _Responder:
    """Takes requests one at a time and answers each, then accepts it."""

    def __init__(self, ctx, requests):
        self.peer = Peer(ctx)
        self.relay = self.peer.sender()
        self.work = self.peer.receiver(requests)
        self.answered = 0

    def take(self):
        return self.work.receive()

    def answer(self, request, accept=True):
        message = request.message
        self.relay.send(Message(address=message.reply_to, correlation_id=message.id, body="re: %s" % message.body))
        self.answered += 1
        if accept:
            request.accept()


@case("replies.same-link-same-queue")
def same_link(ctx):
    """A requester that lost its connection attaches its link anew and has its address and its replies."""
    container = ctx.name("requester")
    lost = Peer(ctx, container=container)
    address = _inbox(lost).address
    lost.abort()
    with Peer(ctx) as responder, Peer(ctx, container=container) as again:
        responder.sender(address).send(Message(body="while it was away"))
        link = _inbox(again)
        check.equal(link.address, address, "address")
        check.equal(link.receive().body, "while it was away", "reply")


@case("replies.by-address")
def by_address(ctx):
    """The same by its address; a stranger is refused, and so is a second connection while the first is there."""
    container = ctx.name("requester")
    lost = Peer(ctx, container=container)
    address = _inbox(lost).address
    with Peer(ctx, container=container) as second:
        try:
            second.receiver(address)
        except Refused as refused:
            check.equal(refused.condition, "amqp:resource-locked", "condition while its owner is there")
        else:
            check.fail("a second connection consumes from the queue of the first")
    lost.abort()
    with Peer(ctx) as stranger, Peer(ctx, container=container) as again:
        try:
            stranger.receiver(address)
        except Refused as refused:
            check.equal(refused.condition, "amqp:resource-locked", "condition for a stranger")
        else:
            check.fail("a stranger consumes from the queue")
        stranger.sender(address).send(Message(body="anyone may reply"))
        check.equal(bodies(again.receiver(address).receive_many(1)), ["anyone may reply"], "reply")


@case("replies.gone-after-close")
def gone_after_close(ctx):
    """A requester that closes leaves nothing: late replies are rejected as not-found, and counted."""
    container = ctx.name("requester")
    with Peer(ctx, container=container) as owner:
        address = _inbox(owner).address
    before = _late(ctx)
    with Peer(ctx, container=container) as again, Peer(ctx) as responder:
        check.that(_inbox(again).address != address, "the queue was kept after a close")
        relay = responder.sender()
        for number in range(2):
            delivery = relay.send(Message(address=address, correlation_id=number, body="late"), expect=Delivery.REJECTED)
            check.equal(delivery.remote.condition.name, "amqp:not-found", "condition")
        try:
            responder.sender(address)
        except Refused as refused:
            check.equal(refused.condition, "amqp:not-found", "condition of the link")
        else:
            check.fail("a link to the queue was attached")
    check.that(_late(ctx) - before >= 3, "late replies were not counted")


@case("replies.deadline")
def deadline(ctx):
    """The request's deadline arrives as what is left of its ttl, also of an absolute time; one that passed does not arrive."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(queue)
        out.send(Message(body="passed", ttl=0.001, reply_to="r"))
        out.send(Message(body="relative", ttl=600, reply_to="r"))
        out.send(Message(body="absolute", expiry_time=time.time() + 600, reply_to="r"))
        check.equal(peer.receiver("DLQ." + queue).receive().body, "passed", "expired request")
        waiting = peer.receiver(queue).receive_many(2)
        check.equal(bodies(waiting), ["relative", "absolute"], "requests")
        for request in waiting:
            check.that(0 < request.message.ttl <= 600, "ttl is %r" % request.message.ttl)


@case("replies.responder-dies", seconds=60)
def responder_dies(ctx):
    """Every request is answered though one responder dies with requests in hand, one of them answered and not accepted."""
    queue, total = ctx.queue(), 60
    with Peer(ctx) as client:
        inbox = _inbox(client)
        client.sender(queue).send_all([Message(id="r%d" % n, reply_to=inbox.address, ttl=600, body=n) for n in range(total)])
        mortal, other = _Responder(ctx, queue), _Responder(ctx, queue)
        for _ in range(10):
            mortal.answer(mortal.take())
            other.answer(other.take())
        mortal.answer(mortal.take(), accept=False)
        mortal.take()
        mortal.peer.abort()
        answers = {}
        while len(answers) < total:
            while other.answered < total - 10:
                other.answer(other.take())
            reply = inbox.receive()
            reply.accept()
            answers.setdefault(reply.message.correlation_id, []).append(reply.body)
        doubled = [name for name, texts in answers.items() if len(texts) > 1]
        check.that(len(doubled) <= 1, "answered more than once: %r" % doubled)
        check.equal({texts[0] for texts in answers.values()}, {"re: %d" % n for n in range(total)}, "answers")


@case("replies.requester-dies", seconds=60)
def requester_dies(ctx):
    """A requester that dies again and again, and comes back, has every answer in the end."""
    queue, container, total = ctx.queue(), ctx.name("requester"), 40
    responder, answers, address, lives = _Responder(ctx, queue), set(), None, 0
    while len(answers) < total:
        lives += 1
        client = Peer(ctx, container=container)
        inbox = _inbox(client)
        check.equal(inbox.address, address or inbox.address, "address")
        if address is None:
            address = inbox.address
            client.sender(queue).send_all([Message(id="r%d" % n, reply_to=address, body=n) for n in range(total)])
        for _ in range(min(10, total - responder.answered)):
            responder.answer(responder.take())
        while len(answers) < min(total, 5 * lives):  # what it accepted last may come once more
            reply = inbox.receive()
            answers.add(reply.message.correlation_id)
            reply.accept()
        client.abort()
    check.equal(len(answers), total, "answers")
