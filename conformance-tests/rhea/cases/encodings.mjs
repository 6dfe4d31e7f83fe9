// What other clients write differently from rhea (AMQP 1.0 §1.6; contract of old and lenient stacks).
import assert from 'node:assert/strict';
import * as b from '../lib/bytes.mjs';
import { AmqpHeader } from '../lib/raw.mjs';
import { source, target } from '../lib/frames.mjs';

const performative = (name, ...fields) => b.described(b.sym(`amqp:${name}:list`), b.list32(...fields));

/** Performatives as bytes in one write. */
function frame(body, channel = 0) {
  const head = Buffer.from([0, 0, 0, 0, 2, 0, channel >> 8, channel & 255]);
  head.writeUInt32BE(8 + body.length);
  return Buffer.concat([head, body]);
}

export default {
  async 'performatives-with-symbolic-descriptors-and-wide-encodings'(t) {
    const queue = t.queue();
    const peer = await t.raw();
    const targetOf = b.described(b.sym('amqp:target:list'), b.list32(b.str32(queue), b.uint(0), b.sym32('session-end'), b.uint(0), b.bool(false)));
    peer.write(Buffer.concat([
      AmqpHeader,
      frame(performative('open', b.str32(t.unique('wide')), b.nil, b.uint(65536), b.ushort(10))),
      frame(performative('begin', b.nil, b.uint(0), b.uint(100), b.uint(100))),
      frame(performative('attach', b.str32('s'), b.uint(0), b.bool(false), b.ubyte(0), b.ubyte(0), b.described(b.sym('amqp:source:list'), b.list0), targetOf, b.nil, b.bool(false), b.uint(0))),
    ]));
    await peer.expect('flow', (f) => f.fields.handle !== undefined);
    const transfer = performative('transfer', b.uint(0), b.uint(0), b.bin32(Buffer.from('tag')), b.uint(0), b.bool(false));
    peer.write(frame(Buffer.concat([transfer, b.section(b.Section.Value, b.str('wide'))])));
    assert.equal((await peer.expect('disposition')).fields.state.type, 'accepted');
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['wide']);
  },

  async 'a-single-symbol-where-several-are-allowed'(t) {
    const topic = t.topic();
    const client = await t.connect({ desired_capabilities: 'ANONYMOUS-RELAY' });
    const subscribers = [];
    for (let i = 0; i < 2; i++) subscribers.push(await client.receiver({ source: { address: topic, capabilities: 'topic', outcomes: 'amqp:accepted:list' } }));
    await (await client.sender({ target: { address: topic, capabilities: 'topic' } })).accepted({ body: 'news' });
    for (const s of subscribers) assert.deepEqual(await s.bodies(1), ['news']);
  },

  async 'an-extended-frame-header-is-skipped'(t) {
    const peer = await t.raw();
    const body = performative('open', b.str(t.unique('extended')));
    const head = Buffer.from([0, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    head.writeUInt32BE(head.length + body.length);
    peer.write(Buffer.concat([AmqpHeader, head, body]));
    await peer.expect('open');
  },

  async 'bytes-may-arrive-one-at-a-time'(t) {
    const queue = t.queue();
    const peer = await t.raw();
    peer.socket.setNoDelay(true);
    const bytes = Buffer.concat([
      AmqpHeader,
      peer.encode(0, 'open', { container_id: t.unique('slow') }),
      peer.encode(0, 'begin', { next_outgoing_id: 0, incoming_window: 5, outgoing_window: 5 }),
      peer.encode(0, 'attach', { name: 'r', handle: 0, role: true, source: source(queue), target: target('x') }),
    ]);
    for (const byte of bytes) await new Promise((resolve) => { peer.socket.write(Buffer.from([byte]), resolve); });
    await peer.expect('attach');
  },

  async 'unknown-open-properties-and-capabilities-are-ignored'(t) {
    const client = await t.connect({ desired_capabilities: ['example:unheard-of'], offered_capabilities: ['example:thing'], properties: { product: 'x', nested: { a: [1, 2] } } });
    await (await client.sender(t.queue())).accepted({ body: 'x' });
  },

  async 'heartbeats-between-the-frames-of-a-delivery'(t) {
    const queue = t.queue();
    const peer = await (await t.raw()).establish();
    peer.send(0, 'attach', { name: 's', handle: 0, role: false, initial_delivery_count: 0, source: source('me'), target: target(queue) });
    await peer.expect('flow', (f) => f.fields.handle !== undefined);
    const payload = b.section(b.Section.Value, b.str('in pieces'));
    const empty = Buffer.from('0000000802000000', 'hex');
    peer.send(0, 'transfer', { handle: 0, delivery_id: 0, delivery_tag: Buffer.from('a'), message_format: 0, more: true }, payload.subarray(0, 3));
    peer.write(empty);
    peer.send(0, 'transfer', { handle: 0, more: true }, payload.subarray(3, 5));
    peer.write(Buffer.concat([empty, empty]));
    peer.send(0, 'transfer', { handle: 0 }, payload.subarray(5));
    assert.equal((await peer.expect('disposition')).fields.state.type, 'accepted');
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['in pieces']);
  },

  async 'deliveries-of-two-links-interleaved-frame-by-frame'(t) {
    const queues = [t.queue(), t.queue()];
    const peer = await (await t.raw()).establish();
    for (const [handle, queue] of queues.entries()) {
      peer.send(0, 'attach', { name: `s${handle}`, handle, role: false, initial_delivery_count: 0, source: source('me'), target: target(queue) });
      await peer.expect('flow', (f) => f.fields.handle === handle);
    }
    const payloads = ['left', 'right'].map((body) => b.section(b.Section.Value, b.str(body)));
    for (const handle of [0, 1]) peer.send(0, 'transfer', { handle, delivery_id: handle, delivery_tag: Buffer.from([handle]), message_format: 0, more: true }, payloads[handle].subarray(0, 4));
    for (const handle of [1, 0]) peer.send(0, 'transfer', { handle }, payloads[handle].subarray(4));
    const client = await t.connect();
    assert.deepEqual(await (await client.receiver(queues[0])).bodies(1), ['left']);
    assert.deepEqual(await (await client.receiver(queues[1])).bodies(1), ['right']);
  },

  async 'settled-on-the-last-transfer-only'(t) {
    const queue = t.queue();
    const peer = await (await t.raw()).establish();
    peer.send(0, 'attach', { name: 's', handle: 0, role: false, snd_settle_mode: 2, initial_delivery_count: 0, source: source('me'), target: target(queue) });
    await peer.expect('flow', (f) => f.fields.handle !== undefined);
    const payload = b.section(b.Section.Value, b.str('x'));
    peer.send(0, 'transfer', { handle: 0, delivery_id: 0, delivery_tag: Buffer.from('a'), message_format: 0, more: true }, payload.subarray(0, 4));
    peer.send(0, 'transfer', { handle: 0, settled: true }, payload.subarray(4));
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['x']);
    peer.send(0, 'end', {});
    await peer.expect('end');
    assert.equal(peer.trace.first('in', 'disposition'), undefined);
  },
};
