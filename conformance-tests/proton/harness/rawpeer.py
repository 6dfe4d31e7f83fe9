"""A scripted AMQP peer over a plain socket: it sends exactly what it is told and sees every frame."""

import select
import socket
import ssl
import struct
import time

from . import check
from .codec import Sym
from .performatives import (AMQP_HEADER, SASL_HEADER, Frame, data_message, frame, performative, source,
                            target)
from .sasl import Anonymous


class Closed(Exception):
    """The broker closed the socket."""


class RawPeer:
    """One TCP connection. Nothing is answered by itself: no heartbeats, no credit, no settling."""

    def __init__(self, ctx, port=None, tls=None):
        self.ctx = ctx
        self.label = "raw%d" % (sum(1 for line in ctx.trace if "connected" in line) + 1)
        self.socket = socket.create_connection((ctx.host, port or ctx.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=ctx.tls_name)
        self.buffer = bytearray()
        self.mechanisms = None
        self.remote_open = None
        self.first_incoming = {}
        self.initial_count = {}
        ctx.log("%s connected" % self.label)
        ctx.on_exit(self.abort)

    # ---- writing

    def send_bytes(self, data):
        self.socket.settimeout(max(0.1, self.ctx.deadline.left))
        self.socket.sendall(data)

    def log_out(self, text):
        self.ctx.log("%s -> %s" % (self.label, text))

    def raw(self, data, note=None):
        """Sends bytes as they are."""
        self.log_out(note or "%d bytes %s%s" % (len(data), data[:48].hex(), "..." if len(data) > 48 else ""))
        self.send_bytes(data)

    def send(self, name, /, payload=b"", channel=0, **values):
        """Sends one performative, fields by name."""
        self.raw(self.encode(name, payload, channel, **values),
                 "%s ch%d %r%s" % (name, channel, _shown(values), " + %d bytes" % len(payload) if payload else ""))

    @staticmethod
    def encode(name, /, payload=b"", channel=0, **values):
        kind = 1 if name.startswith("sasl_") else 0
        return frame(performative(name, **values), payload, channel, kind)

    def batch(self, *frames):
        """Several encoded frames in one write."""
        self.raw(b"".join(frames), "%d frames in one write" % len(frames))

    # ---- reading

    def _fill(self, until):
        wait = min(until, time.monotonic() + self.ctx.deadline.left) - time.monotonic()
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        if not pending and not select.select([self.socket], [], [], max(0.0, wait))[0]:
            check.fail("%s: nothing came from the broker in time" % self.label)
        try:
            data = self.socket.recv(262144)
        except (ConnectionResetError, BrokenPipeError) as lost:
            self.ctx.log("%s <- reset" % self.label)
            raise Closed("the broker reset the connection") from lost
        if not data:
            self.ctx.log("%s <- end of stream" % self.label)
            raise Closed("the broker closed the connection")
        self.buffer += data

    def read_header(self, seconds=8.0):
        """The next eight bytes: a protocol header."""
        until = time.monotonic() + seconds
        while len(self.buffer) < 8:
            self._fill(until)
        header = bytes(self.buffer[:8])
        del self.buffer[:8]
        self.ctx.log("%s <- header %s" % (self.label, header.hex()))
        return header

    def next_frame(self, seconds=8.0, heartbeats=False):
        """The next frame; empty ones are passed over unless asked for."""
        until = time.monotonic() + seconds
        while True:
            while len(self.buffer) < 4 or len(self.buffer) < struct.unpack_from(">I", self.buffer)[0]:
                self._fill(until)
            size, offset, kind, channel = struct.unpack_from(">IBBH", self.buffer)
            body = bytes(self.buffer[4 * offset:size])
            del self.buffer[:size]
            got = Frame(kind, channel, body)
            got.size = size
            self.ctx.log("%s <- %r" % (self.label, got))
            if got.name != "empty" or heartbeats:
                return got

    def expect(self, *names, skip=(), seconds=8.0):
        """The next frame, which must be one of NAMES; frames named in SKIP are passed over."""
        while True:
            got = self.next_frame(seconds)
            if got.name in names:
                return got
            if got.name not in skip:
                check.fail("%s: expected %s, got %r" % (self.label, " or ".join(names), got))

    def expect_close(self, *conditions, skip=("open", "begin", "attach", "flow", "transfer", "disposition",
                                              "detach", "end")):
        """A close with one of CONDITIONS, then the end of the stream."""
        got = self.expect("close", skip=skip)
        if conditions:
            check.one_of(got.condition, conditions, "condition of close")
        try:
            self.send("close")
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as gone:  # the broker may have gone already: that is what is awaited
            self.ctx.log("%s: %s" % (self.label, gone))
        self.expect_end_of_stream()
        return got

    def expect_end(self, *conditions, channel=0, skip=("flow", "disposition", "transfer", "attach", "detach")):
        """An end of the session with one of CONDITIONS; answered, so that the connection stays usable."""
        got = self.expect("end", skip=skip)
        check.one_of(got.condition, conditions, "condition of end")
        self.send("end", channel=channel)
        return got

    def expect_end_of_stream(self, seconds=8.0):
        """Nothing but the end of the stream may come now."""
        try:
            while True:
                got = self.next_frame(seconds)
                check.fail("%s: after close came %r" % (self.label, got))
        except (Closed, ssl.SSLError):
            return

    def drop_rest(self, seconds=8.0):
        """Reads and forgets whatever comes until the broker closes the socket; no AMQP open may be among it."""
        until = time.monotonic() + seconds
        try:
            while True:
                self._fill(until)
        except (Closed, ssl.SSLError):
            check.that(b"\x00\x53\x10" not in self.buffer, "the broker opened the connection")
            return bytes(self.buffer)

    # ---- the usual beginnings

    def open(self, sasl="anonymous", **fields):
        """SASL (ANONYMOUS unless told otherwise, none with None), header and open; returns the broker's open."""
        if sasl is not None:
            self.sasl(Anonymous() if sasl == "anonymous" else sasl)
        self.raw(AMQP_HEADER, "header AMQP")
        check.equal(self.read_header(), AMQP_HEADER, "protocol header")
        fields.setdefault("container_id", self.ctx.name("raw"))
        self.send("open", **fields)
        self.remote_open = self.expect("open")
        return self.remote_open

    def sasl(self, client):
        """A whole SASL exchange that must succeed."""
        outcome = self.try_sasl(client)
        check.equal(outcome.code, 0, "SASL outcome code")
        check.that(client.verified, "the server proved that it knows the password")
        return outcome

    def try_sasl(self, client):
        """A whole SASL exchange; returns the sasl-outcome frame."""
        self.raw(SASL_HEADER, "header SASL")
        check.equal(self.read_header(), SASL_HEADER, "SASL header")
        self.mechanisms = _multiple(self.expect("sasl_mechanisms").mechanisms)
        check.contains(self.mechanisms, client.mechanism, "offered mechanisms")
        self.send("sasl_init", mechanism=client.mechanism, initial_response=client.first(),
                  hostname=self.ctx.host)
        while True:
            got = self.expect("sasl_challenge", "sasl_outcome")
            if got.name == "sasl_outcome":
                if got.additional_data and got.code == 0:
                    client.final(got.additional_data)
                return got
            self.send("sasl_response", response=client.answer(got.challenge))

    def begin(self, channel=0, **fields):
        """Begins a session; returns the broker's begin."""
        fields.setdefault("next_outgoing_id", 0)
        fields.setdefault("incoming_window", 2048)
        fields.setdefault("outgoing_window", 2048)
        self.send("begin", channel=channel, **fields)
        begin = self.expect("begin", skip=("flow",))
        self.first_incoming[channel] = begin.next_outgoing_id
        return begin

    def start(self, **fields):
        """Header, open and begin on channel 0, as a case needs that is about links."""
        self.open(**fields)
        return self.begin()

    def attach_sender(self, address=None, name=None, handle=0, channel=0, credit=True, **fields):
        """Attaches as sender; returns the broker's attach. With CREDIT also waits for the first flow."""
        fields.setdefault("source", source(address="here"))
        fields.setdefault("target", target(address=address))
        fields.setdefault("initial_delivery_count", 0)
        self.send("attach", channel=channel, name=name or self.ctx.name("snd"), handle=handle, role=False, **fields)
        attach = self.expect("attach", skip=("flow",))
        check.that(attach.target is not None, "the attach was refused: the target is null")
        self.flow = self.expect("flow") if credit else None
        return attach

    def attach_receiver(self, address=None, name=None, handle=0, channel=0, **fields):
        """Attaches as receiver without credit; returns the broker's attach."""
        if "source" not in fields:
            fields["source"] = source(address=address)
        fields.setdefault("target", target(address="here"))
        self.send("attach", channel=channel, name=name or self.ctx.name("rcv"), handle=handle, role=True, **fields)
        attach = self.expect("attach", skip=("flow",))
        check.that(attach.source is not None, "the attach was refused: the source is null")
        self.initial_count[channel, handle] = attach.initial_delivery_count or 0
        return attach

    def credit(self, credit, handle=0, channel=0, delivery_count=0, received=0, **fields):
        """A flow for a receiving link, after RECEIVED transfers on the session and DELIVERY_COUNT on the link."""
        count = (self.initial_count[channel, handle] + delivery_count) % 2 ** 32
        self.session_flow(received, channel, handle=handle, link_credit=credit, delivery_count=count, **fields)

    def session_flow(self, received=0, channel=0, **fields):
        """A flow whose next-incoming-id says that RECEIVED transfers came on the session."""
        fields.setdefault("incoming_window", 2048)
        fields.setdefault("next_outgoing_id", 0)
        fields.setdefault("outgoing_window", 2048)
        fields["next_incoming_id"] = (self.first_incoming[channel] + received) % 2 ** 32
        self.send("flow", channel=channel, **fields)

    def transfer(self, payload, delivery_id=0, tag=None, handle=0, channel=0, **fields):
        """One transfer frame."""
        fields.setdefault("message_format", 0)
        tag = struct.pack(">I", delivery_id) if tag is None else tag
        self.send("transfer", payload, channel=channel, handle=handle, delivery_id=delivery_id,
                  delivery_tag=tag, **fields)

    def put(self, address, bodies, name=None, handle=200):
        """Sends BODIES unsettled on a link of its own and waits until all are accepted."""
        attach = self.attach_sender(address, name, handle)
        check.that((self.flow.link_credit or 0) >= len(bodies), "credit for %d messages" % len(bodies))
        for index, body in enumerate(bodies):
            self.transfer(data_message(body), delivery_id=index, handle=handle)
        settled = 0
        while settled < len(bodies):
            got = self.expect("disposition", skip=("flow",))
            check.equal(got.state.descriptor, 0x24, "outcome of what the case put into the queue")
            settled += (got.last if got.last is not None else got.first) - got.first + 1
        return attach

    def close(self):
        """An orderly close: close both ways, then the end of the stream."""
        self.send("close")
        self.close_answer()

    def close_answer(self):
        """The broker's answer to our close, then the end of the stream."""
        got = self.expect("close", skip=("flow", "transfer", "disposition", "attach", "detach", "begin", "end"))
        check.equal(got.condition, None, "condition of close")
        if isinstance(self.socket, ssl.SSLSocket):
            return
        self.socket.shutdown(socket.SHUT_WR)
        self.expect_end_of_stream()

    def abort(self):
        """Drops the socket without a word (RST, so that the broker sees a loss and not a shutdown)."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.socket.close()


def tls_context(ctx, certificate=False):
    """A verifying TLS client context; with CERTIFICATE it presents the client's."""
    tls = ssl.create_default_context(cafile=ctx.ca_file)
    tls.check_hostname = True
    if certificate:
        tls.load_cert_chain(ctx.client_cert, ctx.client_key)
    return tls


def _multiple(value):
    if value is None:
        return []
    return [str(value)] if isinstance(value, Sym) else [str(v) for v in value]


multiple = _multiple


def _shown(values):
    return {k: (v.hex() if isinstance(v, bytes) and len(v) < 200 else v if not isinstance(v, bytes) else "...")
            for k, v in values.items()}
