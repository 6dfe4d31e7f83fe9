// @azure/core-amqp: what Azure's libraries for Service Bus and Event Hubs stand on, without the claims-based security (CBS)
// that those two cannot do without.
import assert from 'node:assert/strict';
import {
  AmqpAnnotatedMessage, ConnectionConfig, ConnectionContextBase, RequestResponseLink, RetryOperationType, retry, translate,
} from '@azure/core-amqp';
import { Inbox } from '../lib/context.mjs';

/** A connection as Azure's clients make it for an emulator: plain TCP, SASL ANONYMOUS with a key's name. */
async function connect(t) {
  const { host, port } = t.target;
  const config = ConnectionConfig.create(
    `Endpoint=sb://${host}:${port};SharedAccessKeyName=tests;SharedAccessKey=none;UseDevelopmentEmulator=true;`, 'unused');
  const context = ConnectionContextBase.create({
    config, connectionProperties: { product: 'MambaTests', version: '1.0.0', userAgent: 'mamba-tests/1.0.0' }, operationTimeoutInMs: 30_000,
  });
  await t.wait('the connection to open', context.connection.open());
  return t.closing(context.connection);
}

/** A link to $management as Azure's clients open it: replies come to a target of the client's own naming. */
async function management(t, connection) {
  const replyTo = t.unique('answers');
  const link = await RequestResponseLink.create(connection, { target: { address: '$management' } }, {
    source: { address: '$management' }, target: { address: replyTo }, name: replyTo, onSessionError: () => {},
  });
  const ask = (operation, properties, body, options) => link.sendRequest(
    { body, reply_to: replyTo, application_properties: { operation, ...properties } }, { timeoutInMs: 30_000, ...options });
  return { link, ask };
}

const queueEntity = (name) => ({ type: 'org.mamba.queue', name });

async function receiver(t, connection, address, credit = 1) {
  const inbox = new Inbox(t, `a message from ${address}`);
  await connection.createReceiver({ source: { address }, credit_window: credit, autoaccept: false, onMessage: inbox.push, onError: () => {} });
  return inbox;
}

export default {
  async 'a-connection-context-sends-and-receives'(t) {
    const queue = t.queue();
    const connection = await connect(t);
    assert.ok(connection.isOpen());
    const sender = await connection.createAwaitableSender({ target: { address: queue } });
    const delivery = await sender.send({ body: 'EUR 100', durable: true, message_id: 'p-1' });
    assert.equal(delivery.remote_settled, true);
    const inbox = await receiver(t, connection, queue);
    const { message, delivery: received } = await inbox.next();
    assert.deepEqual([message.body, message.message_id, message.durable], ['EUR 100', 'p-1', true]);
    received.accept();
    await connection.close();
    await t.witness().empty(queue);
  },

  async 'a-request-and-its-response'(t) {
    const { link, ask } = await management(t, await connect(t));
    assert.ok(link.isOpen());
    const name = t.queue();
    const created = await ask('CREATE', queueEntity(name), { maxMessages: 3 });
    assert.equal(created.application_properties.statusCode, 201);
    assert.deepEqual([created.body.name, created.body.maxMessages], [name, 3]);
    await t.witness().send(name, { body: 1 }, { body: 2 });
    const read = await ask('READ', queueEntity(name));
    assert.deepEqual([read.application_properties.statusCode, read.body.depth], [200, 2]);
    assert.equal((await ask('PURGE', queueEntity(name))).body.purged, 2);
    assert.equal((await ask('DELETE', queueEntity(name))).application_properties.statusCode, 204);
    await link.close();
    assert.equal(link.isOpen(), false);
  },

  async 'a-failed-request-rejects-with-a-translated-error'(t) {
    const { ask } = await management(t, await connect(t));
    await assert.rejects(ask('READ', queueEntity(t.queue())), (e) => {
      assert.match(e.message, /There is no|not found/i, 'the status description is told');
      assert.deepEqual([e.name, e.code], ['MessagingError', 'ServiceCommunicationError'], 'what Azure makes of amqp:not-found');
      return true;
    });
    const name = t.queue();
    await ask('CREATE', queueEntity(name), {});
    await assert.rejects(ask('CREATE', queueEntity(name), { maxMessages: -1 }), (e) => e.name === 'MessagingError');
    assert.equal((await ask('READ', queueEntity(name))).application_properties.statusCode, 200, 'the link goes on');
  },

  async 'many-requests-at-a-time-get-their-own-responses'(t) {
    const { ask } = await management(t, await connect(t));
    const names = Array.from({ length: 30 }, () => t.queue());
    const created = await Promise.all(names.map((name) => ask('CREATE', queueEntity(name), {})));
    assert.deepEqual(created.map((r) => r.body.name), names);
    const read = await Promise.all([...names].reverse().map((name) => ask('READ', queueEntity(name))));
    assert.deepEqual(read.map((r) => r.body.name), [...names].reverse());
    await Promise.all(names.map((name) => ask('DELETE', queueEntity(name))));
  },

  async 'an-aborted-request-leaves-the-link-whole'(t) {
    const { link, ask } = await management(t, await connect(t));
    const controller = new AbortController();
    const pending = ask('READ', queueEntity(t.queue()), undefined, { abortSignal: controller.signal });
    controller.abort();
    await assert.rejects(pending, (e) => e.name === 'AbortError');
    assert.ok(link.isOpen());
    const name = t.queue();
    assert.equal((await ask('CREATE', queueEntity(name), {})).body.name, name, 'the next response goes to its request');
  },

  async 'requests-between-two-applications'(t) {
    const service = t.queue();
    const server = await connect(t);
    const requests = await receiver(t, server, service, 10);
    const relay = await server.createAwaitableSender({ target: {} });
    const client = await connect(t);
    const replyQueue = t.queue();
    const link = await RequestResponseLink.create(client, { target: { address: service } }, { source: { address: replyQueue }, name: t.unique('r') });
    const answer = link.sendRequest({ body: 20, reply_to: replyQueue }, { timeoutInMs: 30_000 });
    const { message, delivery } = await requests.next();
    await relay.send({ to: message.reply_to, correlation_id: message.message_id, body: message.body + 22, application_properties: { statusCode: 200 } });
    delivery.accept();
    assert.equal((await answer).body, 42);
    // Who waits for the refusal waits from the start: it may come before the relay's outcome.
    const refused = assert.rejects(link.sendRequest({ body: -1, reply_to: replyQueue }, { timeoutInMs: 30_000 }), /no debts/);
    const bad = await requests.next();
    await relay.send({ to: bad.message.reply_to, correlation_id: bad.message.message_id, application_properties: { statusCode: 400, statusDescription: 'no debts', errorCondition: 'amqp:not-allowed' } });
    bad.delivery.accept();
    await refused;
  },

  async 'an-annotated-message-keeps-its-sections'(t) {
    const queue = t.queue();
    const connection = await connect(t);
    const sender = await connection.createAwaitableSender({ target: { address: queue } });
    const annotated = {
      body: { amount: 100 }, bodyType: 'value',
      header: { durable: true, priority: 6, timeToLive: 600_000 },
      messageAnnotations: { 'x-opt-desk': 'fx' },
      applicationProperties: { region: 'eu', urgent: true },
      properties: {
        messageId: 'p-7', correlationId: 'c-7', subject: 'payment', groupId: 'ada', groupSequence: 4, replyTo: 'answers',
        contentType: 'application/json',
      },
    };
    await sender.send(AmqpAnnotatedMessage.toRheaMessage(annotated));
    const { message, delivery } = await (await receiver(t, connection, queue)).next();
    delivery.accept();
    const got = AmqpAnnotatedMessage.fromRheaMessage(message);
    assert.deepEqual(got.body, annotated.body);
    assert.deepEqual([got.header.durable, got.header.priority], [true, 6]);
    assert.ok(got.header.timeToLive <= 600_000 && got.header.timeToLive > 0);
    assert.equal(got.messageAnnotations['x-opt-desk'], 'fx');
    assert.deepEqual({ ...got.applicationProperties }, annotated.applicationProperties);
    for (const field of ['messageId', 'correlationId', 'subject', 'groupId', 'groupSequence', 'replyTo', 'contentType']) {
      assert.equal(got.properties[field], annotated.properties[field], field);
    }
    assert.equal(got.properties.absoluteExpiryTime - got.properties.creationTime, 600_000, 'the client makes one of the time to live');
  },

  async 'tokens-for-claims-based-security-are-refused-and-not-kept'(t) {
    const connection = await connect(t);
    // Service Bus and Event Hubs libraries begin by sending their token to $cbs; a queue of that name would hand it to anyone.
    await assert.rejects(connection.createAwaitableSender({ target: { address: '$cbs' } }), (e) => e.condition === 'amqp:not-found');
    const { ask } = await management(t, connection);
    await assert.rejects(ask('READ', queueEntity('$cbs')), (e) => e.name === 'MessagingError', 'there is no such queue');
    assert.ok(connection.isOpen());
  },

  async 'retry-goes-on-until-there-is-room'(t) {
    const queue = t.queue('small');
    const connection = await connect(t);
    const sender = await connection.createAwaitableSender({ target: { address: queue } });
    for (let i = 0; i < 5; i++) await sender.send({ body: i });
    const failures = [];
    await retry({
      connectionId: connection.id,
      operationType: RetryOperationType.sendMessage,
      retryOptions: { maxRetries: 3, retryDelayInMs: 10, maxRetryDelayInMs: 20 },
      operation: async () => {
        try {
          return await sender.send({ body: 'late' });
        } catch (e) {
          const translated = translate(e.innerError);
          failures.push(translated);
          await t.witness().take(queue, 1);
          translated.retryable = true; // Azure takes a full queue as final; this application does not
          throw translated;
        }
      },
    });
    assert.equal(failures.length, 1);
    assert.equal(failures[0].name, 'MessagingError');
    assert.match(failures[0].message, /full|limit|room/i, 'the broker says why');
    assert.deepEqual((await t.witness().takeAll(queue)).map((m) => m.body), [1, 2, 3, 4, 'late']);
  },

  'a-new-context-after-a-crash': {
    profile: 'mortal',
    timeout: 120_000,
    async run(t) {
      const queue = t.queue();
      const connection = await connect(t);
      const sender = await connection.createAwaitableSender({ target: { address: queue } });
      for (let i = 0; i < 10; i++) await sender.send({ body: i, durable: true });
      const lost = new Promise((resolve) => { connection.on('disconnected', resolve); });
      await t.broker('kill');
      await t.wait('the connection to be lost', lost);
      assert.equal(connection.isOpen(), false);
      await t.broker('start');
      const again = await connect(t);
      const inbox = await receiver(t, again, queue, 10);
      const got = await inbox.take(10);
      assert.deepEqual(got.map(({ message }) => message.body), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      for (const { delivery } of got) delivery.accept();
      const { ask } = await management(t, again);
      assert.equal((await ask('READ', queueEntity(queue))).application_properties.statusCode, 200);
    },
  },
};
