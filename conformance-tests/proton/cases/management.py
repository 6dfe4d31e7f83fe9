"""AMQP Management on $management, through Proton's request-response helper and by hand."""

import uuid

from proton import Delivery, Message, symbol, ulong

from harness import check
from harness.engine import Peer, Refused, bodies
from harness.manager import NODE, Manager
from harness.registry import case

QUEUE = "org.mamba.queue"


@case("management.queue-life", seconds=30)
def queue_life(ctx):
    """A queue is created, read, purged and deleted through SyncRequestResponse."""
    manager, name = Manager(ctx), ctx.queue()
    created = manager.expect(201, "CREATE", {"maxDeliveries": 3}, type=QUEUE, name=name)
    check.equal((created["name"], created["maxDeliveries"], created["durable"]), (name, 3, True), "what was created")
    with Peer(ctx) as peer:
        out = peer.sender(name)
        for number in range(4):
            out.send(Message(body=number))
        check.equal(manager.expect(200, "READ", type=QUEUE, name=name)["depth"], 4, "depth")
        check.equal(manager.expect(200, "PURGE", type=QUEUE, name=name)["purged"], 4, "purged")
        peer.receiver(name).expect_empty()
    check.equal(manager.expect(204, "DELETE", {}, type=QUEUE, name=name), {}, "body of the answer")
    manager.expect(404, "READ", type=QUEUE, name=name)


@case("management.identity")
def identity(ctx):
    """What CREATE gives as the identity names the entity without its type."""
    manager, name = Manager(ctx), ctx.queue()
    created = manager.expect(201, "CREATE", type=QUEUE, name=name)
    check.equal(manager.expect(200, "READ", identity=created["identity"])["name"], name, "name")
    manager.expect(204, "DELETE", identity=created["identity"])
    manager.expect(404, "DELETE", identity=created["identity"])


@case("management.query")
def query(ctx):
    """QUERY gives the attributes asked for, in that order, as lists; without names it gives all."""
    manager, name = Manager(ctx), ctx.queue()
    manager.expect(201, "CREATE", type=QUEUE, name=name)
    body = manager.expect(200, "QUERY", {"attributeNames": ["depth", "name"]}, entityType=QUEUE)
    check.equal(body["attributeNames"], ["depth", "name"], "attribute names")
    offset = 0
    while [0, name] not in body["results"]:
        check.that(offset < body["total"], "%s is not among %d queues" % (name, body["total"]))
        body = manager.expect(200, "QUERY", {"attributeNames": ["depth", "name"]}, entityType=QUEUE, offset=offset, count=500)
        offset += 400  # others make and delete queues meanwhile
    every = manager.expect(200, "QUERY", {"attributeNames": []}, entityType=QUEUE, type="org.amqp.management", name="self")
    check.equal(every["attributeNames"], manager.expect(200, "GET-ATTRIBUTES", entityType=QUEUE)[QUEUE], "all attributes")
    check.equal({len(row) for row in every["results"]}, {len(every["attributeNames"])}, "length of rows")


@case("management.query-count-and-offset")
def query_page(ctx):
    """Count bounds the rows; an offset behind the end gives none and the total."""
    manager = Manager(ctx)
    for _ in range(3):
        manager.expect(201, "CREATE", type=QUEUE, name=ctx.queue())
    page = manager.expect(200, "QUERY", {"attributeNames": ["name"]}, entityType=QUEUE, count=2, offset=1)
    check.equal(len(page["results"]), 2, "rows")
    check.that(page["total"] >= 3, "total is %r" % page["total"])
    check.equal(manager.expect(200, "QUERY", entityType=QUEUE, count=0)["results"], [], "rows for count 0")
    check.equal(manager.expect(200, "QUERY", entityType=QUEUE, offset=1000000)["results"], [], "rows behind the end")


@case("management.self-description")
def self_description(ctx):
    """GET-TYPES, GET-OPERATIONS and GET-MGMT-NODES of the node, which is also an entity named self."""
    manager = Manager(ctx)
    own = {"type": "org.amqp.management", "name": "self"}
    kinds = manager.expect(200, "GET-TYPES", **own)
    for kind in ("org.amqp.management", QUEUE, "org.mamba.topic", "org.mamba.subscription", "org.mamba.connection"):
        check.contains(kinds, kind, "types")
    check.equal(manager.expect(200, "GET-OPERATIONS", entityType=QUEUE, **own), {QUEUE: ["CREATE", "READ", "UPDATE", "DELETE", "PURGE", "PAUSE", "RESUME"]}, "operations")
    check.equal(manager.expect(200, "GET-MGMT-NODES", **own), [], "other management nodes")
    check.equal(manager.expect(200, "READ", **own)["name"], "self", "name of the node")


@case("management.errors")
def errors(ctx):
    """Each error has its status, and a text that names what was wrong."""
    manager, name = Manager(ctx), ctx.queue()
    manager.expect(201, "CREATE", type=QUEUE, name=name)
    for status, part, arguments in (
            (400, "'type'", {"operation": "CREATE", "name": name}),
            (400, "durable", {"operation": "CREATE", "type": QUEUE, "name": ctx.queue(), "body": {"durable": 7}}),
            (400, "map", {"operation": "CREATE", "type": QUEUE, "name": ctx.queue(), "body": [1]}),
            (403, "'$", {"operation": "CREATE", "type": QUEUE, "name": "$x"}),
            (404, name + ".no", {"operation": "READ", "type": QUEUE, "name": name + ".no"}),
            (409, "already", {"operation": "CREATE", "type": QUEUE, "name": name}),
            (501, "FLY", {"operation": "FLY", "type": QUEUE, "name": name})):
        answer = manager.ask(**arguments)
        check.equal(answer.properties["statusCode"], status, "status of %r" % (arguments,))
        check.that(part in answer.properties["statusDescription"], "no %r in %r" % (part, answer.properties["statusDescription"]))


@case("management.link-pair")
def link_pair(ctx):
    """A receiver from the node answers the requests whose reply-to is its own target address; message-ids of every type
    come back as correlation-ids."""
    with Peer(ctx) as peer:
        def own_address(link):
            link.target.address = "my-replies"

        replies = peer.receiver(NODE, credit=20, configure=own_address)
        out = peer.sender(NODE)
        for number in ("text", ulong(7), uuid.uuid4(), b"\x01\x02"):
            out.send(Message(id=number, reply_to="my-replies", properties={"operation": "GET-TYPES"}))
            message = replies.receive().message
            check.equal((message.correlation_id, message.address), (number, "my-replies"), "correlation-id and to")


@case("management.properties-as-symbols")
def symbols(ctx):
    """Values of type and name may be symbols, and keys of the body too."""
    with Peer(ctx) as peer:
        replies = peer.receiver(NODE, credit=20)
        out = peer.sender(NODE)
        name = ctx.queue()
        out.send(Message(properties={"operation": symbol("CREATE"), "type": symbol(QUEUE), "name": name},
                         body={symbol("maxMessages"): 9}))
        message = replies.receive().message
        check.equal((message.properties["statusCode"], message.body["maxMessages"]), (201, 9), "status and limit")


@case("management.connection-is-closed")
def close_connection(ctx):
    """A connection found by its container-id is closed with amqp:connection:forced and the reason."""
    manager, container = Manager(ctx), ctx.name("victim")
    victim = Peer(ctx, container=container)
    rows = manager.expect(200, "QUERY", {"attributeNames": ["containerId", "name"]}, entityType="org.mamba.connection")["results"]
    name = dict(rows)[container]
    manager.expect(204, "DELETE", {"reason": "enough"}, type="org.mamba.connection", name=name)
    try:
        victim.pump(lambda: False, "the broker's close")
    except Exception as error:  # whatever the engine makes of a close it did not ask for
        check.that("forced" in str(error) or "enough" in str(error), "what came: %r" % error)
    victim.abort()


@case("management.links-of-a-queue")
def links_of_queue(ctx):
    """Consumers and producers of a queue are listed, and a queue in use is kept when ifUnused is set."""
    manager, name = Manager(ctx), ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(name)
        peer.receiver(name, credit=5)
        for kind in ("org.mamba.consumer", "org.mamba.producer"):
            rows = manager.expect(200, "QUERY", {"attributeNames": ["address"]}, entityType=kind)["results"]
            check.equal(rows.count([name]), 1, kind)
        manager.expect(409, "DELETE", {"ifUnused": True}, type=QUEUE, name=name)
        manager.expect(200, "READ", type=QUEUE, name=name)


@case("management.subscription")
def subscription(ctx):
    """A durable subscription that a client left behind is read, purged and deleted by its name client:subscription."""
    topic, container = ctx.topic(), ctx.name("client")
    manager = Manager(ctx)

    def durable(link):
        link.source.durability = 2
        link.source.expiry_policy = 4

    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name="sub", configure=durable).detach()
        peer.sender(topic).send(Message(body="kept"))
    named = {"type": "org.mamba.subscription", "name": container + ":sub"}
    found = manager.expect(200, "READ", **named)
    check.equal((found["depth"], found["clientId"], found["topic"]), (1, container, topic.removeprefix("topic://")), "subscription")
    check.equal(manager.expect(200, "PURGE", **named)["purged"], 1, "purged")
    manager.expect(204, "DELETE", **named)
    manager.expect(404, "READ", **named)


@case("management.no-place-for-the-answer")
def no_place(ctx):
    """A request that fails and has no place for its response is rejected; one that succeeds is accepted."""
    name = ctx.queue()
    with Peer(ctx) as peer:
        out = peer.sender(NODE)
        create = {"operation": "CREATE", "type": QUEUE, "name": name}
        out.send(Message(properties=create))
        delivery = out.send(Message(properties=create, reply_to=ctx.queue("nowhere")), expect=Delivery.REJECTED)
        check.equal(delivery.remote.condition.name, "amqp:precondition-failed", "condition")
        peer.sender(name).send(Message(body="x"))
        check.equal(bodies(peer.receiver(name).receive_many(1)), ["x"], "the queue is there")


@case("management.refused-as-a-queue")
def no_queue(ctx):
    """The node cannot be had as a queue by prefix."""
    with Peer(ctx) as peer:
        try:
            peer.sender("queue://" + NODE)
        except Refused as refused:
            check.equal(refused.condition, "amqp:not-allowed", "condition")
            return
        check.fail("the link was attached")
