import assert from 'node:assert/strict';
import * as b from '../lib/bytes.mjs';
import { kindOf } from '../lib/codec.mjs';
import * as state from '../lib/transactions.mjs';

async function open(t, queue = t.queue()) {
  const client = await t.connect();
  return { queue, client, sender: await client.sender(queue), receiver: await client.receiver(queue), dead: await client.receiver(`DLQ.${queue}`) };
}

/** name → kind of encoding ('string', 'uint', …) in the message-annotations of a delivery. */
function kinds(delivery) {
  const section = delivery.sections.find((s) => s.code === b.Section.MessageAnnotations);
  const result = {};
  for (let i = 0; i + 1 < section.typed.value.length; i += 2) result[section.typed.value[i].value] = kindOf(section.typed.value[i + 1]);
  return result;
}

async function failTimes(receiver, times) {
  for (let i = 0; i < times; i++) {
    const [d] = await receiver.take(1);
    assert.equal(d.deliveryCount, i);
    d.modify({ delivery_failed: true });
  }
}

function inTheLastMinutes(date) {
  const age = Date.now() - date.getTime();
  return age > -60_000 && age < 300_000;
}

export default {
  async 'a-rejected-message-goes-there-with-the-reason'(t) {
    const { queue, sender, receiver, dead } = await open(t);
    await sender.accepted({ durable: true, body: 'bad' });
    const [d] = await receiver.take(1);
    d.reject({ condition: 'example:broken', description: 'cannot be read' });
    const [there] = await dead.take(1);
    assert.equal(there.body, 'bad');
    const a = there.annotations;
    assert.equal(a['x-opt-dead-letter-reason'], 'rejected');
    assert.equal(a['x-opt-dead-letter-error'], 'example:broken');
    assert.equal(a['x-opt-dead-letter-description'], 'cannot be read');
    assert.equal(a['x-opt-orig-address'], queue);
    assert.ok(inTheLastMinutes(a['x-opt-death-time']), `death-time ${a['x-opt-death-time']}`);
    const k = kinds(there);
    assert.deepEqual([k['x-opt-dead-letter-reason'], k['x-opt-dead-letter-error'], k['x-opt-orig-address'], k['x-opt-death-time'], k['x-opt-delivery-count']],
      ['string', 'string', 'string', 'timestamp', 'uint']);
    there.accept();
    await receiver.nothing();
  },

  async 'a-rejection-without-error-has-a-reason-all-the-same'(t) {
    const { sender, receiver, dead } = await open(t);
    await sender.accepted({ body: 'bad' });
    const [d] = await receiver.take(1);
    d.reject();
    const [there] = await dead.take(1);
    assert.equal(there.annotations['x-opt-dead-letter-reason'], 'rejected');
    assert.equal(there.annotations['x-opt-dead-letter-error'], undefined);
    there.accept();
  },

  async 'after-the-configured-number-of-deliveries'(t) {
    const { queue, sender, receiver, dead } = await open(t, t.retryQueue());
    await sender.accepted({ durable: true, body: 'poison' });
    await failTimes(receiver, 3);
    const [there] = await dead.take(1);
    assert.equal(there.body, 'poison');
    assert.equal(there.annotations['x-opt-dead-letter-reason'], 'max-deliveries');
    assert.equal(there.annotations['x-opt-orig-address'], queue);
    assert.equal(there.annotations['x-opt-delivery-count'], 3);
    there.accept();
    await receiver.nothing();
  },

  async 'after-ten-deliveries-by-default'(t) {
    const { sender, receiver, dead } = await open(t);
    await sender.accepted({ body: 'poison' });
    await failTimes(receiver, 9);
    await dead.nothing();
    const [last] = await receiver.take(1);
    assert.equal(last.deliveryCount, 9);
    last.modify({ delivery_failed: true });
    const [there] = await dead.take(1);
    assert.equal(there.annotations['x-opt-delivery-count'], 10);
    there.accept();
  },

  async 'releases-do-not-lead-there'(t) {
    const { sender, receiver, dead } = await open(t, t.retryQueue());
    await sender.accepted({ body: 'm' });
    for (let i = 0; i < 10; i++) (await receiver.take(1))[0].release();
    await dead.nothing();
    assert.deepEqual(await receiver.bodies(1), ['m']);
  },

  async 'the-messages-behind-it-are-not-held-up'(t) {
    const { sender, receiver, dead } = await open(t, t.retryQueue());
    await sender.acceptedAll(['poison', 'fine', 'fine too'].map((body) => ({ body })));
    await failTimes(receiver, 3);
    assert.deepEqual(await receiver.bodies(2), ['fine', 'fine too']);
    assert.deepEqual(await dead.bodies(1), ['poison']);
  },

  async 'by-expiry'(t) {
    const { queue, sender, dead, receiver } = await open(t);
    await sender.accepted({ ttl: 20, body: 'late' });
    const [there] = await dead.take(1);
    assert.equal(there.annotations['x-opt-dead-letter-reason'], 'expired');
    assert.equal(there.annotations['x-opt-orig-address'], queue);
    assert.equal(kinds(there)['x-opt-death-time'], 'timestamp');
    assert.equal(there.message.ttl ?? 0, 0, 'a dead message does not expire again');
    there.accept();
    await receiver.nothing();
  },

  async 'the-bare-message-and-its-annotations-are-kept'(t) {
    const { sender, receiver, dead } = await open(t);
    const bare = Buffer.concat([
      b.section(b.Section.Properties, b.list32(b.uuid('00112233445566778899aabbccddeeff'), b.nil, b.str('elsewhere'))),
      b.section(b.Section.ApplicationProperties, b.map32(b.str('k'), b.decimal(0x74, '22f8a4d1'))),
      b.section(b.Section.Data, b.bin32(Buffer.from('payload'))),
    ]);
    await sender.accepted(Buffer.concat([b.section(b.Section.MessageAnnotations, b.map(b.sym('x-opt-mine'), b.byte(3))), bare]));
    (await receiver.take(1))[0].reject({ condition: 'example:broken' });
    const [there] = await dead.take(1);
    assert.equal(there.bare.toString('hex'), bare.toString('hex'));
    assert.equal(there.annotations['x-opt-mine'], 3);
    assert.equal(kinds(there)['x-opt-mine'], 'byte');
    there.accept();
  },

  async 'once-for-each-message-and-in-order'(t) {
    const { sender, receiver, dead } = await open(t);
    await sender.acceptedAll(Array.from({ length: 50 }, (_, i) => ({ body: i })));
    for (const d of await receiver.take(50)) d.reject({ condition: 'example:broken' });
    assert.deepEqual(await dead.bodies(50), Array.from({ length: 50 }, (_, i) => i));
    await dead.nothing();
    await receiver.nothing();
  },

  async 'rolled-back-acknowledgements-count-towards-the-limit'(t) {
    const { client, sender, receiver, dead } = await open(t, t.retryQueue());
    const coordinator = await client.coordinator();
    await sender.accepted({ body: 'poison' });
    for (let i = 0; i < 3; i++) {
      const [d] = await receiver.take(1);
      const txn = await coordinator.declare();
      d.update(true, state.transactionalState(txn, state.accepted()));
      await coordinator.rollback(txn);
    }
    const [there] = await dead.take(1);
    assert.equal(there.annotations['x-opt-dead-letter-reason'], 'max-deliveries');
    there.accept();
    await receiver.nothing();
  },

  async 'a-message-rejected-there-goes-no-further'(t) {
    const { queue, client, sender, receiver, dead } = await open(t);
    await sender.accepted({ body: 'bad' });
    (await receiver.take(1))[0].reject({ condition: 'example:broken' });
    (await dead.take(1))[0].reject({ condition: 'example:still-broken' });
    await receiver.nothing();
    await (await client.receiver(`DLQ.DLQ.${queue}`)).nothing('there is no dead letter queue of a dead letter queue');
  },
};
