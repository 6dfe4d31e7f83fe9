"""Links of the engine driver: Out sends, In receives, Coordinator commands transactions."""

from proton import Data, Delivery, Described, Endpoint, Link, Message, Terminus, symbol, ulong

from . import check

REMOTE_OPEN = Endpoint.REMOTE_ACTIVE
REMOTE_CLOSED = Endpoint.REMOTE_CLOSED


class Refused(Exception):
    """The broker refused a link, a session or the connection."""

    def __init__(self, what, condition):
        super().__init__("%s refused: %s" % (what, condition))
        self.condition = condition.name if condition else None
        self.description = condition.description if condition else None


class Received:
    """A delivery that was read whole: Proton's message, and the raw bytes as they came."""

    def __init__(self, link, delivery, raw):
        self.link = link
        self.delivery = delivery
        self.raw = raw
        self._message = None

    @property
    def message(self):
        if self._message is None:
            self._message = Message()
            self._message.decode(self.raw)
        return self._message

    @property
    def body(self):
        """The body; binary always as bytes."""
        body = self.message.body
        return bytes(body) if isinstance(body, memoryview) else body

    def settle(self, state=None):
        if state is not None:
            self.delivery.update(state)
        self.delivery.settle()
        self.link.peer.flush()

    def accept(self):
        self.settle(Delivery.ACCEPTED)

    def release(self):
        self.settle(Delivery.RELEASED)

    def reject(self, condition=None):
        if condition is not None:
            self.delivery.local.condition = condition
        self.settle(Delivery.REJECTED)

    def modify(self, failed=False, undeliverable=False, annotations=None):
        local = self.delivery.local
        local.failed, local.undeliverable = failed, undeliverable
        if annotations is not None:
            local.annotations = annotations
        self.settle(Delivery.MODIFIED)


class _LinkBase:
    """What senders and receivers share."""

    def __init__(self, peer, session, wait, configure):
        self.peer = peer
        self.link = self._create(session or peer.session)
        self.link.wrapper = self
        if configure is not None:
            configure(self.link)
        self.link.open()
        if wait:
            self.wait_attached()

    def wait_attached(self):
        """Waits for the broker's attach; raises Refused when it is a refusal."""
        self.peer.pump(lambda: self.link.state & (REMOTE_OPEN | REMOTE_CLOSED), "attach")
        if self._refused():
            self.wait_closed()
            raise Refused("link", self.link.remote_condition)
        return self

    def wait_closed(self, seconds=10.0):
        """Waits for a detach from the broker; returns its condition's name."""
        self.peer.pump(lambda: self.link.state & REMOTE_CLOSED, "detach", seconds)
        condition = self.link.remote_condition
        return condition.name if condition else None

    @property
    def closed(self):
        return bool(self.link.state & REMOTE_CLOSED)

    def close(self):
        """detach closed=true both ways"""
        self.link.close()
        self.peer.pump(lambda: self.link.state & REMOTE_CLOSED, "answer to detach(closed)")

    def detach(self):
        """detach closed=false both ways"""
        already = len(self.peer.seen("<-", "detach"))
        self.link.detach()
        self.peer.pump(lambda: len(self.peer.seen("<-", "detach")) > already, "answer to detach")


class Out(_LinkBase):
    """A sending link."""

    def __init__(self, peer, address, name, session, wait, configure, settled, snd=None, rcv=None):
        self._address, self._name = address, name or peer.ctx.name("snd")
        self._modes = (Link.SND_SETTLED if settled else snd, rcv)
        self._tags = 0
        super().__init__(peer, session, wait, configure)

    def _create(self, session):
        link = session.sender(self._name)
        link.target.address = self._address
        link.source.address = self._name
        if self._modes[0] is not None:
            link.snd_settle_mode = self._modes[0]
        if self._modes[1] is not None:
            link.rcv_settle_mode = self._modes[1]
        return link

    def _refused(self):
        return self.link.remote_target.type == Terminus.UNSPECIFIED

    def on_event(self, event):
        """Deliveries are looked at by those who wait for them."""

    def wait_credit(self, credit=1):
        self.peer.pump(lambda: self.link.credit >= credit or self.closed, "credit")
        check.that(not self.closed, "the link was detached: %s" % self.link.remote_condition)

    def push(self, message, settled=False, txn=None, flush=True):
        """Hands one message (Message or encoded bytes) to the engine; returns the delivery."""
        self._tags += 1
        delivery = self.link.delivery("t%d" % self._tags)
        self.link.stream(message if isinstance(message, (bytes, bytearray)) else message.encode())
        self.link.advance()
        if txn is not None:
            delivery.local.data = [txn]
            delivery.update(0x34)
        if settled or self.link.snd_settle_mode == Link.SND_SETTLED:
            delivery.settle()
        if flush:
            self.peer.flush()
        return delivery

    def outcome(self, delivery, seconds=10.0):
        """Waits until DELIVERY is settled by the broker (or has an outcome and the link asks for a second
        settlement); returns the state."""
        self.peer.pump(lambda: delivery.settled or delivery.remote_state or self.closed,
                       "the outcome of a delivery", seconds)
        if not delivery.remote_state and not delivery.settled:
            check.fail("the link was detached before the outcome: %s" % self.link.remote_condition)
        return delivery.remote_state

    def send(self, message, expect=Delivery.ACCEPTED, txn=None):
        """Sends one message and waits for its outcome, which must be EXPECT."""
        self.wait_credit()
        delivery = self.push(message, txn=txn)
        check.equal(self.outcome(delivery), expect, "outcome")
        self.peer.pump(lambda: delivery.settled, "the broker to settle")
        delivery.settle()
        return delivery

    def send_all(self, messages):
        """Sends many without waiting in between; all must be accepted."""
        pending = []
        for message in messages:
            self.wait_credit()
            pending.append(self.push(message, flush=False))
        for delivery in pending:
            check.equal(self.outcome(delivery), Delivery.ACCEPTED, "outcome")
            delivery.settle()
        self.peer.flush()


class In(_LinkBase):
    """A receiving link. Deliveries are read whole into the inbox; nothing is settled by itself."""

    def __init__(self, peer, address, name, session, wait, configure, snd=None, rcv=None, dynamic=False):
        self._address, self._name = address, name or peer.ctx.name("rcv")
        self._modes, self._dynamic = (snd, rcv), dynamic
        self.inbox = []
        self.count = 0
        self.aborted = 0
        self._partial = bytearray()
        super().__init__(peer, session, wait, configure)

    def _create(self, session):
        link = session.receiver(self._name)
        if self._address is not None:
            link.source.address = self._address
        if self._dynamic:
            link.source.dynamic = True
        link.target.address = self._name
        if self._modes[0] is not None:
            link.snd_settle_mode = self._modes[0]
        if self._modes[1] is not None:
            link.rcv_settle_mode = self._modes[1]
        return link

    def _refused(self):
        return self.link.remote_source.type == Terminus.UNSPECIFIED or (
            self._address is not None and self.link.remote_source.address is None)

    @property
    def address(self):
        return self.link.remote_source.address

    def on_event(self, event):
        while True:
            delivery = self.link.current
            if delivery is None or not delivery.readable:
                return
            if delivery.aborted:
                self.aborted += 1
                self._partial.clear()
                delivery.settle()
                continue
            if delivery.pending:
                self._partial += self.link.recv(delivery.pending)
            if delivery.partial:
                return
            self.inbox.append(Received(self, delivery, bytes(self._partial)))
            self.count += 1
            self._partial.clear()
            self.link.advance()

    def credit(self, credit):
        """Adds CREDIT, without waiting."""
        self.link.flow(credit)
        self.peer.flush()

    def receive(self, seconds=10.0):
        """The next delivery; grants one credit when there is none."""
        if not self.inbox and self.link.credit <= 0:
            self.credit(1)
        self.peer.pump(lambda: self.inbox or self.closed, "a message", seconds)
        check.that(self.inbox, "the link was detached: %s" % self.link.remote_condition)
        return self.inbox.pop(0)

    def receive_many(self, count, seconds=15.0):
        """The next COUNT deliveries."""
        missing = count - len(self.inbox) - max(0, self.link.credit)
        if missing > 0:
            self.credit(missing)
        self.peer.pump(lambda: len(self.inbox) >= count or self.closed, "%d messages" % count, seconds)
        check.that(len(self.inbox) >= count, "the link was detached: %s" % self.link.remote_condition)
        taken, self.inbox = self.inbox[:count], self.inbox[count:]
        return taken

    def drain(self, credit=100):
        """Everything the broker has for this link now: credit with drain, until it is used up or given back."""
        self.link.drain(credit)
        self.peer.flush()
        self.peer.pump(lambda: not self.link.draining() or self.closed, "the end of the drain")
        self.link.drain_mode = False
        self.link.drained()
        taken, self.inbox = self.inbox, []
        return taken

    def expect_empty(self):
        """Nothing is available to this link."""
        got = self.drain(10)
        check.equal([r.body for r in got], [], "messages that should not be there")


class Coordinator(Out):
    """A link to the broker's transaction coordinator."""

    def __init__(self, peer, session=None, capabilities=("amqp:local-transactions",)):
        def configure(link):
            link.target.type = Terminus.COORDINATOR
            put_symbols(link.target.capabilities, *capabilities)

        super().__init__(peer, None, None, session, True, configure, None)

    def command(self, code, fields):
        """Sends declare or discharge and waits for the answer; returns (state, data, condition name)."""
        self.wait_credit()
        delivery = self.push(Message(body=Described(ulong(code), fields)))
        self.peer.pump(lambda: delivery.settled or self.closed, "the coordinator's answer")
        check.that(not self.closed, "the coordinator link was detached: %s" % self.link.remote_condition)
        condition = delivery.remote.condition
        answer = delivery.remote_state, delivery.remote.data, condition.name if condition else None
        delivery.settle()
        return answer

    def declare(self):
        """Declares a transaction; returns its id."""
        state, data, condition = self.command(0x31, [None])
        check.equal(state, 0x33, "answer to declare (%s)" % condition)
        check.between(len(data[0]), 1, 32, "length of the transaction id")
        return data[0]

    def discharge(self, txn, failed):
        return self.command(0x32, [txn, failed])

    def commit(self, txn):
        check.equal(self.discharge(txn, False)[0], Delivery.ACCEPTED, "answer to commit")

    def rollback(self, txn):
        check.equal(self.discharge(txn, True)[0], Delivery.ACCEPTED, "answer to rollback")


def retire(received, txn, outcome=0x24, settle=False, fields=()):
    """Puts an acknowledgement under the transaction TXN (AMQP 1.0 section 4.4.2)."""
    received.delivery.local.data = [txn, Described(ulong(outcome), list(fields))]
    received.delivery.update(0x34)
    if settle:
        received.delivery.settle()
    received.link.peer.flush()


def put_symbols(data, *values):
    """Fills a terminus' multiple symbol field."""
    data.clear()
    data.put_array(False, Data.SYMBOL)
    data.enter()
    for value in values:
        data.put_symbol(symbol(value))
    data.exit()


def get_symbols(data):
    """A terminus' multiple symbol field as a list of str."""
    data.rewind()
    if not data.next():
        return []
    value = data.get_object()
    return [str(value)] if isinstance(value, str) else [str(v) for v in (value or [])]


def get_map(data):
    """A terminus' map field; empty when absent."""
    data.rewind()
    return (data.get_object() or {}) if data.next() else {}


def put_lifetime(terminus, code):
    """Asks for a dynamic node with the lifetime policy of descriptor CODE (0x2b..0x2e)."""
    terminus.dynamic = True
    terminus.properties.clear()
    terminus.properties.put_object({symbol("lifetime-policy"): Described(ulong(code), [])})
