"""What the runners of Python clients share: the command line, the bound in time, checks, and Proton as a second pair of eyes.

  run.py --list [--profile NAME]             the names of all cases, one a line
  run.py --case NAME --target target.json    one case; exit status 0 passed, 1 failed
"""

import argparse
import faulthandler
import json
import os
import signal
import sys
import time
import traceback
import uuid

from proton import Message
from proton.utils import BlockingConnection

PAUSE = 0.2
# Code in C that does not come back to Python hears no signal: some seconds later the process ends without its help.
GRACE = 20


class Expired(BaseException):
    """The case's time is over. No Exception, and no TimeoutError: those are what clients catch, and go on."""


class Witness:
    """The broker under test as a plain Proton client sees it, and names nobody else uses."""

    def __init__(self, target):
        self.target = target
        self.run = uuid.uuid4().hex[:8]
        self.counter = 0

    def unique(self, what):
        self.counter += 1
        return "%s-%s-%d" % (what, self.run, self.counter)

    def connect(self):
        return BlockingConnection("amqp://%s:%d" % (self.target["host"], self.target["port"]), timeout=60, user=self.target["user"],
                                  password=self.target["password"], allowed_mechs="PLAIN")

    def send(self, address, *messages):
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

    def manage(self, operation, address, body=None):
        """Asks $management about a queue; the response."""
        connection = self.connect()
        receiver = connection.create_receiver(None, dynamic=True, credit=1)
        connection.create_sender("$management").send(Message(
            body, id="m", reply_to=receiver.link.remote_source.address,
            properties={"operation": operation, "type": "org.mamba.queue", "name": address}))
        answer = receiver.receive(timeout=60)
        receiver.accept()
        connection.close()
        return answer

    def depth(self, address):
        """Messages in a queue, those that a consumer holds included."""
        return self.count(address, "depth")

    def count(self, address, attribute):
        """A number of a queue that $management tells; 0 while there is no such queue."""
        answer = self.manage("READ", address)
        check(answer.properties["statusCode"] in (200, 404), "reading %s: %r" % (address, answer.properties))
        return int(answer.body[attribute]) if answer.properties["statusCode"] == 200 else 0

    def emptied(self, address):
        """Waits until a queue has nothing left: until what was settled has come to the broker."""
        until(lambda: self.depth(address) == 0, "the queue to be empty")

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
    """Waits for what has no event to wait for, and says what when the case's time is over."""
    try:
        while not condition():
            time.sleep(PAUSE)
    except Expired as late:
        raise Expired("%s; waited for %s" % (late, what)) from late


def main(cases, seconds, run):
    """Does what the command line says. cases: {name: (profile, function)}; run(function, target) runs one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the names of all cases")
    parser.add_argument("--profile", help="only the cases for a broker set up so, such as default, azure or mortal")
    parser.add_argument("--case", choices=sorted(cases), help="run one case")
    parser.add_argument("--target", help="JSON file that describes the broker")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(name for name, (profile, _) in cases.items() if arguments.profile in (None, profile)))
        return
    if not arguments.case or not arguments.target:
        parser.error("give --list, or --case and --target")
    status = run_one(arguments.case, cases[arguments.case][1], arguments.target, seconds, run)
    sys.stdout.flush()
    os._exit(status)  # a client's objects and threads may be in no state to be torn down in good order


def run_one(name, function, target_file, seconds, run):
    with open(target_file, encoding="utf-8") as file:
        target = json.load(file)

    def expired(*_):
        raise Expired("the case took longer than %d s" % seconds)

    faulthandler.dump_traceback_later(seconds + GRACE, exit=True)
    signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    try:
        run(function, target)
    except (Exception, Expired) as error:
        print("FAILED %s: %s\n  expects: %s\n%s" % (name, error, function.__doc__, traceback.format_exc()))
        return 1
    print("passed " + name)
    return 0
