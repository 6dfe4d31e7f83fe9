// @azure/event-hubs: producers. Consumers read partitions by offset, which a queue does not have.
import assert from 'node:assert/strict';
import { EventHubProducerClient } from '@azure/event-hubs';

const producerOf = (t, hub) => t.closing(new EventHubProducerClient(
  `Endpoint=sb://localhost:${t.target.port};SharedAccessKeyName=${t.target.sharedAccessKey.name};SharedAccessKey=${t.target.sharedAccessKey.key};UseDevelopmentEmulator=true`,
  hub, { retryOptions: { maxRetries: 0, timeoutInMs: 30_000 } }));

const text = (message) => message.body.content.toString();

const cases = {
  async 'a-batch-of-events-becomes-durable-messages-in-order'(t) {
    const hub = t.queue();
    const producer = producerOf(t, hub);
    const batch = await producer.createBatch();
    for (let i = 0; i < 100; i++) assert.ok(batch.tryAdd({ body: { i }, properties: { region: 'eu' }, messageId: `e-${i}` }));
    await producer.sendBatch(batch);
    await producer.sendBatch([{ body: 'x' }, { body: 'y' }], { partitionKey: 'ada' });
    const messages = await t.witness().takeAll(hub);
    assert.deepEqual(messages.map((m) => JSON.parse(text(m))), [...Array.from({ length: 100 }, (_, i) => ({ i })), 'x', 'y']);
    assert.deepEqual([messages[99].durable, messages[99].message_id, messages[99].application_properties.region], [true, 'e-99', 'eu']);
  },

  async 'a-batch-that-finds-no-room-fails'(t) {
    const producer = producerOf(t, t.queue('small')); // holds five
    await assert.rejects(producer.sendBatch(Array.from({ length: 6 }, (_, body) => ({ body }))), /limit/);
    await producer.sendBatch(Array.from({ length: 5 }, (_, body) => ({ body })));
  },
};

export default Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, { profile: 'azure', run }]));
