import assert from 'node:assert/strict';

const Node = '$management';
const bodies = (deliveries) => deliveries.map((d) => d.body);
const queue = (name) => ({ type: 'org.mamba.queue', name });
const subscription = (client, name) => ({ type: 'org.mamba.subscription', name: `${client}:${name}` });

/** Asks the management node, by a link to it or by the anonymous terminus. */
async function desk(t, { relayed = false } = {}) {
  const client = await t.connect();
  const replies = await client.receiver({ source: { address: Node }, target: { address: 'answers' } });
  const requests = await client.sender(relayed ? { target: {} } : Node);
  let last = 0;
  return async (operation, properties, body) => {
    const id = `r${last++}`;
    await requests.accepted({ message_id: id, to: relayed ? Node : undefined, reply_to: 'answers', application_properties: { operation, ...properties }, body });
    const [{ message }] = await replies.take(1);
    assert.equal(message.correlation_id, id);
    return { status: message.application_properties.statusCode, text: message.application_properties.statusDescription, body: message.body };
  };
}

async function expect(status, answer) {
  const { status: got, text, body } = await answer;
  assert.equal(got, status, text);
  return body;
}

/** A durable subscription made in advance: its topic, its client-id and its name. */
async function subscribed(t, ask, more = {}) {
  const topic = t.unique('news.paused');
  const client = t.unique('client');
  await expect(201, ask('CREATE', { type: 'org.mamba.topic', name: topic }));
  await expect(201, ask('CREATE', subscription(client, 's'), { topic, ...more }));
  return { topic, client };
}

/** The consumer of such a subscription. */
const durable = async (t, topic, client) => (await t.connect({ container_id: client })).receiver({ name: 's', source: { address: topic, durable: 2, expiry_policy: 'never' } });

export default {
  async 'a-limit-changes-for-links-that-are-there'(t) {
    const ask = await desk(t);
    const name = t.queue();
    const client = await t.connect();
    const sender = await client.sender(name);
    await sender.accepted({ body: 1 });
    assert.equal((await expect(200, ask('UPDATE', queue(name), { maxMessages: 1 }))).maxMessages, 1);
    assert.equal((await sender.send({ body: 2 })).type, 'rejected');
    await expect(200, ask('UPDATE', queue(name), { maxMessages: 0 }));
    await sender.accepted({ body: 3 });
    assert.deepEqual(bodies(await (await client.receiver(name)).takeAvailable()), [1, 3]);
  },

  async 'a-queue-becomes-a-ring-of-last-values'(t) {
    const ask = await desk(t);
    const name = t.queue();
    const client = await t.connect();
    const sender = await client.sender(name);
    const quote = (symbol, body) => ({ application_properties: { symbol }, body });
    await sender.acceptedAll([quote('A', 1), quote('B', 1), quote('A', 2)]);
    await expect(200, ask('UPDATE', queue(name), { lastValueKey: 'symbol', overflow: 'dropHead', maxMessages: 2 }));
    await sender.acceptedAll([quote('B', 2), quote('C', 1)]);
    assert.deepEqual(bodies(await (await client.receiver(name)).takeAvailable()), [2, 1]);
    assert.equal((await expect(200, ask('READ', queue(name)))).dropped, 3);
  },

  async 'what-only-a-new-queue-can-have-is-refused'(t) {
    const ask = await desk(t);
    const name = t.queue();
    await expect(201, ask('CREATE', queue(name)));
    for (const change of [{ durable: false }, { nonDestructive: true }, { name: 'other' }, { overflow: 'explode' }, { maxMesages: 1 }]) {
      await expect(400, ask('UPDATE', queue(name), change));
    }
    await expect(404, ask('UPDATE', queue(t.queue()), { maxMessages: 1 }));
    await expect(501, ask('UPDATE', { type: 'org.mamba.broker', name: 'broker' }, {}));
  },

  async 'a-subscription-has-settings-of-its-own'(t) {
    const ask = await desk(t);
    const { topic, client } = await subscribed(t, ask, { maxMessages: 2, overflow: 'dropHead' });
    const sender = await (await t.connect()).sender(topic);
    await sender.acceptedAll([1, 2, 3].map((body) => ({ body })));
    await expect(200, ask('UPDATE', subscription(client, 's'), { maxMessages: 3 }));
    await sender.acceptedAll([4, 5].map((body) => ({ body })));
    assert.deepEqual(bodies(await (await durable(t, topic, client)).takeAvailable()), [3, 4, 5]);
  },

  async 'requests-by-the-anonymous-terminus'(t) {
    const ask = await desk(t, { relayed: true });
    const name = t.queue();
    await expect(201, ask('CREATE', queue(name), { maxMessages: 4 }));
    assert.equal((await expect(200, ask('UPDATE', queue(name), { maxMessages: 5 }))).maxMessages, 5);
    await expect(204, ask('DELETE', queue(name)));
    await expect(404, ask('READ', queue(name)));
  },

  async 'a-paused-subscription-takes-and-does-not-give'(t) {
    const ask = await desk(t);
    const { topic, client } = await subscribed(t, ask);
    assert.equal((await expect(200, ask('PAUSE', subscription(client, 's')))).paused, true);
    await (await (await t.connect()).sender(topic)).acceptedAll([{ body: 1 }, { body: 2 }]);
    const receiver = await durable(t, topic, client);
    await receiver.nothing('it is paused');
    receiver.credit(2);
    assert.equal((await expect(200, ask('RESUME', subscription(client, 's')))).paused, false);
    await receiver.reached(2);
    assert.deepEqual(bodies(receiver.arrived), [1, 2]);
  },

  async 'a-pause-of-one-subscription-holds-up-no-other'(t) {
    const ask = await desk(t);
    const { topic, client } = await subscribed(t, ask);
    const other = await (await t.connect()).receiver(topic);
    await expect(200, ask('PAUSE', subscription(client, 's')));
    other.credit(1);
    await (await (await t.connect()).sender(topic)).accepted({ body: 'm' });
    assert.equal((await other.next()).body, 'm');
    assert.equal((await expect(200, ask('READ', subscription(client, 's')))).depth, 1);
  },

  async 'what-a-paused-subscription-gave-before-is-settled'(t) {
    const ask = await desk(t);
    const { topic, client } = await subscribed(t, ask);
    await (await (await t.connect()).sender(topic)).acceptedAll([{ body: 1 }, { body: 2 }]);
    const receiver = await durable(t, topic, client);
    const [held] = await receiver.take(1);
    await expect(200, ask('PAUSE', subscription(client, 's')));
    held.accept();
    await receiver.nothing('it is paused');
    assert.equal((await expect(200, ask('READ', subscription(client, 's')))).depth, 1);
  },

  async 'a-topic-cannot-be-paused'(t) {
    const ask = await desk(t);
    const { topic } = await subscribed(t, ask);
    await expect(501, ask('PAUSE', { type: 'org.mamba.topic', name: topic }));
    await expect(404, ask('PAUSE', subscription('nobody', 'nothing')));
  },
};
