import assert from 'node:assert/strict';

const grouped = (group_id, body, more = {}) => ({ body, group_id, ...more });

/** Two receivers on one queue, each of a client of its own. */
async function pair(t) {
  const queue = t.queue();
  const sender = await (await t.connect()).sender(queue);
  const one = await (await t.connect()).receiver(queue);
  const two = await (await t.connect()).receiver(queue);
  return { queue, sender, one, two };
}

const bodies = (deliveries) => deliveries.map((d) => d.body);

async function acceptAll(receiver, deliveries) {
  for (const d of deliveries) d.accept();
  await receiver.client.written();
}

export default {
  async 'a-group-stays-with-its-first-consumer'(t) {
    const { sender, one, two } = await pair(t);
    await sender.accepted(grouped('a', 'a1'));
    assert.deepEqual(bodies(await one.take(1)), ['a1']);
    await sender.acceptedAll([grouped('a', 'a2'), grouped('b', 'b1'), grouped('a', 'a3')]);
    assert.deepEqual(bodies(await two.takeAvailable()), ['b1']);
    assert.deepEqual(bodies(await one.takeAvailable()), ['a2', 'a3']);
  },

  async 'a-group-whose-consumer-has-no-credit-is-passed'(t) {
    const { sender, one, two } = await pair(t);
    await sender.accepted(grouped('a', 'a0'));
    await one.take(1);
    await sender.acceptedAll(Array.from({ length: 300 }, (_, i) => grouped('a', i)));
    await sender.acceptedAll([{ body: 'x' }, grouped('b', 'b1')]);
    assert.deepEqual(bodies(await two.take(2)), ['x', 'b1']);
    assert.deepEqual(bodies(await one.take(300)), Array.from({ length: 300 }, (_, i) => i));
  },

  async 'a-group-is-remembered-when-nothing-of-it-is-left'(t) {
    const { sender, one, two } = await pair(t);
    await sender.accepted(grouped('a', 1));
    await one.bodies(1);
    await sender.accepted(grouped('a', 2));
    await two.nothing('the group belongs to the other receiver');
    assert.deepEqual(await one.bodies(1), [2]);
  },

  async 'a-group-moves-when-its-consumer-detaches'(t) {
    const { sender, one, two } = await pair(t);
    await sender.acceptedAll([1, 2, 3, 4].map((n) => grouped('a', n)));
    await one.take(2);
    await two.nothing();
    await one.close();
    assert.deepEqual(bodies(await two.take(4)), [1, 2, 3, 4]);
  },

  async 'a-group-moves-when-the-socket-drops'(t) {
    const { sender, one, two } = await pair(t);
    await sender.acceptedAll([1, 2, 3, 4].map((n) => grouped('a', n)));
    await one.take(2);
    await one.client.drop();
    assert.deepEqual(bodies(await two.take(4)), [1, 2, 3, 4]);
  },

  async 'a-waiting-consumer-gets-what-comes-for-its-group'(t) {
    const { sender, one, two } = await pair(t);
    await sender.accepted(grouped('a', 0));
    await one.take(1);
    one.credit(100);
    two.credit(100);
    await sender.acceptedAll(Array.from({ length: 50 }, (_, i) => grouped('a', i + 1)));
    await one.reached(51);
    assert.deepEqual(bodies(one.arrived), Array.from({ length: 50 }, (_, i) => i + 1));
    assert.deepEqual(bodies(await two.drain()), []);
  },

  async 'a-new-consumer-gets-half-of-the-groups'(t) {
    const queue = t.queue();
    const sender = await (await t.connect()).sender(queue);
    const one = await (await t.connect()).receiver(queue);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await sender.acceptedAll(names.map((name) => grouped(name, name)));
    const first = await one.take(6);
    for (const d of first) d.accept();
    await one.nothing();
    const two = await (await t.connect()).receiver(queue);
    await sender.acceptedAll(names.map((name) => grouped(name, name)));
    const left = bodies(await one.takeAvailable());
    const right = bodies(await two.takeAvailable());
    assert.equal(left.length, 3);
    assert.deepEqual([...left, ...right].sort(), names);
  },

  async 'a-group-in-use-moves-when-it-is-settled'(t) {
    const queue = t.queue();
    const sender = await (await t.connect()).sender(queue);
    const one = await (await t.connect()).receiver(queue);
    await sender.acceptedAll([grouped('a', 'a1'), grouped('b', 'b1')]);
    const held = await one.take(2);
    const two = await (await t.connect()).receiver(queue);
    await sender.acceptedAll([grouped('a', 'a2'), grouped('b', 'b2')]);
    await two.nothing('nothing moves while it is unsettled');
    const [kept] = bodies(await one.takeAvailable());
    const moving = held.find((d) => d.body[0] !== kept[0]);
    moving.accept();
    assert.deepEqual(bodies(await two.take(1)), [`${moving.body[0]}2`]);
  },

  async 'sequence-minus-one-closes-the-group'(t) {
    const { sender, one, two } = await pair(t);
    await sender.accepted(grouped('a', 1));
    const first = await one.take(1);
    await sender.acceptedAll([grouped('a', 2, { group_sequence: 0xffffffff }), grouped('a', 3)]);
    const last = await one.take(1);
    assert.deepEqual(bodies(last), [2]);
    await two.nothing('the order holds over the end of a group');
    await acceptAll(one, [...first, ...last]);
    assert.deepEqual(bodies(await two.take(1)), [3]);
  },

  async 'what-is-released-comes-first-to-the-same-consumer'(t) {
    const { sender, one, two } = await pair(t);
    await sender.acceptedAll([1, 2, 3].map((n) => grouped('a', n)));
    const [first] = await one.take(2);
    first.release();
    await one.client.written();
    await two.nothing();
    assert.deepEqual(bodies(await one.take(2)), [1, 3]);
  },

  async 'a-browser-sees-messages-of-all-groups'(t) {
    const { queue, sender, one, two } = await pair(t);
    await sender.accepted(grouped('a', 0));
    await one.take(1);
    await sender.acceptedAll([grouped('a', 1), { body: 2 }, grouped('a', 3)]);
    assert.deepEqual(bodies(await two.takeAvailable()), [2]);
    const browser = await (await t.connect()).receiver({ source: { address: queue, distribution_mode: 'copy' } });
    assert.deepEqual(bodies(await browser.takeAvailable()), [1, 3]);
  },

  async 'group-properties-arrive-as-they-were-sent'(t) {
    const { sender, one } = await pair(t);
    await sender.accepted(grouped('händler', 'm', { group_sequence: 7, reply_to_group_id: 'back' }));
    const [d] = await one.take(1);
    assert.deepEqual([d.message.group_id, d.message.group_sequence, d.message.reply_to_group_id], ['händler', 7, 'back']);
  },
};
