#!/usr/bin/python3
"""Black-box cases written with the AMQP stack of Azure's newer clients for Python. ../python-shared has the command line."""

import os
import socket
import sys

import proton

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "lib"), os.path.join(HERE, "..", "python-shared")]
from _pyamqp import Connection, ReceiveClient, SendClient, authentication, error, utils  # noqa: E402
from _pyamqp.constants import ReceiverSettleMode, SenderSettleMode  # noqa: E402
from _pyamqp.endpoints import Source  # noqa: E402
from _pyamqp.message import Header, Message, Properties  # noqa: E402
from _pyamqp.sasl import SASLAnonymousCredential, SASLTransport  # noqa: E402
from cases import Witness, check, equal, main  # noqa: E402

CASE_SECONDS = 90
SELECTOR = b"apache.org:selector-filter:string"
LIMIT = 16 * 1024 * 1024


class Broker(Witness):
    """The broker under test: how the stack reaches it, and Proton as a second pair of eyes."""

    def queue(self, prefix="pyamqp"):
        return "%s.%s" % (prefix, self.unique("q"))

    def credential(self, password=None):
        return authentication.SASLPlainAuth(self.target["user"], password or self.target["password"]).sasl

    def token(self, address, key=None):
        """What says who the client is at $cbs, after an anonymous open: a signature by a shared access key."""
        own = self.target["sharedAccessKey"]
        uri = "sb://localhost/" + address
        return authentication.SASTokenAuth(uri, uri, own["name"], key or own["key"], expires_in=3600)

    def open(self, credential=None, patience=None):
        """
        A connection over TLS, all that the stack speaks beside WebSocket. A write that does not end within patience (200 ms) breaks
        it: to be raised for what fills the socket. A read that has nothing to give within that time is repeated.
        """
        transport = SASLTransport("localhost", credential or self.credential(), port=self.target["tlsPort"], connect_timeout=CASE_SECONDS,
                                  read_timeout=patience, ssl_opts={"ca_certs": self.target["caFile"]},
                                  socket_settings={socket.TCP_USER_TIMEOUT: CASE_SECONDS * 1000})
        connection = Connection("amqps://localhost", transport=transport)
        connection.open()
        return connection

    def client(self, kind, terminus, credential=None, patience=None, auth=None, **more):
        client = kind("localhost", terminus, auth=auth or authentication.SASLPlainAuth("", ""), max_message_size=LIMIT,
                      retry_policy=error.RetryPolicy(retry_total=0), **more)
        client.connection = self.open(auth.sasl if auth else credential, patience)
        client.open(client.connection)
        return client

    def sender(self, address, **more):
        """
        The stack asks for rcv-settle-mode second, and as a sender never does its part of it: it waits for a settlement that the
        specification (§2.6.12) has it send itself. Its applications send to brokers that lack the mode; here it asks for first.
        """
        return self.client(SendClient, address, receive_settle_mode=ReceiverSettleMode.First, **more)

    def receiver(self, source, **more):
        return self.client(ReceiveClient, source, **more)


def close(client):
    client.close()
    client.connection.close()


def data(message):
    return b"".join(bytes(part) for part in message.data)


def take(client, count):
    """So many deliveries, as pairs of delivery-id and message, neither of which is settled."""
    received = client._received_messages
    while received.qsize() < count:
        client.do_work()
    return [(frame[1], message) for frame, message in (received.get() for _ in range(count))]


def message(body, **properties):
    return Message(header=Header(durable=True), properties=Properties(**properties), data=[body])


def send(broker):
    """Sends are accepted, and lie in the queue in order, with their sections and their text."""
    queue = broker.queue()
    client = broker.sender(queue)
    for i in range(50):
        client.send_message(message(b"%d" % i, message_id="m-%d" % i))
    client.send_message(Message(value={"payer": "Zoë", "сумма": "１００"}, properties=Properties(subject="支払い", group_id="g"),
                                application_properties={"región": "água", "cents": 100}))
    close(client)
    got = broker.take(queue, 51)
    equal([bytes(m.body) for m in got[:50]], [b"%d" % i for i in range(50)], "bodies")
    equal([m.id for m in got[:50]], ["m-%d" % i for i in range(50)], "message-ids")
    check(all(m.durable for m in got[:50]), "they are durable")
    equal((got[50].body, got[50].subject, got[50].group_id), ({"payer": "Zoë", "сумма": "１００"}, "支払い", "g"), "the last one")
    equal(got[50].properties, {"región": "água", "cents": 100}, "its application properties")


def settled(broker):
    """What is received from a link that sends settled is gone."""
    # To send settled is not for this stack: SendClient waits for a settlement it has marked as done itself.
    queue = broker.queue()
    broker.send(queue, *[proton.Message(body=b"%d" % i, inferred=True) for i in range(10)])
    receiver = broker.receiver(queue, send_settle_mode=SenderSettleMode.Settled, receive_settle_mode=ReceiverSettleMode.First)
    equal([data(m) for _, m in take(receiver, 10)], [b"%d" % i for i in range(10)], "bodies")
    close(receiver)
    broker.emptied(queue)


def receive(broker):
    """Messages come in order, beyond the first credit, with their sections; what is accepted does not come again."""
    queue = broker.queue()
    broker.send(queue, *[proton.Message(body=b"%d" % i, inferred=True, id="p-%d" % i, subject="s", properties={"region": "eu"})
                         for i in range(40)])
    client = broker.receiver(queue, link_credit=10)
    got = []
    while len(got) < 40:
        (delivery, one), = take(client, 1)
        client.settle_messages(delivery, "accepted")
        got.append(one)
    equal([data(m) for m in got], [b"%d" % i for i in range(40)], "bodies")
    equal([m.properties.message_id for m in got], [b"p-%d" % i for i in range(40)], "message-ids")
    equal((got[0].properties.subject, got[0].application_properties), (b"s", {b"region": b"eu"}), "subject and application properties")
    close(client)
    broker.emptied(queue)


def outcomes(broker):
    """Rejected is dead-lettered, modified comes again counted and annotated, released comes again as it was."""
    queue = broker.queue()
    broker.send(queue, *[proton.Message(body=b, inferred=True) for b in (b"a", b"b", b"c")])
    client = broker.receiver(queue, link_credit=3)
    (a, _), (b, _), (c, _) = take(client, 3)
    client.settle_messages(a, "rejected", error=error.AMQPError(condition=b"app:bad", description="a is not for us"))
    client.settle_messages(b, "modified", delivery_failed=True, undeliverable_here=False, message_annotations={b"x-opt-seen": "once"})
    client.settle_messages(c, "released")
    again = sorted(((data(m), d, m) for d, m in take(client, 2)), key=lambda one: one[0])
    equal([(body, m.header and m.header.delivery_count) for body, _, m in again], [(b"b", 1), (b"c", None)], "bodies and delivery-counts")
    equal(again[0][2].message_annotations[b"x-opt-seen"], b"once", "the annotation")
    for _, delivery, _ in again:
        client.settle_messages(delivery, "accepted")
    close(client)
    dead = broker.take("DLQ." + queue, 1)[0]
    equal((bytes(dead.body), str(dead.annotations["x-opt-dead-letter-error"])), (b"a", "app:bad"), "the dead letter and its error")
    broker.emptied(queue)


def selector(broker):
    """A source's filter chooses; the rest stays."""
    queue = broker.queue()
    broker.send(queue, *[proton.Message(body=b"%d" % i, inferred=True, properties={"region": "eu" if i % 2 else "us"}) for i in range(6)])
    source = Source(address=queue, filters={SELECTOR: (SELECTOR, utils.amqp_string_value("region = 'eu'"))})
    client = broker.receiver(source)
    got = take(client, 3)
    equal([data(m) for _, m in got], [b"1", b"3", b"5"], "what the selector chose")
    client.settle_messages((got[0][0], got[2][0]), "accepted")
    close(client)
    equal([bytes(m.body) for m in broker.take(queue, 3)], [b"0", b"2", b"4"], "the rest")


def topic(broker):
    """Each receiver of a topic has its own copy."""
    name = broker.queue("news")
    receivers = [broker.receiver(name) for _ in range(2)]
    for one in receivers:
        ready(one)
    client = broker.sender(name)
    client.send_message(message(b"for all"))
    for one in receivers:
        (delivery, got), = take(one, 1)
        equal(data(got), b"for all", "a copy")
        one.settle_messages(delivery, "accepted")
        close(one)
    close(client)


def large(broker):
    """Five mebibytes, in many frames, there and back."""
    queue = broker.queue()
    content = os.urandom(5 * 1024 * 1024)
    client = broker.sender(queue, patience=CASE_SECONDS)
    client.send_message(message(content))
    close(client)
    receiver = broker.receiver(queue, link_credit=1)
    (_, got), = take(receiver, 1)
    check(data(got) == content, "the bytes that came are those that were sent")
    receiver.settle_messages(0, "accepted")  # the stack looks for the delivery-id in the last frame; only the first has to have it
    close(receiver)
    broker.emptied(queue)


def dropped(broker):
    """What a receiver held when its socket broke comes to the next one."""
    queue = broker.queue()
    broker.send(queue, proton.Message(body=b"held", inferred=True))
    first = broker.receiver(queue, link_credit=1)
    take(first, 1)
    first.connection._transport.sock.close()
    second = broker.receiver(queue, link_credit=1)
    (delivery, got), = take(second, 1)
    equal(data(got), b"held", "the message")
    second.settle_messages(delivery, "accepted")
    close(second)


def anonymous(broker):
    """Without a user, where the broker lets such clients in."""
    queue = broker.queue()
    client = broker.sender(queue, credential=SASLAnonymousCredential())
    client.send_message(message(b"by anyone"))
    close(client)
    equal([bytes(m.body) for m in broker.take(queue, 1)], [b"by anyone"], "what arrived")


def tokens(broker):
    """A shared access signature put at $cbs lets in; one by another key does not."""
    queue = broker.queue()
    client = broker.sender(queue, auth=broker.token(queue))
    client.send_message(message(b"signed"))
    close(client)
    client = broker.receiver(queue, auth=broker.token(queue))
    (delivery, got), = take(client, 1)
    equal(data(got), b"signed", "the message")
    client.settle_messages(delivery, "accepted")
    close(client)
    broker.emptied(queue)
    forger = broker.sender(queue, auth=broker.token(queue, key="another key of some length"))
    failure = raised(error.TokenAuthFailure, lambda: ready(forger))
    equal(failure.status_code, 401, "what a wrong signature comes to")
    forger.connection.close()


def refused(broker):
    """A full queue rejects, and says so; an address that may not be made is told, and a wrong password."""
    client = broker.sender(broker.queue("small"))
    for i in range(5):
        client.send_message(message(b"%d" % i))
    failure = raised(error.MessageException, lambda: client.send_message(message(b"too many")))
    equal(failure.condition, error.ErrorCondition.ResourceLimitExceeded, "the error of one too many")
    close(client)
    for lost in (broker.sender(broker.queue("closed")), broker.receiver(broker.queue("closed"))):
        failure = raised(error.AMQPLinkError, lambda: ready(lost))
        equal(failure.condition, error.ErrorCondition.NotFound, "the error of an address that is not there")
        lost.connection.close()
    # The stack stumbles over a sasl-outcome that leaves out its additional-data, so that it does not say what it wanted to.
    raised((ValueError, IndexError), lambda: broker.open(broker.credential(broker.target["wrongPassword"])))


def ready(client):
    while not client.client_ready():
        pass


def raised(kind, action):
    try:
        action()
    except kind as failure:
        return failure
    raise AssertionError("%s should have been raised" % (kind,))


CASES = {
    "pyamqp.send": ("default", send),
    "pyamqp.settled": ("default", settled),
    "pyamqp.receive": ("default", receive),
    "pyamqp.outcomes": ("default", outcomes),
    "pyamqp.selector": ("default", selector),
    "pyamqp.topic": ("default", topic),
    "pyamqp.large": ("default", large),
    "pyamqp.dropped": ("default", dropped),
    "pyamqp.anonymous": ("default", anonymous),
    "pyamqp.refused": ("default", refused),
    "pyamqp.tokens": ("azure", tokens),
}

if __name__ == "__main__":
    main(CASES, CASE_SECONDS, lambda case, target: case(Broker(target)))
