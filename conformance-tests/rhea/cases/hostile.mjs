// What a broken or ill-meaning peer sends. Each time that connection ends with the right error, and the
// connection beside it never notices.
import assert from 'node:assert/strict';
import * as b from '../lib/bytes.mjs';
import { AmqpHeader } from '../lib/raw.mjs';
import { source, target } from '../lib/frames.mjs';

/** Runs the attack while another connection sends and receives before, during and after it. */
function beside(attack) {
  return async (t) => {
    const queue = t.queue();
    const client = await t.connect();
    const [sender, receiver] = [await client.sender(queue), await client.receiver(queue)];
    await sender.accepted({ body: 'before' });
    await attack(t);
    await sender.accepted({ body: 'after' });
    assert.deepEqual(await receiver.bodies(2), ['before', 'after']);
    await (await t.connect()).close();
  };
}

/** The bytes are written behind an open session; the connection has to end with one of the conditions. */
function closesWith(conditions, bytes) {
  return beside(async (t) => {
    const peer = await (await t.raw()).establish();
    const result = bytes(peer, t);
    if (result) peer.write(result);
    const { fields } = await peer.expect('close');
    assert.ok([conditions].flat().includes(fields.error?.condition), `closed with ${fields.error?.condition}: ${fields.error?.description}`);
    assert.ok(fields.error.description?.length > 0, 'a person wants to know why');
    await peer.ended();
  });
}

const Framing = 'amqp:connection:framing-error';
const Decode = 'amqp:decode-error';
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const performative = (code, fields) => b.described(b.smallulong(code), fields);

export default {
  'garbage-instead-of-a-header': beside(async (t) => {
    const peer = await t.raw();
    peer.write(Buffer.from('EHLO localhost\r\nMAIL FROM:<ada@localhost>\r\n'));
    await peer.ended();
    assert.equal(peer.received.toString('latin1', 0, 4), 'AMQP', 'the broker says what it speaks, then closes');
    assert.equal(peer.received.length, 8);
  }),

  'an-unknown-protocol-version': beside(async (t) => {
    const peer = await t.raw();
    peer.write(hex('414d5150 00 00 09 01'));
    await peer.ended();
    assert.equal(peer.received.length, 8);
    assert.equal(peer.received.toString('hex', 5), '010000');
  }),

  'a-frame-size-below-eight': closesWith(Framing, () => hex('00000007 02000000')),

  'a-data-offset-below-two': closesWith(Framing, () => hex('00000008 01000000')),

  'a-data-offset-beyond-the-frame': closesWith(Framing, () => hex('00000008 03000000')),

  'an-unknown-frame-type': closesWith([Framing, 'amqp:not-implemented', 'amqp:not-allowed'], () => hex('00000008 02070000')),

  'a-frame-above-the-max-frame-size': closesWith(Framing, (peer) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(peer.trace.first('in', 'open').fields.max_frame_size + 1);
    head[4] = 2;
    return head;
  }),

  'a-frame-size-of-four-gibibytes': closesWith(Framing, () => hex('ffffffff 02000000')),

  'an-unknown-performative': closesWith([Decode, 'amqp:not-implemented', 'amqp:not-allowed', Framing], (peer) => { peer.frame(0, performative(0x7f, b.list0)); }),

  'a-body-that-is-no-described-list': closesWith([Decode, Framing], (peer) => { peer.frame(0, b.str('hello')); }),

  'an-invalid-type-code': closesWith([Decode, Framing], (peer) => { peer.frame(0, hex('00 53 12 c0 03 01 3f 00')); }),

  'a-mandatory-field-missing': closesWith([Decode, 'amqp:invalid-field'], (peer) => { peer.frame(0, performative(0x12, b.list(b.nil, b.uint0, b.yes))); }),

  'a-field-of-the-wrong-type': closesWith([Decode, 'amqp:invalid-field'], (peer) => { peer.frame(0, performative(0x12, b.list(b.int(5), b.uint0, b.yes))); }),

  'a-list-that-ends-early': closesWith([Decode, Framing], (peer) => { peer.frame(0, hex('00 53 12 c0 20 03 a1 01 61')); }),

  'a-count-larger-than-the-bytes': closesWith([Decode, Framing], (peer) => { peer.frame(0, hex('00 53 12 d0 00000008 ffffffff 40 40 40 40')); }),

  'an-array-of-four-billion-zero-width-elements': closesWith([Decode, Framing], (peer) => {
    peer.frame(1, performative(0x11, b.list32(b.nil, b.uint0, b.uint(1), b.uint(1), b.nil, hex('f0 00000005 ffffffff 40'))));
  }),

  'lists-nested-a-thousand-deep': closesWith([Decode, Framing, 'amqp:resource-limit-exceeded'], (peer) => {
    let value = b.list0;
    for (let i = 0; i < 1000; i++) value = b.list32(value);
    peer.frame(0, performative(0x11, b.list32(b.nil, b.uint0, b.uint0, b.uint0, b.nil, b.nil, b.nil, b.map32(b.sym('x'), value))));
  }),

  'invalid-utf8-in-a-link-name': closesWith([Decode, 'amqp:invalid-field'], (peer) => { peer.frame(0, performative(0x12, b.list(hex('a1 02 c3 28'), b.uint0, b.yes))); }),

  'an-open-twice': closesWith(['amqp:illegal-state', 'amqp:not-allowed', Framing], (peer) => { peer.send(0, 'open', { container_id: 'again' }); }),

  'a-begin-on-a-channel-in-use': closesWith(['amqp:illegal-state', 'amqp:not-allowed', Framing], (peer) => { peer.send(0, 'begin', { next_outgoing_id: 0, incoming_window: 1, outgoing_window: 1 }); }),

  'an-attach-on-a-channel-without-session': closesWith(['amqp:illegal-state', 'amqp:not-allowed', 'amqp:invalid-field', Framing], (peer) => { peer.send(9, 'attach', { name: 'a', handle: 0, role: true, source: source('q') }); }),

  'a-begin-before-the-open': beside(async (t) => {
    const peer = await t.raw();
    peer.write(Buffer.concat([AmqpHeader, peer.encode(0, 'begin', { next_outgoing_id: 0, incoming_window: 1, outgoing_window: 1 })]));
    await peer.ended();
    assert.equal(peer.trace.first('in', 'begin'), undefined);
  }),

  'a-max-frame-size-below-512': beside(async (t) => {
    const peer = await t.raw();
    peer.write(Buffer.concat([AmqpHeader, peer.encode(0, 'open', { container_id: 'tiny', max_frame_size: 511 })]));
    const { fields } = await peer.expect('close');
    assert.ok([Framing, 'amqp:frame-size-too-small', 'amqp:invalid-field'].includes(fields.error.condition), fields.error.condition);
    await peer.ended();
  }),

  'a-flow-that-claims-transfers-never-sent': beside(async (t) => {
    const peer = await (await t.raw()).establish();
    peer.send(0, 'flow', { next_incoming_id: 1000, incoming_window: 10, next_outgoing_id: 0, outgoing_window: 10 });
    assert.equal((await peer.expect('end')).fields.error.condition, 'amqp:session:window-violation');
  }),

  'the-same-link-twice-on-one-session': beside(async (t) => {
    const peer = await (await t.raw()).establish();
    for (const handle of [0, 1]) peer.send(0, 'attach', { name: 'twice', handle, role: true, source: source(t.queue()), target: target('x') });
    const { fields } = await Promise.race([peer.expect('end'), peer.expect('close'), peer.expect('detach')]);
    assert.ok(fields.error?.condition, 'a second attach of a live link is an error');
  }),

  'an-attach-without-a-target': beside(async (t) => {
    const client = await t.connect();
    const session = await client.session();
    const inner = session.inner.create_sender(t.unique('link'), {});
    inner.set_source({});
    inner.attach();
    const { fields } = await client.frame('in', 'detach');
    assert.deepEqual([fields.closed, fields.error.condition], [true, 'amqp:invalid-field']);
    assert.equal(client.trace.first('in', 'attach').fields.target, undefined);
  }),

  'an-unknown-message-format': beside(async (t) => {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender(queue);
    const delivery = sender.post(b.section(b.Section.Value, b.str('in a format of its own')), { format: 0x80013700 });
    const answer = await Promise.race([
      sender.outcome(delivery).then((s) => s.error, () => new Promise(() => {})),
      sender.detached().then((d) => d.error),
    ]);
    assert.equal(answer?.condition, 'amqp:not-implemented');
    await (await (await t.connect()).receiver(queue)).nothing();
  }),

  'a-tls-upgrade-header-on-the-plain-port': beside(async (t) => {
    const peer = await t.raw();
    peer.write(hex('414d5150 02 01 00 00'));
    await peer.ended();
    assert.equal(peer.received.toString('latin1', 0, 4), 'AMQP');
    assert.equal(peer.received.length, 8, 'one header the broker does speak, nothing else');
  }),

  'a-transfer-on-a-link-of-the-other-direction': beside(async (t) => {
    const peer = await (await t.raw()).establish();
    peer.send(0, 'attach', { name: 'r', handle: 0, role: true, source: source(t.queue()), target: target('x') });
    await peer.expect('attach');
    peer.send(0, 'transfer', { handle: 0, delivery_id: 0, delivery_tag: Buffer.from('x'), message_format: 0 }, b.section(b.Section.Value, b.nil));
    const { fields } = await Promise.race([peer.expect('detach'), peer.expect('end'), peer.expect('close')]);
    assert.ok(fields.error?.condition);
  }),

  'a-delivery-id-out-of-sequence': beside(async (t) => {
    const peer = await (await t.raw()).establish();
    peer.send(0, 'attach', { name: 's', handle: 0, role: false, initial_delivery_count: 0, source: source('me'), target: target(t.queue()) });
    await peer.expect('flow', (f) => f.fields.handle !== undefined);
    const body = b.section(b.Section.Value, b.str('x'));
    peer.send(0, 'transfer', { handle: 0, delivery_id: 0, delivery_tag: Buffer.from('a'), message_format: 0, more: true }, body.subarray(0, 4));
    peer.send(0, 'transfer', { handle: 0, delivery_id: 7, delivery_tag: Buffer.from('b'), message_format: 0 }, body);
    await Promise.race([peer.expect('end'), peer.expect('close'), peer.expect('detach')]);
  }),

  'a-socket-that-drops-in-the-middle-of-a-frame': beside(async (t) => {
    const peer = await (await t.raw()).establish();
    peer.write(hex('00000100 02000000 00 53 14'));
    await t.wait('the bytes to be written', new Promise((resolve) => { peer.socket.end(resolve); }));
    await peer.ended();
  }),

  'a-delivery-tag-of-33-bytes': beside(async (t) => {
    const peer = await (await t.raw()).establish();
    peer.send(0, 'attach', { name: 's', handle: 0, role: false, initial_delivery_count: 0, source: source('me'), target: target(t.queue()) });
    await peer.expect('flow', (f) => f.fields.handle !== undefined);
    peer.send(0, 'transfer', { handle: 0, delivery_id: 0, delivery_tag: Buffer.alloc(33), message_format: 0 }, b.section(b.Section.Value, b.str('x')));
    const error = await Promise.race(['detach', 'end', 'close'].map((name) => peer.expect(name).then((f) => f.fields.error)));
    assert.ok([Decode, 'amqp:invalid-field', 'amqp:not-allowed', 'amqp:illegal-state'].includes(error?.condition), error?.condition);
  }),
};
