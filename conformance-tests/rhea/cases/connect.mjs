import assert from 'node:assert/strict';
import { kindOf } from '../lib/codec.mjs';
import { AmqpHeader, SaslHeader } from '../lib/raw.mjs';
import { frames } from '../lib/frames.mjs';

const symbols = (value) => (Array.isArray(value) ? value : [value]).filter((v) => v !== undefined);

export default {
  async 'bare-header-without-sasl-is-accepted'(t) {
    const c = await t.connect();
    assert.deepEqual(c.trace.all('in', 'header').map((h) => h.header), ['414d515000010000']);
    assert.equal(c.trace.first('in', 'sasl_mechanisms'), undefined);
  },

  async 'open-names-the-broker'(t) {
    const first = await t.connect();
    const second = await t.connect();
    assert.ok(first.remoteOpen.fields.container_id.length > 0);
    assert.equal(second.remoteOpen.fields.container_id, first.remoteOpen.fields.container_id, 'the container-id is the broker\'s, so it stays');
    assert.equal(typeof first.remoteOpen.fields.properties.product, 'string');
    for (const value of first.remoteOpen.typed.properties.value.filter((_, i) => i % 2 === 1)) {
      assert.equal(kindOf(value), 'string', 'product and version are strings: a Java client ignores symbols');
    }
  },

  async 'open-offers-the-jms-capabilities'(t) {
    const c = await t.connect();
    const offered = symbols(c.remoteOpen.fields.offered_capabilities);
    for (const capability of ['ANONYMOUS-RELAY', 'DELAYED_DELIVERY', 'SHARED-SUBS', 'sole-connection-for-container']) {
      assert.ok(offered.includes(capability), `${capability} is missing from ${offered}`);
    }
  },

  async 'open-leaves-out-no-field-an-old-client-reads'(t) {
    const { fields } = (await t.connect()).remoteOpen;
    assert.ok(fields.max_frame_size >= 512);
    assert.ok(fields.channel_max >= 15);
    assert.ok(fields.idle_time_out > 0, 'without one a NAT path dies unnoticed');
  },

  async 'max-frame-size-is-the-brokers-own-not-an-echo'(t) {
    const small = await t.connect({ max_frame_size: 777 });
    const large = await t.connect({ max_frame_size: 4_000_000 });
    assert.equal(small.remoteOpen.fields.max_frame_size, large.remoteOpen.fields.max_frame_size);
    assert.notEqual(small.remoteOpen.fields.max_frame_size, 777);
  },

  async 'channel-max-is-not-above-the-clients'(t) {
    const c = await t.connect({ channel_max: 3 });
    assert.ok(c.remoteOpen.fields.channel_max <= 3, `channel-max ${c.remoteOpen.fields.channel_max}`);
    const [a, b] = [await c.session(), await c.session()];
    assert.notEqual(a.inner.remote.channel, b.inner.remote.channel);
  },

  async 'heartbeats-keep-an-idle-connection-alive'(t) {
    const c = await t.connect({ idle_time_out: 1000 });
    await t.wait('four heartbeats', c.trace.waitForCount('in', 'empty', 4));
    assert.equal(c.failure, undefined);
    await (await c.session()).end();
  },

  'a-silent-peer-is-given-up': {
    profile: 'secured',
    async run(t) {
      const peer = await authenticated(t);
      const { idle_time_out: announced } = peer.trace.first('in', 'open').fields;
      assert.ok(announced <= 1000, 'half of the real threshold is announced');
      const close = await peer.expect('close');
      assert.equal(close.fields.error.condition, 'amqp:resource-limit-exceeded');
      await peer.ended();
    },
  },

  'heartbeats-alone-keep-a-connection': {
    profile: 'secured',
    async run(t) {
      const client = await t.connect({ ...t.credentials(), idle_time_out: 1500 });
      await t.wait('four heartbeats from the broker', client.trace.waitForCount('in', 'empty', 4));
      await t.wait('six heartbeats from the client', client.trace.waitForCount('out', 'empty', 6));
      assert.equal(client.failure, undefined);
      await (await client.sender(t.queue())).accepted({ body: 'still welcome' });
    },
  },

  async 'hostname-is-taken'(t) {
    const c = await t.connect({ hostname: 'localhost' });
    assert.equal(c.failure, undefined);
  },

  async 'close-is-answered-without-error-and-the-socket-closed'(t) {
    const c = await t.connect();
    const ended = new Promise((resolve) => { c.connection.socket.once('end', resolve); });
    await c.close();
    assert.equal(c.trace.first('in', 'close').fields.error, undefined);
    await t.wait('the broker to close the socket', ended);
  },

  async 'two-containers-of-the-same-name-may-connect'(t) {
    const name = t.unique('twice');
    await t.connect({ container_id: name });
    const second = await t.connect({ container_id: name });
    assert.equal(second.failure, undefined);
  },

  async 'sole-connection-refuses-a-second-container-of-that-name'(t) {
    const options = { container_id: t.unique('sole'), desired_capabilities: ['sole-connection-for-container'] };
    await t.connect(options);
    const second = t.client(options);
    second.connection.connect();
    const error = await second.closedWithError();
    assert.equal(error.condition, 'amqp:invalid-field');
    assert.deepEqual(error.info, { 'invalid-field': 'container-id' });
    const info = second.trace.first('in', 'close').typed.error.value[2].value;
    assert.deepEqual(info.map(kindOf), ['symbol', 'symbol'], 'clients compare both as symbols');
    const { properties } = second.trace.first('in', 'open').fields;
    assert.equal(properties['amqp:connection-establishment-failed'], 'true');
  },

  async 'sole-connection-is-free-again-after-close'(t) {
    const options = { container_id: t.unique('sole'), desired_capabilities: ['sole-connection-for-container'] };
    const first = await t.connect(options);
    await first.close();
    const second = await t.connect(options);
    assert.equal(second.failure, undefined);
  },

  async 'many-sessions-on-one-connection'(t) {
    const c = await t.connect();
    const sessions = [];
    for (let i = 0; i < 50; i++) sessions.push(await c.session());
    assert.equal(new Set(sessions.map((s) => s.inner.remote.channel)).size, 50);
    const queue = t.queue();
    const sender = await sessions[49].sender(queue);
    await sender.accepted({ body: 'through the last one' });
    const receiver = await sessions[7].receiver(queue);
    assert.deepEqual(await receiver.bodies(1), ['through the last one']);
  },

  async 'a-channel-is-free-again-after-end'(t) {
    const c = await t.connect();
    for (let i = 0; i < 20; i++) {
      const session = await c.session();
      assert.equal(session.inner.local.channel, 0);
      const ended = session.end();
      await ended;
      session.inner.remove();
    }
    assert.equal(c.trace.all('in', 'end').length, 20);
  },

  async 'begin-says-what-clients-reckon-with'(t) {
    const c = await t.connect();
    await c.session();
    const { fields } = c.trace.first('in', 'begin');
    assert.equal(fields.remote_channel, 0);
    assert.ok(fields.next_outgoing_id <= 1, 'clients without serial arithmetic need a small start');
    assert.ok(fields.incoming_window > 0 && fields.outgoing_window > 0);
    assert.ok(fields.handle_max >= 255);
  },

  async 'session-flow-with-echo-is-answered'(t) {
    const peer = await (await t.raw()).establish();
    peer.send(0, 'flow', { next_incoming_id: 0, incoming_window: 100, next_outgoing_id: 0, outgoing_window: 100, echo: true });
    const flow = await peer.expect('flow', (f) => f.fields.handle === undefined);
    assert.equal(flow.fields.next_incoming_id, 0);
    assert.ok(flow.fields.incoming_window > 0);
  },
};

/** A hand-driven peer that has logged in with PLAIN, and from then on says nothing. */
async function authenticated(t) {
  const peer = await t.raw();
  const init = frames.sasl_init({ mechanism: 'PLAIN', initial_response: Buffer.from(`\0${t.target.user}\0${t.target.password}`) });
  peer.write(Buffer.concat([SaslHeader, frames.write_frame(frames.sasl_frame(init))]));
  assert.equal((await peer.expect('sasl_outcome')).fields.code, 0);
  peer.write(Buffer.concat([AmqpHeader, peer.encode(0, 'open', { container_id: t.unique('silent') })]));
  await peer.expect('open');
  return peer;
}
