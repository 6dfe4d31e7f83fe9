import assert from 'node:assert/strict';
import rhea from 'rhea';

const volatile = (topic, more = {}) => ({ source: { address: topic, capabilities: ['topic'] }, ...more });
const durable = (topic, name, capabilities = ['topic']) => ({ name, source: { address: topic, durable: 2, expiry_policy: 'never', distribution_mode: 'copy', capabilities } });
const publisher = (client, topic) => client.sender({ target: { address: topic, capabilities: ['topic'] } });
const publish = async (t, topic, bodies) => (await publisher(await t.connect(), topic)).acceptedAll(bodies.map((body) => ({ durable: true, body })));

export default {
  async 'each-subscriber-gets-every-message'(t) {
    const topic = t.topic();
    const subscribers = [];
    for (let i = 0; i < 3; i++) subscribers.push(await (await t.connect()).receiver(volatile(topic)));
    const bodies = Array.from({ length: 50 }, (_, i) => i);
    await publish(t, topic, bodies);
    for (const s of subscribers) {
      assert.deepEqual(await s.bodies(50), bodies);
      await s.nothing();
    }
  },

  async 'a-topic-without-subscribers-accepts-and-forgets'(t) {
    const topic = t.topic();
    await publish(t, topic, ['nobody hears']);
    const late = await (await t.connect()).receiver(volatile(topic));
    await late.nothing();
  },

  async 'a-subscriber-gets-only-what-came-after-it'(t) {
    const topic = t.topic();
    const first = await (await t.connect()).receiver(volatile(topic));
    await publish(t, topic, ['before']);
    const second = await (await t.connect()).receiver(volatile(topic));
    await publish(t, topic, ['after']);
    assert.deepEqual(await first.bodies(2), ['before', 'after']);
    assert.deepEqual(await second.bodies(1), ['after']);
    await second.nothing();
  },

  async 'one-subscribers-outcome-does-not-touch-anothers-copy'(t) {
    const topic = t.topic();
    const [a, b] = [await (await t.connect()).receiver(volatile(topic)), await (await t.connect()).receiver(volatile(topic))];
    await publish(t, topic, ['m']);
    const [m] = await a.take(1);
    m.modify({ delivery_failed: true, message_annotations: { 'x-opt-mine': true } });
    const [again] = await a.take(1);
    assert.equal(again.accept().deliveryCount, 1);
    const [other] = await b.take(1);
    assert.equal(other.deliveryCount, 0);
    assert.equal(other.annotations['x-opt-mine'], undefined);
    other.accept();
  },

  async 'a-volatile-subscription-ends-with-its-link'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const name = t.unique('sub');
    const first = await client.receiver(volatile(topic, { name }));
    await first.detach();
    await publish(t, topic, ['missed']);
    const second = await (await client.session()).receiver(volatile(topic, { name }));
    await second.nothing();
  },

  async 'a-durable-subscription-keeps-messages-while-away'(t) {
    const topic = t.topic();
    const container_id = t.unique('client');
    const first = await t.connect({ container_id });
    const subscription = await first.receiver(durable(topic, 'news'));
    const { source } = subscription.remoteAttach;
    assert.deepEqual([source.durable, source.expiry_policy], [2, 'never'], 'the reply says what is in force');
    assert.equal((await subscription.detach()).closed ?? false, false);
    await first.close();
    await publish(t, topic, ['while away', 'still away']);
    const again = await (await t.connect({ container_id })).receiver(durable(topic, 'news'));
    assert.deepEqual(await again.bodies(2), ['while away', 'still away']);
    await again.close();
  },

  async 'a-durable-subscription-survives-a-dropped-socket'(t) {
    const topic = t.topic();
    const container_id = t.unique('client');
    const first = await t.connect({ container_id });
    const subscription = await first.receiver(durable(topic, 'news'));
    await publish(t, topic, ['seen, not settled', 'not seen']);
    await subscription.take(1);
    await first.drop();
    await publish(t, topic, ['while away']);
    const again = await (await t.connect({ container_id })).receiver(durable(topic, 'news'));
    assert.deepEqual(await again.bodies(3), ['seen, not settled', 'not seen', 'while away']);
    await again.close();
  },

  async 'closing-a-durable-subscription-unsubscribes'(t) {
    const topic = t.topic();
    const container_id = t.unique('client');
    const client = await t.connect({ container_id });
    const subscription = await client.receiver(durable(topic, 'news'));
    assert.equal((await subscription.close()).closed, true);
    await publish(t, topic, ['missed']);
    const again = await (await client.session()).receiver(durable(topic, 'news'));
    await again.nothing();
    await again.close();
  },

  async 'durable-subscriptions-belong-to-their-container'(t) {
    const topic = t.topic();
    const [a, b] = [await t.connect(), await t.connect()];
    const subscriptions = [await a.receiver(durable(topic, 'same-name')), await b.receiver(durable(topic, 'same-name'))];
    await publish(t, topic, ['to both']);
    for (const s of subscriptions) {
      assert.deepEqual(await s.bodies(1), ['to both']);
      await s.close();
    }
  },

  async 'changing-the-topic-of-a-durable-subscription-starts-it-anew'(t) {
    const [before, after] = [t.topic(), t.topic()];
    const client = await t.connect();
    const first = await client.receiver(durable(before, 'news'));
    await publish(t, before, ['of the old topic']);
    await first.detach();
    const session = await client.session();
    const second = await session.receiver(durable(after, 'news'));
    await publish(t, after, ['of the new topic']);
    await publish(t, before, ['nobody listens']);
    assert.deepEqual(await second.bodies(1), ['of the new topic']);
    await second.nothing();
    await second.close();
  },

  async 'null-source-finds-a-durable-subscription'(t) {
    const topic = t.topic();
    const client = await t.connect();
    await (await client.receiver(durable(topic, 'news'))).detach();
    const session = await client.session();
    const found = await session.receiver({ name: 'news' });
    const { source } = found.remoteAttach;
    assert.equal(source.address, topic);
    assert.deepEqual([source.durable, source.expiry_policy, source.distribution_mode], [2, 'never', 'copy']);
    assert.ok([source.capabilities].flat().includes('topic'));
    assert.equal((await found.close()).closed, true);
    const gone = await (await client.session()).refused('receiver', { name: 'news' });
    assert.equal(gone.terminus, undefined);
    assert.equal(gone.error.condition, 'amqp:not-found');
    assert.equal(gone.detach.closed, true);
  },

  async 'null-source-of-an-unknown-name-is-not-found'(t) {
    const { terminus, error } = await (await t.connect()).refusedReceiver({ name: t.unique('never-seen') });
    assert.equal(terminus, undefined);
    assert.equal(error.condition, 'amqp:not-found');
  },

  async 'a-global-subscription-is-found-by-both-spellings-of-its-name'(t) {
    const topic = t.topic();
    const name = t.unique('global');
    const member = await (await t.connect()).receiver(durable(topic, `${name}|global`, ['topic', 'shared', 'global']));
    await member.detach();
    const desired_capabilities = ['shared', 'global'];
    for (const link of [`${name}|global`, name]) {
      const found = await (await t.connect()).receiver({ name: link, desired_capabilities });
      assert.equal(found.remoteAttach.source.address, topic, link);
      assert.deepEqual([...found.remoteAttach.source.capabilities].sort(), ['global', 'shared', 'topic']);
      await found.detach();
    }
    const last = await (await t.connect()).receiver({ name, desired_capabilities });
    await last.close();
    const gone = await (await t.connect()).refusedReceiver({ name: `${name}|global`, desired_capabilities });
    assert.equal(gone.error.condition, 'amqp:not-found');
  },

  async 'unsubscribing-is-refused-while-a-consumer-is-attached'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const capabilities = ['topic', 'shared'];
    const member = await client.receiver(durable(topic, 'team', capabilities));
    const session = await client.session();
    const found = await session.receiver({ name: 'team|2' });
    const { closed, error } = await found.close();
    assert.equal(closed, true);
    assert.equal(error?.condition, 'amqp:resource-locked');
    await publish(t, topic, ['still subscribed']);
    assert.deepEqual(await member.bodies(1), ['still subscribed']);
    await member.close();
  },

  async 'a-subscription-cannot-be-shared-and-unshared-at-once'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const member = await client.receiver(durable(topic, 'mine|2', ['topic', 'shared']));
    const { terminus, error } = await (await client.session()).refused('receiver', durable(topic, 'mine'));
    assert.equal(terminus, undefined);
    assert.ok(['amqp:resource-locked', 'amqp:illegal-state', 'amqp:link:stolen'].includes(error.condition), error.condition);
    await member.close();
  },

  async 'a-shared-durable-subscription-is-competed-for'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const capabilities = ['topic', 'shared'];
    const members = [await client.receiver(durable(topic, 'team', capabilities)), await client.receiver(durable(topic, 'team|2', capabilities))];
    await publish(t, topic, [1, 2, 3, 4]);
    const got = [...await members[0].bodies(2), ...await members[1].bodies(2)];
    assert.deepEqual(got.sort(), [1, 2, 3, 4]);
    for (const m of members) await m.nothing();
    await members[0].detach();
    await members[1].detach();
    await publish(t, topic, ['away']);
    const session = await client.session();
    const again = await session.receiver(durable(topic, 'team|5', capabilities));
    assert.deepEqual(await again.bodies(1), ['away'], 'the name is what stands before the bar');
    await again.close();
  },

  async 'a-global-shared-subscription-spans-containers'(t) {
    const topic = t.topic();
    const name = t.unique('global');
    const capabilities = ['topic', 'shared', 'global'];
    const members = [
      await (await t.connect()).receiver(durable(topic, `${name}|global`, capabilities)),
      await (await t.connect()).receiver(durable(topic, `${name}|global2`, capabilities)),
    ];
    await publish(t, topic, [1, 2, 3, 4]);
    const got = [...await members[0].bodies(2), ...await members[1].bodies(2)];
    assert.deepEqual(got.sort(), [1, 2, 3, 4]);
    for (const m of members) await m.nothing();
    await members[1].detach();
    await members[0].close();
  },

  async 'a-volatile-shared-subscription-lasts-as-long-as-a-member'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const shared = (name) => ({ name, source: { address: topic, capabilities: ['topic', 'shared'] } });
    const [one, two] = [await client.receiver(shared('crew|volatile1')), await client.receiver(shared('crew|volatile2'))];
    await publish(t, topic, ['a', 'b']);
    assert.deepEqual([...await one.bodies(1), ...await two.bodies(1)].sort(), ['a', 'b']);
    await one.close();
    await publish(t, topic, ['c']);
    assert.deepEqual(await two.bodies(1), ['c']);
    await two.close();
    await publish(t, topic, ['missed']);
    await (await client.receiver(shared('crew|volatile3'))).nothing();
  },

  async 'a-durable-and-a-volatile-shared-subscription-of-one-name-are-two'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const lasting = await client.receiver(durable(topic, 'both', ['topic', 'shared']));
    const passing = await client.receiver({ name: 'both|volatile1', source: { address: topic, capabilities: ['topic', 'shared'] } });
    await publish(t, topic, ['to each']);
    assert.deepEqual(await lasting.bodies(1), ['to each']);
    assert.deepEqual(await passing.bodies(1), ['to each']);
    await lasting.close();
  },

  async 'a-transaction-over-queue-and-topic'(t) {
    const [topic, queue] = [t.topic(), t.queue()];
    const client = await t.connect();
    const subscriber = await client.receiver(volatile(topic));
    const receiver = await client.receiver(queue);
    const coordinator = await client.coordinator();
    const [toTopic, toQueue] = [await publisher(client, topic), await client.sender(queue)];
    const undone = await coordinator.declare();
    await toTopic.accepted({ body: 'undone' }, { txn: undone });
    await coordinator.rollback(undone);
    const txn = await coordinator.declare();
    await toTopic.accepted({ body: 'news' }, { txn });
    await toQueue.accepted({ body: 'work' }, { txn });
    await subscriber.nothing();
    await receiver.nothing();
    await coordinator.commit(txn);
    assert.deepEqual(await subscriber.bodies(1), ['news']);
    assert.deepEqual(await receiver.bodies(1), ['work']);
  },

  async 'no-local-keeps-a-containers-own-messages-away'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const filter = { 'no-local': rhea.types.wrap_described('NoLocalFilter{}', 0x468C00000003) };
    const subscriber = await client.receiver({ source: { address: topic, capabilities: ['topic'], filter } });
    assert.ok(subscriber.remoteAttach.source.filter?.['no-local'], 'a filter in force is stated in the reply');
    await (await publisher(client, topic)).accepted({ body: 'own' });
    await publish(t, topic, ['of another']);
    assert.deepEqual(await subscriber.bodies(1), ['of another']);
    await subscriber.nothing();
  },
};
