import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import rhea from 'rhea';
import * as b from '../lib/bytes.mjs';
import { target } from '../lib/frames.mjs';

const MiB = 1024 * 1024;

/** Makes rhea cut what it sends into frames no larger than that, whatever the broker would take. */
function sendInFramesOf(sender, size) {
  sender.session.inner.outgoing.compute_max_payload = () => Math.min(size, sender.client.remoteOpen.fields.max_frame_size) - 60;
}

/** Lets rhea open its session window while a delivery is still arriving; by itself it does so only after one. */
function keepWindowOpen(client) {
  client.trace.on('frame', (direction, frame) => {
    if (direction === 'in' && frame.name === 'transfer') client.connection._register();
  });
}

async function there(t, frameSize, size) {
  const queue = t.queue();
  const payload = b.section(b.Section.Data, b.bin(crypto.randomBytes(size)));
  const client = await t.connect({ max_frame_size: frameSize });
  keepWindowOpen(client);
  const sender = await client.sender(queue);
  sendInFramesOf(sender, frameSize);
  await sender.accepted(payload);
  assert.ok(client.trace.count.out > size / frameSize, 'it went in many transfers');
  const receiver = await client.receiver(queue);
  const [d] = await receiver.take(1);
  assert.ok(d.bare.equals(payload), `${d.bare.length} bytes came back, not the ${payload.length} that went`);
  assert.ok(client.trace.largest.in <= frameSize, `a frame of ${client.trace.largest.in} bytes came`);
  d.accept();
  await receiver.nothing();
}

export default {
  'sixty-four-mebibytes-in-frames-of-512-bytes': { profile: 'large', timeout: 240_000, run: (t) => there(t, 512, 64 * MiB) },

  'sixty-four-mebibytes-in-large-frames': { profile: 'large', timeout: 120_000, run: (t) => there(t, MiB, 64 * MiB) },

  'the-raised-limit-is-advertised': {
    profile: 'large',
    async run(t) {
      const sender = await (await t.connect()).sender(t.queue());
      assert.equal(sender.remoteAttach.max_message_size, t.target.limits.maxMessageSize);
      assert.ok(t.target.limits.maxMessageSize >= 64 * MiB);
    },
  },

  'two-large-messages-on-two-links-at-once': {
    profile: 'large',
    timeout: 120_000,
    async run(t) {
      const client = await t.connect({ max_frame_size: 65536 });
      keepWindowOpen(client);
      const payloads = [1, 2].map(() => b.section(b.Section.Data, b.bin(crypto.randomBytes(8 * MiB))));
      const queues = [t.queue(), t.queue()];
      const senders = [await client.sender(queues[0]), await client.sender(queues[1])];
      await Promise.all(senders.map((s, i) => s.accepted(payloads[i])));
      const receivers = [await client.receiver(queues[0]), await client.receiver(queues[1])];
      const got = await Promise.all(receivers.map((r) => r.take(1)));
      got.forEach(([d], i) => { assert.ok(d.bare.equals(payloads[i])); d.accept(); });
    },
  },

  async 'the-limit-is-advertised'(t) {
    const sender = await (await t.connect()).sender(t.queue());
    assert.equal(sender.remoteAttach.max_message_size, t.target.limits.maxMessageSize);
  },

  async 'a-message-of-exactly-the-limit-is-taken'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender(queue);
    const head = b.section(b.Section.Data, b.bin(Buffer.alloc(300))).length - 300;
    const payload = b.section(b.Section.Data, b.bin(Buffer.alloc(t.target.limits.maxMessageSize - head, 1)));
    assert.equal(payload.length, t.target.limits.maxMessageSize);
    await sender.accepted(payload);
    const [d] = await (await (await t.connect()).receiver(queue)).take(1);
    assert.ok(d.bare.equals(payload));
    d.accept();
  },

  async 'a-message-above-the-limit-detaches-its-link-only'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const [sender, bystander] = [await client.sender(queue), await client.sender(queue)];
    const receiver = await client.receiver(queue);
    const delivery = sender.post({ body: rhea.message.data_section(Buffer.alloc(t.target.limits.maxMessageSize + 1)) });
    const detach = await sender.detached();
    assert.equal(detach.closed, true);
    assert.equal(detach.error.condition, 'amqp:link:message-size-exceeded');
    assert.notEqual(delivery.remote_state?.constructor?.composite_type, 'accepted');
    await bystander.accepted({ body: 'undisturbed' });
    assert.deepEqual(await receiver.bodies(1), ['undisturbed']);
    await receiver.nothing();
  },

  async 'a-message-too-large-for-the-consumer-does-not-stop-the-queue'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender(queue);
    await sender.accepted({ body: 'x'.repeat(10_000) });
    await sender.accepted({ body: 'small' });
    const limited = await client.receiver({ source: { address: queue }, max_message_size: 1000 });
    assert.deepEqual(await limited.bodies(1), ['small']);
    await limited.nothing();
    assert.equal(limited.session.inner.is_open(), true);
  },

  async 'an-aborted-delivery-is-forgotten'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const peer = await (await t.raw()).establish();
    peer.send(0, 'attach', { name: 'a', handle: 0, role: false, initial_delivery_count: 0, target: target(queue) });
    await peer.expect('flow', (f) => f.fields.handle !== undefined);
    peer.send(0, 'transfer', { handle: 0, delivery_id: 0, delivery_tag: Buffer.from('a'), message_format: 0, more: true }, b.section(b.Section.Value, b.str('half')).subarray(0, 4));
    peer.send(0, 'transfer', { handle: 0, delivery_id: 0, more: false, aborted: true });
    peer.send(0, 'transfer', { handle: 0, delivery_id: 1, delivery_tag: Buffer.from('b'), message_format: 0 }, b.section(b.Section.Value, b.str('whole')));
    const answer = await peer.expect('disposition');
    assert.equal(answer.fields.first, 1, 'an aborted delivery gets no disposition');
    assert.equal(answer.fields.state.type, 'accepted');
    const receiver = await client.receiver(queue);
    assert.deepEqual(await receiver.bodies(1), ['whole']);
    await receiver.nothing();
  },

  async 'a-last-transfer-without-payload-completes-the-delivery'(t) {
    const queue = t.queue();
    const peer = await (await t.raw()).establish();
    peer.send(0, 'attach', { name: 'a', handle: 0, role: false, initial_delivery_count: 0, target: target(queue) });
    await peer.expect('flow', (f) => f.fields.handle !== undefined);
    peer.send(0, 'transfer', { handle: 0, delivery_id: 0, delivery_tag: Buffer.from('a'), message_format: 0, more: true }, b.section(b.Section.Value, b.str('streamed')));
    peer.send(0, 'transfer', { handle: 0, more: false });
    const answer = await peer.expect('disposition');
    assert.equal(answer.fields.state.type, 'accepted');
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['streamed']);
  },
};
