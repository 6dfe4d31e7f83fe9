// Subscriptions to patterns of topics: words between dots, * for one word, # for any number of them.
import assert from 'node:assert/strict';
import rhea from 'rhea';

const volatile = (pattern, more = {}) => ({ source: { address: pattern, capabilities: ['topic'], ...more } });
const durable = (pattern, name, capabilities = ['topic'], filter = undefined) =>
  ({ name, source: { address: pattern, durable: 2, expiry_policy: 'never', distribution_mode: 'copy', capabilities, filter } });
const selector = (expression) => ({ s: rhea.types.wrap_described(expression, 0x468C00000004) });
const bodiesOf = (deliveries) => deliveries.map((d) => d.accept().body);

/** One accepted message to each topic, whose body is the topic's name behind the root. */
async function publish(t, root, names, more = {}) {
  const client = await t.connect();
  for (const name of names) {
    const sender = await client.sender({ target: { address: `${root}.${name}`, capabilities: ['topic'] } });
    await sender.accepted({ durable: true, body: name, ...more });
  }
}

/** What a consumer of a pattern gets of messages to these topics. */
async function matched(t, pattern, names) {
  const root = t.topic();
  const receiver = await (await t.connect()).receiver(volatile(`${root}.${pattern}`));
  await publish(t, root, names);
  return bodiesOf(await receiver.takeAvailable());
}

export default {
  async 'a-star-is-exactly-one-word'(t) {
    assert.deepEqual(await matched(t, 'eu.*', ['eu.de', 'eu', 'eu.de.berlin', 'us.ny', 'eu.fr']), ['eu.de', 'eu.fr']);
    assert.deepEqual(await matched(t, '*.x.*', ['a.x.b', 'a.x', 'x.b', 'a.y.b']), ['a.x.b']);
  },

  async 'a-hash-is-any-number-of-words-none-included'(t) {
    assert.deepEqual(await matched(t, 'eu.#', ['eu', 'eu.de', 'us', 'eu.de.berlin']), ['eu', 'eu.de', 'eu.de.berlin']);
    assert.deepEqual(await matched(t, '#.log', ['log', 'a.log', 'a.b.log', 'a.log.b']), ['log', 'a.log', 'a.b.log']);
    assert.deepEqual(await matched(t, 'a.#.z', ['a.z', 'a.b.z', 'a.b.c.z', 'a.b']), ['a.z', 'a.b.z', 'a.b.c.z']);
  },

  async 'only-whole-words-are-wildcards'(t) {
    assert.deepEqual(await matched(t, 'c#.*', ['c#.net', 'cs.net', 'c#']), ['c#.net']);
  },

  async 'the-prefix-says-topic-as-the-capability-does'(t) {
    const root = t.topic();
    const client = await t.connect();
    const receivers = [await client.receiver(`topic://${root}.*`), await client.receiver(volatile(`${root}.*`)), await client.receiver(`${root}.*`)];
    await publish(t, root, ['a']);
    for (const r of receivers) assert.deepEqual(bodiesOf(await r.takeAvailable()), ['a'], 'an address with wildcards is for topics unless it says queue');
    assert.equal(receivers[0].remoteAttach.source.address, `topic://${root}.*`);
    assert.deepEqual(receivers[0].remoteAttach.source.capabilities, ['topic']);
  },

  async 'topics-made-after-the-subscription-are-taken-in'(t) {
    const root = t.topic();
    const receiver = await (await t.connect()).receiver(volatile(`${root}.#`));
    for (const name of ['first', 'second.deep', 'third.deeper.still']) {
      await publish(t, root, [name]);
      assert.deepEqual(bodiesOf(await receiver.takeAvailable()), [name]);
    }
    await receiver.close();
    await publish(t, root, ['first', 'fourth']);
  },

  async 'overlapping-subscriptions-each-get-it-once'(t) {
    const root = t.topic();
    const client = await t.connect();
    const patterns = ['a.b', 'a.*', '*.b', 'a.#', '#.b', '#', 'a.#.b'];
    const receivers = [];
    for (const pattern of patterns) receivers.push(await client.receiver(volatile(`${root}.${pattern}`)));
    await publish(t, root, ['a.b', 'a.c']);
    for (const [i, pattern] of patterns.entries()) {
      const expected = ['a.*', 'a.#', '#'].includes(pattern) ? ['a.b', 'a.c'] : ['a.b'];
      assert.deepEqual(bodiesOf(await receivers[i].takeAvailable()), expected, pattern);
    }
  },

  async 'a-selector-and-a-pattern-both-hold'(t) {
    const root = t.topic();
    const receiver = await (await t.connect()).receiver(volatile(`${root}.*.orders`, { filter: selector("urgent AND JMSPriority >= 4") }));
    await publish(t, root, ['eu.orders', 'us.orders', 'eu.bills'], { application_properties: { urgent: true } });
    await publish(t, root, ['as.orders'], { application_properties: { urgent: false } });
    assert.deepEqual(bodiesOf(await receiver.takeAvailable()), ['eu.orders', 'us.orders']);
  },

  async 'a-durable-subscription-keeps-what-comes-to-all-its-topics'(t) {
    const root = t.topic();
    const container_id = t.unique('client');
    const first = await t.connect({ container_id });
    await (await first.receiver(durable(`${root}.#`, 'all', ['topic'], selector("color = 'red'")))).detach();
    await first.close();
    await publish(t, root, ['old', 'new.one'], { application_properties: { color: 'red' } });
    await publish(t, root, ['blue'], { application_properties: { color: 'blue' } });
    const second = await t.connect({ container_id });
    const again = await second.receiver(durable(`${root}.#`, 'all', ['topic'], selector("color = 'red'")));
    assert.deepEqual(bodiesOf(await again.takeAvailable()), ['old', 'new.one']);
    await again.close();
    const { error } = await second.refusedReceiver({ name: 'all', source: null });
    assert.equal(error.condition, 'amqp:not-found', 'closing it unsubscribed');
  },

  async 'a-shared-durable-subscription-of-a-pattern-is-competed-for'(t) {
    const root = t.topic();
    const members = [];
    for (let i = 0; i < 2; i++) members.push(await (await t.connect()).receiver(durable(`${root}.*`, i ? 'g|global2' : 'g|global', ['topic', 'shared', 'global'])));
    await publish(t, root, ['a', 'b', 'c', 'd']);
    const got = [...bodiesOf(await members[0].takeAvailable(2)), ...bodiesOf(await members[1].takeAvailable())];
    assert.deepEqual(got.sort(), ['a', 'b', 'c', 'd']);
    await members[0].detach();
    await members[1].close();
  },

  async 'changing-the-pattern-starts-a-durable-subscription-anew'(t) {
    const root = t.topic();
    const container_id = t.unique('client');
    const client = await t.connect({ container_id });
    await (await client.receiver(durable(`${root}.a.*`, 'sub'))).detach();
    await publish(t, root, ['a.x']);
    const changed = await (await client.session()).receiver(durable(`${root}.b.*`, 'sub'));
    await changed.nothing();
    await publish(t, root, ['a.y', 'b.y']);
    assert.deepEqual(bodiesOf(await changed.takeAvailable()), ['b.y']);
    await changed.close();
  },

  async 'sending-to-a-pattern-is-refused-and-says-why'(t) {
    const root = t.topic();
    const client = await t.connect();
    for (const target of [{ address: `topic://${root}.*` }, { address: `${root}.#`, capabilities: ['topic'] }, { address: `${root}.*` }]) {
      const { error, terminus } = await client.refusedSender({ target });
      assert.equal(error.condition, 'amqp:not-allowed');
      assert.match(error.description, /has wildcards.*subscriptions.*queue:\/\//);
      assert.equal(terminus ?? null, null);
    }
  },

  async 'sending-to-a-pattern-through-the-relay-is-rejected-and-the-link-stays'(t) {
    const root = t.topic();
    const client = await t.connect();
    const receiver = await client.receiver(volatile(`${root}.*`));
    const sender = await client.sender({ target: {} });
    const state = await sender.send({ to: `topic://${root}.*`, body: 'to all?' });
    assert.deepEqual([state.type, state.error.condition], ['rejected', 'amqp:not-allowed']);
    await sender.accepted({ to: `topic://${root}.one`, body: 'to one' });
    assert.deepEqual(bodiesOf(await receiver.takeAvailable()), ['to one']);
  },

  async 'in-a-queues-address-they-stand-for-themselves'(t) {
    const name = `${t.unique('q')}.*`;
    const client = await t.connect();
    const queue = await client.receiver({ source: { address: name, capabilities: ['queue'] } });
    const topics = await client.receiver(volatile(name));
    await (await client.sender(`queue://${name}`)).accepted({ body: 'literal' });
    assert.deepEqual(await queue.bodies(1), ['literal']);
    await topics.nothing();
  },
};
