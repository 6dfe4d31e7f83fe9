import assert from 'node:assert/strict';
import * as state from '../lib/transactions.mjs';

// What Qpid JMS and NMS put into each consumer's source.
const failedByDefault = { default_outcome: state.modified({ delivery_failed: true }) };
const bodies = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/** Ten messages, five of which lie unsettled with a receiver of a client of its own. */
async function half(t, source = {}) {
  const queue = t.queue();
  const producer = await t.connect();
  await (await producer.sender(queue)).acceptedAll(bodies.map((body) => ({ body })));
  const client = await t.connect();
  const session = await client.session();
  const receiver = await session.receiver({ source: { address: queue, ...source } });
  const taken = await receiver.take(5);
  assert.deepEqual(taken.map((d) => d.body), bodies.slice(0, 5));
  return { queue, client, session, receiver, taken };
}

async function allBack(t, queue, expected = bodies, counts = 0) {
  const again = await (await t.connect()).receiver(queue);
  const all = await again.take(expected.length);
  assert.deepEqual(all.map((d) => d.body), expected, 'in their first order');
  assert.deepEqual(all.map((d) => d.deliveryCount), Array.isArray(counts) ? counts : all.map(() => counts), 'delivery-counts');
  for (const d of all) d.accept();
  await again.nothing();
}

export default {
  async 'comes-back-in-order-on-close'(t) {
    const { queue, receiver } = await half(t);
    await receiver.close();
    await allBack(t, queue);
  },

  async 'comes-back-in-order-on-detach'(t) {
    const { queue, receiver } = await half(t);
    await receiver.detach();
    await allBack(t, queue);
  },

  async 'comes-back-in-order-on-session-end'(t) {
    const { queue, session } = await half(t);
    await session.end();
    await allBack(t, queue);
  },

  async 'comes-back-in-order-on-connection-close'(t) {
    const { queue, client } = await half(t);
    await client.close();
    await allBack(t, queue);
  },

  async 'comes-back-in-order-when-the-socket-drops'(t) {
    const { queue, client } = await half(t);
    await client.drop();
    await allBack(t, queue);
  },

  async 'accepted-ones-stay-away-when-the-socket-drops'(t) {
    const { queue, client, taken, receiver } = await half(t);
    for (const i of [0, 2, 4]) taken[i].accept();
    await receiver.drain();
    await client.drop();
    await allBack(t, queue, [2, 4, 6, 7, 8, 9, 10]);
  },

  async 'a-drop-applies-the-default-outcome-of-the-source'(t) {
    const { queue, client } = await half(t, failedByDefault);
    await client.drop();
    await allBack(t, queue, bodies, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
  },

  async 'a-clean-close-counts-nothing-whatever-the-default-outcome'(t) {
    const { queue, receiver } = await half(t, failedByDefault);
    assert.equal(receiver.remoteAttach.source.default_outcome?.type, 'modified', 'the reply says which outcome is in force');
    await receiver.close();
    await allBack(t, queue);
  },

  async 'a-waiting-consumer-gets-them-at-once'(t) {
    const { queue, receiver } = await half(t);
    const other = await (await t.connect()).receiver(queue);
    const first = await other.take(5);
    assert.deepEqual(first.map((d) => d.body), bodies.slice(5));
    other.credit(5);
    await receiver.close();
    await other.reached(10);
    assert.deepEqual(other.arrived.map((d) => d.body), bodies.slice(0, 5));
  },

  async 'competing-consumers-get-each-message-once'(t) {
    const queue = t.queue();
    const total = 600;
    const producer = await t.connect();
    const consumers = [];
    for (let i = 0; i < 3; i++) consumers.push(await (await t.connect()).receiver({ source: { address: queue }, credit_window: 10, autoaccept: true }));
    await (await producer.sender(queue)).acceptedAll(Array.from({ length: total }, (_, i) => ({ body: i })));
    await t.wait(`${total} messages among three consumers`, new Promise((resolve) => {
      const check = () => { if (consumers.reduce((n, c) => n + c.total, 0) >= total) resolve(); };
      for (const c of consumers) c.inner.on('message', check);
      check();
    }));
    const got = consumers.flatMap((c) => c.arrived.map((d) => d.body));
    assert.deepEqual([...got].sort((a, b) => a - b), Array.from({ length: total }, (_, i) => i));
    for (const c of consumers) {
      assert.ok(c.total > 0, 'each has its share');
      const seen = c.arrived.map((d) => d.body);
      assert.deepEqual(seen, [...seen].sort((a, b) => a - b), 'each in order');
    }
  },
};
