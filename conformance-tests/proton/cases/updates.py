"""Settings that $management gives and changes, and paused subscriptions."""

from proton import Message, Terminus
from proton.utils import BlockingConnection, SyncRequestResponse

from harness import check
from harness.engine import Peer, bodies, drained, put
from harness.registry import case

QUEUE = "org.mamba.queue"
TOPIC = "org.mamba.topic"
SUBSCRIPTION = "org.mamba.subscription"


class _Manager:
    def __init__(self, ctx, address="$management"):
        self.to = None if address else "$management"
        self.connection = BlockingConnection("amqp://%s:%d" % (ctx.host, ctx.port), timeout=15, allowed_mechs="ANONYMOUS")
        ctx.on_exit(self.connection.close)
        self.requests = SyncRequestResponse(self.connection, address)

    def expect(self, status, operation, body=None, **properties):
        request = Message(properties={"operation": operation, **properties}, body=body)
        if self.to is not None:
            request.address = self.to
        answer = self.requests.call(request)
        check.equal(answer.properties["statusCode"], status, "status of %s (%s)" % (operation, answer.properties["statusDescription"]))
        return answer.body


def _subscribed(ctx, manager, **settings):
    """A durable subscription made in advance: its topic and its client-id."""
    topic, client = ctx.name("topic"), ctx.name("client")
    manager.expect(201, "CREATE", type=TOPIC, name=topic)
    manager.expect(201, "CREATE", {"topic": topic, **settings}, type=SUBSCRIPTION, name=client + ":s")
    return topic, client


def _durable(link):
    link.source.durability = Terminus.DELIVERIES
    link.source.expiry_policy = Terminus.EXPIRE_NEVER


@case("updates.settings-of-create")
def create(ctx):
    """CREATE takes what an address rule can say, and READ tells it."""
    manager, name = _Manager(ctx), ctx.queue()
    given = {"overflow": "dropHead", "maxLength": 2, "deadLetterDropped": True, "singleActiveConsumer": True, "lastValueKey": "symbol"}
    manager.expect(201, "CREATE", given, type=QUEUE, name=name)
    read = manager.expect(200, "READ", type=QUEUE, name=name)
    check.equal((read["overflow"], read["maxMessages"], read["deadLetterDropped"], read["singleActiveConsumer"], read["lastValueKey"]),
                ("dropHead", 2, True, True, "symbol"), "settings")


@case("updates.limit")
def limit(ctx):
    """A limit that changes is in force at once."""
    manager, name = _Manager(ctx), ctx.queue()
    put(ctx, name, 1, 2, 3)
    manager.expect(200, "UPDATE", {"maxMessages": 2, "overflow": "dropHead"}, type=QUEUE, name=name)
    put(ctx, name, 4)
    check.equal(bodies(drained(ctx, name)), [3, 4], "queue content")
    check.equal(manager.expect(200, "READ", type=QUEUE, name=name)["dropped"], 2, "dropped")


@case("updates.senders-wait")
def senders(ctx):
    """A limit that makes senders wait, and is lifted again."""
    manager, name = _Manager(ctx), ctx.queue()
    put(ctx, name, 1, 2)
    manager.expect(200, "UPDATE", {"maxMessages": 2, "overflow": "block"}, type=QUEUE, name=name)
    with Peer(ctx) as peer:
        out = peer.sender(name)
        peer.sender(ctx.queue()).wait_credit()
        check.equal(out.link.credit, 0, "credit")
        check.equal(manager.expect(200, "READ", type=QUEUE, name=name)["blocked"], True, "blocked")
        manager.expect(200, "UPDATE", {"maxMessages": 3}, type=QUEUE, name=name)
        out.wait_credit()
        out.send(Message(body=3))
    check.equal(bodies(drained(ctx, name)), [1, 2, 3], "queue content")


@case("updates.refused")
def refused(ctx):
    """What cannot be changed is refused by name, and then nothing is changed."""
    manager, name = _Manager(ctx), ctx.queue()
    manager.expect(201, "CREATE", type=QUEUE, name=name)
    for change in ({"durable": False}, {"nonDestructive": True}, {"overflow": "explode"}, {"unknown": 1}, {"maxMessages": -1}):
        manager.expect(400, "UPDATE", {"maxBytes": 7, **change}, type=QUEUE, name=name)
    check.equal(manager.expect(200, "READ", type=QUEUE, name=name)["maxBytes"], 0, "maxBytes")
    manager.expect(404, "UPDATE", {}, type=QUEUE, name=ctx.queue())
    manager.expect(501, "UPDATE", {}, type="org.mamba.broker", name="broker")


@case("updates.relayed")
def relayed(ctx):
    """Requests by the anonymous terminus, addressed to the node."""
    manager, name = _Manager(ctx, address=None), ctx.queue()
    manager.expect(201, "CREATE", {"maxMessages": 1}, type=QUEUE, name=name)
    check.equal(manager.expect(200, "UPDATE", {"maxMessages": 9}, type=QUEUE, name=name)["maxMessages"], 9, "maxMessages")


@case("updates.subscription-of-its-own")
def own(ctx):
    """A subscription is made with settings, and they are changed."""
    manager = _Manager(ctx)
    topic, client = _subscribed(ctx, manager, maxMessages=1, overflow="dropHead")
    put(ctx, "topic://" + topic, 1, 2)
    manager.expect(200, "UPDATE", {"maxMessages": 2}, type=SUBSCRIPTION, name=client + ":s")
    put(ctx, "topic://" + topic, 3, 4)
    with Peer(ctx, container=client) as peer:
        check.equal(bodies(peer.receiver(topic, name="s", configure=_durable).drain(10)), [3, 4], "content")


@case("updates.paused-subscription")
def paused(ctx):
    """A paused subscription takes messages and gives none; resumed it gives them all."""
    manager = _Manager(ctx)
    topic, client = _subscribed(ctx, manager)
    check.equal(manager.expect(200, "PAUSE", type=SUBSCRIPTION, name=client + ":s")["paused"], True, "paused")
    put(ctx, "topic://" + topic, 1, 2)
    with Peer(ctx, container=client) as peer:
        link = peer.receiver(topic, name="s", configure=_durable)
        check.equal(link.drain(10), [], "while it is paused")
        check.equal(manager.expect(200, "RESUME", type=SUBSCRIPTION, name=client + ":s")["paused"], False, "paused")
        check.equal(bodies(link.receive_many(2)), [1, 2], "afterwards")


@case("updates.paused-beside-another")
def beside(ctx):
    """The other subscriptions of the topic go on."""
    manager = _Manager(ctx)
    topic, client = _subscribed(ctx, manager)
    manager.expect(200, "PAUSE", type=SUBSCRIPTION, name=client + ":s")
    with Peer(ctx) as peer:
        link = peer.receiver("topic://" + topic, credit=1)
        put(ctx, "topic://" + topic, "m")
        check.equal(link.receive().body, "m", "for the other")
    check.equal(manager.expect(200, "READ", type=SUBSCRIPTION, name=client + ":s")["depth"], 1, "depth")


@case("updates.paused-held")
def held(ctx):
    """What was given before the pause is settled during it."""
    manager = _Manager(ctx)
    topic, client = _subscribed(ctx, manager)
    put(ctx, "topic://" + topic, 1, 2)
    with Peer(ctx, container=client) as peer:
        link = peer.receiver(topic, name="s", configure=_durable, credit=1)
        first = link.receive()
        manager.expect(200, "PAUSE", type=SUBSCRIPTION, name=client + ":s")
        first.accept()
        check.equal(link.drain(10), [], "while it is paused")
    check.equal(manager.expect(200, "READ", type=SUBSCRIPTION, name=client + ":s")["depth"], 1, "depth")


@case("updates.paused-topic")
def topic_paused(ctx):
    """A topic has no such operation."""
    manager = _Manager(ctx)
    topic, _client = _subscribed(ctx, manager)
    manager.expect(501, "PAUSE", type=TOPIC, name=topic)
