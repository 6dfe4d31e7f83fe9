// @azure/service-bus, as an application uses it that was written for Azure: nothing but its connection string is another one.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import { promisify } from 'node:util';
import { ServiceBusClient } from '@azure/service-bus';
import { Inbox } from '../lib/context.mjs';

const Patience = { maxWaitTimeInMs: 30_000 };

/** What the application's settings would hold. */
const connectionString = ({ target }, { name, key } = target.sharedAccessKey) =>
  `Endpoint=sb://localhost:${target.port};SharedAccessKeyName=${name};SharedAccessKey=${key};UseDevelopmentEmulator=true`;

const clientOf = (t, string = connectionString(t)) =>
  t.closing(new ServiceBusClient(string, { retryOptions: { maxRetries: 0, timeoutInMs: 30_000 } }));

/** Receives so many, in one call or in several. */
async function take(receiver, count) {
  const messages = [];
  while (messages.length < count) {
    const some = await receiver.receiveMessages(count - messages.length, Patience);
    assert.notEqual(some.length, 0, `only ${messages.length} of ${count} messages came`);
    messages.push(...some);
  }
  return messages;
}

const one = async (receiver) => (await take(receiver, 1))[0];
const bodies = (messages) => messages.map((m) => m.body);
const inAnHour = () => new Date(Date.now() + 3_600_000);

/** A token that its holder can use without the key, for a resource and what is below it. */
function signature({ target: { sharedAccessKey: { name, key } } }, resource, expiry = Math.floor(Date.now() / 1000) + 3600) {
  const signed = encodeURIComponent(resource);
  const sig = crypto.createHmac('sha256', key).update(`${signed}\n${expiry}`).digest('base64');
  return `SharedAccessSignature sr=${signed}&sig=${encodeURIComponent(sig)}&se=${expiry}&skn=${encodeURIComponent(name)}`;
}

const cases = {
  async 'a-message-goes-round-with-all-it-has'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const sent = {
      body: { payment: 'p-1', amount: 100.5, to: 'Ångström & Söhne' }, messageId: 'm-1', correlationId: 'c-1', subject: 'payment', contentType: 'application/json',
      replyTo: 'answers', to: 'bank', partitionKey: 'ada', timeToLive: 600_000, applicationProperties: { region: 'eu', urgent: true, tries: 3 },
    };
    const before = Date.now();
    await client.createSender(queue).sendMessages(sent);
    const message = await one(client.createReceiver(queue));
    for (const key of ['body', 'messageId', 'correlationId', 'subject', 'contentType', 'replyTo', 'to', 'partitionKey', 'applicationProperties']) {
      assert.deepEqual(message[key], sent[key], key);
    }
    assert.ok(message.timeToLive <= 600_000 && message.timeToLive > 500_000);
    assert.ok(message.sequenceNumber.gt(0));
    assert.ok(Math.abs(message.enqueuedTimeUtc - before) < 300_000, 'both clocks are this machine\'s');
    assert.ok(message.expiresAtUtc > message.enqueuedTimeUtc);
    assert.ok(message.lockedUntilUtc > new Date());
    assert.match(message.lockToken, /^[0-9a-f-]{36}$/);
    assert.equal(message.deliveryCount ?? 0, 0);
    assert.equal(message.state, 'active');
  },

  async 'what-is-sent-is-durable-and-an-ordinary-message-to-others'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    await client.createSender(queue).sendMessages({ body: 'EUR 100', messageId: 'm-1' });
    const [message] = await t.witness().take(queue, 1);
    assert.deepEqual([message.durable, message.message_id], [true, 'm-1']);
    assert.equal(JSON.parse(message.body.content.toString()), 'EUR 100', 'the client writes bodies as JSON');
  },

  async 'others-send-and-it-receives'(t) {
    const queue = t.queue();
    await t.witness().send(queue, { body: 'from rhea', message_id: 'r-1', application_properties: { n: 1 } });
    const receiver = clientOf(t).createReceiver(queue);
    const message = await one(receiver);
    assert.deepEqual([message.body, message.messageId, message.applicationProperties], ['from rhea', 'r-1', { n: 1 }]);
    await receiver.completeMessage(message);
    await t.witness().empty(queue);
  },

  async 'a-batch-becomes-its-messages-in-order'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const sender = client.createSender(queue);
    await sender.sendMessages({ body: 'before' });
    const batch = await sender.createMessageBatch();
    for (let i = 0; i < 300; i++) assert.ok(batch.tryAddMessage({ body: i, messageId: `b-${i}`, applicationProperties: { i } }));
    await sender.sendMessages(batch);
    await sender.sendMessages([{ body: 'x' }, { body: 'y' }]);
    const receiver = client.createReceiver(queue, { receiveMode: 'receiveAndDelete' });
    const messages = await take(receiver, 303);
    assert.deepEqual(bodies(messages), ['before', ...Array.from({ length: 300 }, (_, i) => i), 'x', 'y']);
    assert.deepEqual([messages[300].messageId, messages[300].applicationProperties], ['b-299', { i: 299 }]);
  },

  async 'a-batch-is-stored-whole-or-not-at-all'(t) {
    const queue = t.queue('small'); // holds five
    const sender = clientOf(t).createSender(queue);
    await sender.sendMessages({ body: 0 });
    await assert.rejects(sender.sendMessages([1, 2, 3, 4, 5].map((body) => ({ body }))), /limit/);
    await sender.sendMessages([1, 2, 3, 4].map((body) => ({ body })));
    assert.equal((await t.witness().takeAll(queue)).length, 5);
  },

  async 'a-subscription-handles-and-completes-what-comes'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const inbox = new Inbox(t, 'a message');
    const receiver = client.createReceiver(queue);
    const failures = [];
    const subscription = receiver.subscribe({ processMessage: async (message) => inbox.push(message), processError: async ({ error }) => failures.push(error) });
    const sender = client.createSender(queue);
    for (let i = 0; i < 20; i++) await sender.sendMessages({ body: i, messageId: `m-${i}` });
    assert.deepEqual(bodies(await inbox.take(20)), Array.from({ length: 20 }, (_, i) => i));
    await subscription.close();
    await receiver.close();
    assert.deepEqual(failures, []);
    // One is handled at a time, and completed before the next; only the last may not have been when the receiver was closed.
    const left = await t.witness().takeAll(queue);
    assert.ok(left.length === 0 || (left.length === 1 && left[0].message_id === 'm-19'), `${left.length} are left`);
  },

  async 'a-handler-that-throws-abandons-its-message'(t) {
    const queue = t.queue('retry'); // three deliveries
    const client = clientOf(t);
    const tries = new Inbox(t, 'a try');
    const receiver = client.createReceiver(queue);
    receiver.subscribe({
      processMessage: async (message) => { tries.push(message.deliveryCount ?? 0); throw new Error('the ledger is closed'); },
      processError: async () => {},
    });
    await client.createSender(queue).sendMessages({ body: 'poison', messageId: 'm' });
    assert.deepEqual(await tries.take(3), [0, 1, 2]);
    const dead = await one(client.createReceiver(queue, { subQueueType: 'deadLetter' }));
    assert.deepEqual([dead.body, dead.deadLetterReason, dead.deadLetterSource], ['poison', 'MaxDeliveryCountExceeded', queue]);
  },

  async 'settling-by-hand'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const receiver = client.createReceiver(queue);
    await client.createSender(queue).sendMessages([{ body: 'complete' }, { body: 'abandon' }]);
    const [first, second] = await take(receiver, 2);
    await receiver.completeMessage(first);
    await receiver.abandonMessage(second);
    const again = await one(receiver);
    assert.deepEqual([again.body, again.deliveryCount, again.sequenceNumber.toString()], ['abandon', 1, second.sequenceNumber.toString()]);
    await assert.rejects(receiver.completeMessage(first), /settled/);
    await receiver.completeMessage(again);
    await t.witness().empty(queue);
  },

  async 'dead-letters-say-why'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const receiver = client.createReceiver(queue);
    await client.createSender(queue).sendMessages({ body: { amount: -1 }, messageId: 'm-1', applicationProperties: { region: 'eu' } });
    await receiver.deadLetterMessage(await one(receiver), { deadLetterReason: 'NegativeAmount', deadLetterErrorDescription: 'amount must be > 0; it is −1' });
    const dead = client.createReceiver(queue, { subQueueType: 'deadLetter' });
    const message = await one(dead);
    assert.deepEqual([message.body, message.messageId], [{ amount: -1 }, 'm-1']);
    assert.deepEqual([message.deadLetterReason, message.deadLetterErrorDescription], ['NegativeAmount', 'amount must be > 0; it is −1']);
    assert.equal(message.deadLetterSource, queue);
    assert.equal(message.applicationProperties.region, 'eu');
    await dead.completeMessage(message);
    await t.witness().empty(`DLQ.${queue}`);
    await t.witness().empty(queue);
  },

  async 'what-a-closed-receiver-held-goes-back'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const receiver = client.createReceiver(queue);
    await client.createSender(queue).sendMessages({ body: 'held' });
    const message = await one(receiver);
    await receiver.close();
    const next = client.createReceiver(queue);
    await next.completeMessage(await one(next));
    await assert.rejects(receiver.completeMessage(message));
    await t.witness().empty(queue);
  },

  async 'messages-wait-for-their-time'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const sender = client.createSender(queue);
    await sender.sendMessages({ body: 'now' });
    const soon = new Date(Date.now() + 3_000);
    await sender.sendMessages({ body: 'by annotation', scheduledEnqueueTimeUtc: soon });
    const [number] = await sender.scheduleMessages({ body: 'by operation' }, soon);
    assert.ok(number.gt(0));
    const receiver = client.createReceiver(queue, { receiveMode: 'receiveAndDelete' });
    const messages = await take(receiver, 3);
    assert.equal(messages[0].body, 'now');
    assert.deepEqual(bodies(messages).slice(1).sort(), ['by annotation', 'by operation']);
    for (const late of messages.slice(1)) assert.ok(late.enqueuedTimeUtc >= soon && new Date() >= soon, 'not before its time');
    assert.equal(messages.find((m) => m.body === 'by operation').sequenceNumber.toString(), number.toString());
  },

  async 'scheduled-messages-are-cancelled'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const sender = client.createSender(queue);
    const numbers = await sender.scheduleMessages([{ body: 1 }, { body: 2 }, { body: 3 }], inAnHour());
    assert.equal(new Set(numbers.map(String)).size, 3);
    await sender.cancelScheduledMessages([numbers[0], numbers[2]]);
    await assert.rejects(sender.cancelScheduledMessages(numbers[0]), (e) => e.code === 'MessageNotFound' || /sequence number/.test(e.message));
    await sender.cancelScheduledMessages(numbers[1]);
    await t.witness().empty(queue);
  },

  async 'peeking-takes-nothing'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const receiver = client.createReceiver(queue);
    assert.deepEqual(await receiver.peekMessages(5), [], 'nothing there');
    await client.createSender(queue).sendMessages([0, 1, 2, 3, 4].map((body) => ({ body, messageId: `p-${body}` })));
    const first = await receiver.peekMessages(3);
    assert.deepEqual(bodies(first), [0, 1, 2]);
    assert.deepEqual(bodies(await receiver.peekMessages(3)), [3, 4], 'it goes on behind what it saw');
    const again = await receiver.peekMessages(2, { fromSequenceNumber: first[1].sequenceNumber });
    assert.deepEqual(again.map((m) => m.messageId), ['p-1', 'p-2']);
    assert.deepEqual(bodies(await take(receiver, 5)), [0, 1, 2, 3, 4]);
  },

  async 'a-topic-and-its-subscriptions'(t) {
    const topic = `news.${t.unique('topic')}`; // a rule makes it a topic
    const client = clientOf(t);
    const audit = client.createReceiver(topic, 'audit');
    await audit.peekMessages(1);
    const [ledger, other] = [client.createReceiver(topic, 'ledger'), client.createReceiver(topic, 'ledger')];
    // A subscription is there from when its first receiver is.
    for (const receiver of [audit, ledger]) assert.deepEqual(await receiver.receiveMessages(1, { maxWaitTimeInMs: 100 }), []);
    const sender = client.createSender(topic);
    await sender.sendMessages([{ body: 1 }, { body: 2 }]);
    assert.deepEqual(bodies(await audit.peekMessages(5)), [1, 2]);
    for (const message of await take(audit, 2)) await audit.completeMessage(message);
    for (const message of await take(ledger, 2)) await ledger.completeMessage(message);
    await audit.close();
    await sender.sendMessages({ body: 'while nobody listens' });
    const later = client.createReceiver(topic, 'audit');
    const message = await one(later);
    assert.equal(message.body, 'while nobody listens', 'a subscription outlives its receivers');
    await later.deadLetterMessage(message, { deadLetterReason: 'Late' });
    const dead = client.createReceiver(topic, 'audit', { subQueueType: 'deadLetter' });
    assert.equal((await one(dead)).deadLetterReason, 'Late');
    assert.deepEqual(await client.createReceiver(topic, 'ledger', { subQueueType: 'deadLetter' }).receiveMessages(1, { maxWaitTimeInMs: 100 }), [],
      'each subscription has its own');
    assert.equal((await one(other)).body, 'while nobody listens', 'receivers of one subscription share it');
  },

  async 'locks-are-renewed-while-they-are-held'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    const receiver = client.createReceiver(queue);
    await client.createSender(queue).sendMessages({ body: 'slow' });
    const message = await one(receiver);
    assert.ok(await receiver.renewMessageLock(message) > new Date());
    await receiver.completeMessage(message);
    await assert.rejects(receiver.renewMessageLock(message), (e) => e.code === 'MessageLockLost');
  },

  async 'a-wrong-key-is-refused'(t) {
    const { name } = t.target.sharedAccessKey;
    for (const wrong of [{ name, key: 'not-the-key-of-anybody' }, { name: 'nobody', key: t.target.sharedAccessKey.key }]) {
      const sender = clientOf(t, connectionString(t, wrong)).createSender(t.queue());
      await assert.rejects(sender.sendMessages({ body: 1 }), (e) => e.code === 'UnauthorizedAccess' && /security\.sharedAccessKeys/.test(e.message));
    }
  },

  async 'a-signature-for-one-queue-is-for-no-other'(t) {
    const queue = t.queue();
    const endpoint = `sb://localhost:${t.target.port}/`;
    const string = `Endpoint=${endpoint};SharedAccessSignature=${signature(t, endpoint + queue)};UseDevelopmentEmulator=true`;
    const client = clientOf(t, string);
    await client.createSender(queue).sendMessages({ body: 'mine' });
    await assert.rejects(client.createSender(t.queue()).sendMessages({ body: 'not mine' }), (e) => e.code === 'UnauthorizedAccess' && /is for/.test(e.message));
    assert.equal((await one(client.createReceiver(queue, { receiveMode: 'receiveAndDelete' }))).body, 'mine');
    const late = `Endpoint=${endpoint};SharedAccessSignature=${signature(t, endpoint, 1_600_000_000)};UseDevelopmentEmulator=true`;
    await assert.rejects(clientOf(t, late).createSender(queue).sendMessages({ body: 1 }), /expired at 2020-09-13/);
  },

  async 'what-is-not-there-says-so'(t) {
    const queue = t.queue();
    const client = clientOf(t);
    await client.createSender(queue).sendMessages({ body: 1 });
    const receiver = client.createReceiver(queue);
    await assert.rejects(receiver.deferMessage(await one(receiver)), /Deferring/);
    const back = await one(receiver);
    assert.equal(back.body, 1, 'it was given back');
    await receiver.completeMessage(back);
    await assert.rejects(receiver.receiveDeferredMessages(back.sequenceNumber), /not implemented/);
    await assert.rejects(client.acceptSession(queue, 'ada'), /session/);
    await assert.rejects(client.createSender(`${queue}/Subscriptions/s`).sendMessages({ body: 1 }), /for receiving/);
  },

  async 'over-tls'(t) {
    // Node.js takes a private authority from its environment only, as an application would have it.
    const { target: { tlsPort, sharedAccessKey: { name, key }, caFile } } = t;
    const queue = t.queue();
    const script = `
      import { ServiceBusClient } from '@azure/service-bus';
      const client = new ServiceBusClient('Endpoint=sb://localhost:${tlsPort};SharedAccessKeyName=${name};SharedAccessKey=${key}');
      await client.createSender('${queue}').sendMessages({ body: 'by tls' });
      const [message] = await client.createReceiver('${queue}', { receiveMode: 'receiveAndDelete' }).receiveMessages(1, { maxWaitTimeInMs: 30000 });
      console.log(message.body);
      await client.close();`;
    const { stdout } = await t.wait('the application to end', promisify(execFile)(
      process.execPath, ['--input-type=module', '--eval', script], { cwd: import.meta.dirname, env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile } }));
    assert.equal(stdout.trim(), 'by tls');
  },
};

export default {
  ...Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, { profile: 'azure', run }])),

  'what-was-sent-outlives-a-crash': {
    profile: 'mortal',
    timeout: 180_000,
    async run(t) {
      const queue = t.queue();
      const client = t.closing(new ServiceBusClient(connectionString(t)));
      const sender = client.createSender(queue);
      await sender.sendMessages({ body: 'single' });
      await sender.sendMessages([{ body: 'first' }, { body: 'second' }]);
      const [number] = await sender.scheduleMessages({ body: 'later' }, inAnHour());
      await t.broker('kill');
      await t.broker('start');
      const receiver = client.createReceiver(queue);
      const messages = await take(receiver, 3);
      assert.deepEqual(bodies(messages), ['single', 'first', 'second']);
      for (const message of messages) await receiver.completeMessage(message);
      await sender.cancelScheduledMessages(number);
    },
  },
};
