"""Asks the management node through Proton's request-response helper."""

from proton import Message
from proton.utils import BlockingConnection, SyncRequestResponse

from . import check

NODE = "$management"


class Manager:
    """SyncRequestResponse as Qpid's management tools use it: a dynamic reply queue, one request at a time."""

    def __init__(self, ctx):
        self.connection = BlockingConnection("amqp://%s:%d" % (ctx.host, ctx.port), timeout=15, allowed_mechs="ANONYMOUS")
        ctx.on_exit(self.connection.close)
        self.requests = SyncRequestResponse(self.connection, NODE)

    def ask(self, operation, body=None, **properties):
        return self.requests.call(Message(properties={"operation": operation, **properties}, body=body))

    def expect(self, status, operation, body=None, **properties):
        answer = self.ask(operation, body, **properties)
        check.equal(answer.properties["statusCode"], status, "status of %s (%s)" % (operation, answer.properties["statusDescription"]))
        return answer.body
