import assert from 'node:assert/strict';
import rhea from 'rhea';
import { Manager } from '../lib/manager.mjs';
import * as state from '../lib/transactions.mjs';

const { types } = rhea;
const bodies = (deliveries) => deliveries.map((d) => d.body);
const failed = { delivery_failed: true };

/** A queue of a rule ("slow" and "held" wait for an hour, the others 300 ms at first) that holds these messages. */
async function filled(t, queue, messages) {
  const client = await t.connect();
  const sender = await client.sender(queue);
  await sender.acceptedAll(messages.map((message) => (typeof message === 'string' ? { body: message, durable: true } : message)));
  return { client, sender, receiver: await client.receiver(queue) };
}

const slow = (t) => t.unique('backoff.slow.q');
const quick = (t) => t.unique('backoff.q');
const annotated = (body, message_annotations) => ({ body, durable: true, message_annotations });
const grouped = (body) => ({ body, durable: true, group_id: body[0] });

/** Fails a delivery and takes the message again; insists that this took so long at least. */
async function again(receiver, delivery, atLeast, how = failed) {
  const before = performance.now();
  delivery.modify(how);
  const [next] = await receiver.take(1);
  assert.ok(performance.now() - before >= atLeast - 5, `it came after ${performance.now() - before} ms`);
  return next;
}

export default {
  async 'only-the-failed-delivery-waits'(t) {
    const { receiver } = await filled(t, slow(t), ['a', 'b', 'c']);
    (await receiver.take(1))[0].modify(failed);
    assert.deepEqual(bodies(await receiver.takeAvailable()), ['b', 'c']);
  },

  async 'it-comes-again-after-waits-that-grow-and-then-dies'(t) {
    const queue = quick(t);
    const { client, receiver } = await filled(t, queue, ['a']);
    const [first] = await receiver.take(1);
    const second = await again(receiver, first, 300);
    assert.equal(second.deliveryCount, 1);
    assert.equal(second.firstAcquirer, false);
    const third = await again(receiver, second, 600);
    assert.equal(third.deliveryCount, 2);
    third.modify(failed);
    const [dead] = await (await client.receiver(`DLQ.${queue}`)).take(1);
    assert.equal(dead.annotations['x-opt-dead-letter-reason'], 'max-deliveries');
    assert.equal(dead.annotations['x-opt-delivery-count'], 3);
    dead.accept();
  },

  async 'released-is-not-failed'(t) {
    const { receiver } = await filled(t, slow(t), ['a']);
    (await receiver.take(1))[0].release();
    const [second] = await receiver.take(1);
    assert.equal(second.deliveryCount, 0);
    second.accept();
  },

  async 'a-rolled-back-acknowledgement-waits'(t) {
    const { client, receiver } = await filled(t, slow(t), ['a', 'b']);
    const coordinator = await client.coordinator();
    const txn = await coordinator.declare();
    (await receiver.take(1))[0].update(true, state.transactionalState(txn, state.accepted()));
    await coordinator.rollback(txn);
    assert.deepEqual(bodies(await receiver.takeAvailable()), ['b']);
  },

  async 'a-message-has-its-own-delay'(t) {
    const { receiver } = await filled(t, t.queue(), [annotated('a', { 'x-opt-retry-delay': types.wrap_uint(300) }), annotated('b', { 'x-opt-retry-delay': types.wrap_long(3_600_000) })]);
    const [a, b] = await receiver.take(2);
    b.modify(failed);
    const second = await again(receiver, a, 300);
    assert.deepEqual([second.body, second.deliveryCount], ['a', 1]);
    second.accept();
    await receiver.nothing();
  },

  async 'a-message-has-its-own-maximum'(t) {
    const queue = t.queue();
    const { client, receiver } = await filled(t, queue, [annotated('a', { 'x-opt-max-deliveries': types.wrap_int(2) })]);
    (await receiver.take(1))[0].modify(failed);
    (await receiver.take(1))[0].modify(failed);
    const [dead] = await (await client.receiver(`DLQ.${queue}`)).take(1);
    assert.equal(dead.annotations['x-opt-delivery-count'], 2);
    dead.accept();
  },

  async 'what-a-message-cannot-ask-for-is-rejected'(t) {
    const sender = await (await t.connect()).sender(t.queue());
    for (const [key, value] of [['x-opt-retry-delay', -1], ['x-opt-retry-delay', 'soon'], ['x-opt-max-deliveries', 0], ['x-opt-max-deliveries', 1_001]]) {
      const outcome = await sender.send(annotated('a', { [key]: value }));
      assert.equal(outcome.type, 'rejected', key);
      assert.equal(outcome.error.condition, 'amqp:invalid-field', key);
      assert.ok(outcome.error.description.includes(key), outcome.error.description);
    }
  },

  async 'a-consumer-asks-for-a-delay'(t) {
    const { receiver } = await filled(t, slow(t), ['a']);
    const [first] = await receiver.take(1);
    const ask = { delivery_failed: true, message_annotations: { 'x-opt-delivery-delay': types.wrap_uint(300), 'x-opt-note': 'busy' } };
    const second = await again(receiver, first, 300, ask);
    assert.equal(second.deliveryCount, 1);
    assert.deepEqual({ ...second.annotations }, { 'x-opt-note': 'busy' });
    second.accept();
  },

  async 'a-consumer-asks-for-a-time-without-a-failure'(t) {
    const { receiver } = await filled(t, t.queue(), ['a', 'b']);
    const [a, b] = await receiver.take(2);
    b.modify({ message_annotations: { 'x-opt-delivery-time': types.wrap_timestamp(Date.now() + 3_600_000) } });
    const due = Date.now() + 300;
    a.modify({ message_annotations: { 'x-opt-delivery-time': types.wrap_long(due) } });
    const [second] = await receiver.take(1);
    assert.ok(Date.now() >= due, 'it came early');
    assert.deepEqual([second.body, second.deliveryCount], ['a', 0]);
    second.accept();
    await receiver.nothing();
  },

  async 'a-consumer-that-asks-for-what-cannot-be-loses-its-link'(t) {
    const { client, receiver } = await filled(t, slow(t), ['a']);
    const [first] = await receiver.take(1);
    const gone = receiver.detached();
    receiver.inner.on('receiver_error', () => {});
    first.modify({ delivery_failed: true, message_annotations: { 'x-opt-delivery-delay': 'soon' } });
    const { error } = await gone;
    assert.equal(error.condition, 'amqp:invalid-field');
    const [second] = await (await client.receiver(receiver.address)).take(1);
    assert.equal(second.deliveryCount, 0);
    second.accept();
  },

  async 'a-group-waits-behind-its-failed-message-and-others-do-not'(t) {
    const { receiver } = await filled(t, t.unique('backoff.held.q'), [grouped('a1'), grouped('a2'), grouped('b1'), 'x', grouped('a3')]);
    (await receiver.take(1))[0].modify(failed);
    assert.deepEqual(bodies(await receiver.takeAvailable()), ['b1', 'x']);
  },

  async 'a-group-comes-in-order-after-the-wait'(t) {
    const { receiver } = await filled(t, t.unique('backoff.group.q'), [grouped('a1'), grouped('a2'), grouped('a3')]);
    const found = [];
    for (let tries = 0; found.length < 3; tries++) {
      const [d] = await receiver.take(1);
      if (tries % 2 === 0) {
        d.modify(failed);
      } else {
        found.push(d.accept().body);
      }
    }
    assert.deepEqual(found, ['a1', 'a2', 'a3']);
  },

  async 'a-failed-delivery-that-waits-is-cancelled'(t) {
    const queue = slow(t);
    const { client, receiver } = await filled(t, queue, ['a', 'b']);
    (await receiver.take(1))[0].modify(failed);
    const manager = await Manager.open(client);
    const type = 'org.mamba.schedule';
    const waiting = async () => (await manager.ask('QUERY', { entityType: type, address: queue, kind: 'parked' }, { attributeNames: ['name'] })).body.results;
    const [[name]] = await waiting();
    assert.equal((await manager.ask('DELETE', { type, name })).status, 204);
    assert.deepEqual(await waiting(), []);
    const [dead] = await (await client.receiver(`DLQ.${queue}`)).take(1);
    assert.deepEqual([dead.body, dead.annotations['x-opt-dead-letter-reason']], ['a', 'cancelled']);
    assert.deepEqual(bodies(await receiver.takeAvailable()), ['b']);
  },
};
