import assert from 'node:assert/strict';
import rhea from 'rhea';

const { types } = rhea;
const marks = { desired_capabilities: ['mamba:duplicate-mark'] };
const bodies = (deliveries) => deliveries.map((d) => d.body);
const numbered = (ids) => ids.map((message_id, body) => ({ message_id, body }));

/** Sends, insists that rhea calls it accepted, and tells whether it is marked as a duplicate. */
async function isMarked(sender, message, options) {
  const delivery = sender.post(message, options);
  const state = await sender.outcome(delivery);
  assert.equal((state.type === 'transactional_state' ? state.outcome : state).type, 'accepted');
  const fields = (delivery.remote_state.outcome ?? delivery.remote_state).value;
  const mark = (Array.isArray(fields) ? fields : fields?.content ?? [])[0];
  return mark ? types.unwrap_map_simple(mark)['mamba:duplicate'] === true : false;
}

export default {
  async 'the-second-one-is-accepted-and-left-out'(t) {
    const queue = t.unique('once.q');
    const client = await t.connect();
    await (await client.sender(queue)).acceptedAll(numbered(['a', 'b', 'a', 'c', 'b', 'a']));
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [0, 1, 3]);
  },

  async 'durable-ones-too-and-after-they-were-consumed'(t) {
    const queue = t.unique('once.q');
    const client = await t.connect();
    const sender = await client.sender(queue);
    const receiver = await client.receiver(queue);
    for (const body of [1, 2]) await sender.accepted({ message_id: 'a', durable: true, body });
    const [only] = await receiver.take(1);
    only.accept();
    await client.written();
    await sender.accepted({ message_id: 'a', durable: true, body: 3 });
    assert.deepEqual(bodies(await receiver.takeAvailable()), []);
  },

  async 'ids-of-other-types-are-other-ids'(t) {
    const queue = t.unique('once.q');
    const client = await t.connect();
    const uuid = Buffer.from('0f8fad5bd9cb469fa16570867728950e', 'hex');
    const ids = ['7', 7, 8, uuid, '0f8fad5b-d9cb-469f-a165-70867728950e'];
    await (await client.sender(queue)).acceptedAll(numbered([...ids, ...ids]));
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), [0, 1, 2, 3, 4]);
  },

  async 'without-an-id-nothing-is-checked'(t) {
    const queue = t.unique('once.q');
    const client = await t.connect();
    await (await client.sender(queue)).acceptedAll([{ body: 0 }, { body: 0 }, { message_id: 'a', body: 0 }]);
    assert.equal((await (await client.receiver(queue)).takeAvailable()).length, 3);
  },

  async 'who-asks-sees-the-mark-and-rhea-calls-it-accepted'(t) {
    const queue = t.unique('once.q');
    const client = await t.connect();
    const asks = await client.sender({ target: { address: queue }, ...marks });
    assert.deepEqual(asks.remoteAttach.offered_capabilities, marks.desired_capabilities);
    const seen = [];
    for (const message_id of ['a', 'a', 'b', 'b']) seen.push(await isMarked(asks, { message_id, body: message_id }));
    assert.deepEqual(seen, [false, true, false, true]);
    const other = await client.sender(queue);
    assert.equal(await isMarked(other, { message_id: 'a', body: 'a' }), false);
  },

  async 'a-link-property-asks-as-well'(t) {
    const queue = t.unique('once.q');
    const sender = await (await t.connect()).sender({ target: { address: queue }, properties: { 'mamba:duplicate-mark': true } });
    assert.deepEqual(sender.remoteAttach.properties, { 'mamba:duplicate-mark': true });
    assert.equal(await isMarked(sender, { message_id: 'a', body: 1 }), false);
    assert.equal(await isMarked(sender, { message_id: 'a', body: 2 }), true);
  },

  async 'a-topic-leaves-them-out-for-everybody'(t) {
    const topic = t.unique('once.topic.t');
    const client = await t.connect();
    const receivers = [await client.receiver(topic), await client.receiver(topic)];
    await (await client.sender(topic)).acceptedAll(numbered(['a', 'a', 'b']));
    for (const receiver of receivers) assert.deepEqual(await receiver.bodies(2), [0, 2]);
  },

  async 'a-rolled-back-id-is-free-and-a-committed-one-is-not'(t) {
    const queue = t.unique('once.q');
    const client = await t.connect();
    const sender = await client.sender({ target: { address: queue }, ...marks });
    const coordinator = await client.coordinator();
    const lost = await coordinator.declare();
    assert.equal(await isMarked(sender, { message_id: 'a', body: 'lost' }, { txn: lost }), false);
    await coordinator.rollback(lost);
    const txn = await coordinator.declare();
    assert.equal(await isMarked(sender, { message_id: 'a', body: 'kept' }, { txn }), false);
    await coordinator.commit(txn);
    assert.equal(await isMarked(sender, { message_id: 'a', body: 'again' }), true);
    assert.deepEqual(bodies(await (await client.receiver(queue)).takeAvailable()), ['kept']);
  },

  async 'a-commit-that-left-something-out-is-marked-for-who-asks'(t) {
    const queue = t.unique('once.q');
    const session = await (await t.connect()).session();
    const coordinator = await session.coordinator(marks);
    assert.deepEqual(coordinator.remoteAttach.offered_capabilities, marks.desired_capabilities);
    const sender = await session.sender(queue);
    const [first, second] = [await coordinator.declare(), await coordinator.declare()];
    await sender.accepted({ message_id: 'a', body: 1 }, { txn: first });
    await sender.accepted({ message_id: 'a', body: 2 }, { txn: second });
    const marked = [];
    coordinator.inner.on('accepted', ({ delivery }) => {
      const fields = delivery.remote_state.value;
      const mark = (Array.isArray(fields) ? fields : fields?.content ?? [])[0];
      marked.push(mark ? types.unwrap_map_simple(mark)['mamba:duplicate'] === true : false);
    });
    assert.equal((await coordinator.commit(first)).type, 'accepted');
    assert.equal((await coordinator.commit(second)).type, 'accepted');
    assert.deepEqual(marked, [false, true]);
    assert.deepEqual(bodies(await (await session.receiver(queue)).takeAvailable()), [1]);
  },
};
