import assert from 'node:assert/strict';
import rhea from 'rhea';
import * as b from '../lib/bytes.mjs';
import { sectionOf } from '../lib/sections.mjs';

const { types } = rhea;
const { Section } = b;

async function through(t, message) {
  const queue = t.queue();
  const sender = await (await t.connect()).sender(queue);
  await sender.accepted(message);
  const [d] = await (await (await t.connect()).receiver(queue)).take(1);
  d.accept();
  return d;
}

export default {
  async 'all-properties-fields'(t) {
    const properties = {
      message_id: 'id-1', user_id: Buffer.from('guest'), to: 'somewhere/else', subject: 'a subject', reply_to: 'replies', correlation_id: 'c-1',
      content_type: 'text/plain', content_encoding: 'identity', absolute_expiry_time: new Date(4102444800000), creation_time: new Date(1700000000123),
      group_id: 'g', group_sequence: 4294967295, reply_to_group_id: 'rg',
    };
    const d = await through(t, { ...properties, body: 'x' });
    for (const [name, expected] of Object.entries(properties)) {
      if (name !== 'user_id') assert.deepEqual(d.message[name], expected, name);
    }
    assert.equal(Buffer.from(d.message.user_id).toString(), 'guest');
  },

  async 'message-id-of-each-type'(t) {
    const ids = { string: b.str('ID:text'), ulong: b.ulong(18446744073709551615n), smallulong: b.smallulong(1), uuid: b.uuid('0123456789abcdef0123456789abcdef'), binary: b.bin(Buffer.from([0, 1, 2])) };
    for (const [kind, id] of Object.entries(ids)) {
      const properties = b.section(Section.Properties, b.list(id, b.nil, b.nil, b.nil, b.nil, id));
      const d = await through(t, Buffer.concat([properties, b.section(Section.Value, b.str(kind))]));
      assert.equal(sectionOf(d.payload, Section.Properties).bytes.toString('hex'), properties.toString('hex'), kind);
    }
  },

  async 'a-message-without-a-body'(t) {
    const properties = b.section(Section.Properties, b.list(b.str('no body')));
    const d = await through(t, properties);
    assert.equal(d.bare.toString('hex'), properties.toString('hex'));
    assert.equal(d.body, undefined);
  },

  async 'durable-and-priority-come-through'(t) {
    const d = await through(t, { durable: true, priority: 7, body: 'x' });
    assert.equal(d.message.durable, true);
    assert.equal(d.message.priority, 7);
  },

  async 'a-message-that-was-not-durable-does-not-become-so'(t) {
    const d = await through(t, { durable: false, body: 'x' });
    assert.ok(!d.message.durable);
  },

  async 'a-header-sent-with-another-delivery-count-starts-at-zero'(t) {
    const d = await through(t, { delivery_count: 5, first_acquirer: false, body: 'x' });
    assert.equal(d.deliveryCount, 0);
    assert.equal(d.firstAcquirer, true);
  },

  async 'message-annotations-are-forwarded'(t) {
    const d = await through(t, { message_annotations: { 'x-opt-jms-msg-type': types.wrap_byte(5), 'x-opt-text': 'kept' }, body: 'x' });
    const raw = sectionOf(d.payload, Section.MessageAnnotations).bytes;
    assert.ok(raw.includes(Buffer.concat([b.sym('x-opt-jms-msg-type'), b.byte(5)])), 'still a byte, or Qpid JMS throws');
    assert.equal(d.annotations['x-opt-text'], 'kept');
  },

  async 'delivery-annotations-go-one-hop-only'(t) {
    const d = await through(t, { delivery_annotations: { 'x-opt-hop': 'first' }, body: 'x' });
    assert.equal(d.message.delivery_annotations?.['x-opt-hop'], undefined);
    assert.equal(d.body, 'x');
  },

  async 'an-empty-value-body-of-null'(t) {
    const d = await through(t, b.section(Section.Value, b.nil));
    assert.equal(d.bare.toString('hex'), '00537740');
    assert.equal(d.body, null);
  },

  async 'unicode-in-subject-and-body'(t) {
    const text = 'Zażółć gęślą jaźń — 漢字 🐍';
    const d = await through(t, { subject: text, body: text });
    assert.equal(d.message.subject, text);
    assert.equal(d.body, text);
  },

  async 'sections-in-the-wrong-order-are-refused-on-that-message-only'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender(queue);
    const bad = Buffer.concat([b.section(Section.Value, b.str('body first')), b.section(Section.Properties, b.list(b.str('late')))]);
    const state = await sender.send(bad).catch((e) => ({ type: 'detached', e }));
    assert.ok(['rejected', 'detached'].includes(state.type), `a malformed message was answered with ${state.type}`);
    const again = await (await t.connect()).sender(queue);
    await again.accepted({ body: 'well formed' });
    const receiver = await (await t.connect()).receiver(queue);
    assert.deepEqual(await receiver.bodies(1), ['well formed']);
    await receiver.nothing();
  },

  async 'bodies-of-many-sizes-around-the-frame-size'(t) {
    const queue = t.queue();
    const client = await t.connect({ max_frame_size: 1024 });
    const sender = await client.sender(queue);
    const sizes = [0, 1, 255, 256, 400, 900, 950, 960, 970, 980, 990, 1000, 1010, 1016, 1024, 1025, 2048, 5000, 65535, 65536, 200_000];
    for (const size of sizes) await sender.accepted({ body: rhea.message.data_section(Buffer.alloc(size, size % 251)) });
    const receiver = await client.receiver(queue);
    const back = await receiver.take(sizes.length);
    back.forEach((d, i) => {
      assert.equal(d.body.content.length, sizes[i]);
      assert.ok(d.body.content.every((byte) => byte === sizes[i] % 251), `content of ${sizes[i]} bytes`);
      d.accept();
    });
    assert.ok(client.trace.largest.in <= 1024, `a frame of ${client.trace.largest.in} bytes came`);
  },

  'annotations-that-the-broker-does-not-know-end-the-link-where-it-is-set-so': {
    profile: 'secured',
    async run(t) {
      const queue = t.queue();
      const client = await t.connect(t.credentials());
      for (const kind of ['message_annotations', 'delivery_annotations']) {
        const sender = await client.sender(queue);
        await sender.sendable();
        sender.post({ [kind]: { mine: 1 }, body: 'refused' });
        const { error } = await sender.detached();
        assert.equal(error.condition, 'amqp:not-implemented');
        assert.match(error.description, /mine/);
      }
      await (await client.sender(queue)).accepted({ message_annotations: { 'x-opt-mine': 1 }, body: 'taken' });
      assert.deepEqual(await (await client.receiver(queue)).bodies(1), ['taken']);
    },
  },
};
