import assert from 'node:assert/strict';
import { linkFlow } from '../lib/frames.mjs';

const Streamed = 10_000;

async function contents(t, address, count) {
  const client = await t.connect();
  const receiver = await client.receiver(address);
  const bodies = await receiver.bodies(count);
  await receiver.nothing('more messages than were sent');
  return bodies;
}

export default {
  async 'unsettled-send-is-accepted-and-settled'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender({ target: { address: queue }, snd_settle_mode: 0 });
    await sender.accepted({ body: 'one' });
    const { fields } = client.trace.last('in', 'disposition');
    assert.equal(fields.role, true);
    assert.equal(fields.settled, true);
    assert.equal(fields.state.type, 'accepted');
    assert.deepEqual(await contents(t, queue, 1), ['one']);
  },

  async 'settled-send-gets-no-disposition'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender({ target: { address: queue }, snd_settle_mode: 1 });
    assert.equal(sender.remoteAttach.snd_settle_mode, 1);
    for (let i = 0; i < 5; i++) await sender.send({ body: i });
    assert.deepEqual(await contents(t, queue, 5), [0, 1, 2, 3, 4]);
    assert.deepEqual(client.trace.all('in', 'disposition'), []);
  },

  async 'mixed-mode-link-takes-both'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender({ target: { address: queue }, snd_settle_mode: 2 });
    await sender.send({ body: 'settled' }, { settled: true });
    await sender.accepted({ body: 'unsettled' });
    await sender.send({ body: 'settled again' }, { settled: true });
    assert.deepEqual(await contents(t, queue, 3), ['settled', 'unsettled', 'settled again']);
    assert.ok(client.trace.all('in', 'disposition').every((d) => d.fields.first === 1 && (d.fields.last ?? 1) === 1), 'only the unsettled delivery is answered');
  },

  async 'settled-transfer-on-an-unsettled-link-is-taken-as-settled'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender({ target: { address: queue }, snd_settle_mode: 0 });
    await sender.send({ body: 'fire and forget' }, { settled: true });
    await sender.accepted({ body: 'with answer' });
    assert.deepEqual(await contents(t, queue, 2), ['fire and forget', 'with answer']);
  },

  async 'settled-sends-may-repeat-an-empty-delivery-tag'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender({ target: { address: queue }, snd_settle_mode: 1 });
    for (let i = 0; i < 3; i++) await sender.send({ body: i }, { tag: Buffer.alloc(0) });
    assert.deepEqual(await contents(t, queue, 3), [0, 1, 2]);
  },

  async 'a-delivery-tag-of-32-bytes'(t) {
    const queue = t.queue();
    const sender = await (await t.connect()).sender(queue);
    await sender.accepted({ body: 'long tag' }, { tag: Buffer.alloc(32, 0xa5) });
    assert.deepEqual(await contents(t, queue, 1), ['long tag']);
  },

  async 'every-disposition-carries-a-state'(t) {
    const client = await t.connect();
    const sender = await client.sender(t.queue());
    await sender.acceptedAll(Array.from({ length: 50 }, (_, i) => ({ body: i })));
    for (const { fields } of client.trace.all('in', 'disposition')) {
      assert.equal(fields.state?.type, 'accepted');
      assert.ok((fields.last ?? fields.first) >= fields.first, 'rhea counts from first to last without wrapping');
    }
  },

  'ten-thousand-durable-messages-streamed-with-credit': {
    timeout: 60_000,
    async run(t) {
      const queue = t.queue();
      const client = await t.connect();
      const sender = await client.sender(queue);
      await sender.acceptedAll(Array.from({ length: Streamed }, (_, i) => ({ durable: true, body: i })));
      const reader = await (await t.connect()).receiver(queue);
      const bodies = [];
      while (bodies.length < Streamed) bodies.push(...await reader.bodies(Math.min(500, Streamed - bodies.length)));
      assert.deepEqual(bodies, Array.from({ length: Streamed }, (_, i) => i));
      await reader.nothing();
    },
  },

  async 'credit-is-granted-with-all-the-fields-a-client-reckons-with'(t) {
    const client = await t.connect();
    const sender = await client.sender(t.queue());
    await sender.sendable();
    const flow = client.trace.first('in', 'flow', (f) => f.fields.handle !== undefined).fields;
    assert.ok(flow.link_credit > 0);
    assert.equal(flow.delivery_count, 0);
    for (const field of ['next_incoming_id', 'incoming_window', 'next_outgoing_id', 'outgoing_window']) {
      assert.equal(typeof flow[field], 'number', `${field} is missing: rhea's window becomes NaN`);
    }
  },

  async 'an-initial-delivery-count-above-zero-is-reckoned-with'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const session = await client.session();
    const inner = session.inner.create_sender(t.unique('link'), {});
    inner.set_target({ address: queue });
    inner.set_source({});
    inner.local.attach.initial_delivery_count = 4_000_000_000;
    inner.delivery_count = 4_000_000_000;
    inner.attach();
    const flow = await client.frame('in', 'flow', (f) => f.fields.handle !== undefined);
    assert.equal(flow.fields.delivery_count, 4_000_000_000);
    assert.ok(flow.fields.link_credit > 0);
  },

  async 'sends-are-kept-in-order-per-link'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const [a, b] = [await client.sender(queue), await client.sender(queue)];
    await Promise.all([
      a.acceptedAll(Array.from({ length: 300 }, (_, i) => ({ body: `a${i}` }))),
      b.acceptedAll(Array.from({ length: 300 }, (_, i) => ({ body: `b${i}` }))),
    ]);
    const bodies = await contents(t, queue, 600);
    for (const who of ['a', 'b']) {
      assert.deepEqual(bodies.filter((x) => x[0] === who), Array.from({ length: 300 }, (_, i) => `${who}${i}`));
    }
  },

  async 'echo-on-a-sending-link-is-answered-with-its-state'(t) {
    const client = await t.connect();
    const session = await client.session();
    const sender = await session.sender(t.queue());
    await sender.sendable();
    const before = client.trace.all('in', 'flow').length;
    session.inner.output(linkFlow(sender, { echo: true }));
    await t.wait('the answer to echo', client.trace.waitForCount('in', 'flow', before + 1));
    const answer = client.trace.last('in', 'flow').fields;
    assert.equal(answer.handle, sender.remoteAttach.handle);
    assert.ok(answer.link_credit > 0);
    assert.equal(answer.delivery_count, sender.inner.delivery_count);
  },
};
