"""Proton's high-level API as applications use it: Container and handlers, BlockingConnection, TransactionHandler."""

from proton import Delivery, Message, Timeout, Transport
from proton.handlers import MessagingHandler, TransactionHandler
from proton.reactor import (AtLeastOnce, AtMostOnce, Container, Copy, DurableSubscription, Selector)
from proton.utils import BlockingConnection, LinkDetached, SendException, SyncRequestResponse

from harness import check
from harness.engine import bodies, drained, get_map, put
from harness.registry import case


def _url(ctx):
    return "amqp://%s:%d" % (ctx.host, ctx.port)


def _run(handler, ctx):
    """Runs a Container until its handler stops it; the case's clock bounds it."""
    container = Container(handler)
    container.container_id = ctx.name("reactor")
    container.run()
    failure = getattr(handler, "failure", None)
    check.that(failure is None, str(failure))


def _connect(ctx, container):
    return container.connect(_url(ctx), reconnect=False, allowed_mechs="ANONYMOUS")


def _blocking(ctx):
    connection = BlockingConnection(_url(ctx), timeout=10, allowed_mechs="ANONYMOUS")
    ctx.on_exit(connection.close)
    return connection


class _Base(MessagingHandler):
    """Notes errors instead of printing them, and stops."""

    def __init__(self, ctx, **options):
        super().__init__(**options)
        self.ctx = ctx
        self.failure = None

    def on_connection_bound(self, event):
        event.transport.tracer = lambda _transport, line: self.ctx.log(line)
        event.transport.trace(Transport.TRACE_FRM)

    def _fail(self, event, what):
        self.failure = "%s: %s" % (what, event.transport and event.transport.condition)
        event.container.stop()

    def on_transport_error(self, event):
        self._fail(event, "transport error")

    def on_link_error(self, event):
        self.failure = "link error: %s" % event.link.remote_condition
        event.connection.close()


class _SendAndReceive(_Base):
    """Sends COUNT messages, receives them, closes when all are confirmed and received."""

    def __init__(self, ctx, address, count, options=None):
        super().__init__(ctx)
        self.address, self.count, self.options = address, count, options
        self.sent = self.confirmed = 0
        self.received = []

    def on_start(self, event):
        connection = _connect(self.ctx, event.container)
        event.container.create_receiver(connection, self.address)
        event.container.create_sender(connection, self.address, options=self.options)

    def on_sendable(self, event):
        while event.sender.credit and self.sent < self.count:
            event.sender.send(Message(id=self.sent + 1, body={"sequence": self.sent}))
            self.sent += 1

    def on_accepted(self, event):
        self.confirmed += 1
        self._done(event)

    def on_message(self, event):
        self.received.append(event.message.body["sequence"])
        self._done(event)

    def _done(self, event):
        expected = 0 if isinstance(self.options, AtMostOnce) else self.count
        if len(self.received) == self.count and self.confirmed == expected:
            event.connection.close()


@case("reactor.send-and-receive", seconds=30)
def send_and_receive(ctx):
    """simple_send and simple_recv of the Proton examples in one: 500 messages confirmed and received in order."""
    handler = _SendAndReceive(ctx, ctx.queue(), 500, AtLeastOnce())
    _run(handler, ctx)
    check.equal(handler.received, list(range(500)), "received")


@case("reactor.at-most-once")
def at_most_once(ctx):
    """The AtMostOnce link option: no confirmations, all messages received."""
    handler = _SendAndReceive(ctx, ctx.queue(), 100, AtMostOnce())
    _run(handler, ctx)
    check.equal((handler.received, handler.confirmed), (list(range(100)), 0), "received, confirmed")


class _Browse(_Base):
    def __init__(self, ctx, address):
        super().__init__(ctx, prefetch=0)
        self.address, self.seen = address, []

    def on_start(self, event):
        connection = _connect(self.ctx, event.container)
        self.receiver = event.container.create_receiver(connection, self.address, options=Copy())

    def on_link_opened(self, event):
        event.receiver.drain(100)

    def on_message(self, event):
        self.seen.append(event.message.body)

    def on_link_flow(self, event):
        if event.link.is_receiver and not event.receiver.draining():
            event.connection.close()


@case("reactor.browse-with-copy")
def browse(ctx):
    """The Copy option and a drain: the queue browser of Proton's examples."""
    queue = ctx.queue()
    put(ctx, queue, *range(5))
    handler = _Browse(ctx, queue)
    _run(handler, ctx)
    check.equal(handler.seen, list(range(5)), "what the browser saw")
    check.equal(bodies(drained(ctx, queue)), list(range(5)), "what stayed")


class _Outcomes(_Base):
    """Receives with explicit outcomes: accepts A, rejects R, releases L once, then accepts it."""

    def __init__(self, ctx, address):
        super().__init__(ctx, auto_accept=False)
        self.address, self.seen = address, []

    def on_start(self, event):
        event.container.create_receiver(_connect(self.ctx, event.container), self.address)

    def on_message(self, event):
        body, count = event.message.body, event.message.delivery_count
        self.seen.append((body, count))
        if body == "R":
            self.reject(event.delivery)
        elif body == "L" and count == 0:
            event.delivery.local.failed = True  # Proton's release(delivered) alone does not set it
            self.release(event.delivery, delivered=True)
        else:
            self.accept(event.delivery)
        if len(self.seen) == 4:
            event.connection.close()


@case("reactor.accept-reject-release")
def outcomes(ctx):
    """accept, reject and release(delivered) of MessagingHandler: release counts the delivery, reject dead-letters."""
    queue = ctx.queue()
    put(ctx, queue, "R", "L", "A")
    handler = _Outcomes(ctx, queue)
    _run(handler, ctx)
    check.equal(sorted(handler.seen), [("A", 0), ("L", 0), ("L", 1), ("R", 0)], "deliveries (body, delivery-count)")
    check.equal(bodies(drained(ctx, ctx.dead_letters(queue))), ["R"], "dead letters")


class _TransactionalSend(_Base, TransactionHandler):
    """tx_send of the Proton examples: batches of messages, every second transaction aborted."""

    def __init__(self, ctx, address, transactions, batch):
        super().__init__(ctx)
        self.address, self.transactions, self.batch = address, transactions, batch
        self.done, self.current, self.outcome, self.sent, self.transaction = 0, 0, [], 0, None

    def on_start(self, event):
        self.container = event.container
        self.connection = _connect(self.ctx, event.container)
        self.sender = event.container.create_sender(self.connection, self.address)
        self.container.declare_transaction(self.connection, handler=self)

    def on_transaction_declared(self, event):
        self.transaction = event.transaction
        self._send()

    def on_sendable(self, event):
        self._send()

    def _send(self):
        while self.transaction and self.sender.credit and self.current < self.batch:
            self.transaction.send(self.sender, Message(body=self.sent))
            self.sent += 1
            self.current += 1
        if self.transaction and self.current == self.batch:
            if self.done % 2:
                self.transaction.abort()
            else:
                self.transaction.commit()
            self.transaction = None

    def on_transaction_committed(self, event):
        self._next("committed", event)

    def on_transaction_aborted(self, event):
        self._next("aborted", event)

    def on_transaction_commit_failed(self, event):
        self._next("commit failed", event)

    def on_transaction_declare_failed(self, event):
        self.failure = "declare failed: %s" % event.delivery.remote.condition
        event.connection.close()

    def _next(self, what, event):
        self.outcome.append(what)
        self.done, self.current = self.done + 1, 0
        if self.done == self.transactions:
            event.connection.close()
        else:
            self.container.declare_transaction(self.connection, handler=self)


@case("reactor.transactional-send")
def transactional_send(ctx):
    """TransactionHandler: four transactions of five sends each, two committed and two aborted."""
    queue = ctx.queue()
    handler = _TransactionalSend(ctx, queue, 4, 5)
    _run(handler, ctx)
    check.equal(handler.outcome, ["committed", "aborted"] * 2, "outcomes")
    check.equal(bodies(drained(ctx, queue)), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14], "queue content")


class _TransactionalReceive(_Base, TransactionHandler):
    """tx_recv of the Proton examples: accepts BATCH messages in a transaction, then commits or aborts."""

    def __init__(self, ctx, address, batch, commit, settle_before_discharge):
        super().__init__(ctx, prefetch=0, auto_accept=False)
        self.address, self.batch, self.commit = address, batch, commit
        self.settle, self.seen, self.outcome = settle_before_discharge, [], None

    def on_start(self, event):
        self.connection = _connect(self.ctx, event.container)
        self.receiver = event.container.create_receiver(self.connection, self.address)
        event.container.declare_transaction(self.connection, handler=self, settle_before_discharge=self.settle)

    def on_transaction_declared(self, event):
        self.transaction = event.transaction
        self.receiver.flow(self.batch)

    def on_message(self, event):
        self.seen.append(event.message.body)
        self.transaction.accept(event.delivery)
        if len(self.seen) == self.batch:
            if self.commit:
                self.transaction.commit()
            else:
                self.transaction.abort()

    def on_transaction_committed(self, event):
        self.outcome = "committed"
        event.connection.close()

    def on_transaction_aborted(self, event):
        self.outcome = "aborted"
        event.connection.close()

    def on_transaction_declare_failed(self, event):
        self.failure = "declare failed"
        event.connection.close()


def _transactional_receive(ctx, commit, settle):
    queue = ctx.queue()
    put(ctx, queue, *range(5))
    handler = _TransactionalReceive(ctx, queue, 3, commit, settle)
    _run(handler, ctx)
    check.equal((handler.seen, handler.outcome), ([0, 1, 2], "committed" if commit else "aborted"), "seen, outcome")
    return drained(ctx, queue)


@case("reactor.transactional-receive-commit")
def receive_commit(ctx):
    """Transaction.accept and commit with settle_before_discharge false and true: three of five messages are gone."""
    for settle in (False, True):
        check.equal(bodies(_transactional_receive(ctx, True, settle)), [3, 4], "what is left")


@case("reactor.transactional-receive-abort")
def receive_abort(ctx):
    """Transaction.accept and abort with settle_before_discharge false and true: all five are there again, in order."""
    for settle in (False, True):
        check.equal(bodies(_transactional_receive(ctx, False, settle)), list(range(5)), "what is there")


@case("reactor.blocking-send-and-receive")
def blocking(ctx):
    """BlockingConnection: send, receive, accept, and a receive that times out on an empty queue."""
    queue = ctx.queue()
    connection = _blocking(ctx)
    sender = connection.create_sender(queue)
    for number in range(10):
        check.equal(sender.send(Message(body=number)).remote_state, Delivery.ACCEPTED, "outcome")
    receiver = connection.create_receiver(queue, credit=10)
    got = []
    for _ in range(10):
        got.append(receiver.receive(timeout=5).body)
        receiver.accept()
    check.equal(got, list(range(10)), "received")
    try:
        receiver.receive(timeout=0.3)
    except Timeout:
        return
    check.fail("an eleventh message")


@case("reactor.blocking-refusals")
def blocking_refused(ctx):
    """BlockingConnection turns a refused link into LinkDetached with not-found, a rejected send into SendException."""
    connection = _blocking(ctx)
    for create in (connection.create_sender, connection.create_receiver):
        try:
            create(ctx.queue("closed.q"))
        except LinkDetached as refused:
            check.equal(refused.condition, "amqp:not-found", "condition")
        else:
            check.fail("the link was attached")
    try:
        connection.create_sender(None).send(Message(body="x", address=ctx.queue("closed.q")))
    except SendException as refused:
        check.equal(refused.state, Delivery.REJECTED, "state")
    else:
        check.fail("the message was accepted")


@case("reactor.request-and-response")
def request_response(ctx):
    """SyncRequestResponse over a dynamic reply queue against a server made of a MessagingHandler and the relay."""
    queue = ctx.queue("service")
    client, server = _blocking(ctx), _blocking(ctx)
    incoming = server.create_receiver(queue, credit=5)
    relay = server.create_sender(None)
    caller = SyncRequestResponse(client, queue)
    for number in range(5):
        request = Message(body="request %d" % number, reply_to=caller.reply_to, correlation_id=str(number))
        caller.sender.send(request)
        asked = incoming.receive(timeout=5)
        incoming.accept()
        relay.send(Message(address=asked.reply_to, correlation_id=asked.correlation_id, body=asked.body.upper()))
        client.wait(lambda: caller.response is not None, timeout=5)
        check.equal((caller.response.body, caller.response.correlation_id),
                    ("REQUEST %d" % number, str(number)), "response, correlation-id")
        caller.response = None
        caller.receiver.flow(1)


class _Durable(_Base):
    """Subscribes durably, receives COUNT messages, and detaches (or closes to unsubscribe)."""

    def __init__(self, ctx, topic, name, container_id, count, unsubscribe=False):
        super().__init__(ctx, prefetch=100)
        self.topic, self.name, self.container_id = topic, name, container_id
        self.count, self.unsubscribe, self.seen = count, unsubscribe, []

    def on_start(self, event):
        event.container.container_id = self.container_id
        event.container.create_receiver(_connect(self.ctx, event.container), self.topic, name=self.name,
                                        options=DurableSubscription())

    def on_link_opened(self, event):
        if self.count == 0:
            self._leave(event)

    def on_message(self, event):
        self.seen.append(event.message.body)
        if len(self.seen) == self.count:
            self._leave(event)

    def _leave(self, event):
        if self.unsubscribe:
            event.receiver.close()
        else:
            event.receiver.detach()
            event.connection.close()

    def on_link_closed(self, event):
        event.connection.close()


@case("reactor.durable-subscription")
def durable(ctx):
    """The DurableSubscription option: what is published between two runs is delivered in the second."""
    topic, name, container = ctx.topic(), ctx.name("sub"), ctx.name("client")
    for values, unsubscribe in ((["a"], False), (["b", "c"], True)):
        if unsubscribe:
            put(ctx, topic, *values)
            handler = _Durable(ctx, topic, name, container, len(values), True)
        else:
            handler = _Durable(ctx, topic, name, container, 0)
        container_ = Container(handler)
        container_.container_id = container
        container_.run()
        check.that(handler.failure is None, str(handler.failure))
    check.equal(handler.seen, ["b", "c"], "what the second run received")


@case("reactor.selector-option")
def selector(ctx):
    """Proton's Selector option: matching messages if the broker confirms the filter, all if it does not."""
    queue = ctx.queue()
    connection = _blocking(ctx)
    sender = connection.create_sender(queue)
    for color in ("red", "blue", "red"):
        sender.send(Message(body=color, properties={"color": color}))
    receiver = connection.create_receiver(queue, credit=10, options=Selector("color = 'red'"))
    confirmed = get_map(receiver.link.remote_source.filter)
    expected = ["red", "red"] if confirmed else ["red", "blue", "red"]
    got = []
    for _ in expected:
        got.append(receiver.receive(timeout=5).body)
        receiver.accept()
    check.equal(got, expected, "received (filter confirmed: %s)" % bool(confirmed))
