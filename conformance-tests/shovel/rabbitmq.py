"""A RabbitMQ node of its own, from the Debian package, with shovels; driven through its HTTP API."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

BIN = "/usr/lib/rabbitmq/bin"
BOOT_SECONDS = 150
PAUSE = 0.1


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RabbitMq:
    """Starts on entry and is gone, with its data, on exit. It shares nothing with an installed RabbitMQ."""

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="mamba-shovel-")
        self.port, self.admin, self.epmd = free_port(), free_port(), free_port()
        self.process = None

    @property
    def uri(self):
        return "amqp://guest:guest@127.0.0.1:%d" % self.port

    def __enter__(self):
        with open(os.path.join(self.home, "rabbitmq.conf"), "w", encoding="utf-8") as file:
            file.write("listeners.tcp.1 = 127.0.0.1:%d\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %d\n"
                       "log.console = true\nlog.console.level = info\nlog.file = false\n"
                       "disk_free_limit.absolute = 100MB\ncollect_statistics_interval = 500\n" % (self.port, self.admin))
        with open(os.path.join(self.home, "enabled_plugins"), "w", encoding="utf-8") as file:
            file.write("[rabbitmq_management,rabbitmq_shovel,rabbitmq_shovel_management].\n")
        open(os.path.join(self.home, "env.conf"), "w", encoding="utf-8").close()
        self.log = open(os.path.join(self.home, "log"), "wb")
        self.process = subprocess.Popen([os.path.join(BIN, "rabbitmq-server")], env=self._environment(), stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()
        subprocess.run(["epmd", "-kill"], env=self._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def last_words(self, lines=40):
        with open(os.path.join(self.home, "log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    def _environment(self):
        def inside(name):
            return os.path.join(self.home, name)
        return {**os.environ, "HOME": self.home, "LC_ALL": "C.UTF-8", "PATH": BIN + ":" + os.environ["PATH"],
                "ERL_EPMD_PORT": str(self.epmd), "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODENAME": "mamba-shovel-%d@localhost" % os.getpid(), "RABBITMQ_DIST_PORT": str(free_port()),
                "RABBITMQ_MNESIA_BASE": inside("db"), "RABBITMQ_LOG_BASE": inside("logs"), "RABBITMQ_CONFIG_FILE": inside("rabbitmq.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": inside("enabled_plugins"), "RABBITMQ_PID_FILE": inside("pid"),
                "RABBITMQ_CONF_ENV_FILE": inside("env.conf"), "RABBITMQ_FEATURE_FLAGS_FILE": inside("feature_flags"),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 1:1"}

    def _wait_until_ready(self):
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("RabbitMQ did not start:\n" + self.last_words())
            try:
                self.call("GET", "/api/aliveness-test/%2f")
                return
            except (OSError, urllib.error.URLError):
                time.sleep(PAUSE)

    def call(self, method, path, body=None):
        """One request of the HTTP API; returns the decoded answer, or None when there is none."""
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.admin, path), method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def declare(self, queue, **arguments):
        self.call("PUT", "/api/queues/%2f/" + urllib.parse.quote(queue, safe=""), {"durable": True, "arguments": arguments})

    def publish(self, queue, payload, **properties):
        done = self.call("POST", "/api/exchanges/%2f/amq.default/publish", {
            "routing_key": queue, "payload": payload, "payload_encoding": "string", "properties": {"delivery_mode": 2, **properties}})
        if not done["routed"]:
            raise RuntimeError("RabbitMQ did not route a message to " + queue)

    def get(self, queue, count):
        """Takes up to COUNT messages off a queue."""
        return self.call("POST", "/api/queues/%2f/" + urllib.parse.quote(queue, safe="") + "/get",
                         {"count": count, "ackmode": "ack_requeue_false", "encoding": "auto"})

    def shovel(self, name, **value):
        """Makes a dynamic shovel; keys are those of the parameter with _ for -."""
        self.call("PUT", "/api/parameters/shovel/%2f/" + name, {"value": {k.replace("_", "-"): v for k, v in value.items()}})

    def messages(self, queue):
        """Messages in a queue, unacknowledged ones included, as of at most half a second ago; None when not known yet."""
        return self.call("GET", "/api/queues/%2f/" + urllib.parse.quote(queue, safe="")).get("messages")
