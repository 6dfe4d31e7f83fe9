import assert from 'node:assert/strict';
import rhea from 'rhea';
import { Manager } from '../lib/manager.mjs';

const inbox = { name: 'my-replies', source: { dynamic: true }, credit_window: 50, autoaccept: true };

/** Answers requests in upper case; a request is accepted when its reply is. `until(n)` may end it before the n-th reply. */
async function respond(t, requests, { until = () => false } = {}) {
  const client = await t.connect();
  const relay = await client.sender({ target: {} });
  const work = await client.receiver({ source: { address: requests }, credit_window: 0, autoaccept: false });
  const responder = { client, relay, answered: 0, gone: false };
  responder.died = t.wait('the responder to die', new Promise((resolve) => { responder.onDeath = resolve; }));
  responder.died.catch(() => {});
  work.inner.on('message', async (context) => {
    const { message, delivery } = context;
    if (responder.gone || until(responder.answered)) {
      if (!responder.gone) {
        responder.gone = true;
        client.failure ??= new Error('the case ended it');
        client.connection.socket.destroy();
        responder.onDeath();
      }
      return;
    }
    responder.answered++;
    const reply = { to: message.reply_to, correlation_id: message.message_id, body: message.body.toUpperCase() };
    try {
      await relay.accepted(reply);
      if (!responder.gone) { delivery.accept(); work.credit(1); }
    } catch (error) {
      if (!responder.gone) throw error;
    }
  });
  work.credit(10);
  return responder;
}

async function lateReplies(t) {
  const manager = await Manager.open(await t.connect());
  return Number((await manager.ask('READ', { type: 'org.mamba.broker', name: 'broker' })).body.lateReplies);
}

export default {
  async 'a-client-that-lost-its-connection-gets-its-replies'(t) {
    const container_id = t.unique('requester');
    const first = await t.connect({ container_id });
    const { address } = await first.receiver(inbox);
    await first.drop();
    const responder = await (await t.connect()).sender({ target: {} });
    await responder.accepted({ to: address, correlation_id: 1, body: 'while it was away' });
    const again = await (await t.connect({ container_id })).receiver(inbox);
    assert.equal(again.address, address);
    assert.equal((await again.next()).body, 'while it was away');
    await responder.accepted({ to: address, correlation_id: 2, body: 'and after' });
    assert.equal((await again.next()).body, 'and after');
  },

  async 'it-may-ask-by-address-as-well-and-nobody-else-may'(t) {
    const container_id = t.unique('requester');
    const first = await t.connect({ container_id });
    const { address } = await first.receiver(inbox);
    await first.drop();
    const { error } = await (await t.connect()).refusedReceiver(address);
    assert.equal(error.condition, 'amqp:resource-locked');
    const again = await (await t.connect({ container_id })).receiver({ source: { address, capabilities: ['temporary-queue'] } });
    await (await (await t.connect()).sender(address)).accepted({ body: 'reply' });
    assert.deepEqual(await again.bodies(1), ['reply']);
  },

  async 'rheas-own-reconnect-keeps-the-address'(t) {
    const container = rhea.create_container({ id: t.unique('requester') });
    const connection = container.create_connection({ ...t.options(), reconnect: true, initial_reconnect_delay: 10 });
    connection.on('disconnected', () => {});
    const bodies = [];
    const opened = [];
    let wake = () => {};
    const until = (what, condition) => t.wait(what, new Promise((resolve) => { wake = () => { if (condition()) resolve(); }; wake(); }));
    connection.on('receiver_open', ({ receiver }) => { opened.push(receiver.source.address); wake(); });
    connection.on('message', ({ message }) => { bodies.push(message.body); wake(); });
    try {
      connection.connect();
      connection.open_receiver({ source: { dynamic: true }, credit_window: 10 });
      await until('the first attach', () => opened.length === 1);
      connection.socket.destroy(new Error('the case cut the socket'));
      const responder = await (await t.connect()).sender({ target: {} });
      await responder.accepted({ to: opened[0], body: 'reply' });
      await until('the reply', () => bodies.length === 1);
      assert.deepEqual([opened.length, opened[1], bodies], [2, opened[0], ['reply']]);
    } finally {
      connection.set_reconnect(false);
      connection.close();
    }
  },

  async 'replies-that-come-too-late-are-refused-and-counted'(t) {
    const client = await t.connect();
    const { address } = await client.receiver(inbox);
    const responder = await t.connect();
    const relay = await responder.sender({ target: {} });
    await relay.accepted({ to: address, body: 'in time' });
    await client.close();
    const before = await lateReplies(t);
    for (let i = 0; i < 3; i++) {
      const { type, error } = await relay.send({ to: address, correlation_id: i, body: 'too late' });
      assert.deepEqual([type, error.condition], ['rejected', 'amqp:not-found']);
    }
    assert.ok(await lateReplies(t) - before >= 3, 'others may have been late too');
  },

  async 'a-responder-is-told-how-long-the-requester-waits'(t) {
    const requests = t.queue('requests');
    const client = await t.connect();
    const sender = await client.sender(requests);
    await sender.accepted({ message_id: 1, reply_to: 'replies', ttl: 1, body: 'not waited for any more' });
    await sender.accepted({ message_id: 2, reply_to: 'replies', ttl: 600_000, body: 'ten minutes' });
    await sender.accepted({ message_id: 3, reply_to: 'replies', absolute_expiry_time: new Date(Date.now() + 600_000), body: 'by the clock' });
    const [expired] = await (await client.receiver(`DLQ.${requests}`)).take(1);
    assert.equal(expired.body, 'not waited for any more');
    const waiting = await (await client.receiver(requests)).take(2);
    assert.deepEqual(waiting.map((d) => d.body), ['ten minutes', 'by the clock']);
    for (const { message } of waiting) assert.ok(message.ttl > 0 && message.ttl <= 600_000, `ttl is ${message.ttl}`);
  },

  'requests-are-answered-though-a-responder-dies': {
    timeout: 60_000,
    async run(t) {
      const requests = t.queue('requests');
      const mortal = await respond(t, requests, { until: (answered) => answered === 15 });
      const client = await t.connect();
      const replies = await client.receiver(inbox);
      const sender = await client.sender(requests);
      const total = 200;
      await sender.acceptedAll(Array.from({ length: total }, (_, i) => ({ message_id: `r${i}`, reply_to: replies.address, durable: true, ttl: 600_000, body: `request ${i}` })));
      await mortal.died;
      await respond(t, requests);
      const answers = new Map();
      while (answers.size < total) {
        const { message } = await replies.next();
        assert.equal(message.body, `REQUEST ${message.correlation_id.slice(1)}`);
        answers.set(message.correlation_id, message);
      }
    },
  },

  'a-requester-that-dies-and-comes-back-gets-every-answer': {
    timeout: 60_000,
    async run(t) {
      const requests = t.queue('requests');
      await respond(t, requests);
      await respond(t, requests);
      const container_id = t.unique('requester');
      const answers = new Set();
      const total = 150;
      for (let life = 0; answers.size < total; life++) {
        const client = await t.connect({ container_id });
        const replies = await client.receiver({ ...inbox, autoaccept: false });
        if (life === 0) {
          const sender = await client.sender(requests);
          await sender.acceptedAll(Array.from({ length: total }, (_, i) => ({ message_id: i, reply_to: replies.address, body: `request ${i}` })));
        }
        const enough = Math.min(total, 40 * (life + 1));
        while (answers.size < enough) {
          const delivery = await replies.next();
          answers.add(delivery.message.correlation_id);
          delivery.accept();
        }
        if (answers.size < total) await client.drop();
      }
      assert.equal(answers.size, total);
    },
  },
};
