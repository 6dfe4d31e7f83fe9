"""Proton's engine driven by hand: Transport, Connection and Collector over a non-blocking socket.

Blocking in style: pump(until) moves bytes and events until a condition holds. Every frame that passes
is recorded through Proton's own frame trace.
"""

import select
import socket
import time

from proton import Collector, Connection, Endpoint, Event, Message, SSLDomain, Transport

from . import check
from .links import (REMOTE_CLOSED, REMOTE_OPEN, Coordinator, In, Out, Refused, get_map, get_symbols,
                    put_lifetime, put_symbols, retire)

__all__ = ["Coordinator", "In", "Lost", "Out", "Peer", "Refused", "bodies", "client_tls", "drained", "get_map",
           "get_symbols", "put", "put_lifetime", "put_symbols", "retire"]


class Lost(Exception):
    """The transport ended before the awaited thing happened."""


class Peer:
    """One AMQP connection of a real client. Opens ANONYMOUS unless told otherwise."""

    def __init__(self, ctx, container=None, mechanisms="ANONYMOUS", user=None, password=None, tls=None,
                 over=None, port=None, configure=None, wait=True, virtual_host=None):
        self.ctx = ctx
        self.label = "p%d" % (1 + sum(1 for line in ctx.trace if " connects" in line))
        ctx.log("%s connects" % self.label)
        self.collector = Collector()
        self.transport = Transport()
        self.transport.tracer = self._traced
        self.transport.trace(Transport.TRACE_FRM)
        self.connection = Connection()
        self.connection.container = container or ctx.name("proton")
        self.connection.hostname = virtual_host or ctx.host
        self.connection.collect(self.collector)
        self.frames = []
        self.eof = False
        self._output_ended = False
        self._sessions = []
        if over is None:
            self.sasl = self._configure_sasl(mechanisms, user, password)
            self.socket = socket.create_connection((ctx.host, port or ctx.port), timeout=10)
        else:
            self.sasl = None
            self.socket = over
        if tls is not None:
            self.ssl = self.transport.ssl(tls)
            self.ssl.peer_hostname = ctx.tls_name
        if configure is not None:
            configure(self)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        ctx.on_exit(self.abort)
        self.transport.bind(self.connection)
        self.connection.open()
        self._default_session = None
        if wait:
            self.wait_open()

    def _configure_sasl(self, mechanisms, user, password):
        sasl = self.transport.sasl()
        sasl.allowed_mechs(mechanisms)
        if user is not None:
            self.connection.user = user
            self.connection.password = password
        return sasl

    def _traced(self, _transport, line):
        line = line[6:] if line.startswith("FRAME:") else line
        line = line.strip()
        if len(line) > 2000:
            line = line[:2000] + "..."
        self.frames.append(line)
        if len(self.frames) > 20000:
            del self.frames[:10000]
        self.ctx.log("%s %s" % (self.label, line))

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        if kind is None:
            self.close()
        else:
            self.abort()

    # ---- moving bytes

    def pump(self, until, what, seconds=10.0):
        """Moves bytes until UNTIL() is true; fails with WHAT when the time is up or the transport ends."""
        end = time.monotonic() + min(seconds, max(0.05, self.ctx.deadline.left))
        while not until():
            self._check_alive(what)
            left = end - time.monotonic()
            if left <= 0:
                check.fail("%s: waited in vain for %s" % (self.label, what))
            self._step(left)

    def _check_alive(self, what):
        """Nothing more can come once the connection or one of our sessions is gone: say so at once."""
        if self.eof and self.collector.peek() is None:
            raise Lost("while waiting for %s: the connection ended (%s)" % (what, self.transport.condition))
        if self.connection.state & REMOTE_CLOSED and self.connection.state & Endpoint.LOCAL_ACTIVE:
            raise Lost("while waiting for %s: the broker closed: %s" % (what, self.connection.remote_condition))
        for session in self._sessions:
            if session.state & REMOTE_CLOSED and session.state & Endpoint.LOCAL_ACTIVE:
                raise Lost("while waiting for %s: the broker ended the session: %s"
                           % (what, session.remote_condition))

    def _step(self, left):
        deadline = self.transport.tick(time.monotonic())
        self._events()
        wants_read = not self.eof and self.transport.capacity() > 0
        pending = self.transport.pending()
        wants_write = pending > 0
        if pending < 0:
            self._end_of_output()
        if not wants_read and not wants_write:
            self._events()
            return
        if deadline:
            left = min(left, max(0.0, deadline - time.monotonic()))
        readable, writable, _ = select.select([self.socket] if wants_read else [],
                                              [self.socket] if wants_write else [], [], left)
        if writable:
            self._write()
        if readable:
            self._read()
        self._events()

    def _read(self):
        capacity = self.transport.capacity()
        if capacity <= 0:
            return
        try:
            data = self.socket.recv(min(262144, capacity))
        except BlockingIOError:
            return
        except OSError as error:
            self.ctx.log("%s read: %s" % (self.label, error))
            data = b""
        if data:
            self.transport.push(data)
        else:
            self.ctx.log("%s <- end of stream" % self.label)
            self.eof = True
            try:
                self.transport.close_tail()
            except Exception as error:  # Proton reports a stream cut inside a frame here
                self.ctx.log("%s tail: %s" % (self.label, error))

    def _write(self):
        while True:
            pending = self.transport.pending()
            if pending <= 0:
                return
            try:
                sent = self.socket.send(self.transport.peek(pending))
            except BlockingIOError:
                return
            except OSError as error:
                self.ctx.log("%s write: %s" % (self.label, error))
                self.transport.close_head()
                return
            self.transport.pop(sent)

    def _end_of_output(self):
        """Proton has nothing more to say on this connection: let the broker see that."""
        if self._output_ended:
            return
        self._output_ended = True
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.ctx.log("%s shutdown: %s" % (self.label, error))

    def flush(self):
        """Writes what the engine has to say, without waiting for anything."""
        self.pump(lambda: self.transport.pending() <= 0, "room to write", 60.0)

    def _events(self):
        while True:
            event = self.collector.peek()
            if event is None:
                return
            if event.type in (Event.DELIVERY, Event.LINK_FLOW):
                context = getattr(event.link, "wrapper", None)
                if context is not None:
                    context.on_event(event)
            elif event.type == Event.TRANSPORT_ERROR:
                self.ctx.log("%s transport error %s" % (self.label, self.transport.condition))
            self.collector.pop()

    # ---- endpoints

    def wait_open(self):
        self.pump(lambda: self.connection.state & (REMOTE_OPEN | REMOTE_CLOSED) or self.transport.condition,
                  "the broker's open")
        if self.connection.state & REMOTE_CLOSED:
            raise Refused("connection", self.connection.remote_condition)
        if self.transport.condition:
            raise Refused("connection", self.transport.condition)

    @property
    def session(self):
        """The default session, begun at the first use."""
        if self._default_session is None:
            self._default_session = self.new_session()
        return self._default_session

    def new_session(self, capacity=None, wait=True):
        session = self.connection.session()
        if capacity is not None:
            session.incoming_capacity = capacity
        session.open()
        self._sessions.append(session)
        if wait:
            self.pump(lambda: session.state & (REMOTE_OPEN | REMOTE_CLOSED), "begin")
        return session

    def end_session(self, session=None):
        session = session or self.session
        session.close()
        self.pump(lambda: session.state & REMOTE_CLOSED, "end")
        if session is self._default_session:
            self._default_session = None

    def sender(self, address=None, name=None, session=None, wait=True, configure=None, settled=None, **modes):
        return Out(self, address, name, session, wait, configure, settled, **modes)

    def receiver(self, address=None, name=None, session=None, credit=0, wait=True, configure=None, **modes):
        link = In(self, address, name, session, wait, configure, **modes)
        if credit:
            link.credit(credit)
        return link

    def close(self):
        """Orderly: close, wait for the broker's close."""
        if not self.connection.state & Endpoint.LOCAL_CLOSED:
            self.connection.close()
        self.pump(lambda: self.connection.state & REMOTE_CLOSED or self.transport.condition, "the broker's close")
        self.socket.close()
        self.eof = True

    def abort(self):
        """Drops the socket: the broker sees a connection loss."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        except OSError:
            pass
        self.socket.close()
        self.eof = True

    def seen(self, direction, name):
        """The trace lines of frames NAME in DIRECTION ("->" or "<-")."""
        return [f for f in self.frames if direction in f and "@%s(" % name in f]


def client_tls(ctx, certificate=False, ca_file=None, verify=SSLDomain.VERIFY_PEER_NAME):
    """Proton's TLS client side."""
    domain = SSLDomain(SSLDomain.MODE_CLIENT)
    if certificate:
        domain.set_credentials(ctx.client_cert, ctx.client_key, None)
    domain.set_trusted_ca_db(ca_file or ctx.ca_file)
    domain.set_peer_authentication(verify, ca_file or ctx.ca_file)
    return domain


def bodies(received):
    """The bodies of deliveries, in order."""
    return [r.body for r in received]


def put(ctx, address, *values, **header):
    """Puts one message per value into ADDRESS over a connection of its own."""
    with Peer(ctx) as peer:
        out = peer.sender(address)
        out.send_all([Message(body=value, **header) for value in values])


def drained(ctx, address, accept=True):
    """What ADDRESS holds, read over a connection of its own."""
    with Peer(ctx) as peer:
        link, got = peer.receiver(address), []
        while True:
            more = link.drain(1000)
            if not more:
                return got
            got.extend(more)
            for received in more if accept else ():
                received.accept()
