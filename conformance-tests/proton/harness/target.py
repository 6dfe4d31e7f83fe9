"""What a case is told about the broker under test, and names nobody else uses."""

import json
import uuid

from .registry import Deadline

MIB = 1024 * 1024


class Context:
    """Handed to every case: the target, a trace that is printed on failure, and unique addresses."""

    def __init__(self, settings, seconds=20.0):
        self.settings = settings
        self.host = settings.get("host", "127.0.0.1")
        self.port = int(settings["port"])
        self.tls_port = settings.get("tlsPort")
        self.ca_file = settings.get("caFile")
        self.client_cert = settings.get("clientCertificate")
        self.client_key = settings.get("clientKey")
        self.user = settings.get("user")
        self.password = settings.get("password")
        self.wrong_password = settings.get("wrongPassword", "certainly-not-the-password")
        self.tls_name = settings.get("tlsName", "localhost")
        self.limits = settings.get("limits") or {}
        self.address_prefix = settings.get("addressPrefix", "")
        self.topic_prefix = settings.get("topicPrefix", "topic://")
        self.run = uuid.uuid4().hex[:10]
        self.deadline = Deadline(seconds)
        self.trace = []
        self._cleanups = []

    @staticmethod
    def load(path, seconds=20.0):
        with open(path, encoding="utf-8") as file:
            return Context(json.load(file), seconds)

    @property
    def max_message_size(self):
        """The configured largest message in bytes; 0 when the target does not say."""
        return int(self.limits.get("maxMessageSize") or 0)

    def queue(self, stem="q"):
        """An address of a queue that no other case or run uses."""
        return "%s%s.%s" % (self.address_prefix, stem, uuid.uuid4().hex[:12])

    def topic(self, stem="t"):
        """An address of a topic that no other case or run uses."""
        return "%s%s.%s" % (self.topic_prefix, stem, uuid.uuid4().hex[:12])

    def dead_letters(self, address):
        """Where the broker puts the dead letters of ADDRESS."""
        bare = address[len(self.address_prefix):] if self.address_prefix else address
        return "%sDLQ.%s" % (self.address_prefix, bare)

    def name(self, stem="n"):
        """A unique container-id, link or subscription name."""
        return "%s-%s" % (stem, uuid.uuid4().hex[:12])

    def log(self, line):
        self.trace.append(line)
        if len(self.trace) > 20000:
            del self.trace[:10000]

    def on_exit(self, action):
        self._cleanups.append(action)

    def close(self):
        """Closes what the case opened, newest first; what fails here has failed the case already or does not matter."""
        while self._cleanups:
            action = self._cleanups.pop()
            try:
                action()
            except Exception as error:  # a connection the case broke on purpose
                self.log("while closing: %r" % error)
