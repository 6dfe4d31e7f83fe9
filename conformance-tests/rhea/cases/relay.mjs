// The anonymous terminus: a sender without a target address, each message routed by its own `to`.
import assert from 'node:assert/strict';

const anonymous = (client, options = {}) => client.sender({ target: {}, ...options });

/** The address of a node that is gone and is not created on demand. */
async function deletedAddress(client) {
  const receiver = await client.receiver({ source: { dynamic: true } });
  const { address } = receiver;
  await receiver.close();
  return address;
}

export default {
  async 'routes-by-to'(t) {
    const client = await t.connect();
    const sender = await anonymous(client);
    const queues = [t.queue(), t.queue()];
    for (const [i, to] of [queues[0], queues[1], queues[0]].entries()) await sender.accepted({ to, body: i });
    assert.deepEqual(await (await client.receiver(queues[0])).bodies(2), [0, 2]);
    const [d] = await (await client.receiver(queues[1])).take(1);
    assert.equal(d.message.to, queues[1], 'to stays in the message');
    d.accept();
  },

  async 'the-reply-keeps-a-target-without-address'(t) {
    const sender = await anonymous(await t.connect());
    assert.equal(sender.remoteAttach.target.type, 'target');
    assert.equal(sender.remoteAttach.target.address, undefined);
  },

  async 'to-a-topic'(t) {
    const client = await t.connect();
    const topic = t.topic();
    const subscribers = [await client.receiver(`topic://${topic}`), await client.receiver(`topic://${topic}`)];
    await (await anonymous(client)).accepted({ to: `topic://${topic}`, body: 'news' });
    for (const s of subscribers) assert.deepEqual(await s.bodies(1), ['news']);
  },

  async 'a-message-without-to-is-rejected-and-the-link-stays'(t) {
    const client = await t.connect();
    const sender = await anonymous(client);
    const state = await sender.send({ body: 'where?' });
    assert.equal(state.type, 'rejected');
    assert.equal(state.error.condition, 'amqp:precondition-failed');
    const to = t.queue();
    await sender.accepted({ to, body: 'there' });
    assert.deepEqual(await (await client.receiver(to)).bodies(1), ['there']);
  },

  async 'an-unknown-to-is-rejected-and-the-link-stays'(t) {
    const client = await t.connect();
    const to = await deletedAddress(client);
    const sender = await anonymous(client);
    const state = await sender.send({ to, body: 'too late' });
    assert.equal(state.type, 'rejected');
    assert.equal(state.error.condition, 'amqp:not-found');
    await sender.accepted({ to: t.queue(), body: 'fine' });
  },

  async 'a-settled-message-without-to-detaches-the-link'(t) {
    const client = await t.connect();
    const sender = await anonymous(client);
    sender.post({ body: 'where?' }, { settled: true, tag: Buffer.from('tag-1') });
    const detach = await sender.detached();
    assert.equal(detach.closed, true);
    assert.equal(detach.error.condition, 'amqp:precondition-failed');
    assert.equal(Buffer.from(detach.error.info['delivery-tag']).toString(), 'tag-1');
  },

  async 'where-rejected-is-not-among-the-outcomes-the-link-is-detached'(t) {
    const client = await t.connect();
    const sender = await anonymous(client, { source: { outcomes: ['amqp:accepted:list'] } });
    sender.post({ body: 'where?' });
    const { closed, error } = await sender.detached();
    assert.equal(closed, true);
    assert.equal(error.condition, 'amqp:precondition-failed');
  },

  async 'in-a-transaction'(t) {
    const client = await t.connect();
    const coordinator = await client.coordinator();
    const sender = await anonymous(client);
    const to = t.queue();
    const receiver = await client.receiver(to);
    const txn = await coordinator.declare();
    await sender.accepted({ to, body: 1 }, { txn });
    await receiver.nothing();
    await coordinator.commit(txn);
    assert.deepEqual(await receiver.bodies(1), [1]);
  },

  async 'destination-type-annotation-says-topic'(t) {
    const { types } = (await import('rhea')).default;
    const client = await t.connect();
    const to = t.topic();
    const subscriber = await client.receiver({ source: { address: to, capabilities: ['topic'] } });
    const sender = await anonymous(client);
    await sender.accepted({ to, message_annotations: { 'x-opt-jms-dest': types.wrap_byte(1) }, body: 'news' });
    assert.deepEqual(await subscriber.bodies(1), ['news']);
  },
};
