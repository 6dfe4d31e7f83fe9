import assert from 'node:assert/strict';

const Limit = 4;
const bodies = (deliveries) => deliveries.map((d) => d.body);
const some = (n, from = 0) => Array.from({ length: n }, (_, i) => ({ body: from + i }));

/** A sender that has filled its queue, and waits. */
async function full(t, queue) {
  const client = await t.connect();
  const sender = await client.sender(queue);
  await sender.acceptedAll(some(Limit));
  return { client, sender };
}

export default {
  async 'credit-is-the-room-there-is'(t) {
    const client = await t.connect();
    const sender = await client.sender(t.unique('tight.q'));
    await sender.sendable();
    assert.equal(sender.inner.credit, Limit);
  },

  async 'a-full-queue-gives-no-credit'(t) {
    const queue = t.unique('tight.q');
    const { sender } = await full(t, queue);
    assert.equal(sender.inner.credit, 0);
    const other = await t.connect();
    const second = await other.sender(queue);
    await (await other.sender(t.queue())).sendable();
    assert.equal(second.inner.credit, 0, 'the credit of a link that attached later came first');
  },

  async 'credit-that-was-given-is-taken-back'(t) {
    const queue = t.unique('tight.q');
    const client = await t.connect();
    const idle = await client.sender(queue);
    await idle.sendable();
    await full(t, queue);
    const { seq, fields: { handle } } = idle.inner.attachFrame;
    await client.frame('in', 'flow', (f) => f.seq > seq && f.fields.handle === handle && f.fields.link_credit === 0);
    await (await client.sender(t.queue())).sendable();
    assert.equal(idle.inner.credit, 0);
    const receiver = await (await t.connect()).receiver(queue);
    assert.deepEqual(await receiver.bodies(Limit), [0, 1, 2, 3]);
    await idle.sendable();
    await idle.accepted({ body: 'later' });
  },

  async 'a-waiting-sender-goes-on-when-there-is-room'(t) {
    const queue = t.unique('tight.q');
    const { sender } = await full(t, queue);
    const later = sender.sendable().then(() => sender.accepted({ body: 'later' }));
    const receiver = await (await t.connect()).receiver(queue);
    assert.deepEqual(await receiver.bodies(Limit), [0, 1, 2, 3]);
    await later;
    assert.deepEqual(await receiver.bodies(1), ['later']);
  },

  async 'a-hundred-messages-pass-through-room-for-four'(t) {
    const queue = t.unique('tight.q');
    const sending = (await (await t.connect()).sender(queue)).acceptedAll(some(100));
    const receiver = await (await t.connect()).receiver(queue);
    for (let n = 0; n < 100; n++) assert.deepEqual(await receiver.bodies(1), [n]);
    await sending;
  },

  async 'a-waiting-link-holds-up-no-other-of-its-session'(t) {
    const queue = t.unique('tight.q');
    const { client } = await full(t, queue);
    const free = t.queue();
    await (await client.sender(free)).acceptedAll(some(20));
    assert.equal((await (await client.receiver(free)).takeAvailable()).length, 20);
  },

  async 'a-relay-is-refused-where-a-link-waits'(t) {
    const queue = t.unique('tight.q');
    const { client } = await full(t, queue);
    const relay = await client.sender({ target: {} });
    const state = await relay.send({ to: queue, body: 'refused' });
    assert.equal(state.type, 'rejected');
    assert.equal(state.error.condition, 'amqp:resource-limit-exceeded');
    const free = t.queue();
    await relay.accepted({ to: free, body: 'taken' });
    assert.deepEqual(bodies(await (await client.receiver(free)).takeAvailable()), ['taken']);
  },

  async 'a-transaction-larger-than-the-room-commits'(t) {
    const queue = t.unique('tight.q');
    const client = await t.connect();
    const sender = await client.sender(queue);
    const coordinator = await client.coordinator();
    const txn = await coordinator.declare();
    for (const message of some(10)) {
      await sender.sendable();
      await sender.accepted(message, { txn });
    }
    await coordinator.commit(txn);
    assert.deepEqual(await (await client.receiver(queue)).bodies(10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await sender.sendable();
  },
};
