import assert from 'node:assert/strict';
import rhea from 'rhea';

const { types } = rhea;
const policies = { delete_on_close: 0x2b, delete_on_no_links: 0x2c, delete_on_no_messages: 0x2d, delete_on_no_links_or_messages: 0x2e };
const lifetime = (code) => ({ 'lifetime-policy': types.wrap_described([], code) });
const temporaryQueue = { dynamic: true, expiry_policy: 'link-detach', dynamic_node_properties: lifetime(0x2b), capabilities: ['temporary-queue'] };

export default {
  async 'a-dynamic-source-gets-an-address'(t) {
    const client = await t.connect();
    const receiver = await client.receiver({ source: { dynamic: true } });
    const { source } = receiver.remoteAttach;
    assert.equal(source.dynamic, true);
    assert.ok(source.address.length > 0);
    await (await client.sender(source.address)).accepted({ body: 'for you' });
    assert.deepEqual(await receiver.bodies(1), ['for you']);
  },

  async 'each-dynamic-source-gets-its-own'(t) {
    const client = await t.connect();
    const addresses = [];
    for (let i = 0; i < 10; i++) addresses.push((await client.receiver({ source: { dynamic: true } })).address);
    assert.equal(new Set(addresses).size, 10);
  },

  async 'a-dynamic-target-makes-a-temporary-queue'(t) {
    const client = await t.connect();
    const creator = await client.sender({ target: temporaryQueue });
    const { target } = creator.remoteAttach;
    assert.equal(target.dynamic, true);
    assert.ok([target.capabilities].flat().includes('temporary-queue'));
    assert.equal(target.dynamic_node_properties['lifetime-policy'].type, 'delete_on_close');
    const session = await client.session();
    const receiver = await session.receiver({ source: { address: target.address, capabilities: ['temporary-queue'] } });
    await (await (await t.connect()).sender(target.address)).accepted({ body: 'from another connection' });
    assert.deepEqual(await receiver.bodies(1), ['from another connection']);
  },

  async 'each-lifetime-policy-is-confirmed'(t) {
    const client = await t.connect();
    for (const [name, code] of Object.entries(policies)) {
      const receiver = await client.receiver({ source: { dynamic: true, dynamic_node_properties: lifetime(code) } });
      assert.equal(receiver.remoteAttach.source.dynamic_node_properties['lifetime-policy'].type, name);
    }
  },

  async 'a-lifetime-policy-given-as-a-bare-symbol-is-understood'(t) {
    const client = await t.connect();
    for (const symbol of ['delete-on-close', 'delete-on-no-links']) {
      const creator = await client.sender({ target: { ...temporaryQueue, dynamic_node_properties: { 'lifetime-policy': types.wrap_symbol(symbol) } } });
      const { target } = creator.remoteAttach;
      assert.ok(target.address.length > 0);
      assert.equal(target.dynamic_node_properties['lifetime-policy'].type, symbol.replaceAll('-', '_'), 'the policy in force');
    }
  },

  async 'only-the-connection-that-made-it-may-consume'(t) {
    const client = await t.connect();
    const creator = await client.sender({ target: temporaryQueue });
    const stranger = await t.connect();
    const { error, terminus, detach } = await stranger.refusedReceiver(creator.address);
    assert.equal(terminus, undefined);
    assert.equal(detach.closed, true);
    assert.ok(['amqp:unauthorized-access', 'amqp:resource-locked', 'amqp:not-allowed'].includes(error.condition), error.condition);
  },

  async 'closing-the-creating-link-deletes-it'(t) {
    const client = await t.connect();
    const creator = await client.sender({ target: temporaryQueue });
    const { address } = creator;
    await creator.close();
    const { error } = await client.refusedSender({ target: { address, capabilities: ['temporary-queue'] } });
    assert.equal(error.condition, 'amqp:not-found');
  },

  async 'links-that-remain-are-detached-when-it-is-deleted'(t) {
    const client = await t.connect();
    const receiver = await client.receiver({ source: { dynamic: true } });
    const sender = await (await t.connect()).sender(receiver.address);
    await sender.accepted({ body: 'while it lasts' });
    await receiver.close();
    const detach = await sender.detached();
    assert.equal(detach.closed, true);
    assert.equal(detach.error.condition, 'amqp:resource-deleted');
  },

  async 'it-goes-with-the-connection'(t) {
    const client = await t.connect();
    const { address } = await client.receiver({ source: { dynamic: true } });
    await client.close();
    const { error } = await (await t.connect()).refusedSender(address);
    assert.equal(error.condition, 'amqp:not-found');
  },

  // Not at once: its client may come back within replies.keepAfterLoss.
  'it-goes-with-the-socket': {
    timeout: 90_000,
    async run(t) {
      const client = await t.connect();
      const receiver = await client.receiver({ source: { dynamic: true } });
      const sender = await (await t.connect()).sender(receiver.address);
      await client.drop();
      assert.equal((await sender.detached()).error.condition, 'amqp:resource-deleted');
    },
  },

  async 'delete-on-no-links-lives-as-long-as-any-link'(t) {
    const client = await t.connect();
    const first = await client.receiver({ source: { dynamic: true, dynamic_node_properties: lifetime(policies.delete_on_no_links) } });
    const { address } = first;
    const second = await client.receiver(address);
    await first.close();
    await (await client.sender(address)).accepted({ body: 'still here' });
    assert.deepEqual(await second.bodies(1), ['still here']);
  },

  async 'request-and-reply'(t) {
    const requests = t.queue('requests');
    const server = await t.connect();
    const answers = await server.sender({ target: {} });
    const inbox = await server.receiver({ source: { address: requests }, credit_window: 10, autoaccept: true });
    inbox.inner.on('message', ({ message }) => {
      answers.post({ to: message.reply_to, correlation_id: message.correlation_id, body: message.body.toUpperCase() });
    });
    const client = await t.connect();
    const replies = await client.receiver({ source: { dynamic: true }, credit_window: 10, autoaccept: true });
    const sender = await client.sender(requests);
    for (let i = 0; i < 20; i++) await sender.accepted({ reply_to: replies.address, correlation_id: `c${i}`, body: `request ${i}` });
    await replies.reached(20);
    assert.deepEqual(replies.arrived.map((d) => [d.message.correlation_id, d.body]), Array.from({ length: 20 }, (_, i) => [`c${i}`, `REQUEST ${i}`]));
  },

  async 'a-temporary-topic'(t) {
    const client = await t.connect();
    const creator = await client.sender({ target: { ...temporaryQueue, capabilities: ['temporary-topic'] } });
    const source = { address: creator.address, capabilities: ['temporary-topic'] };
    const subscribers = [await client.receiver({ source }), await client.receiver({ source })];
    await (await client.sender({ target: { address: creator.address, capabilities: ['temporary-topic'] } })).accepted({ body: 'to all' });
    for (const s of subscribers) assert.deepEqual(await s.bodies(1), ['to all']);
  },
};
