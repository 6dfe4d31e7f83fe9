#!/usr/bin/python3
"""A RabbitMQ that shovels messages to and from the broker under test over AMQP 1.0. ../python-shared has the command line."""

import os
import sys
import urllib.parse

from proton import Message

from rabbitmq import RabbitMq

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "python-shared"))
from cases import Witness, check, equal, main, until  # noqa: E402

CASE_SECONDS = 280


class Mamba(Witness):
    """The broker under test, as the shovel reaches it, and a Proton client that looks at it."""

    def __init__(self, target):
        super().__init__(target)
        self.uri = "amqp://%s:%s@%s:%d?sasl=plain" % (urllib.parse.quote(target["user"], safe=""),
                                                     urllib.parse.quote(target["password"], safe=""), target["host"], target["port"])

    def address(self, what):
        return "%s.shovel-%s" % (what, self.run)


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
    mamba.send(address, *[Message(body=("order %d" % i).encode(), inferred=True, id="o-%d" % i, durable=True, properties={"region": "us"})
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


def run(case, target):
    with RabbitMq() as rabbit:
        try:
            case(Mamba(target), rabbit)
        except Exception:
            print("RabbitMQ's last words:\n" + rabbit.last_words())
            raise


if __name__ == "__main__":
    main(CASES, CASE_SECONDS, run)
