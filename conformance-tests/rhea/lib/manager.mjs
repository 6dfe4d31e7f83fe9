import assert from 'node:assert/strict';

export const Node = '$management';

/** Asks the management node; responses come on a link from the node, or on a dynamic queue. */
export class Manager {
  #next = 0;

  static async open(client, { dynamic = false, own = 'my-answers' } = {}) {
    const manager = new Manager();
    manager.client = client;
    manager.replies = await client.receiver(dynamic
      ? { source: { dynamic: true }, credit_window: 20, autoaccept: true }
      : { source: { address: Node }, target: { address: own }, credit_window: 20, autoaccept: true });
    manager.replyTo = dynamic ? manager.replies.address : own;
    manager.requests = await client.sender(Node);
    return manager;
  }

  async ask(operation, properties = {}, body = undefined) {
    const id = `request ${this.#next++}`;
    await this.requests.accepted({ message_id: id, reply_to: this.replyTo, application_properties: { operation, ...properties }, body });
    const { message } = await this.replies.next();
    assert.equal(message.correlation_id, id);
    assert.equal(message.to, this.replyTo);
    return { status: message.application_properties.statusCode, text: message.application_properties.statusDescription, body: message.body, message };
  }

  async query(entityType, attributeNames, more = {}) {
    const { status, text, body } = await this.ask('QUERY', { entityType, ...more }, { attributeNames });
    assert.equal(status, 200, text);
    return body.results.map((row) => Object.fromEntries(row.map((value, i) => [body.attributeNames[i], value])));
  }
}
