import assert from 'node:assert/strict';

const bodies = (deliveries) => deliveries.map((d) => d.body);
const quote = (symbol, body, more = {}) => ({ application_properties: { symbol }, body, ...more });

export default {
  async 'a-newer-value-takes-the-place-of-the-older'(t) {
    const queue = t.unique('last.q');
    const client = await t.connect();
    await (await client.sender(queue)).acceptedAll([quote('A', 1), quote('B', 1), { body: 'no key' }, quote('A', 2), quote('C', 1), quote('A', 3)]);
    assert.deepEqual(await (await client.receiver(queue)).bodies(4), [3, 1, 'no key', 1]);
  },

  async 'durable-values-are-replaced-too'(t) {
    const queue = t.unique('last.q');
    const client = await t.connect();
    await (await client.sender(queue)).acceptedAll([1, 2, 3].map((n) => quote('A', n, { durable: true })));
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [3]);
  },

  async 'the-key-of-an-artemis-client'(t) {
    const queue = t.unique('last.q');
    const client = await t.connect();
    await (await client.sender(queue)).acceptedAll([1, 2].map((n) => ({ application_properties: { _AMQ_LVQ_NAME: 'A' }, body: n })));
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [2]);
  },

  async 'the-key-as-a-message-annotation'(t) {
    const queue = t.unique('last.q');
    const client = await t.connect();
    await (await client.sender(queue)).acceptedAll([1, 2].map((n) => ({ message_annotations: { 'x-opt-last-value-key': 'A' }, body: n })));
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [2]);
  },

  async 'a-held-value-is-dropped-when-it-comes-back'(t) {
    const queue = t.unique('last.q');
    const client = await t.connect();
    const sender = await client.sender(queue);
    const receiver = await client.receiver(queue);
    await sender.accepted(quote('A', 1));
    const [held] = await receiver.take(1);
    await sender.accepted(quote('A', 2));
    held.release();
    await client.written();
    assert.deepEqual(bodies(await receiver.takeAvailable()), [2]);
  },

  async 'a-transaction-replaces-at-commit'(t) {
    const queue = t.unique('last.q');
    const client = await t.connect();
    const sender = await client.sender(queue);
    await sender.accepted(quote('A', 1));
    const coordinator = await client.coordinator();
    const lost = await coordinator.declare();
    await sender.accepted(quote('A', 'lost'), { txn: lost });
    await coordinator.rollback(lost);
    const txn = await coordinator.declare();
    await sender.accepted(quote('A', 2), { txn });
    const browser = await client.receiver({ source: { address: queue, distribution_mode: 'copy' } });
    assert.deepEqual(bodies(await browser.takeAvailable()), [1]);
    await coordinator.commit(txn);
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [2]);
  },

  async 'a-non-destructive-queue-shows-everybody-the-last-values'(t) {
    const queue = t.unique('seen.q');
    const client = await t.connect();
    const sender = await client.sender(queue);
    await sender.acceptedAll([quote('A', 1), quote('B', 1), quote('A', 2)]);
    const one = await client.receiver(queue);
    assert.deepEqual(await one.bodies(2), [2, 1]);
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(2), [2, 1]);
    one.credit(1);
    await sender.accepted(quote('B', 2));
    assert.equal((await one.next()).body, 2);
  },
};
