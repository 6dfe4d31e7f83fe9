#!/usr/bin/python3
"""Black-box cases written with uAMQP for Python, the library under Azure's older clients. ../python-shared has the command line."""

import os
import sys

import proton

import uamqp
from uamqp import address, authentication, constants, errors
from uamqp.message import MessageHeader, MessageProperties

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "python-shared"))
from cases import Witness, check, equal, main  # noqa: E402

CASE_SECONDS = 90
# uAMQP asks for rcv-settle-mode second on every link, and as a sender never does its part of it: it waits for a settlement that
# the specification (§2.6.12) has it send itself. Applications that send to brokers that offer the mode choose first, as here.
FIRST = constants.ReceiverSettleMode.ReceiveAndDelete


class Broker(Witness):
    """The broker under test: how uAMQP reaches it, and Proton as a second pair of eyes."""

    def queue(self):
        """A name for the URL uAMQP is given. It sends scheme, host and path as the address; so that is the name of the queue."""
        return "uamqp." + self.unique("q")

    def auth(self, password=None):
        """uAMQP speaks AMQP over TLS only."""
        return authentication.SASLPlain("localhost", self.target["user"], password or self.target["password"], port=self.target["tlsPort"],
                                        verify=self.target["caFile"])

    def token(self, name):
        """What says who the client is at $cbs, after an anonymous open: a signature by a shared access key."""
        own = self.target["sharedAccessKey"]
        return authentication.SASTokenAuth.from_shared_access_key(url(name), own["name"], own["key"], port=self.target["tlsPort"],
                                                                  verify=self.target["caFile"])

    def sender(self, name, auth=None, **more):
        return uamqp.SendClient(self.endpoint(address.Target, name), auth=auth or self.auth(), receive_settle_mode=FIRST, **more)

    def receiver(self, name, source=None, auth=None, **more):
        more.setdefault("auto_complete", False)
        return uamqp.ReceiveClient(source or self.endpoint(address.Source, name), auth=auth or self.auth(), **more)

    @staticmethod
    def endpoint(kind, name):
        return kind("amqps://localhost/" + name)

    def limit(self, name, messages):
        """Makes a queue with a limit; the fixture's address rules match no URLs."""
        equal(self.manage("CREATE", url(name), {"maxMessages": messages}).properties["statusCode"], 201, "making a queue")


def url(name):
    return "amqps://localhost/" + name


def message(body, **properties):
    header = MessageHeader()
    header.durable = True
    return uamqp.Message(body, properties=MessageProperties(**properties), header=header)


def data(received):
    return b"".join(received.get_data())


def send_all(broker, name, messages, **more):
    client = broker.sender(name, **more)
    for one in messages:
        client.queue_message(one)
    return client.send_all_messages()


def send(broker):
    """A batch of sends is accepted, and lies in the queue in order."""
    name = broker.queue()
    states = send_all(broker, name, [message(b"%d" % i, message_id="m-%d" % i) for i in range(100)])
    equal(set(states), {constants.MessageState.SendComplete}, "the states of the sends")
    got = broker.take(url(name), 100)
    equal([bytes(m.body) for m in got], [b"%d" % i for i in range(100)], "bodies")
    equal([m.id for m in got], ["m-%d" % i for i in range(100)], "message-ids")
    check(all(m.durable for m in got), "they are durable")


def receive(broker):
    """A batch comes in order, with its sections; what is accepted does not come again."""
    name = broker.queue()
    broker.send(url(name), *[proton.Message(body=b"%d" % i, inferred=True, id="p-%d" % i, subject="s", properties={"region": "eu"})
                        for i in range(20)])
    client = broker.receiver(name, prefetch=50)
    got = []
    while len(got) < 20:
        batch = client.receive_message_batch(max_batch_size=20, timeout=1000)
        for one in batch:
            check(one.accept(), "an acceptance is taken")
        got += batch
    client.close()
    equal([data(m) for m in got], [b"%d" % i for i in range(20)], "bodies")
    equal([m.properties.message_id for m in got], [b"p-%d" % i for i in range(20)], "message-ids")
    equal(got[0].properties.subject, b"s", "subject")
    equal(got[0].application_properties, {b"region": b"eu"}, "application properties")
    broker.send(url(name), proton.Message(body=b"last", inferred=True))
    equal([bytes(m.body) for m in broker.take(url(name), 1)], [b"last"], "what is left")


def outcomes(broker):
    """Rejected is dead-lettered, modified comes again counted, released comes again as it was."""
    name = broker.queue()
    broker.send(url(name), *[proton.Message(body=b, inferred=True) for b in (b"a", b"b", b"c")])
    client = broker.receiver(name, prefetch=1)
    seen = []
    while len(seen) < 5:
        for received in client.receive_message_batch(max_batch_size=1, timeout=1000):
            body = data(received)
            first = body not in [earlier for earlier, _ in seen]
            seen.append((body, received.header.delivery_count or 0 if received.header else 0))
            if body == b"a":
                received.reject(condition=b"app:bad", description=b"a is not for us")
            elif body == b"b" and first:
                received.modify(True, False)
            elif body == b"c" and first:
                received.release()
            else:
                received.accept()
    client.close()
    equal(sorted(seen), [(b"a", 0), (b"b", 0), (b"b", 1), (b"c", 0), (b"c", 0)], "bodies and delivery-counts")
    dead = broker.take("DLQ." + url(name), 1)[0]
    equal(bytes(dead.body), b"a", "the dead letter")
    equal(str(dead.annotations["x-opt-dead-letter-error"]), "app:bad", "its error")


def selector(broker):
    """A source's filter chooses; the rest stays."""
    name = broker.queue()
    broker.send(url(name), *[proton.Message(body=b"%d" % i, inferred=True, properties={"region": "eu" if i % 2 else "us"}) for i in range(6)])
    source = broker.endpoint(address.Source, name)
    source.set_filter("region = 'eu'", name=b"apache.org:selector-filter:string", descriptor=b"apache.org:selector-filter:string")
    client = broker.receiver(name, source, prefetch=10)
    got = []
    while len(got) < 3:
        batch = client.receive_message_batch(max_batch_size=10, timeout=1000)
        for one in batch:
            one.accept()
        got += batch
    client.close()
    equal([data(m) for m in got], [b"1", b"3", b"5"], "what the selector chose")
    equal([bytes(m.body) for m in broker.take(url(name), 3)], [b"0", b"2", b"4"], "the rest")


def large(broker):
    """Sixty kibibytes there, and five mebibytes, in many frames, back."""
    # What needs more than one frame uAMQP 1.5.3 does not send: "failed to add message data to outgoing queue".
    name = broker.queue()
    content = os.urandom(60 * 1024)
    equal(send_all(broker, name, [message(content)]), [constants.MessageState.SendComplete], "the send")
    larger = os.urandom(5 * 1024 * 1024)
    broker.send(url(name), proton.Message(body=larger, inferred=True))
    client = broker.receiver(name, max_message_size=16 * 1024 * 1024, prefetch=2)
    got = []
    while len(got) < 2:
        got += client.receive_message_batch(max_batch_size=2, timeout=1000)
    check(data(got[0]) == content, "the bytes that came are those that were sent")
    check(data(got[1]) == larger, "the bytes of the larger one, too")
    equal([m.accept() for m in got], [True, True], "accepting them")
    client.close()


def refused(broker):
    """A full queue rejects, and says so; an address that may not be made is told; a wrong password too."""
    name = broker.queue()
    broker.limit(name + ".limited", 1)
    equal(send_all(broker, name + ".limited", [message(b"fits")]), [constants.MessageState.SendComplete], "one that fits")
    equal(send_all(broker, name + ".limited", [message(b"too many")], error_policy=errors.ErrorPolicy(max_retries=0)),
          [constants.MessageState.SendFailed], "one too many")
    wrong = uamqp.SendClient(broker.endpoint(address.Target, name), auth=broker.auth(broker.target["wrongPassword"]))
    wrong.queue_message(message(b"x"))
    try:
        wrong.send_all_messages()
    except errors.AMQPConnectionError:
        return
    raise AssertionError("a wrong password should end in an error")


def tokens(broker):
    """A shared access signature put at $cbs lets in, for an address that is a URL."""
    name = broker.queue()
    equal(send_all(broker, name, [message(b"signed")], auth=broker.token(name)), [constants.MessageState.SendComplete], "the send")
    client = broker.receiver(name, prefetch=1, auth=broker.token(name))
    got = []
    while not got:
        got = client.receive_message_batch(max_batch_size=1, timeout=1000)
    equal((data(got[0]), got[0].accept()), (b"signed", True), "the message, and its acceptance")
    client.close()


CASES = {
    "uamqp.send": ("default", send),
    "uamqp.receive": ("default", receive),
    "uamqp.outcomes": ("default", outcomes),
    "uamqp.selector": ("default", selector),
    "uamqp.large": ("default", large),
    "uamqp.refused": ("default", refused),
    "uamqp.tokens": ("azure", tokens),
}


if __name__ == "__main__":
    main(CASES, CASE_SECONDS, lambda case, target: case(Broker(target)))
