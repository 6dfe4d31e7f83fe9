// Clients without credentials are held to the rules of the profile "permissions"; the target's user may do everything.
import assert from 'node:assert/strict';
import { Manager } from '../lib/manager.mjs';

const Unauthorized = 'amqp:unauthorized-access';
const address = (t, first) => `${first}.${t.unique('x')}`;
const admin = (t, more = {}) => t.connect({ ...t.credentials(), ...more });
const subscription = (topic, name) => ({ name, source: { address: topic, durable: 2, expiry_policy: 'never', distribution_mode: 'copy', capabilities: ['topic'] } });
const topicSource = (topic, more = {}) => ({ source: { address: topic, capabilities: ['topic'] }, ...more });

async function refused(client, role, options, action, where) {
  const { terminus, error, detach } = await (await client.session()).refused(role, options);
  assert.equal(terminus, undefined, 'the refusing attach has no terminus');
  assert.equal(detach.closed, true);
  assert.equal(error.condition, Unauthorized);
  assert.ok(error.description.includes(`'${where}'`) && error.description.includes(`the action '${action}'`), error.description);
}

const cases = {
  async 'a-host-that-is-not-served-is-not-found'(t) {
    await t.connect({ hostname: 'mamba.test' });
    const client = await t.connect({ hostname: 'elsewhere.test' });
    assert.equal((await client.closedWithError()).condition, 'amqp:not-found');
    assert.equal(client.remoteOpen.fields.properties['amqp:connection-establishment-failed'], 'true');
  },

  async 'sending-needs-send'(t) {
    const [post, look] = [address(t, 'post'), address(t, 'look')];
    const client = await t.connect();
    await refused(client, 'sender', look, 'send', look);
    await refused(client, 'sender', `queue://${look}`, 'send', look);
    await (await client.sender(post)).accepted({ body: 'may' });
    await refused(client, 'receiver', post, 'receive', post);
    assert.deepEqual(await (await (await admin(t)).receiver(post)).bodies(1), ['may']);
  },

  async 'what-no-rule-speaks-of-is-refused'(t) {
    const other = address(t, 'elsewhere');
    const client = await t.connect();
    await refused(client, 'sender', other, 'send', other);
    await refused(client, 'receiver', other, 'receive', other);
    await (await (await admin(t)).sender(other)).accepted({ body: 'the user may' });
  },

  async 'browsing-is-less-than-receiving'(t) {
    const queue = address(t, 'look');
    await (await (await admin(t)).sender(queue)).accepted({ body: 'to be seen' });
    const client = await t.connect();
    await refused(client, 'receiver', queue, 'receive', queue);
    const browser = await client.receiver({ source: { address: queue, distribution_mode: 'copy' } });
    assert.deepEqual((await browser.takeAvailable()).map((d) => d.body), ['to be seen']);
    const fixed = address(t, 'fixed');
    await (await (await admin(t)).sender(fixed)).accepted({ body: 'as well' });
    const both = await client.receiver({ source: { address: fixed, distribution_mode: 'copy' } });
    assert.deepEqual((await both.takeAvailable()).map((d) => d.body), ['as well'], 'who may receive may browse');
  },

  async 'copy-on-a-topic-is-no-browsing'(t) {
    const topic = address(t, 'look');
    const client = await t.connect();
    await (await admin(t)).sender({ target: { address: topic, capabilities: ['topic'] } });
    await refused(client, 'receiver', { source: { address: topic, distribution_mode: 'copy', capabilities: ['topic'] } }, 'receive', topic);
  },

  async 'making-a-node-by-attaching-needs-create'(t) {
    const queue = address(t, 'fixed');
    const client = await t.connect();
    await refused(client, 'sender', queue, 'create', queue);
    await refused(client, 'receiver', queue, 'create', queue);
    await (await admin(t)).receiver(queue);
    const sender = await (await client.session()).sender(queue);
    await sender.accepted({ body: 'now it is there' });
    assert.deepEqual(await (await (await client.session()).receiver(queue)).bodies(1), ['now it is there']);
  },

  async 'the-relay-is-checked-for-each-address'(t) {
    const [post, look] = [address(t, 'post'), address(t, 'look')];
    const relay = await (await t.connect()).sender({ target: {} });
    for (let round = 0; round < 2; round++) {
      await relay.accepted({ to: post, body: round });
      const state = await relay.send({ to: look, body: round });
      assert.deepEqual([state.type, state.error.condition], ['rejected', Unauthorized]);
    }
    relay.post({ to: look, body: 'settled' }, { settled: true });
    assert.equal((await relay.detached()).error.condition, Unauthorized);
    const client = await admin(t);
    assert.deepEqual(await (await client.receiver(post)).bodies(2), [0, 1]);
    await (await client.receiver(look)).nothing();
  },

  async 'a-refused-message-dooms-its-transaction'(t) {
    const [post, look] = [address(t, 'post'), address(t, 'look')];
    const client = await t.connect();
    const [relay, coordinator] = [await client.sender({ target: {} }), await client.coordinator()];
    const txn = await coordinator.declare();
    await relay.accepted({ to: post, body: 'not without the other' }, { txn });
    assert.equal((await relay.send({ to: look, body: 'x' }, { txn })).outcome.error.condition, Unauthorized);
    const answer = await coordinator.commit(txn);
    assert.equal(answer.error.condition, 'amqp:transaction:rollback');
    assert.match(answer.error.description, /may not send/);
    await (await (await admin(t)).receiver(post)).nothing();
  },

  async 'durable-subscriptions-need-create-to-be-made-and-to-be-ended'(t) {
    const topic = address(t, 'feed');
    const container_id = t.unique('client');
    const user = await admin(t, { container_id });
    await (await user.receiver(subscription(topic, 'made-for-them'))).detach();
    await user.close();
    const client = await t.connect({ container_id });
    await (await client.session()).receiver(topicSource(topic));
    await refused(client, 'receiver', subscription(topic, 'of-their-own'), 'create', topic);
    const found = await (await client.session()).receiver(subscription(topic, 'made-for-them'));
    await (await (await admin(t)).sender({ target: { address: topic, capabilities: ['topic'] } })).accepted({ durable: true, body: 'news' });
    assert.deepEqual(await found.bodies(1), ['news']);
    assert.equal((await found.close()).error?.condition, Unauthorized, 'unsubscribing is refused');
    const lookUp = await (await client.session()).receiver({ name: 'made-for-them' });
    assert.equal((await lookUp.close()).error?.condition, Unauthorized, 'so it is by look-up');
    await client.close();
    const back = await admin(t, { container_id });
    const again = await back.receiver(subscription(topic, 'made-for-them'));
    assert.equal((await again.close()).error, undefined);
  },

  async 'changing-a-durable-subscription-needs-create-for-both-topics'(t) {
    const [old, wanted] = [address(t, 'feed'), address(t, 'own')];
    const container_id = t.unique('client');
    const user = await admin(t, { container_id });
    await (await user.receiver(subscription(old, 'kept'))).detach();
    await user.close();
    const client = await t.connect({ container_id });
    await refused(client, 'receiver', subscription(wanted, 'kept'), 'create', old);
    const found = await (await client.session()).receiver({ name: 'kept' });
    assert.equal(found.remoteAttach.source.address, old);
  },

  async 'a-pattern-needs-every-address-it-stands-for'(t) {
    const client = await t.connect();
    await client.receiver(topicSource('feed.news.*'));
    await client.receiver(topicSource('feed.open.#'));
    for (const pattern of ['feed.#', 'feed.secret.*', 'feed.*.eu', '#', '*.secret']) {
      await refused(client, 'receiver', topicSource(pattern), 'receive', pattern);
    }
    await (await admin(t)).receiver(topicSource('#'));
  },

  async 'a-temporary-queue-is-its-owners-and-others-need-send'(t) {
    const client = await t.connect();
    const replies = await client.receiver({ source: { dynamic: true } });
    await (await client.sender(replies.address)).accepted({ body: 'from its owner' });
    await (await (await t.connect()).sender(replies.address)).accepted({ body: 'from another' });
    const relay = await (await t.connect()).sender({ target: {} });
    await relay.accepted({ to: replies.address, body: 'by relay' });
    assert.deepEqual(await replies.bodies(3), ['from its owner', 'from another', 'by relay']);
  },

  async 'management-is-permitted-address-by-address'(t) {
    const [own, fixed] = [address(t, 'own'), address(t, 'fixed')];
    const everything = await Manager.open(await admin(t));
    assert.equal((await everything.ask('CREATE', { type: 'org.mamba.queue', name: fixed })).status, 201);
    const manager = await Manager.open(await t.connect());
    const queue = (name) => ({ type: 'org.mamba.queue', name });
    assert.equal((await manager.ask('CREATE', queue(own))).status, 201);
    for (const operation of ['READ', 'PURGE', 'DELETE', 'PAUSE']) {
      const { status, text } = await manager.ask(operation, queue(fixed));
      assert.deepEqual([operation, status], [operation, 403]);
      assert.ok(text.includes(`'${fixed}'`) && text.includes("the action 'manage'"), text);
    }
    assert.equal((await manager.ask('CREATE', queue(address(t, 'fixed')))).status, 403);
    assert.equal((await manager.ask('CREATE', queue(address(t, 'own')), { deadLetterAddress: fixed })).status, 403, 'nor by dead letters');
    assert.equal((await manager.ask('UPDATE', queue(own), { deadLetterAddress: fixed })).status, 403, 'nor by dead letters later');
    assert.equal((await manager.ask('UPDATE', queue(fixed), { maxMessages: 1 })).status, 403);
    assert.equal((await manager.ask('CREATE', { type: 'org.mamba.subscription', name: 'c:s' }, { topic: 'feed.x' })).status, 403);
    assert.equal((await manager.ask('READ', { type: 'org.mamba.broker', name: 'broker' })).status, 403);
    const names = (await manager.query('org.mamba.queue', ['name'])).map((q) => q.name);
    assert.ok(names.includes(own) && !names.includes(fixed), 'a query shows what may be managed');
    assert.ok((await manager.query('org.mamba.connection', ['name'])).length === 0);
    assert.equal((await manager.ask('DELETE', queue(own))).status, 204);
    assert.equal((await everything.ask('DELETE', queue(fixed))).status, 204);
  },

  async 'schedules-are-shown-and-cancelled-where-they-may-be-managed'(t) {
    const [own, fixed] = [address(t, 'own'), address(t, 'fixed')];
    const user = await admin(t);
    const delayed = { message_annotations: { 'x-opt-delivery-delay': 3_600_000 }, body: 'later' };
    for (const queue of [own, fixed]) await (await user.sender(queue)).accepted(delayed);
    const everything = await Manager.open(user);
    const manager = await Manager.open(await t.connect());
    const listed = async (who) => (await who.query('org.mamba.schedule', ['name', 'address'])).filter((s) => [own, fixed].includes(s.address));
    const all = await listed(everything);
    assert.equal(all.length, 2);
    assert.deepEqual((await listed(manager)).map((s) => s.address), [own]);
    const foreign = all.find((s) => s.address === fixed).name;
    assert.equal((await manager.ask('DELETE', { type: 'org.mamba.schedule', name: foreign })).status, 403);

    const client = await t.connect();
    const replies = await client.receiver({ source: { dynamic: true } });
    const classic = await client.sender('ActiveMQ.Scheduler.Management');
    const ask = (properties) => classic.send({ reply_to: replies.address, application_properties: properties });
    await ask({ AMQ_SCHEDULER_ACTION: 'BROWSE' });
    const shown = (await replies.takeAvailable()).map((d) => d.message.application_properties.scheduledJobId);
    assert.ok(shown.includes(all.find((s) => s.address === own).name) && !shown.includes(foreign), 'BROWSE shows what may be seen');
    assert.equal((await ask({ AMQ_SCHEDULER_ACTION: 'REMOVE', scheduledJobId: foreign })).error.condition, Unauthorized);
    assert.equal((await ask({ AMQ_SCHEDULER_ACTION: 'REMOVEALL' })).type, 'accepted');
    assert.deepEqual((await listed(everything)).map((s) => s.address), [fixed]);
    assert.equal((await everything.ask('DELETE', { type: 'org.mamba.schedule', name: foreign })).status, 204);
  },

  async 'responses-go-nowhere-the-user-may-not-send'(t) {
    const queue = address(t, 'look');
    const user = await admin(t);
    const watcher = await user.receiver(queue);
    const client = await t.connect();
    const requests = await client.sender('$management');
    const state = await requests.send({ message_id: 'm', reply_to: queue, application_properties: { operation: 'GET-TYPES', type: 'org.amqp.management', name: 'self' } });
    assert.equal(state.type, 'accepted', 'the request itself was carried out');
    await watcher.nothing();
  },
};

export default Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, { profile: 'permissions', run }]));
