// Topics that keep their last messages for new subscriptions; "kept.#" keeps three (the fixture's address rule).
import assert from 'node:assert/strict';
import rhea from 'rhea';

const topicOf = (t) => `kept.${t.unique('topic')}`;
const durable = (topic, name, filter = undefined) =>
  ({ name, source: { address: topic, durable: 2, expiry_policy: 'never', distribution_mode: 'copy', capabilities: ['topic'], filter } });
const selector = (expression) => ({ s: rhea.types.wrap_described(expression, 0x468C00000004) });
const bodiesOf = (deliveries) => deliveries.map((d) => d.accept().body);
const available = async (receiver) => bodiesOf(await receiver.takeAvailable());

async function publish(t, topic, bodies, more = {}) {
  const sender = await (await t.connect()).sender({ target: { address: topic, capabilities: ['topic'] } });
  await sender.acceptedAll(bodies.map((body) => ({ durable: true, body, ...more })));
}

export default {
  async 'a-late-subscriber-gets-the-last-ones-first-and-then-live-ones'(t) {
    const topic = topicOf(t);
    await publish(t, topic, [1, 2, 3, 4, 5]);
    const late = await (await t.connect()).receiver(`topic://${topic}`);
    await publish(t, topic, [6, 7]);
    assert.deepEqual(await available(late), [3, 4, 5, 6, 7]);
    const later = await (await t.connect()).receiver(`topic://${topic}`);
    assert.deepEqual(await available(later), [5, 6, 7]);
  },

  async 'messages-that-are-not-durable-are-kept-as-well'(t) {
    const topic = topicOf(t);
    await publish(t, topic, [1, 2, 3, 4], { durable: false });
    assert.deepEqual(await available(await (await t.connect()).receiver(`topic://${topic}`)), [2, 3, 4]);
  },

  async 'what-is-kept-comes-as-at-its-first-acquirer-with-all-its-sections'(t) {
    const topic = topicOf(t);
    await publish(t, topic, ['whole'], { subject: 's', application_properties: { n: 1 }, message_annotations: { 'x-opt-a': 'b' }, priority: 7 });
    const [d] = await (await (await t.connect()).receiver(`topic://${topic}`)).take(1);
    assert.deepEqual([d.message.subject, d.message.application_properties.n, d.message.priority, d.deliveryCount], ['s', 1, 7, 0]);
    assert.equal(d.annotations['x-opt-a'], 'b');
    d.accept();
  },

  async 'accepting-it-takes-it-from-nobody-else'(t) {
    const topic = topicOf(t);
    await publish(t, topic, ['a', 'b']);
    for (let i = 0; i < 3; i++) assert.deepEqual(await available(await (await t.connect()).receiver(`topic://${topic}`)), ['a', 'b']);
  },

  async 'a-selector-chooses-among-what-is-kept'(t) {
    const topic = topicOf(t);
    await publish(t, topic, ['red1'], { application_properties: { color: 'red' } });
    await publish(t, topic, ['blue1'], { application_properties: { color: 'blue' } });
    await publish(t, topic, ['red2'], { application_properties: { color: 'red' } });
    const receiver = await (await t.connect()).receiver({ source: { address: topic, capabilities: ['topic'], filter: selector("color = 'red'") } });
    assert.deepEqual(await available(receiver), ['red1', 'red2']);
  },

  async 'a-durable-subscription-gets-it-at-its-first-attach-only'(t) {
    const topic = topicOf(t);
    const container_id = t.unique('client');
    await publish(t, topic, [1, 2, 3, 4]);
    const first = await t.connect({ container_id });
    const subscription = await first.receiver(durable(topic, 'sub'));
    await subscription.detach();
    await publish(t, topic, [5]);
    const again = await (await first.session()).receiver(durable(topic, 'sub'));
    assert.deepEqual(await available(again), [2, 3, 4, 5]);
    await again.detach();
    const third = await (await first.session()).receiver(durable(topic, 'sub'));
    await third.nothing('what was kept came once');
    await third.close();
  },

  async 'a-pattern-gets-what-each-of-its-topics-keeps'(t) {
    const root = topicOf(t);
    for (const [name, body] of [['a', 'a1'], ['b', 'b1'], ['a', 'a2'], ['b', 'b2']]) await publish(t, `${root}.${name}`, [body]);
    assert.deepEqual(await available(await (await t.connect()).receiver(`topic://${root}.*`)), ['a1', 'b1', 'a2', 'b2']);
  },

  async 'topics-without-the-setting-keep-nothing'(t) {
    const topic = t.topic();
    await publish(t, topic, ['missed']);
    await (await (await t.connect()).receiver(`topic://${topic}`)).nothing();
  },

  async 'what-a-transaction-publishes-is-kept-from-its-commit-on'(t) {
    const topic = topicOf(t);
    const client = await t.connect();
    const coordinator = await client.coordinator();
    const txn = await coordinator.declare();
    const sender = await client.sender({ target: { address: topic, capabilities: ['topic'] } });
    await sender.accepted({ durable: true, body: 'later' }, { txn });
    const before = await (await t.connect()).receiver(`topic://${topic}`);
    await before.nothing();
    await coordinator.commit(txn);
    assert.deepEqual(await available(before), ['later']);
    assert.deepEqual(await available(await (await t.connect()).receiver(`topic://${topic}`)), ['later']);
  },
};
