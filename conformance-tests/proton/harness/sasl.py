"""SASL client side by hand: Debian's Proton is built without Cyrus, so it knows no SCRAM itself.

The exchange runs on the socket first; Proton (or the raw peer) then speaks AMQP on the same socket.
"""

import base64
import hashlib
import hmac
import os

from . import check


class Scram:
    """RFC 5802 / 7677 client without channel binding; verifies the server's signature."""

    def __init__(self, digest, user, password):
        self.mechanism = {"sha256": "SCRAM-SHA-256", "sha512": "SCRAM-SHA-512"}[digest]
        self._digest = digest
        self._user = user.replace("=", "=3D").replace(",", "=2C")
        self._password = password.encode("utf-8")
        self._nonce = base64.b64encode(os.urandom(18)).decode("ascii")
        self._server_signature = None
        self.verified = False
        self.iterations = None

    def first(self):
        return ("n,," + self._bare).encode("utf-8")

    @property
    def _bare(self):
        return "n=%s,r=%s" % (self._user, self._nonce)

    def answer(self, challenge):
        """The response to a challenge: the proof, then an empty one to the server's final message."""
        text = challenge.decode("utf-8")
        if text.startswith("v="):
            self.final(challenge)
            return b""
        parts = text.split(",")
        check.that([p[:2] for p in parts[:3]] == ["r=", "s=", "i="],
                   "SCRAM challenge fields must be r, s, i in this order: %s" % text)
        nonce, salt, self.iterations = parts[0][2:], base64.b64decode(parts[1][2:]), int(parts[2][2:])
        check.that(nonce.startswith(self._nonce) and len(nonce) > len(self._nonce), "server nonce extends ours")
        check.that(self.iterations >= 4096, "at least 4096 iterations (RFC 7677), got %d" % self.iterations)
        return self._proof(text, nonce, salt)

    def _proof(self, challenge, nonce, salt):
        salted = hashlib.pbkdf2_hmac(self._digest, self._password, salt, self.iterations)
        client_key = self._mac(salted, b"Client Key")
        without_proof = "c=biws,r=" + nonce
        signed = ",".join((self._bare, challenge, without_proof)).encode("utf-8")
        signature = self._mac(hashlib.new(self._digest, client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self._server_signature = self._mac(self._mac(salted, b"Server Key"), signed)
        return (without_proof + ",p=" + base64.b64encode(proof).decode("ascii")).encode("ascii")

    def final(self, message):
        """Checks the server's final message, wherever it came (challenge or outcome)."""
        text = message.decode("utf-8")
        check.that(text.startswith("v="), "server-final message starts with v=: %s" % text)
        check.equal(base64.b64decode(text[2:]), self._server_signature, "SCRAM server signature")
        self.verified = True

    def _mac(self, key, message):
        return hmac.new(key, message, self._digest).digest()


class Plain:
    mechanism = "PLAIN"
    verified = True

    def __init__(self, user, password):
        self._response = ("\0%s\0%s" % (user, password)).encode("utf-8")

    def first(self):
        return self._response

    def answer(self, challenge):
        check.fail("PLAIN has no challenge, got %r" % challenge)

    def final(self, message):
        pass


class Anonymous(Plain):
    mechanism = "ANONYMOUS"

    def __init__(self, trace=b"conformance"):
        self._response = trace
