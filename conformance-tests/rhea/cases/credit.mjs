import assert from 'node:assert/strict';
import { linkFlow } from '../lib/frames.mjs';

async function filled(t, count) {
  const queue = t.queue();
  const client = await t.connect();
  const sender = await client.sender(queue);
  await sender.acceptedAll(Array.from({ length: count }, (_, i) => ({ body: i })));
  return { queue, client, sender, receiver: await client.receiver(queue) };
}

const bodiesOf = (deliveries) => deliveries.map((d) => d.accept().body);
const drainedFlow = (client) => client.trace.last('in', 'flow', (f) => f.fields.drain === true).fields;

export default {
  async 'nothing-is-sent-without-credit'(t) {
    const { receiver, client } = await filled(t, 3);
    receiver.session.inner.output(linkFlow(receiver, { echo: true }));
    await client.frame('in', 'flow', (f) => f.fields.handle === receiver.remoteAttach.handle);
    assert.equal(receiver.total, 0);
    assert.deepEqual(await receiver.bodies(3), [0, 1, 2]);
  },

  async 'one-at-a-time'(t) {
    const { receiver } = await filled(t, 10);
    for (let i = 0; i < 10; i++) {
      assert.deepEqual(await receiver.bodies(1), [i]);
      assert.equal(receiver.total, i + 1, 'never more than was asked for');
    }
    await receiver.nothing();
  },

  async 'exactly-as-many-as-granted'(t) {
    const { receiver, client } = await filled(t, 10);
    receiver.credit(4);
    await receiver.reached(4);
    receiver.session.inner.output(linkFlow(receiver, { echo: true }));
    await client.frame('in', 'flow', (f) => f.fields.handle === receiver.remoteAttach.handle);
    assert.equal(receiver.total, 4);
    assert.deepEqual(bodiesOf(receiver.arrived.splice(0)), [0, 1, 2, 3]);
    assert.deepEqual(await receiver.bodies(6), [4, 5, 6, 7, 8, 9]);
  },

  async 'a-top-up-adds-to-what-is-left'(t) {
    const { receiver, sender } = await filled(t, 2);
    receiver.credit(5);
    await receiver.reached(2);
    receiver.credit(5);
    await sender.acceptedAll(Array.from({ length: 10 }, (_, i) => ({ body: i + 2 })));
    await receiver.reached(10);
    assert.deepEqual(await receiver.drain().then(bodiesOf), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(await receiver.bodies(2), [10, 11]);
  },

  async 'credit-waits-for-messages'(t) {
    const { receiver, sender } = await filled(t, 0);
    receiver.credit(3);
    await sender.accepted({ body: 'later' });
    const d = await receiver.next();
    assert.equal(d.body, 'later');
    d.accept();
  },

  async 'drain-delivers-what-is-there-then-ends-the-credit'(t) {
    const { receiver, client } = await filled(t, 3);
    const got = await receiver.takeAvailable(10);
    assert.deepEqual(bodiesOf(got), [0, 1, 2]);
    const flow = drainedFlow(client);
    assert.equal(flow.delivery_count, 10, 'the unused credit is counted as delivered');
    assert.equal(flow.link_credit, 0);
    assert.equal(flow.handle, receiver.remoteAttach.handle);
    const frames = client.trace.frames.filter((f) => f.direction === 'in');
    assert.ok(frames.findLastIndex((f) => f.name === 'transfer') < frames.findIndex((f) => f.name === 'flow' && f.fields.drain), 'the flow follows the transfers');
  },

  async 'drain-on-an-empty-queue'(t) {
    const { receiver, client } = await filled(t, 0);
    assert.deepEqual(await receiver.takeAvailable(100), []);
    const flow = drainedFlow(client);
    assert.deepEqual([flow.delivery_count, flow.link_credit, flow.drain], [100, 0, true]);
  },

  async 'drain-with-zero-credit-is-answered'(t) {
    const { receiver, client } = await filled(t, 2);
    assert.deepEqual(await receiver.drain(), []);
    const flow = drainedFlow(client);
    assert.deepEqual([flow.delivery_count, flow.link_credit], [0, 0]);
    assert.deepEqual(await receiver.bodies(2), [0, 1]);
  },

  async 'drain-when-messages-use-up-the-credit-exactly'(t) {
    const { receiver, client } = await filled(t, 5);
    const got = await receiver.takeAvailable(5);
    assert.deepEqual(bodiesOf(got), [0, 1, 2, 3, 4]);
    assert.equal(drainedFlow(client).delivery_count, 5);
  },

  async 'drain-again-and-again-between-messages'(t) {
    const { receiver, sender } = await filled(t, 0);
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await receiver.takeAvailable(10), []);
      await sender.accepted({ body: i });
      assert.deepEqual(bodiesOf(await receiver.takeAvailable(10)), [i]);
    }
  },

  async 'drain-on-many-links-of-one-session'(t) {
    const { client, queue } = await filled(t, 8);
    const receivers = [];
    for (let i = 0; i < 4; i++) receivers.push(await client.receiver(queue));
    const got = await Promise.all(receivers.map((r) => r.takeAvailable(2)));
    assert.deepEqual(got.flat().map((d) => d.accept().body).sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(got.map((g) => g.length), [2, 2, 2, 2]);
  },

  async 'echo-is-answered-with-the-links-state'(t) {
    const { receiver, client } = await filled(t, 0);
    receiver.session.inner.output(linkFlow(receiver, { link_credit: 7, echo: true }));
    const { fields } = await client.frame('in', 'flow', (f) => f.fields.handle === receiver.remoteAttach.handle);
    assert.deepEqual([fields.delivery_count, fields.link_credit, fields.drain ?? false], [0, 7, false]);
  },

  async 'credit-can-be-taken-back'(t) {
    const { receiver, sender, client } = await filled(t, 0);
    receiver.session.inner.output(linkFlow(receiver, { link_credit: 10 }));
    receiver.session.inner.output(linkFlow(receiver, { link_credit: 0, echo: true }));
    await client.frame('in', 'flow', (f) => f.fields.handle === receiver.remoteAttach.handle && f.fields.link_credit === 0);
    await sender.accepted({ body: 'for somebody else' });
    const other = await (await t.connect()).receiver(receiver.address);
    assert.deepEqual(await other.bodies(1), ['for somebody else']);
    assert.equal(receiver.total, 0);
  },

  async 'credit-beyond-the-session-window'(t) {
    const { queue, sender } = await filled(t, 0);
    await sender.acceptedAll(Array.from({ length: 300 }, (_, i) => ({ body: i })));
    const client = await t.connect({ session_buffer_size: { incoming: 16 } });
    const receiver = await client.receiver(queue);
    const got = [];
    receiver.inner.on('message', () => { for (const d of receiver.arrived.splice(0)) got.push(d.accept().body); });
    receiver.credit(300);
    await receiver.reached(300);
    assert.deepEqual(got, Array.from({ length: 300 }, (_, i) => i));
  },

  async 'a-session-whose-window-is-used-up-stalls-alone'(t) {
    const { queue, sender } = await filled(t, 60);
    const client = await t.connect({ session_buffer_size: { incoming: 16 } });
    const stuck = await client.receiver(queue);
    stuck.credit(50);
    await stuck.reached(16);
    const free = await (await client.session()).receiver(queue);
    assert.equal((await free.take(10)).length, 10);
    assert.equal(stuck.total, 16, 'the window counts transfers that were not settled by rhea');
    await sender.accepted({ body: 'the broker is still there' });
  },

  async 'delivery-ids-are-consecutive-across-the-links-of-a-session'(t) {
    const { client, queue } = await filled(t, 40);
    const receivers = [];
    for (let i = 0; i < 4; i++) receivers.push((await client.receiver(queue)).credit(10));
    await Promise.all(receivers.map((r) => r.reached(10)));
    const ids = client.trace.all('in', 'transfer').map((f) => f.fields.delivery_id);
    assert.deepEqual(ids, Array.from({ length: 40 }, (_, i) => i));
  },

  async 'transfers-carry-a-tag-and-format-zero'(t) {
    const { client, receiver } = await filled(t, 20);
    await receiver.bodies(20);
    const transfers = client.trace.all('in', 'transfer').map((f) => f.fields);
    assert.ok(transfers.every((f) => f.message_format === 0 && f.delivery_tag.length >= 1 && f.delivery_tag.length <= 32));
    assert.equal(new Set(transfers.map((f) => f.delivery_tag.toString('hex'))).size, 20);
  },
};
