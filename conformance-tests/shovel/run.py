#!/usr/bin/python3
"""A RabbitMQ that shovels messages to and from the broker under test over AMQP 1.0.

  run.py --list [--profile NAME]             the names of all cases, one a line
  run.py --case NAME --target target.json    one case; exit status 0 passed, 1 failed
"""

import argparse
import json
import signal
import sys
import time
import traceback
import urllib.parse
import uuid

from proton import Message
from proton.utils import BlockingConnection

from rabbitmq import RabbitMq

CASE_SECONDS = 280
PAUSE = 0.2


class Mamba:
    """The broker under test, and a Proton client that looks at it."""

    def __init__(self, target):
        self.target = target
        self.run = uuid.uuid4().hex[:8]
        self.uri = "amqp://%s:%s@%s:%d?sasl=plain" % (urllib.parse.quote(target["user"], safe=""),
                                                     urllib.parse.quote(target["password"], safe=""), target["host"], target["port"])

    def address(self, what):
        return "%s.shovel-%s" % (what, self.run)

    def connect(self):
        return BlockingConnection("amqp://%s:%d" % (self.target["host"], self.target["port"]), timeout=60, user=self.target["user"],
                                  password=self.target["password"], allowed_mechs="PLAIN")

    def send(self, address, messages):
        connection = self.connect()
        sender = connection.create_sender(address)
        for message in messages:
            sender.send(message)
        connection.close()

    def take(self, address, count):
        """Takes and accepts so many messages."""
        connection = self.connect()
        receiver = connection.create_receiver(address, credit=min(count, 500))
        messages = []
        while len(messages) < count:
            messages.append(receiver.receive(timeout=120))
            receiver.accept()
        connection.close()
        return messages

    def depth(self, address):
        """Messages in a queue, those that a consumer holds included."""
        return self.count(address, "depth")

    def count(self, address, attribute):
        """A number of a queue that $management tells; 0 while there is no such queue."""
        connection = self.connect()
        receiver = connection.create_receiver(None, dynamic=True, credit=1)
        sender = connection.create_sender("$management")
        sender.send(Message(id="d", reply_to=receiver.link.remote_source.address,
                            properties={"operation": "READ", "type": "org.mamba.queue", "name": address}))
        answer = receiver.receive(timeout=60)
        receiver.accept()
        connection.close()
        check(answer.properties["statusCode"] in (200, 404), "reading %s: %r" % (address, answer.properties))
        return int(answer.body[attribute]) if answer.properties["statusCode"] == 200 else 0

    @staticmethod
    def ask(command):
        """Has the broker killed or started by whoever runs this case."""
        print("@broker " + command, flush=True)
        answer = sys.stdin.readline().strip()
        check(answer == "done", "nobody answers to @broker %s: %r" % (command, answer))


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def equal(actual, expected, what):
    check(actual == expected, "%s: expected %r, got %r" % (what, expected, actual))


def until(condition, what):
    """Waits for what has no event to wait for; the case's time bounds it."""
    while not condition():
        time.sleep(PAUSE)
    return what


def text(message):
    """A shovel puts the payload of an AMQP 0.9.1 message into one data section."""
    body = message.body
    return bytes(body).decode() if isinstance(body, (bytes, memoryview, bytearray)) else body


def to_mamba(mamba, rabbit):
    """Messages of a RabbitMQ queue arrive in order, once, with their properties, and are confirmed to RabbitMQ."""
    address = mamba.address("inbound")
    rabbit.declare("payments")
    for i in range(60):
        rabbit.publish("payments", "payment %d" % i, message_id="p-%d" % i, correlation_id="c", content_type="text/plain",
                       headers={"region": "eu", "attempt": i})
    rabbit.shovel("out", src_protocol="amqp091", src_uri=rabbit.uri, src_queue="payments", dest_protocol="amqp10", dest_uri=mamba.uri,
                  dest_address=address, ack_mode="on-confirm")
    messages = mamba.take(address, 60)
    equal([text(m) for m in messages], ["payment %d" % i for i in range(60)], "bodies")
    equal([m.id for m in messages], ["p-%d" % i for i in range(60)], "message-ids")
    equal({m.correlation_id for m in messages}, {"c"}, "correlation-ids")
    equal({str(m.content_type) for m in messages}, {"text/plain"}, "content-types")
    equal([m.properties["attempt"] for m in messages], list(range(60)), "headers as application properties")
    check(all(m.durable for m in messages), "persistent messages are durable")
    until(lambda: rabbit.messages("payments") == 0, "RabbitMQ to have its confirms")
    equal(mamba.depth(address), 0, "nothing came twice")


def from_mamba(mamba, rabbit):
    """Messages of a Mamba queue arrive in RabbitMQ in order, once, and leave Mamba."""
    address = mamba.address("outbound")
    mamba.send(address, [Message(body=("order %d" % i).encode(), inferred=True, id="o-%d" % i, durable=True, properties={"region": "us"})
                         for i in range(60)])
    rabbit.declare("orders")
    rabbit.shovel("in", src_protocol="amqp10", src_uri=mamba.uri, src_address=address, src_prefetch_count=10, dest_protocol="amqp091",
                  dest_uri=rabbit.uri, dest_queue="orders", ack_mode="on-confirm")
    until(lambda: rabbit.messages("orders") == 60, "all to arrive")
    # RabbitMQ 3.10 hands on the payload alone: it makes no AMQP 0.9.1 properties of the sections of AMQP 1.0.
    equal([m["payload"] for m in rabbit.get("orders", 100)], ["order %d" % i for i in range(60)], "payloads")
    until(lambda: mamba.depth(address) == 0, "Mamba to have the acknowledgements")


def refused(mamba, rabbit):
    """What a full Mamba queue refuses stays in RabbitMQ, and comes when there is room."""
    address = mamba.address("small")
    rabbit.declare("source")
    rabbit.shovel("full", src_protocol="amqp091", src_uri=rabbit.uri, src_queue="source", dest_protocol="amqp10", dest_uri=mamba.uri,
                  dest_address=address, ack_mode="on-confirm", src_prefetch_count=1)
    for i in range(8):
        rabbit.publish("source", str(i))
    until(lambda: mamba.depth(address) == 5 and mamba.count(address, "rejected") > 0, "the queue to be full, and to refuse")
    until(lambda: rabbit.messages("source") == 3, "the rest to be kept by RabbitMQ")
    equal([text(m) for m in mamba.take(address, 8)], [str(i) for i in range(8)], "what Mamba took in the end")
    until(lambda: rabbit.messages("source") == 0, "RabbitMQ to have its confirms")


def crash(mamba, rabbit):
    """A shovel goes on after kill -9 of Mamba, by itself, and nothing that RabbitMQ had confirmed is missing."""
    address = mamba.address("crashed")
    rabbit.declare("ledger")
    rabbit.shovel("ledger", src_protocol="amqp091", src_uri=rabbit.uri, src_queue="ledger", dest_protocol="amqp10", dest_uri=mamba.uri,
                  dest_address=address, ack_mode="on-confirm", reconnect_delay=1, src_prefetch_count=10)
    for i in range(40):
        rabbit.publish("ledger", str(i))
    until(lambda: mamba.depth(address) > 0, "some to have come")
    mamba.ask("kill")
    for i in range(40, 80):
        rabbit.publish("ledger", str(i))
    mamba.ask("start")
    until(lambda: mamba.depth(address) >= 80 and rabbit.messages("ledger") == 0, "all to be there and confirmed")
    depth = mamba.depth(address)
    got = [int(text(m)) for m in mamba.take(address, depth)]
    equal(sorted(set(got)), list(range(80)), "what is there")
    check(len(got) - 80 <= 10, "only what was unconfirmed may be there twice, got %d messages" % len(got))


CASES = {
    "shovel.rabbitmq-to-mamba": ("default", to_mamba),
    "shovel.mamba-to-rabbitmq": ("default", from_mamba),
    "shovel.what-a-full-queue-refuses-stays-in-rabbitmq": ("default", refused),
    "shovel.goes-on-after-a-crash-of-mamba": ("mortal", crash),
}


def run_one(name, target_file):
    with open(target_file, encoding="utf-8") as file:
        mamba = Mamba(json.load(file))

    def expired(*_):
        raise TimeoutError("the case took longer than %d s" % CASE_SECONDS)

    signal.signal(signal.SIGALRM, expired)
    signal.alarm(CASE_SECONDS)
    try:
        with RabbitMq() as rabbit:
            try:
                CASES[name][1](mamba, rabbit)
            except Exception:
                print("RabbitMQ's last words:\n" + rabbit.last_words())
                raise
    except Exception as error:
        print("FAILED %s: %s\n  expects: %s\n%s" % (name, error, CASES[name][1].__doc__, traceback.format_exc()))
        return 1
    print("passed " + name)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the names of all cases")
    parser.add_argument("--profile", help="only the cases for a broker set up so: default or mortal")
    parser.add_argument("--case", choices=sorted(CASES), help="run one case")
    parser.add_argument("--target", help="JSON file that describes the broker")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(name for name, (profile, _) in CASES.items() if arguments.profile in (None, profile)))
        return 0
    if not arguments.case or not arguments.target:
        parser.error("give --list, or --case and --target")
    return run_one(arguments.case, arguments.target)


if __name__ == "__main__":
    sys.exit(main())
