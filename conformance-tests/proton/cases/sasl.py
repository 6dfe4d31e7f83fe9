"""Authentication and TLS. Debian's Proton has no Cyrus: SCRAM runs on the socket before Proton takes it over."""

import os

from proton import SASL, Message, SSLDomain

from harness import check
from harness.engine import Lost, Peer, Refused, client_tls
from harness.performatives import AMQP_HEADER, SASL_HEADER, performative, frame, source, target
from harness.rawpeer import RawPeer, multiple, tls_context
from harness.registry import case
from harness.sasl import Anonymous, Plain, Scram

OTHER_CAS = "/etc/ssl/certs/ca-certificates.crt"
OUTCOME_AUTH = 1


def _works(ctx, peer):
    """The connection is good for a message each way."""
    queue = ctx.queue()
    peer.sender(queue).send(Message(body="hello"))
    check.equal(peer.receiver(queue).receive().body, "hello", "body")


@case("sasl.anonymous")
def anonymous(ctx):
    """ANONYMOUS on loopback opens a working connection."""
    with Peer(ctx, mechanisms="ANONYMOUS") as peer:
        check.equal(peer.sasl.outcome, SASL.OK, "SASL outcome")
        _works(ctx, peer)


@case("sasl.bare-amqp-header")
def bare(ctx):
    """A client without a SASL layer (AMQPNetLite and rhea without a user) is taken as anonymous."""
    peer = RawPeer(ctx)
    peer.open(sasl=None)
    peer.begin()
    peer.close()


@case("sasl.plain-over-tls")
def plain_tls(ctx):
    """PLAIN with the right password over TLS with a verified server name."""
    with Peer(ctx, mechanisms="PLAIN", user=ctx.user, password=ctx.password, tls=client_tls(ctx),
              port=ctx.tls_port) as peer:
        check.equal((peer.sasl.outcome, peer.sasl.mech), (SASL.OK, "PLAIN"), "SASL outcome and mechanism")
        check.that(peer.transport.encrypted, "the transport is encrypted")
        _works(ctx, peer)


def _scram(ctx, digest, tls=None):
    raw = RawPeer(ctx, port=ctx.tls_port if tls else None, tls=tls)
    raw.sasl(Scram(digest, ctx.user, ctx.password))
    if tls is not None:
        raw.open(sasl=None)
        raw.begin()
        raw.close()
        return
    check.equal(bytes(raw.buffer), b"", "bytes behind the SASL outcome, before our AMQP header")
    with Peer(ctx, over=raw.socket) as peer:
        _works(ctx, peer)


@case("sasl.scram-sha-256")
def scram_256(ctx):
    """SCRAM-SHA-256 with the right password: the server proves its knowledge too; Proton then works on the socket."""
    _scram(ctx, "sha256")


@case("sasl.scram-sha-512")
def scram_512(ctx):
    """SCRAM-SHA-512 with the right password."""
    _scram(ctx, "sha512")


@case("sasl.scram-over-tls")
def scram_tls(ctx):
    """SCRAM-SHA-256 over TLS."""
    _scram(ctx, "sha256", tls_context(ctx))


def _scram_refusal(ctx, user, password):
    """The names of the frames the broker sends until it gives up, and the outcome code."""
    raw = RawPeer(ctx)
    outcome = raw.try_sasl(Scram("sha256", user, password))
    raw.expect_end_of_stream()
    kinds = [line.split(" <- ")[1].split(" ")[0] for line in ctx.trace
             if line.startswith(raw.label + " <- sasl")]
    return outcome.code, outcome.additional_data, kinds


@case("sasl.scram-wrong-password")
def scram_wrong(ctx):
    """SCRAM with a wrong password ends with outcome auth, and the broker closes the socket."""
    code, data, _ = _scram_refusal(ctx, ctx.user, ctx.wrong_password)
    check.equal((code, data), (OUTCOME_AUTH, None), "SASL outcome, additional data")


@case("sasl.scram-unknown-user-looks-the-same")
def scram_unknown(ctx):
    """An unknown user fails exactly like a wrong password, challenge included: users cannot be enumerated."""
    wrong = _scram_refusal(ctx, ctx.user, ctx.wrong_password)
    unknown = _scram_refusal(ctx, ctx.name("nobody"), ctx.wrong_password)
    check.equal(unknown, wrong, "what an unknown user sees against a wrong password")


def _plain_refused(ctx, user, password):
    try:
        Peer(ctx, mechanisms="PLAIN", user=user, password=password, tls=client_tls(ctx), port=ctx.tls_port)
    except (Refused, Lost) as refused:
        return refused
    return check.fail("the connection was opened")


@case("sasl.plain-wrong-password")
def plain_wrong(ctx):
    """Proton sees amqp:unauthorized-access when the PLAIN password is wrong."""
    refused = _plain_refused(ctx, ctx.user, ctx.wrong_password)
    check.equal(getattr(refused, "condition", None), "amqp:unauthorized-access", "condition")


@case("sasl.plain-unknown-user")
def plain_unknown(ctx):
    """An unknown user with PLAIN is refused with the same words as a wrong password."""
    unknown = _plain_refused(ctx, ctx.name("nobody"), ctx.wrong_password)
    wrong = _plain_refused(ctx, ctx.user, ctx.wrong_password)
    check.equal(str(unknown), str(wrong), "what Proton is told")


@case("sasl.plain-malformed")
def plain_malformed(ctx):
    """A PLAIN response without its separators is answered with outcome auth, not with a lost connection."""
    client = Plain("a", "b")
    client.first = lambda: b"no separators"
    raw = RawPeer(ctx, port=ctx.tls_port, tls=tls_context(ctx))
    check.equal(raw.try_sasl(client).code, OUTCOME_AUTH, "SASL outcome")
    raw.expect_end_of_stream()


@case("sasl.external-with-certificate")
def external(ctx):
    """EXTERNAL with a client certificate the broker trusts opens a working connection."""
    with Peer(ctx, mechanisms="EXTERNAL", tls=client_tls(ctx, certificate=True), port=ctx.tls_port) as peer:
        check.equal((peer.sasl.outcome, peer.sasl.mech), (SASL.OK, "EXTERNAL"), "SASL outcome and mechanism")
        _works(ctx, peer)


def _offered(ctx, tls=None):
    raw = RawPeer(ctx, port=ctx.tls_port if tls else None, tls=tls)
    raw.raw(SASL_HEADER, "header SASL")
    check.equal(raw.read_header(), SASL_HEADER, "SASL header")
    return multiple(raw.expect("sasl_mechanisms").mechanisms)


@case("sasl.external-only-with-certificate")
def external_offer(ctx):
    """EXTERNAL is offered to a client with a verified certificate and to no other."""
    check.contains(_offered(ctx, tls_context(ctx, certificate=True)), "EXTERNAL", "offer with a certificate")
    check.that("EXTERNAL" not in _offered(ctx, tls_context(ctx)), "EXTERNAL offered without a certificate")
    check.that("EXTERNAL" not in _offered(ctx), "EXTERNAL offered without TLS")


@case("sasl.mechanisms-strongest-first")
def order(ctx):
    """Mechanisms are listed from strong to weak, ANONYMOUS last, nothing obsolete (rhea takes the first it knows)."""
    strength = ["EXTERNAL", "SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "ANONYMOUS"]
    for offered in (_offered(ctx), _offered(ctx, tls_context(ctx, certificate=True))):
        check.equal([m for m in strength if m in offered], offered, "offered mechanisms, in order")
        check.contains(offered, "SCRAM-SHA-512", "offered mechanisms")
        check.contains(offered, "SCRAM-SHA-256", "offered mechanisms")


@case("sasl.unknown-mechanism")
def unknown_mechanism(ctx):
    """A mechanism that was not offered gets outcome auth and the end of the connection."""
    raw = RawPeer(ctx)
    raw.raw(SASL_HEADER, "header SASL")
    raw.read_header()
    raw.expect("sasl_mechanisms")
    raw.send("sasl_init", mechanism="CRAM-MD5")
    check.equal(raw.expect("sasl_outcome").code, OUTCOME_AUTH, "SASL outcome")
    raw.expect_end_of_stream()


@case("sasl.large-initial-response")
def large(ctx):
    """A SASL frame of 60,000 bytes (as long tokens make) is read before any max-frame-size is agreed."""
    raw = RawPeer(ctx)
    raw.open(sasl=Anonymous(trace=b"t" * 60000))
    raw.close()


@case("sasl.wrong-protocol-header")
def wrong_header(ctx):
    """An unsupported protocol version is answered with one supported header, then the socket is closed."""
    raw = RawPeer(ctx)
    raw.raw(b"AMQP\x00\x00\x09\x01", "header of AMQP 0-9-1")
    check.one_of(raw.read_header(), (AMQP_HEADER, SASL_HEADER), "the broker's header")
    raw.expect_end_of_stream()


@case("sasl.everything-in-one-segment")
def pipelined(ctx):
    """A client that writes SASL, open, begin, attach and flow in one go, before reading anything, is served."""
    queue = ctx.queue()
    raw = RawPeer(ctx)
    raw.raw(b"".join([
        SASL_HEADER, raw.encode("sasl_init", mechanism="ANONYMOUS", initial_response=b""),
        AMQP_HEADER, raw.encode("open", container_id=ctx.name("pipe")),
        raw.encode("begin", next_outgoing_id=0, incoming_window=10, outgoing_window=10),
        raw.encode("attach", name="r", handle=0, role=True, source=source(address=queue), target=target()),
        raw.encode("flow", incoming_window=10, next_outgoing_id=0, outgoing_window=10, handle=0, link_credit=1),
        raw.encode("attach", name="s", handle=1, role=False, source=source(), target=target(address=queue),
                   initial_delivery_count=0)]), "everything in one write")
    check.equal(raw.read_header(), SASL_HEADER, "SASL header")
    for name in ("sasl_mechanisms", "sasl_outcome"):
        raw.expect(name)
    check.equal(raw.read_header(), AMQP_HEADER, "AMQP header")
    for name in ("open", "begin", "attach", "attach"):
        raw.expect(name, skip=("flow",))
    raw.transfer(b"\x00\x53\x75\xa0\x01x", handle=1)
    seen = sorted(raw.expect("transfer", "disposition", skip=("flow",)).name for _ in range(2))
    check.equal(seen, ["disposition", "transfer"], "answers to the message")
    raw.close()


@case("tls.unknown-ca-refused")
def unknown_ca(ctx):
    """A client that does not know the broker's CA refuses the connection during the handshake."""
    check.that(os.path.exists(OTHER_CAS), "%s exists (package ca-certificates)" % OTHER_CAS)
    try:
        Peer(ctx, tls=client_tls(ctx, ca_file=OTHER_CAS), port=ctx.tls_port)
    except (Refused, Lost) as refused:
        check.that("ertificate" in str(refused) or "SSL" in str(refused), "the reason is the certificate: %s" % refused)
        return
    check.fail("the connection was opened")


@case("tls.wrong-server-name-refused")
def wrong_name(ctx):
    """A client that expects another server name refuses the connection."""
    ctx.tls_name = "not.this.example"
    try:
        Peer(ctx, tls=client_tls(ctx, verify=SSLDomain.VERIFY_PEER_NAME), port=ctx.tls_port)
    except (Refused, Lost):
        return
    check.fail("the connection was opened")


@case("tls.plain-bytes-on-the-tls-port")
def plain_bytes(ctx):
    """AMQP without TLS on the TLS port gets no AMQP answer, and the port stays usable."""
    raw = RawPeer(ctx, port=ctx.tls_port)
    raw.raw(AMQP_HEADER, "header AMQP in the clear")
    raw.drop_rest()
    other = RawPeer(ctx, port=ctx.tls_port, tls=tls_context(ctx))
    other.sasl(Scram("sha256", ctx.user, ctx.password))


@case("sasl.frame-of-amqp-type-during-sasl")
def wrong_layer(ctx):
    """An AMQP frame where a SASL frame is due ends the connection."""
    raw = RawPeer(ctx)
    raw.raw(SASL_HEADER + frame(performative("open", container_id="too-early")), "SASL header, then open")
    raw.read_header()
    raw.expect("sasl_mechanisms")
    raw.drop_rest()
