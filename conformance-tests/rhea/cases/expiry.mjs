import assert from 'node:assert/strict';
import rhea from 'rhea';

async function open(t) {
  const queue = t.queue();
  const client = await t.connect();
  return { queue, client, sender: await client.sender(queue), dead: await client.receiver(`DLQ.${queue}`) };
}

/** Waits until a message of that ttl, sent now to a queue of its own, has died: so long has passed for sure. */
async function pass(t, milliseconds) {
  const { sender, dead } = await open(t);
  await sender.accepted({ ttl: milliseconds, body: 'clock' });
  await dead.bodies(1);
}

export default {
  async 'an-expired-message-is-not-delivered'(t) {
    const { queue, client, sender, dead } = await open(t);
    await sender.accepted({ ttl: 50, body: 'short-lived' });
    await sender.accepted({ body: 'stays' });
    assert.deepEqual(await dead.bodies(1), ['short-lived']);
    const receiver = await client.receiver(queue);
    assert.deepEqual(await receiver.bodies(1), ['stays']);
    await receiver.nothing();
  },

  async 'an-absolute-expiry-time-in-the-past-expires-at-once'(t) {
    const { queue, client, sender, dead } = await open(t);
    await sender.accepted({ absolute_expiry_time: new Date(1_000_000_000_000), body: 'too late' });
    assert.deepEqual(await dead.bodies(1), ['too late']);
    await (await client.receiver(queue)).nothing();
  },

  async 'ttl-goes-before-absolute-expiry-time'(t) {
    const { queue, client, sender } = await open(t);
    await sender.accepted({ ttl: 600_000, absolute_expiry_time: new Date(1_000_000_000_000), body: 'a client with a slow clock' });
    const [d] = await (await client.receiver(queue)).take(1);
    assert.equal(d.body, 'a client with a slow clock');
    assert.equal(d.message.absolute_expiry_time.getTime(), 1_000_000_000_000, 'and it is left as it was');
    d.accept();
  },

  async 'ttl-is-reduced-by-the-time-in-the-queue'(t) {
    const { queue, client, sender } = await open(t);
    await sender.accepted({ ttl: 600_000, body: 'm' });
    await pass(t, 100);
    const [d] = await (await client.receiver(queue)).take(1);
    assert.ok(d.message.ttl <= 600_000 - 100 && d.message.ttl > 500_000, `ttl ${d.message.ttl}`);
    d.accept();
  },

  async 'a-message-without-ttl-carries-none'(t) {
    const { queue, client, sender } = await open(t);
    await sender.accepted({ body: 'm' });
    const [d] = await (await client.receiver(queue)).take(1);
    assert.equal(d.message.ttl ?? undefined, undefined);
    d.accept();
  },

  async 'ttl-zero-means-none'(t) {
    const { queue, client, sender, dead } = await open(t);
    await sender.accepted({ ttl: 0, body: 'm' });
    await pass(t, 50);
    await dead.nothing();
    assert.deepEqual(await (await client.receiver(queue)).bodies(1), ['m']);
  },

  async 'a-message-with-a-consumer-does-not-expire'(t) {
    const { queue, client, sender, dead } = await open(t);
    const receiver = await client.receiver(queue);
    receiver.credit(1);
    await sender.accepted({ ttl: 100, body: 'm' });
    const d = await receiver.next();
    await pass(t, 150);
    d.accept();
    await receiver.nothing();
    await dead.nothing();
  },

  async 'higher-priority-first'(t) {
    const { queue, client, sender } = await open(t);
    for (const [priority, body] of [[1, 'low'], [9, 'high'], [undefined, 'default'], [5, 'above default'], [9, 'high too'], [0, 'lowest']]) {
      await sender.accepted({ priority, body });
    }
    assert.deepEqual(await (await client.receiver(queue)).bodies(6), ['high', 'high too', 'above default', 'default', 'low', 'lowest']);
  },

  async 'equal-priority-in-order-of-arrival'(t) {
    const { queue, client, sender } = await open(t);
    const sent = Array.from({ length: 100 }, (_, i) => ({ priority: i % 2 ? 7 : 2, body: i }));
    await sender.acceptedAll(sent);
    const odd = sent.filter((m) => m.priority === 7).map((m) => m.body);
    const even = sent.filter((m) => m.priority === 2).map((m) => m.body);
    assert.deepEqual(await (await client.receiver(queue)).bodies(100), [...odd, ...even]);
  },

  async 'a-released-message-of-high-priority-comes-first-again'(t) {
    const { queue, client, sender } = await open(t);
    await sender.acceptedAll([{ priority: 1, body: 'low' }, { priority: 8, body: 'high' }]);
    const receiver = await client.receiver(queue);
    const [high] = await receiver.take(1);
    assert.equal(high.body, 'high');
    high.release();
    assert.deepEqual(await receiver.bodies(2), ['high', 'low']);
  },

  async 'a-delivery-delay-keeps-a-message-back'(t) {
    const { queue, client, sender } = await open(t);
    const before = Date.now();
    await sender.accepted({ message_annotations: { 'x-opt-delivery-delay': rhea.types.wrap_uint(400) }, body: 'later' });
    await sender.accepted({ body: 'now' });
    const receiver = await client.receiver(queue);
    assert.deepEqual((await receiver.takeAvailable(5)).map((d) => d.accept().body), ['now']);
    assert.deepEqual(await receiver.bodies(1), ['later']);
    assert.ok(Date.now() - before >= 400, 'it came early');
  },

  async 'a-delivery-time-keeps-a-message-back'(t) {
    const { queue, client, sender } = await open(t);
    const due = Date.now() + 400;
    await sender.accepted({ durable: true, message_annotations: { 'x-opt-delivery-time': rhea.types.wrap_long(due) }, body: 'later' });
    const receiver = await client.receiver(queue);
    await receiver.nothing();
    const [d] = await receiver.take(1);
    assert.ok(Date.now() >= due, 'it came early');
    assert.equal(d.annotations['x-opt-delivery-time'], due);
    d.accept();
  },
};
