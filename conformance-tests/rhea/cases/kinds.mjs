import assert from 'node:assert/strict';

const bodies = (deliveries) => deliveries.map((d) => d.body);

async function filled(t, queue, values, more = {}) {
  const client = await t.connect();
  const sender = await client.sender(queue);
  await sender.acceptedAll(values.map((body) => ({ body, ...more })));
  return { client, sender };
}

/** Asks $management to pause or resume a queue, and waits for the answer. */
async function manage(t, operation, name) {
  const client = await t.connect();
  const replies = await client.receiver({ source: { address: '$management' }, target: { address: 'answers' } });
  const requests = await client.sender('$management');
  await requests.accepted({ message_id: 'm', reply_to: 'answers', application_properties: { operation, type: 'org.mamba.queue', name } });
  const [{ message }] = await replies.take(1);
  assert.equal(message.application_properties.statusCode, 200, message.application_properties.statusDescription);
  return message.body;
}

export default {
  async 'a-ring-keeps-the-newest'(t) {
    const queue = t.unique('ring.q');
    const { client } = await filled(t, queue, [1, 2, 3, 4, 5]);
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [3, 4, 5]);
  },

  async 'a-ring-keeps-the-newest-durable-messages'(t) {
    const queue = t.unique('ring.q');
    const { client } = await filled(t, queue, [1, 2, 3, 4, 5], { durable: true });
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [3, 4, 5]);
  },

  async 'what-is-held-is-dropped-when-it-comes-back-to-a-full-ring'(t) {
    const queue = t.unique('ring.q');
    const { client, sender } = await filled(t, queue, [1]);
    const receiver = await client.receiver(queue);
    const [held] = await receiver.take(1);
    await sender.acceptedAll([2, 3, 4].map((body) => ({ body })));
    held.release();
    await client.written();
    assert.deepEqual(bodies(await receiver.takeAvailable()), [2, 3, 4]);
  },

  async 'a-ring-can-dead-letter-what-it-drops'(t) {
    const queue = t.unique('ring.dead.q');
    const { client } = await filled(t, queue, [1, 2, 3, 4]);
    const [dead] = await (await client.receiver(`DLQ.${queue}`)).take(1);
    assert.equal(dead.body, 1);
    assert.equal(dead.annotations['x-opt-dead-letter-reason'], 'max-length');
  },

  async 'a-transaction-that-commits-into-a-ring-drops-the-oldest'(t) {
    const queue = t.unique('ring.q');
    const { client, sender } = await filled(t, queue, [1, 2, 3]);
    const coordinator = await client.coordinator();
    const txn = await coordinator.declare();
    await sender.accepted({ body: 4 }, { txn });
    await coordinator.commit(txn);
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [2, 3, 4]);
  },

  async 'one-consumer-is-active'(t) {
    const queue = t.unique('single.q');
    const one = await (await t.connect()).receiver(queue);
    const two = await (await t.connect()).receiver(queue);
    await filled(t, queue, [1, 2, 3]);
    await two.nothing('another receiver is the active one');
    assert.deepEqual(bodies(await one.take(3)), [1, 2, 3]);
  },

  async 'the-next-consumer-takes-over-in-order'(t) {
    const queue = t.unique('single.q');
    const one = await (await t.connect()).receiver(queue);
    const two = await (await t.connect()).receiver(queue);
    two.credit(10);
    await filled(t, queue, [1, 2, 3]);
    const [first] = await one.take(2);
    first.accept();
    await one.drain();
    await one.close();
    await two.reached(2);
    assert.deepEqual(bodies(two.arrived), [2, 3]);
  },

  async 'the-next-consumer-takes-over-when-the-socket-drops'(t) {
    const queue = t.unique('single.q');
    const one = await (await t.connect()).receiver(queue);
    const two = await (await t.connect()).receiver(queue);
    two.credit(10);
    await filled(t, queue, [1, 2, 3]);
    await one.take(2);
    await one.client.drop();
    await two.reached(3);
    assert.deepEqual(bodies(two.arrived), [1, 2, 3]);
  },

  async 'a-browser-beside-the-active-consumer'(t) {
    const queue = t.unique('single.q');
    const one = await (await t.connect()).receiver(queue);
    const browser = await (await t.connect()).receiver({ source: { address: queue, distribution_mode: 'copy' } });
    await filled(t, queue, [1, 2]);
    assert.deepEqual(bodies(await browser.take(2)), [1, 2]);
    assert.deepEqual(bodies(await one.take(2)), [1, 2]);
  },

  async 'a-paused-queue-takes-and-does-not-give'(t) {
    const queue = t.queue();
    const { client, sender } = await filled(t, queue, [1]);
    assert.equal((await manage(t, 'PAUSE', queue)).paused, true);
    await sender.accepted({ body: 2 });
    const receiver = await client.receiver(queue);
    await receiver.nothing('the queue is paused');
    receiver.credit(2);
    assert.equal((await manage(t, 'RESUME', queue)).paused, false);
    await receiver.reached(2);
    assert.deepEqual(bodies(receiver.arrived), [1, 2]);
  },

  async 'a-paused-queue-settles-and-is-browsed'(t) {
    const queue = t.queue();
    const { client } = await filled(t, queue, [1, 2]);
    const receiver = await client.receiver(queue);
    const [held] = await receiver.take(1);
    await manage(t, 'PAUSE', queue);
    held.accept();
    await receiver.nothing();
    const browser = await client.receiver({ source: { address: queue, distribution_mode: 'copy' } });
    assert.deepEqual(bodies(await browser.takeAvailable()), [2]);
  },

  async 'a-paused-queue-gives-no-copies-either'(t) {
    const queue = t.unique('seen.q');
    const { client } = await filled(t, queue, [1, 2]);
    await manage(t, 'PAUSE', queue);
    const receiver = await client.receiver(queue);
    await receiver.nothing('the queue is paused');
    const browser = await client.receiver({ source: { address: queue, distribution_mode: 'copy' } });
    assert.deepEqual(bodies(await browser.takeAvailable()), [1, 2]);
    receiver.credit(2);
    await manage(t, 'RESUME', queue);
    await receiver.reached(2);
    assert.deepEqual(bodies(receiver.arrived), [1, 2]);
  },
};
