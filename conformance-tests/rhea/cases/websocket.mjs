import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import rhea from 'rhea';
import WebSocket from 'ws';

/** rhea over ws; returns the dialling function, and the socket once there is one. */
function overWebSocket(t, protocols, { url = `ws://${t.target.host}:${t.target.wsPort}${t.target.wsPath ?? '/amqp'}`, ...options } = {}) {
  const seen = {};
  class Recording extends WebSocket {
    constructor(...args) {
      super(...args);
      seen.socket = this;
    }
  }
  const connect = rhea.websocket_connect(Recording);
  const details = connect(url, protocols, options);
  return { seen, options: { dial: details().connect } };
}

/** The same over TLS. */
const secure = (t, more = {}) => ({ url: `wss://${t.target.host}:${t.target.wssPort}/amqp`, servername: 'localhost', ca: [readFileSync(t.target.caFile)], ...more });

async function roundTrip(t, client, body) {
  const queue = t.queue();
  await (await client.sender(queue)).accepted({ body });
  const [back] = await (await client.receiver(queue)).bodies(1);
  assert.deepEqual(back, body);
}

async function works(t, protocols, expected) {
  const { seen, options } = overWebSocket(t, protocols);
  const client = await t.connect(options);
  assert.equal(seen.socket.protocol, expected);
  await roundTrip(t, client, `over ${expected}`);
  await client.close();
}

export default {
  'subprotocol-amqp': (t) => works(t, ['amqp'], 'amqp'),

  'amqp-is-chosen-from-the-list-rhea-offers': (t) => works(t, ['binary', 'AMQPWSB10', 'amqp'], 'amqp'),

  'subprotocol-AMQPWSB10-alone': (t) => works(t, ['AMQPWSB10'], 'AMQPWSB10'),

  async 'an-unknown-subprotocol-fails-the-handshake'(t) {
    const socket = new WebSocket(`ws://${t.target.host}:${t.target.wsPort}/amqp`, ['mqtt']);
    const error = await t.wait('the handshake to fail', new Promise((resolve, reject) => {
      socket.once('error', resolve);
      socket.once('open', () => reject(new Error(`the broker accepted with subprotocol ${socket.protocol || '(none)'}`)));
    }));
    assert.match(error.message, /subprotocol|Unexpected server response: 4\d\d/);
  },

  async 'plain-over-websocket'(t) {
    const { options } = overWebSocket(t, ['amqp']);
    const client = await t.connect({ ...options, ...t.credentials() });
    assert.equal(client.trace.first('out', 'sasl_init').fields.mechanism, 'PLAIN');
    await roundTrip(t, client, 'over a WebSocket, authenticated');
  },

  async 'over-tls'(t) {
    const { seen, options } = overWebSocket(t, ['amqp'], secure(t));
    const client = await t.connect({ ...options, ...t.credentials() });
    assert.match(seen.socket.url, /^wss:/);
    await roundTrip(t, client, 'over wss');
  },

  async 'a-client-certificate-over-tls'(t) {
    const more = { cert: readFileSync(t.target.clientCertificate), key: readFileSync(t.target.clientKey) };
    const { options } = overWebSocket(t, ['amqp'], secure(t, more));
    const client = await t.connect({ ...options, ...t.credentials() });
    // rhea itself uses EXTERNAL over plain TLS sockets only.
    assert.equal(client.trace.first('in', 'sasl_mechanisms').fields.sasl_server_mechanisms[0], 'EXTERNAL', 'the certificate would do to log in');
    await roundTrip(t, client, 'over wss, with a certificate');
  },

  async 'on-the-amqp-port'(t) {
    for (const [path, credentials] of [['/amqp', {}], ['', t.credentials()]]) {
      const { seen, options } = overWebSocket(t, ['binary', 'AMQPWSB10', 'amqp'], { url: `ws://${t.target.host}:${t.target.port}${path}` });
      const client = await t.connect({ ...options, ...credentials });
      assert.equal(seen.socket.protocol, 'amqp');
      await roundTrip(t, client, 'x'.repeat(500_000));
      const closed = new Promise((resolve) => { seen.socket.addEventListener('close', (e) => resolve(e.code)); });
      await client.close();
      assert.equal(await t.wait('the WebSocket to close', closed), 1000);
    }
  },

  async 'on-the-amqps-port'(t) {
    const { options } = overWebSocket(t, ['amqp'], { ...secure(t), url: `wss://${t.target.host}:${t.target.tlsPort}/amqp` });
    const client = await t.connect({ ...options, ...t.credentials() });
    await roundTrip(t, client, 'x'.repeat(500_000));
    await client.close();
  },

  async 'a-message-larger-than-a-frame'(t) {
    const { options } = overWebSocket(t, ['amqp']);
    const client = await t.connect({ ...options, max_frame_size: 4096 });
    await roundTrip(t, client, 'x'.repeat(500_000));
    assert.ok(client.trace.largest.in <= 4096);
  },

  async 'websocket-messages-are-no-larger-than-a-frame-may-be'(t) {
    for (const [most, options] of [[65_536, {}], [2_048, { max_frame_size: 2_048 }]]) {
      const { seen, options: dial } = overWebSocket(t, ['amqp']);
      const client = await t.connect({ ...dial, ...options });
      const sizes = [];
      seen.socket.addEventListener('message', ({ data }) => { sizes.push(data.byteLength ?? data.length); });
      await roundTrip(t, client, 'x'.repeat(300_000));
      assert.ok(Math.max(...sizes) <= most, `the largest has ${Math.max(...sizes)} bytes`);
      assert.ok(sizes.reduce((sum, size) => sum + size, 0) > 300_000, 'the message was among them');
    }
  },

  async 'frames-may-be-cut-anywhere'(t) {
    const { options, seen } = overWebSocket(t, ['amqp']);
    const client = t.client({ ...options, dial: (...args) => inShreds(options.dial(...args), () => seen.socket) });
    await client.open();
    await roundTrip(t, client, 'one byte at a time');
  },

  async 'a-text-message-ends-the-connection'(t) {
    const socket = new WebSocket(`ws://${t.target.host}:${t.target.wsPort}/amqp`, ['amqp']);
    await t.wait('the handshake', new Promise((resolve, reject) => { socket.once('open', resolve); socket.once('error', reject); }));
    socket.send('AMQP');
    const code = await t.wait('the broker to close the WebSocket', new Promise((resolve) => { socket.once('close', resolve); }));
    assert.equal(code, 1003);
  },

  async 'the-websocket-is-closed-normally-after-close'(t) {
    const { options, seen } = overWebSocket(t, ['amqp']);
    const client = await t.connect(options);
    const closed = new Promise((resolve) => { seen.socket.addEventListener('close', (e) => resolve(e.code)); });
    await client.close();
    assert.equal(await t.wait('the WebSocket to close', closed), 1000);
  },
};

// A WebSocket message per byte: frames and WebSocket messages have nothing to do with each other.
function inShreds(wrapped) {
  const write = wrapped.write.bind(wrapped);
  wrapped.write = (data) => { for (const byte of data) write(Buffer.from([byte])); };
  return wrapped;
}
