// rhea-promise: rhea with promises, as Azure's libraries and many applications use it.
import assert from 'node:assert/strict';
import rheaPromise from 'rhea-promise';
import rhea from 'rhea';
import WebSocket from 'ws';
import { Inbox } from '../lib/context.mjs';

const { Connection, ReceiverEvents } = rheaPromise;

/** Opens a connection that is closed at the end of the case. */
async function connect(t, options = {}) {
  const { host, port, user: username, password } = t.target;
  const connection = new Connection({ host, port, username, password, reconnect: false, operationTimeoutInSeconds: 30, ...options });
  await t.wait('the connection to open', connection.open());
  return t.closing(connection);
}

/** A receiver without credit, its deliveries in an inbox. */
async function receive(t, connection, source, options = {}) {
  const inbox = new Inbox(t, `a message from ${JSON.stringify(source)}`);
  const receiver = await connection.createReceiver({
    source, credit_window: 0, autoaccept: false, autosettle: true, onMessage: inbox.push, onError: () => {}, ...options,
  });
  const next = async () => { receiver.addCredit(1); return inbox.next(); };
  const drained = async () => {
    const done = new Promise((resolve) => { receiver.once(ReceiverEvents.receiverDrained, resolve); });
    receiver.addCredit(100);
    receiver.drainCredit();
    await t.wait('the receiver to be drained', done);
    return inbox.take(inbox.length);
  };
  return { receiver, inbox, next, drained };
}

const body = ({ message }) => message.body;

export default {
  async 'open-and-close-resolve'(t) {
    const connection = await connect(t);
    assert.ok(connection.isOpen() && connection.isRemoteOpen());
    assert.equal(connection.properties.product, 'Mamba');
    assert.ok(connection.maxFrameSize >= 512);
    await connection.close();
    assert.equal(connection.isOpen(), false);
  },

  async 'a-connection-without-credentials-tls-and-websocket'(t) {
    const { host, port, tlsPort, wsPort, wsPath } = t.target;
    const ways = [
      { username: undefined, password: undefined, port },
      { port: tlsPort, transport: 'tls', ca: [t.ca], servername: 'localhost' },
      { port: wsPort, webSocketOptions: { webSocket: WebSocket, url: `ws://${host}:${wsPort}${wsPath}`, protocol: ['amqp'] } },
    ];
    for (const way of ways) {
      const connection = await connect(t, way);
      const queue = t.queue();
      const sender = await connection.createAwaitableSender({ target: { address: queue } });
      await sender.send({ body: 'hello' });
      const delivery = await (await receive(t, connection, queue)).next();
      assert.equal(body(delivery), 'hello');
      delivery.delivery.accept();
    }
  },

  async 'a-wrong-password-rejects-open'(t) {
    await assert.rejects(connect(t, { password: t.target.wrongPassword }), (e) => e.condition === 'amqp:unauthorized-access');
  },

  async 'send-resolves-when-accepted'(t) {
    const queue = t.queue();
    const sender = await (await connect(t)).createAwaitableSender({ target: { address: queue } });
    const deliveries = await Promise.all(Array.from({ length: 200 }, (_, i) => sender.send({ body: i, durable: true })));
    assert.ok(deliveries.every((d) => d.remote_settled), 'each is settled');
    assert.deepEqual((await t.witness().take(queue, 200)).map((m) => m.body), Array.from({ length: 200 }, (_, i) => i));
    await sender.close();
    assert.equal(sender.isOpen(), false);
  },

  async 'send-rejects-with-the-brokers-error'(t) {
    const queue = t.queue('small');
    const sender = await (await connect(t)).createAwaitableSender({ target: { address: queue } });
    for (let i = 0; i < 5; i++) await sender.send({ body: i });
    await assert.rejects(sender.send({ body: 5 }), (e) => {
      assert.equal(e.innerError?.condition, 'amqp:resource-limit-exceeded');
      assert.ok(e.innerError.description.length > 10);
      return true;
    });
    await t.witness().take(queue, 1);
    await sender.send({ body: 'there is room again' });
  },

  async 'a-refused-link-tells-its-error'(t) {
    const connection = await connect(t);
    // createReceiver resolves with the attach that comes before the refusal's detach (AMQP 1.0 §2.6.3); the error follows.
    const refused = async (source) => {
      const errors = new Inbox(t, 'the error of a refused receiver');
      await connection.createReceiver({ source, credit_window: 0, onError: ({ receiver }) => errors.push(receiver.error) });
      return (await errors.next()).condition;
    };
    assert.equal(await refused({ address: t.queue('closed') }), 'amqp:not-found');
    assert.equal(await refused({ address: t.queue(), filter: rhea.filter.selector('a = ') }), 'amqp:invalid-field');
    await assert.rejects(connection.createAwaitableSender({ target: { address: t.queue('closed') } }), (e) => e.condition === 'amqp:not-found');
    assert.ok(connection.isOpen(), 'nothing else is touched');
    const sender = await connection.createAwaitableSender({ target: { address: t.queue() } });
    assert.ok((await sender.send({ body: 'goes on' })).remote_settled);
  },

  async 'outcomes-do-what-they-say'(t) {
    const queue = t.queue();
    const connection = await connect(t);
    const sender = await connection.createAwaitableSender({ target: { address: queue } });
    for (const text of ['a', 'b', 'c', 'd']) await sender.send({ body: text });
    const { next, drained } = await receive(t, connection, queue);
    (await next()).delivery.accept();
    (await next()).delivery.reject({ condition: 'app:bad', description: 'b is not for us' });
    (await next()).delivery.modified({ delivery_failed: true, undeliverable_here: false });
    const again = await next();
    assert.deepEqual([body(again), again.message.delivery_count], ['c', 1]);
    again.delivery.release();
    const released = await next();
    assert.deepEqual([body(released), released.message.delivery_count], ['c', 1], 'a release does not count');
    released.delivery.accept();
    const rest = await drained();
    assert.deepEqual(rest.map(body), ['d']);
    rest[0].delivery.accept();
    const [dead] = await t.witness().take(`DLQ.${queue}`);
    assert.equal(dead.body, 'b');
    assert.equal(dead.message_annotations['x-opt-dead-letter-error'], 'app:bad');
  },

  async 'what-a-receiver-held-comes-again-when-it-closes'(t) {
    const queue = t.queue();
    await t.witness().send(queue, { body: 1 }, { body: 2 });
    const connection = await connect(t);
    const { receiver, next } = await receive(t, connection, queue);
    assert.deepEqual([body(await next()), body(await next())], [1, 2]);
    await receiver.close();
    const second = await receive(t, connection, queue);
    const [one, two] = [await second.next(), await second.next()];
    assert.deepEqual([body(one), body(two)], [1, 2], 'in their first order');
    one.delivery.accept();
    two.delivery.accept();
  },

  async 'a-durable-subscription-goes-on-after-detach'(t) {
    const address = `topic://${t.unique('node.t')}`;
    const container_id = t.unique('client');
    const options = { name: 'prices', source: { address, durable: 2, expiry_policy: 'never', filter: rhea.filter.selector("pair = 'EURUSD'") } };
    const first = await connect(t, { container_id });
    const { receiver, next } = await receive(t, first, address, options);
    const publish = (text, pair) => t.witness().send(address, { body: text, durable: true, application_properties: { pair } });
    await publish('1', 'EURUSD');
    const delivery = await next();
    assert.equal(body(delivery), '1');
    delivery.delivery.accept();
    receiver.detach?.();
    await first.close();
    await publish('2', 'EURGBP');
    await publish('3', 'EURUSD');
    const second = await connect(t, { container_id });
    const again = await receive(t, second, address, options);
    const got = await again.drained();
    assert.deepEqual(got.map(body), ['3'], 'what the selector chose while nobody was there');
    got[0].delivery.accept();
    await again.receiver.close();
    await publish('4', 'EURUSD');
    assert.deepEqual((await (await receive(t, second, address, options)).drained()).map(body), [], 'a closed link has unsubscribed');
  },

  async 'a-browser-leaves-what-it-sees'(t) {
    const queue = t.queue();
    await t.witness().send(queue, { body: 1 }, { body: 2 });
    const browser = await receive(t, await connect(t), { address: queue, distribution_mode: 'copy' });
    assert.deepEqual((await browser.drained()).map(body), [1, 2]);
    assert.deepEqual((await t.witness().take(queue, 2)).map((m) => m.body), [1, 2]);
  },

  async 'a-dynamic-queue-carries-replies'(t) {
    const queue = t.queue();
    const connection = await connect(t);
    const replies = await receive(t, connection, { dynamic: true });
    const replyTo = replies.receiver.source.address;
    assert.ok(replyTo.length > 0);
    const client = await connection.createAwaitableSender({ target: { address: queue } });
    await client.send({ body: 'how much?', reply_to: replyTo, message_id: 'q-1' });
    const server = await connect(t);
    const request = await (await receive(t, server, queue)).next();
    const relay = await server.createAwaitableSender({ target: {} });
    await relay.send({ to: request.message.reply_to, correlation_id: request.message.message_id, body: '100' });
    request.delivery.accept();
    const reply = await replies.next();
    assert.deepEqual([reply.message.correlation_id, body(reply)], ['q-1', '100']);
    reply.delivery.accept();
  },

  async 'an-aborted-creation-leaves-the-connection-whole'(t) {
    const connection = await connect(t);
    const controller = new AbortController();
    const pending = connection.createReceiver({ source: { address: t.queue() }, abortSignal: controller.signal });
    controller.abort();
    await assert.rejects(pending, (e) => e.name === 'AbortError');
    const queue = t.queue();
    const sender = await connection.createAwaitableSender({ target: { address: queue } });
    await sender.send({ body: 'after' });
    assert.equal((await t.witness().take(queue))[0].body, 'after');
  },

  async 'eight-mebibytes-there-and-back'(t) {
    const queue = t.queue();
    const connection = await connect(t);
    const sender = await connection.createAwaitableSender({ target: { address: queue } });
    const content = Buffer.alloc(8 * 1024 * 1024, 'mamba');
    await sender.send({ body: rhea.message.data_section(content), durable: true }, { timeoutInSeconds: 60 });
    const delivery = await (await receive(t, connection, queue)).next();
    assert.ok(Buffer.compare(delivery.message.body.content, content) === 0, 'the bytes are the same');
    delivery.delivery.accept();
  },

  'links-come-back-after-a-crash': {
    profile: 'mortal',
    timeout: 120_000,
    async run(t) {
      const queue = t.queue();
      const connection = await connect(t, { reconnect: true, initial_reconnect_delay: 50, max_reconnect_delay: 500 });
      const disconnected = new Promise((resolve) => { connection.once('disconnected', resolve); });
      const sender = await connection.createAwaitableSender({ target: { address: queue } });
      await sender.send({ body: 'before', durable: true });
      const { receiver, inbox } = await receive(t, connection, queue);
      const back = new Promise((resolve) => { receiver.on(ReceiverEvents.receiverOpen, resolve); });
      await t.broker('kill');
      await t.wait('the disconnection to be seen', disconnected);
      await t.broker('start');
      await t.wait('the receiver to be open again', back);
      receiver.addCredit(2);
      const first = await inbox.next();
      assert.equal(body(first), 'before', 'what was accepted is there');
      first.delivery.accept();
      if (!sender.sendable()) await t.wait('the sender to have credit', new Promise((resolve) => { sender.once('sendable', resolve); }));
      await sender.send({ body: 'after', durable: true });
      const second = await inbox.next();
      assert.equal(body(second), 'after');
      second.delivery.accept();
    },
  },
};
