"""A broker that lets nobody in without credentials and soon gives a silent peer up (profile secured)."""

import time

from proton import SASL, Message, symbol

from harness import check
from harness.engine import Lost, Peer, Refused, client_tls
from harness.performatives import AMQP_HEADER, SASL_HEADER
from harness.rawpeer import RawPeer, multiple
from harness.registry import case
from harness.sasl import Scram


def _scram_peer(ctx, **arguments):
    raw = RawPeer(ctx)
    raw.sasl(Scram("sha256", ctx.user, ctx.password))
    return Peer(ctx, over=raw.socket, **arguments)


@case("secured.bare-header-refused", profile="secured")
def bare_header(ctx):
    """The bare AMQP header is answered with the SASL header, then the socket is closed (section 2.2)."""
    raw = RawPeer(ctx)
    raw.raw(AMQP_HEADER, "header AMQP")
    check.equal(raw.read_header(), SASL_HEADER, "the broker's header")
    raw.expect_end_of_stream()


@case("secured.anonymous-not-offered", profile="secured")
def no_anonymous(ctx):
    """ANONYMOUS is not offered; PLAIN is not offered without TLS."""
    raw = RawPeer(ctx)
    raw.raw(SASL_HEADER, "header SASL")
    raw.read_header()
    offered = multiple(raw.expect("sasl_mechanisms").mechanisms)
    check.that("ANONYMOUS" not in offered, "ANONYMOUS is offered: %s" % offered)
    check.contains(offered, "SCRAM-SHA-256", "offered mechanisms")


@case("secured.anonymous-refused", profile="secured")
def anonymous_refused(ctx):
    """Proton with ANONYMOUS does not get in."""
    try:
        Peer(ctx, mechanisms="ANONYMOUS")
    except (Refused, Lost):
        return
    check.fail("the connection was opened")


@case("secured.scram-gets-in", profile="secured")
def scram(ctx):
    """With SCRAM a client sends and receives."""
    queue = ctx.queue()
    with _scram_peer(ctx) as peer:
        peer.sender(queue).send(Message(body="x"))
        check.equal(peer.receiver(queue).receive().body, "x", "body")


@case("secured.plain-over-tls-gets-in", profile="secured")
def plain(ctx):
    """With PLAIN over TLS too."""
    with Peer(ctx, mechanisms="PLAIN", user=ctx.user, password=ctx.password, tls=client_tls(ctx),
              port=ctx.tls_port) as peer:
        check.equal(peer.sasl.outcome, SASL.OK, "SASL outcome")
        peer.sender(ctx.queue()).send(Message(body="x"))


@case("secured.silent-peer-is-given-up", profile="secured")
def silent(ctx):
    """A peer that says nothing for longer than twice the broker's idle-time-out is closed, not earlier."""
    raw = RawPeer(ctx)
    advertised = raw.open(sasl=Scram("sha256", ctx.user, ctx.password)).idle_time_out
    check.between(advertised, 500, 2000, "the broker's idle-time-out in ms")
    started = time.monotonic()
    got = raw.expect("close", skip=(), seconds=10.0)
    silence = 1000 * (time.monotonic() - started)
    check.equal(got.condition, "amqp:resource-limit-exceeded", "condition of close")
    check.that(silence >= advertised, "closed after %.0f ms, though %d ms were advertised" % (silence, advertised))
    raw.expect_end_of_stream()


@case("secured.proton-keeps-itself-alive", profile="secured")
def alive(ctx):
    """Proton answers the broker's idle-time-out with heartbeats of its own and stays connected."""
    with _scram_peer(ctx) as peer:
        peer.session  # begin before the waiting starts
        started = time.monotonic()
        empty_before = peer.transport.frames_output
        check.that(peer.transport.remote_idle_timeout > 0, "the broker advertises an idle-time-out")
        peer.pump(lambda: time.monotonic() - started > 3 * peer.transport.remote_idle_timeout,
                  "three idle timeouts to pass")
        check.that(peer.transport.frames_output > empty_before, "Proton sent heartbeats")
        peer.sender(ctx.queue()).send(Message(body="alive"))


@case("secured.unknown-annotations-detach", profile="secured")
def annotations(ctx):
    """A broker told so detaches over an annotation it does not know, and is no worse for it; x-opt- ones pass (section 3.2.10)."""
    queue = ctx.queue()
    with _scram_peer(ctx) as peer:
        for kind in ({"annotations": {symbol("mine"): 1}}, {"instructions": {symbol("mine"): 1}}):
            out = peer.sender(queue)
            out.push(Message(body="refused", **kind))
            check.equal(out.wait_closed(), "amqp:not-implemented", "condition of detach")
        peer.sender(queue).send(Message(body="taken", annotations={symbol("x-opt-mine"): 1}))
        check.equal(peer.receiver(queue, credit=2).receive().body, "taken", "body")
