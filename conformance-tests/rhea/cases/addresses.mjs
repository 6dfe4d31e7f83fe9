import assert from 'node:assert/strict';

const KindMismatch = 'amqp:illegal-state';

export default {
  async 'a-queue-is-made-by-its-first-sender'(t) {
    const queue = t.queue();
    await (await (await t.connect()).sender(queue)).accepted({ body: 'first' });
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['first']);
  },

  async 'a-queue-is-made-by-its-first-receiver'(t) {
    const queue = t.queue();
    const receiver = await (await t.connect()).receiver(queue);
    receiver.credit(1);
    await (await (await t.connect()).sender(queue)).accepted({ body: 'first' });
    assert.equal((await receiver.next()).accept().body, 'first');
  },

  async 'a-queue-outlives-its-links'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender(queue);
    await sender.accepted({ durable: true, body: 'kept' });
    await sender.close();
    await client.close();
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['kept']);
  },

  async 'the-prefix-queue-names-the-same-queue'(t) {
    const name = t.queue();
    const client = await t.connect();
    await (await client.sender(`queue://${name}`)).accepted({ body: 'a' });
    await (await client.sender(name)).accepted({ body: 'b' });
    await (await client.sender({ target: { address: name, capabilities: ['queue'] } })).accepted({ body: 'c' });
    const receiver = await client.receiver(`queue://${name}`);
    assert.deepEqual(await receiver.bodies(2), ['a', 'b']);
    assert.deepEqual(await (await client.receiver({ source: { address: name, capabilities: ['queue'] } })).bodies(1), ['c']);
  },

  async 'the-reply-states-the-address-the-client-asked-for'(t) {
    const client = await t.connect();
    for (const address of [t.queue(), `queue://${t.queue()}`, `topic://${t.topic()}`]) {
      assert.equal((await client.sender(address)).address, address);
      assert.equal((await client.receiver(address)).address, address);
    }
  },

  async 'the-prefix-topic-fans-out'(t) {
    const topic = `topic://${t.topic()}`;
    const client = await t.connect();
    const subscribers = [await client.receiver(topic), await client.receiver(topic), await client.receiver(topic)];
    await (await client.sender(topic)).accepted({ body: 'news' });
    for (const s of subscribers) assert.deepEqual(await s.bodies(1), ['news']);
  },

  async 'the-capability-topic-decides'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const subscribers = [];
    for (let i = 0; i < 2; i++) subscribers.push(await client.receiver({ source: { address: topic, capabilities: ['topic'] } }));
    assert.ok([subscribers[0].remoteAttach.source.capabilities].flat().includes('topic'), 'the reply says what the node is');
    await (await client.sender({ target: { address: topic, capabilities: ['topic'] } })).accepted({ body: 'news' });
    for (const s of subscribers) assert.deepEqual(await s.bodies(1), ['news']);
  },

  async 'prefix-and-capability-name-the-same-topic'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const subscriber = await client.receiver({ source: { address: topic, capabilities: ['topic'] } });
    await (await client.sender(`topic://${topic}`)).accepted({ body: 'news' });
    assert.deepEqual(await subscriber.bodies(1), ['news']);
  },

  async 'without-prefix-and-capability-an-existing-topic-is-found'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const subscriber = await client.receiver({ source: { address: topic, capabilities: ['topic'] } });
    await (await client.sender(topic)).accepted({ body: 'news' });
    assert.deepEqual(await subscriber.bodies(1), ['news']);
  },

  async 'a-queue-asked-for-as-a-topic-is-refused'(t) {
    const queue = t.queue();
    const client = await t.connect();
    await client.sender({ target: { address: queue, capabilities: ['queue'] } });
    const receiving = await client.refusedReceiver({ source: { address: queue, capabilities: ['topic'] } });
    assert.equal(receiving.terminus, undefined, 'a refusing attach has no source');
    assert.equal(receiving.attach.initial_delivery_count, 0);
    assert.equal(receiving.detach.closed, true);
    assert.equal(receiving.error.condition, KindMismatch);
    assert.ok(receiving.error.description.length > 0);
    const sending = await client.refusedSender({ target: { address: queue, capabilities: ['topic'] } });
    assert.equal(sending.terminus, undefined, 'a refusing attach has no target');
    assert.equal(sending.detach.closed, true);
    assert.equal(sending.error.condition, KindMismatch);
  },

  async 'a-topic-asked-for-as-a-queue-is-refused'(t) {
    const topic = t.topic();
    const client = await t.connect();
    await client.receiver({ source: { address: topic, capabilities: ['topic'] } });
    const { terminus, detach, error } = await client.refusedReceiver({ source: { address: topic, capabilities: ['queue'] } });
    assert.equal(terminus, undefined);
    assert.equal(detach.closed, true);
    assert.equal(error.condition, KindMismatch);
  },

  async 'a-refusal-leaves-the-session-as-it-was'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const session = await client.session();
    const sender = await session.sender({ target: { address: queue, capabilities: ['queue'] } });
    for (let i = 0; i < 5; i++) await session.refused('receiver', { source: { address: queue, capabilities: ['topic'] } });
    await sender.accepted({ body: 'undisturbed' });
    assert.deepEqual(await (await session.receiver(queue)).bodies(1), ['undisturbed']);
  },

  async 'a-refusal-detaches-once'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const session = await client.session();
    await session.sender({ target: { address: queue, capabilities: ['queue'] } });
    const { attach } = await session.refused('receiver', { source: { address: queue, capabilities: ['topic'] } });
    await session.end();
    assert.equal(client.trace.all('in', 'detach', (f) => f.fields.handle === attach.handle).length, 1, 'our detach answers it; there is no third');
  },

  async 'names-with-odd-characters'(t) {
    const client = await t.connect();
    for (const name of ['with space', 'ünïcödé/漢字', 'a.b.c', 'a/b/c', 'per%cent', 'colon:name', 'UPPER']) {
      const address = `${t.queue()}-${name}`;
      await (await client.sender(address)).accepted({ body: name });
      assert.deepEqual(await (await client.receiver(address)).bodies(1), [name]);
    }
  },

  async 'names-are-case-sensitive'(t) {
    const queue = t.queue();
    const client = await t.connect();
    await (await client.sender(queue)).accepted({ body: 'x' });
    await (await client.receiver(queue.toUpperCase())).nothing();
    assert.deepEqual(await (await client.receiver(queue)).bodies(1), ['x']);
  },

  async 'an-address-that-is-not-made-on-demand-is-not-found'(t) {
    const client = await t.connect();
    const address = `closed.${t.queue()}`;
    const sending = await client.refusedSender(address);
    assert.deepEqual([sending.terminus, sending.detach.closed, sending.error.condition], [undefined, true, 'amqp:not-found']);
    const receiving = await client.refusedReceiver(address);
    assert.deepEqual([receiving.terminus, receiving.detach.closed, receiving.error.condition], [undefined, true, 'amqp:not-found']);
    const relay = await client.sender({ target: {} });
    const state = await relay.send({ to: address, body: 'nowhere' });
    assert.deepEqual([state.type, state.error.condition], ['rejected', 'amqp:not-found']);
  },

  async 'configuration-decides-where-prefix-and-capability-are-silent'(t) {
    const address = `news.${t.topic()}`;
    const client = await t.connect();
    const subscribers = [await client.receiver(address), await client.receiver(address)];
    await (await client.sender(address)).accepted({ body: 'to all' });
    for (const s of subscribers) assert.deepEqual(await s.bodies(1), ['to all']);
  },

  async 'browsing-a-queue-removes-nothing'(t) {
    const queue = t.queue();
    const client = await t.connect();
    await (await client.sender(queue)).acceptedAll([1, 2, 3].map((body) => ({ body })));
    const browser = await client.receiver({ source: { address: queue, distribution_mode: 'copy', capabilities: ['queue'] }, snd_settle_mode: 1 });
    assert.equal(browser.remoteAttach.source.distribution_mode, 'copy');
    assert.deepEqual((await browser.takeAvailable(10)).map((d) => d.body), [1, 2, 3]);
    await browser.close();
    assert.deepEqual(await (await client.receiver(queue)).bodies(3), [1, 2, 3]);
  },
};
