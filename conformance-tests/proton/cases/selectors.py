"""Selectors and filters on queues, browsers, topics and durable subscriptions."""

from proton import Link, Message, Terminus, symbol, ulong

from harness import check
from harness.engine import Peer, Refused, bodies
from harness.links import get_map
from harness.registry import case

from .topics import _durable, _shared

SELECTOR, NO_LOCAL, SQL = 0x468C00000004, 0x468C00000003, 0x120


def _put_filters(link, filters):
    """FILTERS: key -> (descriptor, value); a descriptor is a code or a name."""
    data = link.source.filter
    data.put_map()
    data.enter()
    for key, (descriptor, value) in filters.items():
        data.put_symbol(symbol(key))
        data.put_described()
        data.enter()
        if isinstance(descriptor, int):
            data.put_ulong(ulong(descriptor))
        else:
            data.put_symbol(symbol(descriptor))
        data.put_object(value)
        data.exit()
    data.exit()


def _filtered(filters, *more):
    def configure(link):
        for one in more:
            one(link)
        _put_filters(link, filters)
    return configure


def _selecting(expression, *more):
    return _filtered({"jms-selector": (SELECTOR, expression)}, *more)


def _browsing(link):
    link.source.distribution_mode = Terminus.DIST_MODE_COPY


def _put(ctx, address, *messages):
    with Peer(ctx) as peer:
        peer.sender(address).send_all(messages)


def _colored(*colors):
    return [Message(body="%s%d" % (c, i), durable=True, properties={"color": c, "n": i}) for i, c in enumerate(colors)]


def _take(link, credit=100):
    got = link.drain(credit)
    for one in got:
        one.accept()
    return bodies(got)


def _in_force(link):
    return sorted(str(key) for key in (get_map(link.link.remote_source.filter) or {}))


def _refusal(peer, queue, configure, **options):
    try:
        peer.receiver(queue, configure=configure, **options)
    except Refused as refused:
        return refused
    return check.fail("the link was not refused")


@case("selector.queue")
def queue_selector(ctx):
    """A consumer with a selector gets the messages that match, in order; the others stay for others."""
    queue = ctx.queue()
    _put(ctx, queue, *_colored("red", "blue", "red", "green"))
    with Peer(ctx) as peer:
        red = peer.receiver(queue, configure=_selecting("color = 'red'"))
        check.equal(_in_force(red), ["jms-selector"], "filters in the reply")
        check.equal(_take(red), ["red0", "red2"], "what matches")
        red.expect_empty()
        check.equal(_take(peer.receiver(queue)), ["blue1", "green3"], "what is left")


@case("selector.competing-consumers")
def competing(ctx):
    """Consumers with different selectors on one queue each get their own, whatever comes first; what nobody selects stays."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        links = [peer.receiver(queue, credit=50, configure=_selecting("kind = %d" % i)) for i in range(4)]
        _put(ctx, queue, *[Message(body=i, properties={"kind": i % 5}) for i in range(50)])
        for kind, link in enumerate(links):
            check.equal(bodies(link.receive_many(10)), list(range(kind, 50, 5)), "messages of kind %d" % kind)
        check.equal(_take(peer.receiver(queue)), list(range(4, 50, 5)), "what nobody selected")


@case("selector.deep-in-the-queue")
def deep(ctx):
    """A drain is answered only when the whole queue was looked at: a match behind 3,000 others is delivered first."""
    queue = ctx.queue()
    _put(ctx, queue, *([Message(body=i) for i in range(3000)] + [Message(body="found", properties={"wanted": True})]))
    with Peer(ctx) as peer:
        link = peer.receiver(queue, configure=_selecting("wanted = TRUE"))
        check.equal(_take(link, 1), ["found"], "what the drained credit brought")
        link.expect_empty()


@case("selector.released")
def released(ctx):
    """Released messages are back in their place, also for consumers that had looked at them."""
    queue = ctx.queue()
    _put(ctx, queue, *_colored("red", "blue", "red", "red"))
    with Peer(ctx) as peer:
        link = peer.receiver(queue, credit=3, configure=_selecting("color = 'red'"))
        for one in link.receive_many(3):
            one.release()
        check.equal(_take(link), ["red0", "red2", "red3"], "what comes again")


@case("selector.delivery-count")
def delivery_count(ctx):
    """JMSXDeliveryCount in a selector is the count that the coming delivery shows: 2 after one failure."""
    queue = ctx.queue()
    _put(ctx, queue, Message(body="x"))
    with Peer(ctx) as peer:
        second = peer.receiver(queue, configure=_selecting("JMSXDeliveryCount = 2"))
        second.expect_empty()
        first = peer.receiver(queue, credit=1, configure=_selecting("JMSXDeliveryCount = 1 AND NOT JMSRedelivered"))
        first.receive().modify(failed=True)
        check.equal(_take(second), ["x"], "the second delivery")


@case("selector.browser")
def browser(ctx):
    """A browser with a selector sees the messages that match, and takes none."""
    queue = ctx.queue()
    _put(ctx, queue, *_colored("red", "blue", "red"))
    with Peer(ctx) as peer:
        for _ in range(2):
            link = peer.receiver(queue, configure=_selecting("color <> 'blue'", _browsing), snd=Link.SND_SETTLED)
            check.equal(bodies(link.drain()), ["red0", "red2"], "what the browser sees")
            link.close()
        check.equal(len(_take(peer.receiver(queue))), 3, "messages still there")


@case("selector.jms-identifiers")
def identifiers(ctx):
    """JMS headers, AMQP fields and application properties are identifiers."""
    queue = ctx.queue()
    hit = Message(body="hit", durable=True, priority=8, id="ID:m-1", correlation_id="c", subject="type", group_id="g",
                  creation_time=1000.0, properties={"with-hyphen": 1, "größe": 2.5})
    _put(ctx, queue, Message(body="miss"), hit)
    expression = ("JMSMessageID = 'ID:m-1' AND JMSCorrelationID = 'c' AND JMSType = 'type' AND JMSPriority = 8 AND JMSXGroupID = 'g' "
                  "AND JMSDeliveryMode = 'PERSISTENT' AND JMSTimestamp = 1000000 AND amqp.subject = 'type' "
                  "AND \"with-hyphen\" = 1 AND größe > 2")
    with Peer(ctx) as peer:
        check.equal(_take(peer.receiver(queue, configure=_selecting(expression))), ["hit"], "what matches")


@case("selector.invalid")
def invalid(ctx):
    """A selector that is none is refused with invalid-field and its place; the session goes on."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        for expression, place in (("color =", "character 8"), ("color = 'red", "character 9"), ("1 + 1", "character 1"),
                                  ("color LIKE 1", "character 12"), ("(a = 1", "character 7")):
            refused = _refusal(peer, queue, _selecting(expression))
            check.equal(refused.condition, "amqp:invalid-field", "condition for %r" % expression)
            check.contains(refused.description, place, "description for %r" % expression)
        peer.sender(queue).send(Message(body="on"))
        check.equal(_take(peer.receiver(queue)), ["on"], "the session's next link")


@case("selector.topic")
def topic_selector(ctx):
    """Each subscriber of a topic gets what its own selector matches."""
    topic = ctx.topic()
    with Peer(ctx) as peer:
        even = peer.receiver(topic, configure=_selecting("n BETWEEN 2 AND 3 OR n = 0"))
        red = peer.receiver(topic, configure=_selecting("color IN ('red')"))
        _put(ctx, topic, *_colored("red", "red", "blue", "red"))
        check.equal(_take(even), ["red0", "blue2", "red3"], "what the first gets")
        check.equal(_take(red), ["red0", "red1", "red3"], "what the second gets")


@case("selector.durable-subscription")
def durable_selector(ctx):
    """The selector of a durable subscription holds while nobody is attached; the same selector under another key and
    descriptor finds the subscription again, another selector starts it anew."""
    topic, container, name = ctx.topic(), ctx.name("client"), ctx.name("sub")
    with Peer(ctx, container=container) as peer:
        peer.receiver(topic, name=name, configure=_selecting("color = 'red'", _durable)).detach()
    _put(ctx, topic, *_colored("red", "blue", "red"))
    with Peer(ctx, container=container) as peer:
        same = _filtered({"selector": ("apache.org:selector-filter:string", "color = 'red'")}, _durable)
        link = peer.receiver(topic, name=name, configure=same)
        check.equal(_take(link, 1), ["red0"], "what was kept")
        link.detach()
    with Peer(ctx, container=container) as peer:
        changed = peer.receiver(topic, name=name, configure=_selecting("color = 'blue'", _durable))
        changed.expect_empty()
        _put(ctx, topic, *_colored("red", "blue"))
        check.equal(_take(changed), ["blue1"], "what the changed subscription gets")
        changed.close()


@case("selector.shared-subscription")
def shared_selector(ctx):
    """The members of a shared subscription share its selector; with another one nobody joins while it is in use."""
    topic, name = ctx.topic(), ctx.name("sub")
    with Peer(ctx) as peer:
        one = peer.receiver(topic, name=name, configure=_selecting("n > 0", _shared()))
        two = peer.receiver(topic, name=name + "|2", configure=_selecting("n > 0", _shared()))
        refused = _refusal(peer, topic, _selecting("n > 1", _shared()), name=name + "|3")
        check.equal(refused.condition, "amqp:resource-locked", "condition")
        _put(ctx, topic, *_colored("a", "b", "c"))
        check.equal(sorted(_take(one, 1) + _take(two)), ["b1", "c2"], "what they get together")


@case("selector.no-local")
def no_local(ctx):
    """No-local and a selector on one subscription: both hold, and both are in the reply."""
    topic = ctx.topic()
    with Peer(ctx) as peer:
        link = peer.receiver(topic, configure=_filtered({
            "no-local": (NO_LOCAL, "NoLocalFilter{}"), "jms-selector": (SELECTOR, "color = 'red'")}))
        check.equal(_in_force(link), ["jms-selector", "no-local"], "filters in the reply")
        peer.sender(topic).send_all(_colored("red"))
        _put(ctx, topic, *_colored("blue", "red"))
        check.equal(_take(link), ["red1"], "what is selected of others")


@case("filter.sql")
def sql_filter(ctx):
    """An SQL filter by code and by name: sections, double-quoted strings, delimited names, remainder, UTC()."""
    for descriptor in (SQL, "amqp:sql-filter"):
        queue = ctx.queue()
        _put(ctx, queue, Message(body="hit", subject="Order", priority=7, creation_time=1.0, properties={"order-status": "new", "n": 7}),
             Message(body="miss", properties={"n": 7}))
        expression = ("properties.subject = \"Order\" AND h.priority > 4 AND [order-status] = 'new' AND n % 4 = 3 "
                      "AND p.creation_time < UTC() AND missing IS NULL")
        with Peer(ctx) as peer:
            link = peer.receiver(queue, configure=_filtered({"sql-filter": (descriptor, expression)}))
            check.equal(_in_force(link), ["sql-filter"], "filters in the reply")
            check.equal(_take(link), ["hit"], "what matches")


@case("filter.properties")
def properties_filter(ctx):
    """Properties and application-properties filters: whole values, prefixes, suffixes, numbers; all must match."""
    queue = ctx.queue()
    _put(ctx, queue, Message(body="a", subject="Order.new", properties={"n": 5}), Message(body="b", subject="Order.old", properties={"n": 5}),
         Message(body="c", subject="Order.new", properties={"n": 6}))
    with Peer(ctx) as peer:
        link = peer.receiver(queue, configure=_filtered({
            "p": ("amqp:properties-filter", {symbol("subject"): "&p:Order"}),
            "a": ("amqp:application-properties-filter", {"n": 5})}), snd=Link.SND_SETTLED)
        check.equal(_in_force(link), ["a", "p"], "filters in the reply")
        check.equal(_take(link), ["a", "b"], "what matches both")
        refused = _refusal(peer, queue, _filtered({"p": (0x173, {symbol("nonsense"): "x"})}))
        check.equal(refused.condition, "amqp:invalid-field", "condition for an unknown field")


@case("filter.legacy-bindings")
def bindings(ctx):
    """The legacy direct binding matches the whole subject, the topic binding its words."""
    for filters, expected in (({"d": (0x468C00000000, "usd.stock")}, ["usd.stock"]),
                              ({"t": (0x468C00000001, "*.stock.#")}, ["usd.stock", "eur.stock.db"])):
        queue = ctx.queue()
        _put(ctx, queue, *[Message(body=s, subject=s) for s in ("usd.stock", "eur.stock.db", "stock.nasdaq")])
        with Peer(ctx) as peer:
            check.equal(_take(peer.receiver(queue, configure=_filtered(filters))), expected, "subjects that match")


@case("filter.sql-functions")
def sql_functions(ctx):
    """LOWER, UPPER, LEFT, RIGHT, SUBSTRING and DATE in an SQL filter."""
    expression = ("LOWER(color) = 'red' AND LEFT(properties.subject, 2) = 'Or' AND RIGHT(properties.subject, 1) = 'r' "
                  "AND SUBSTRING(color, 2, 1) = 'E' AND UPPER(color) LIKE 'R%' AND p.creation_time = DATE('1970-01-01T00:00:01Z')")
    queue = ctx.queue()
    _put(ctx, queue, Message(body="hit", subject="Order", creation_time=1.0, properties={"color": "REd"}),
         Message(body="miss", subject="Order", creation_time=2.0, properties={"color": "REd"}), Message(body="other"))
    with Peer(ctx) as peer:
        link = peer.receiver(queue, configure=_filtered({"sql-filter": (SQL, expression)}))
        check.equal(_in_force(link), ["sql-filter"], "filters in the reply")
        check.equal(_take(link), ["hit"], "what matches")


@case("filter.headers-binding")
def headers_binding(ctx):
    """The legacy headers binding: all of the entries, or with x-match any one of them; a null asks whether it is there."""
    for headers, expected in (({"n": 5, "region": "emea"}, ["a"]), ({"x-match": "any", "n": 5, "region": "emea"}, ["a", "b"]),
                              ({"n": None}, ["a", "b"])):
        queue = ctx.queue()
        _put(ctx, queue, Message(body="a", properties={"n": 5, "region": "emea"}), Message(body="b", properties={"n": 5}), Message(body="c"))
        with Peer(ctx) as peer:
            link = peer.receiver(queue, configure=_filtered({"h": (0x468C00000002, headers)}))
            check.equal(_take(link), expected, "what matches")
