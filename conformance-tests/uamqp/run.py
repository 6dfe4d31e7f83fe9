#!/usr/bin/python3
"""Black-box cases written with uAMQP for Python, the library under Azure's older clients.

  run.py --list [--profile NAME]             the names of all cases, one a line
  run.py --case NAME --target target.json    one case; exit status 0 passed, 1 failed
"""

import argparse
import faulthandler
import json
import os
import sys
import traceback
import uuid

import proton
from proton.utils import BlockingConnection

import uamqp
from uamqp import address, authentication, constants, errors
from uamqp.message import MessageHeader, MessageProperties

CASE_SECONDS = 90
# uAMQP asks for rcv-settle-mode second on every link, and as a sender never does its part of it: it waits for a settlement that
# the specification (§2.6.12) has it send itself. Applications that send to brokers that offer the mode choose first, as here.
FIRST = constants.ReceiverSettleMode.ReceiveAndDelete


class Broker:
    """The broker under test: how uAMQP reaches it, and Proton as a second pair of eyes."""

    def __init__(self, target):
        self.target = target
        self.run = uuid.uuid4().hex[:8]
        self.counter = 0

    def queue(self, prefix="uamqp"):
        """The URL uAMQP is given. It sends scheme, host and path as the address; so that is the name of the queue."""
        self.counter += 1
        return "%s.q-%s-%d" % (prefix, self.run, self.counter)

    def auth(self, password=None):
        """uAMQP speaks AMQP over TLS only."""
        return authentication.SASLPlain("localhost", self.target["user"], password or self.target["password"], port=self.target["tlsPort"],
                                        verify=self.target["caFile"])

    def sender(self, name, **more):
        return uamqp.SendClient(self.endpoint(address.Target, name), auth=self.auth(), receive_settle_mode=FIRST, **more)

    def receiver(self, name, source=None, **more):
        more.setdefault("auto_complete", False)
        return uamqp.ReceiveClient(source or self.endpoint(address.Source, name), auth=self.auth(), **more)

    @staticmethod
    def endpoint(kind, name):
        return kind("amqps://localhost/" + name)

    def plain(self):
        return BlockingConnection("amqp://%s:%d" % (self.target["host"], self.target["port"]), timeout=60, user=self.target["user"],
                                  password=self.target["password"], allowed_mechs="PLAIN")

    def send(self, name, *messages):
        connection = self.plain()
        sender = connection.create_sender(url(name))
        for message in messages:
            sender.send(message)
        connection.close()

    def limit(self, name, messages):
        """Makes a queue with a limit; the fixture's address rules match no URLs."""
        connection = self.plain()
        replies = connection.create_receiver(None, dynamic=True, credit=1)
        connection.create_sender("$management").send(proton.Message(
            {"maxMessages": messages}, id="l", reply_to=replies.link.remote_source.address,
            properties={"operation": "CREATE", "type": "org.mamba.queue", "name": url(name)}))
        equal(replies.receive(timeout=60).properties["statusCode"], 201, "making a queue")
        connection.close()

    def take(self, name, count, dead=False):
        connection = self.plain()
        receiver = connection.create_receiver(("DLQ." if dead else "") + url(name), credit=count)
        messages = []
        while len(messages) < count:
            messages.append(receiver.receive(timeout=60))
            receiver.accept()
        connection.close()
        return messages


def url(name):
    return "amqps://localhost/" + name


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def equal(actual, expected, what):
    check(actual == expected, "%s: expected %r, got %r" % (what, expected, actual))


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
    got = broker.take(name, 100)
    equal([bytes(m.body) for m in got], [b"%d" % i for i in range(100)], "bodies")
    equal([m.id for m in got], ["m-%d" % i for i in range(100)], "message-ids")
    check(all(m.durable for m in got), "they are durable")


def receive(broker):
    """A batch comes in order, with its sections; what is accepted does not come again."""
    name = broker.queue()
    broker.send(name, *[proton.Message(body=b"%d" % i, inferred=True, id="p-%d" % i, subject="s", properties={"region": "eu"})
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
    broker.send(name, proton.Message(body=b"last", inferred=True))
    equal([bytes(m.body) for m in broker.take(name, 1)], [b"last"], "what is left")


def outcomes(broker):
    """Rejected is dead-lettered, modified comes again counted, released comes again as it was."""
    name = broker.queue()
    broker.send(name, *[proton.Message(body=b, inferred=True) for b in (b"a", b"b", b"c")])
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
    dead = broker.take(name, 1, dead=True)[0]
    equal(bytes(dead.body), b"a", "the dead letter")
    equal(str(dead.annotations["x-opt-dead-letter-error"]), "app:bad", "its error")


def selector(broker):
    """A source's filter chooses; the rest stays."""
    name = broker.queue()
    broker.send(name, *[proton.Message(body=b"%d" % i, inferred=True, properties={"region": "eu" if i % 2 else "us"}) for i in range(6)])
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
    equal([bytes(m.body) for m in broker.take(name, 3)], [b"0", b"2", b"4"], "the rest")


def large(broker):
    """Sixty kibibytes there, and five mebibytes, in many frames, back."""
    # What needs more than one frame uAMQP 1.5.3 does not send: "failed to add message data to outgoing queue".
    name = broker.queue()
    content = os.urandom(60 * 1024)
    equal(send_all(broker, name, [message(content)]), [constants.MessageState.SendComplete], "the send")
    larger = os.urandom(5 * 1024 * 1024)
    broker.send(name, proton.Message(body=larger, inferred=True))
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


CASES = {
    "uamqp.send": send,
    "uamqp.receive": receive,
    "uamqp.outcomes": outcomes,
    "uamqp.selector": selector,
    "uamqp.large": large,
    "uamqp.refused": refused,
}


def run_one(name, target_file):
    faulthandler.dump_traceback_later(CASE_SECONDS, exit=True)
    with open(target_file, encoding="utf-8") as file:
        broker = Broker(json.load(file))
    try:
        CASES[name](broker)
    except Exception as error:
        print("FAILED %s: %s\n  expects: %s\n%s" % (name, error, CASES[name].__doc__, traceback.format_exc()))
        return 1
    print("passed " + name)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the names of all cases")
    parser.add_argument("--profile", default="default", help="only default has cases")
    parser.add_argument("--case", choices=sorted(CASES), help="run one case")
    parser.add_argument("--target", help="JSON file that describes the broker")
    arguments = parser.parse_args()
    if arguments.list:
        if arguments.profile == "default":
            print("\n".join(CASES))
        return 0
    if not arguments.case or not arguments.target:
        parser.error("give --list, or --case and --target")
    return run_one(arguments.case, arguments.target)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # uAMQP's objects are torn down in no good order otherwise
