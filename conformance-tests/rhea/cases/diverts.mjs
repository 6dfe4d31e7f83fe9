import assert from 'node:assert/strict';
import { Manager } from '../lib/manager.mjs';

const bodies = (deliveries) => deliveries.map((d) => d.body);

/** A divert of the case's own, for a queue of its own. */
async function divert(t, attributes = {}) {
  const manager = await Manager.open(await t.connect());
  const [name, from, to] = [t.unique('divert'), t.unique('from'), attributes.target ?? t.unique('to')];
  const answer = await manager.ask('CREATE', { type: 'org.mamba.divert', name }, { pattern: from, target: to, ...attributes });
  assert.equal(answer.status, 201, JSON.stringify(answer));
  return { manager, name, from, to, created: answer.body };
}

export default {
  async 'a-copy-says-where-it-was-sent'(t) {
    const { from, to } = await divert(t);
    const client = await t.connect();
    await (await client.sender(from)).acceptedAll([{ body: 1 }, { body: 2, durable: true }]);
    const copies = await (await client.receiver(to)).take(2);
    assert.deepEqual(bodies(copies), [1, 2]);
    assert.deepEqual(copies.map((d) => d.annotations['x-opt-orig-address']), [from, from]);
    assert.deepEqual(await (await client.receiver(from)).bodies(2), [1, 2]);
  },

  async 'a-selector-moves-some'(t) {
    const { from, to } = await divert(t, { move: true, selector: "amount > 100 AND side = 'buy'" });
    const client = await t.connect();
    const order = (amount, side) => ({ application_properties: { amount, side }, body: amount });
    await (await client.sender(from)).acceptedAll([order(50, 'buy'), order(500, 'buy'), order(501, 'sell')]);
    assert.deepEqual(bodies(await (await client.receiver(to)).takeAvailable()), [500]);
    assert.deepEqual(bodies(await (await client.receiver(from)).takeAvailable()), [50, 501]);
  },

  async 'a-full-target-refuses-all-of-it'(t) {
    const { from, to } = await divert(t, { target: t.unique('small.to') });
    const client = await t.connect();
    const sender = await client.sender(from);
    await sender.acceptedAll([1, 2, 3, 4, 5].map((body) => ({ body })));
    const refused = await sender.send({ body: 6 });
    assert.equal(refused.type, 'rejected');
    assert.equal(refused.error.condition, 'amqp:resource-limit-exceeded');
    assert.match(refused.error.description, /divert/);
    assert.deepEqual(bodies(await (await client.receiver(from)).takeAvailable()), [1, 2, 3, 4, 5]);
    assert.deepEqual(bodies(await (await client.receiver(to)).takeAvailable()), [1, 2, 3, 4, 5]);
  },

  async 'a-transaction-diverts-at-commit'(t) {
    const { from, to } = await divert(t);
    const client = await t.connect();
    const sender = await client.sender(from);
    const coordinator = await client.coordinator();
    const lost = await coordinator.declare();
    await sender.accepted({ body: 'lost' }, { txn: lost });
    await coordinator.rollback(lost);
    const txn = await coordinator.declare();
    await sender.accepted({ body: 'kept' }, { txn });
    await coordinator.commit(txn);
    assert.deepEqual(bodies(await (await client.receiver(to)).takeAvailable()), ['kept']);
    assert.deepEqual(bodies(await (await client.receiver(from)).takeAvailable()), ['kept']);
  },

  async 'messages-cannot-be-sent-round'(t) {
    const { manager, name, from, to } = await divert(t);
    const answer = await manager.ask('CREATE', { type: 'org.mamba.divert', name: t.unique('back') }, { pattern: to, target: from });
    assert.equal(answer.status, 409);
    assert.match(answer.text, /messages would go round/);
    assert.ok(answer.text.includes(name), answer.text);
  },

  async 'a-dry-run-says-where-and-why'(t) {
    const { manager, name, from, to } = await divert(t, { move: true, selector: 'amount > 100' });
    const client = await t.connect();
    await client.sender(from);
    const route = async (amount) => {
      const { status, body } = await manager.ask('ROUTE', { address: from }, { header: { durable: true }, properties: { subject: 'order' }, applicationProperties: { amount } });
      assert.equal(status, 200);
      return body;
    };
    const small = await route(5);
    assert.deepEqual(small.stored, [from]);
    assert.deepEqual(small.stops[0].diverts.map((d) => [d.name, d.selected, d.applied]), [[name, false, false]]);
    const large = await route(500);
    assert.deepEqual(large.stored, [to]);
    assert.deepEqual(large.stops.map((s) => [s.address, s.via, s.stored]), [[from, null, false], [to, name, true]]);
    assert.deepEqual(bodies(await (await client.receiver(to)).takeAvailable()), []);
  },
};
