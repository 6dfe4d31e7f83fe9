import assert from 'node:assert/strict';
import rhea from 'rhea';
import { Manager, Node } from '../lib/manager.mjs';

const { types } = rhea;

const queue = (name) => ({ type: 'org.mamba.queue', name });

export default {
  async 'a-queue-from-create-to-delete'(t) {
    const manager = await Manager.open(await t.connect());
    const name = t.queue();
    const created = await manager.ask('CREATE', queue(name), { maxMessages: 2, durable: true });
    assert.deepEqual([created.status, created.body.name, created.body.maxMessages, created.body.depth], [201, name, 2, 0]);
    const client = await t.connect();
    const sender = await client.sender(name);
    await sender.accepted({ body: 'one' });
    await sender.accepted({ body: 'two' });
    assert.equal((await sender.send({ body: 'three' })).type, 'rejected', 'the limit holds');
    const read = await manager.ask('READ', queue(name));
    assert.deepEqual([read.status, read.body.depth, read.body.rejected], [200, 2, 1]);
    assert.deepEqual((await manager.ask('PURGE', queue(name))).body, { purged: 2 });
    assert.equal((await manager.ask('DELETE', { identity: created.body.identity })).status, 204);
    assert.equal((await sender.detached()).error.condition, 'amqp:resource-deleted');
    assert.equal((await manager.ask('READ', queue(name))).status, 404);
  },

  async 'responses-on-a-dynamic-queue'(t) {
    const manager = await Manager.open(await t.connect(), { dynamic: true });
    const { status, body } = await manager.ask('READ', { type: 'org.mamba.broker', name: 'broker' });
    assert.equal(status, 200);
    assert.equal(body.takesDurableMessages, true);
  },

  async 'a-message-id-of-any-type-comes-back'(t) {
    const client = await t.connect();
    const manager = await Manager.open(client);
    for (const id of ['text', 42, types.wrap_uuid(Buffer.from('00112233445566778899aabbccddeeff', 'hex')), types.wrap_binary(Buffer.from([1, 2]))]) {
      await manager.requests.accepted({ message_id: id, reply_to: manager.replyTo, application_properties: { operation: 'GET-MGMT-NODES' } });
      const { message } = await manager.replies.next();
      assert.deepEqual(message.correlation_id, id.value ?? id);
    }
    await manager.requests.accepted({ message_id: 'a', correlation_id: 'b', reply_to: manager.replyTo, application_properties: { operation: 'GET-TYPES' } });
    assert.equal((await manager.replies.next()).message.correlation_id, 'b', 'a correlation-id goes before the message-id');
  },

  async 'a-response-has-one-amqp-value-section'(t) {
    const manager = await Manager.open(await t.connect());
    for (const [operation, jmsType] of [['GET-TYPES', 2], ['GET-MGMT-NODES', 4], ['FROB', 0]]) {
      const { message } = await manager.ask(operation, { type: 'org.amqp.management', name: 'self' });
      assert.equal(message.message_annotations['x-opt-jms-msg-type'], jmsType);
      assert.equal(typeof message.application_properties.statusCode, 'number');
      assert.equal(typeof message.application_properties.statusDescription, 'string');
    }
  },

  async 'types-attributes-and-operations'(t) {
    const manager = await Manager.open(await t.connect());
    const kinds = Object.keys((await manager.ask('GET-TYPES')).body);
    for (const kind of ['queue', 'topic', 'subscription', 'connection', 'consumer', 'producer', 'broker']) assert.ok(kinds.includes(`org.mamba.${kind}`), kind);
    const attributes = (await manager.ask('GET-ATTRIBUTES', { entityType: 'org.mamba.queue' })).body;
    assert.deepEqual(Object.keys(attributes), ['org.mamba.queue']);
    for (const name of ['name', 'identity', 'type', 'depth', 'consumers']) assert.ok(attributes['org.mamba.queue'].includes(name), name);
    const operations = (await manager.ask('GET-OPERATIONS', { entityType: 'org.mamba.queue' })).body['org.mamba.queue'];
    assert.ok(['CREATE', 'READ', 'DELETE', 'PURGE'].every((o) => operations.includes(o)), operations.join());
    assert.deepEqual((await manager.ask('GET-MGMT-NODES')).body, []);
  },

  async 'a-query-in-pages'(t) {
    const manager = await Manager.open(await t.connect());
    const names = Array.from({ length: 7 }, (_, i) => t.queue(`page${i}`));
    for (const name of names) assert.equal((await manager.ask('CREATE', queue(name))).status, 201);
    // Other cases make and delete queues meanwhile, so pages overlap.
    const seen = new Set();
    for (let offset = 0, total = 1; offset < total + 50; offset += 50) {
      const { body } = await manager.ask('QUERY', { entityType: 'org.mamba.queue', offset: Math.max(0, offset - 50), count: 100 }, { attributeNames: ['name', 'type'] });
      assert.ok(body.results.length <= 100);
      for (const [name, type] of body.results) { seen.add(name); assert.equal(type, 'org.mamba.queue'); }
      ({ total } = body);
    }
    for (const name of names) assert.ok(seen.has(name), name);
  },

  async 'a-subscription-made-in-advance'(t) {
    const client = await t.connect();
    const manager = await Manager.open(client);
    const topic = t.topic();
    const container = t.unique('app');
    assert.equal((await manager.ask('CREATE', { type: 'org.mamba.topic', name: topic })).status, 201);
    const name = `${container}:orders`;
    const created = await manager.ask('CREATE', { type: 'org.mamba.subscription', name }, { topic, selector: "kind = 'order'" });
    assert.equal(created.status, 201, created.text);
    const sender = await client.sender(`topic://${topic}`);
    await sender.accepted({ application_properties: { kind: 'order' }, body: 'wanted' });
    await sender.accepted({ application_properties: { kind: 'other' }, body: 'not wanted' });
    const app = await t.connect({ container_id: container });
    const consumer = await app.receiver({
      name: 'orders',
      source: {
        address: topic, durable: 2, expiry_policy: 'never', capabilities: ['topic'],
        filter: { 'jms-selector': types.wrap_described("kind = 'order'", 0x468c00000004) },
      },
    });
    assert.deepEqual(await consumer.bodies(1), ['wanted'], 'the subscription is the one made in advance');
    const refused = await manager.ask('DELETE', { type: 'org.mamba.subscription', name });
    assert.equal(refused.status, 409, refused.text);
    await consumer.detach();
    assert.equal((await manager.ask('DELETE', { type: 'org.mamba.subscription', name })).status, 204);
  },

  async 'connections-are-listed-and-closed'(t) {
    const manager = await Manager.open(await t.connect());
    const container = t.unique('victim');
    const victim = await t.connect({ container_id: container });
    const found = (await manager.query('org.mamba.connection', ['name', 'containerId', 'user'])).find((c) => c.containerId === container);
    assert.equal(found.user, 'anonymous');
    assert.equal((await manager.ask('DELETE', { type: 'org.mamba.connection', name: found.name }, { reason: 'a test' })).status, 204);
    const error = await victim.closedWithError();
    assert.equal(error.condition, 'amqp:connection:forced');
    assert.match(error.description, /administrator: a test/);
    victim.discard();
  },

  async 'consumers-of-a-queue'(t) {
    const client = await t.connect();
    const manager = await Manager.open(client);
    const name = t.queue();
    const consumer = await client.receiver(name);
    consumer.credit(7);
    await (await client.sender(name)).accepted({ body: 'x' });
    await consumer.next();
    const [found, ...others] = (await manager.query('org.mamba.consumer', ['address', 'linkName', 'credit', 'unsettled'])).filter((c) => c.address === name);
    assert.deepEqual([found.linkName, found.credit, found.unsettled, others.length], [consumer.inner.name, 6, 1, 0]);
  },

  async 'errors-say-what-to-do'(t) {
    const manager = await Manager.open(await t.connect());
    const name = t.queue();
    await manager.ask('CREATE', queue(name));
    for (const [operation, properties, body, status, text] of [
      ['READ', {}, undefined, 400, /'identity', or by 'type' and 'name'/],
      ['CREATE', queue(t.queue()), { maxMesages: 5 }, 400, /'maxMesages' cannot be set here; these can: .*maxMessages/],
      ['CREATE', queue(t.queue()), 'text', 400, /must be a map/],
      ['QUERY', { offset: -1 }, undefined, 400, /'offset' must be a whole number/],
      ['CREATE', queue('$mine'), undefined, 403, /choose another/],
      ['READ', queue(t.queue()), undefined, 404, /There is no org\.mamba\.queue/],
      ['READ', { type: 'nothing', name }, undefined, 404, /GET-TYPES/],
      ['CREATE', queue(name), undefined, 409, /already/],
      ['FROB', queue(name), undefined, 501, /it has CREATE, READ/],
      ['DELETE', { type: 'org.mamba.broker', name: 'broker' }, undefined, 501, /it has READ/],
    ]) {
      const answer = await manager.ask(operation, properties, body);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text, text);
    }
  },

  async 'without-a-place-for-the-response-the-outcome-says-it'(t) {
    const client = await t.connect();
    const requests = await client.sender(Node);
    const name = t.queue();
    await requests.accepted({ application_properties: { operation: 'CREATE', ...queue(name) } });
    const again = await requests.send({ reply_to: t.queue('nowhere'), application_properties: { operation: 'CREATE', ...queue(name) } });
    assert.equal(again.type, 'rejected');
    assert.equal(again.error.condition, 'amqp:precondition-failed');
    assert.match(again.error.description, /already/);
  },

  async 'requests-in-a-row-are-carried-out-in-order'(t) {
    const client = await t.connect();
    const manager = await Manager.open(client);
    const name = t.queue();
    const operations = ['CREATE', 'DELETE', 'CREATE', 'READ', 'DELETE', 'READ'];
    for (const operation of operations) {
      manager.requests.post({ message_id: operation, reply_to: manager.replyTo, application_properties: { operation, ...queue(name) } }, { settled: true });
    }
    const statuses = [];
    for (const operation of operations) {
      const { message } = await manager.replies.next();
      assert.equal(message.correlation_id, operation);
      statuses.push(message.application_properties.statusCode);
    }
    assert.deepEqual(statuses, [201, 204, 201, 200, 204, 404]);
  },

  async 'the-node-is-no-queue'(t) {
    const client = await t.connect();
    for (const role of ['refusedSender', 'refusedReceiver']) {
      const { error } = await client[role](`queue://${Node}`);
      assert.equal(error.condition, 'amqp:not-allowed');
    }
  },
};
