// Every AMQP type, in every encoding width, through application-properties, message-annotations, footer and
// body. The payload is written by hand and what comes back is compared to the byte from the bare message on.
import assert from 'node:assert/strict';
import * as b from '../lib/bytes.mjs';

const { Section } = b;
const long = 'ü'.repeat(200);

/** name → encoding of every primitive type (AMQP 1.0 §1.6), edge values included. */
const primitives = {
  null: b.nil, 'true': b.yes, 'false': b.no, 'boolean true': b.bool(true), 'boolean false': b.bool(false),
  ubyte: b.ubyte(255), ushort: b.ushort(65535), uint: b.uint(4294967295), 'small uint': b.smalluint(200), uint0: b.uint0,
  'uint in the wide encoding': b.uint(1), ulong: b.ulong(18446744073709551615n), 'small ulong': b.smallulong(255), ulong0: b.ulong0,
  byte: b.byte(-128), short: b.short(-32768), int: b.int(-2147483648), 'small int': b.smallint(-1), 'int in the wide encoding': b.int(5),
  long: b.long(-9223372036854775808n), 'small long': b.smalllong(-128), 'long in the wide encoding': b.long(1),
  float: b.float(-1.5), 'float NaN with payload': Buffer.from('727fc00001', 'hex'), double: b.double(Math.PI), 'double -0': b.double(-0),
  decimal32: b.decimal(0x74, '22f8a4d1'), decimal64: b.decimal(0x84, '31c0000000000315'), decimal128: b.decimal(0x94, '30400000000000000000000000002710'),
  char: b.char(0x1f40d), 'timestamp before 1970': b.timestamp(-1), timestamp: b.timestamp(1767225600123),
  uuid: b.uuid('00112233-4455-6677-8899-aabbccddeeff'),
  binary: b.bin(Buffer.from([0, 1, 254, 255])), 'empty binary': b.bin(''), binary32: b.bin32(Buffer.from('short in the wide encoding')), 'long binary': b.bin(Buffer.alloc(1000, 7)),
  string: b.str('grüße, 世界 🐍'), 'empty string': b.str(''), string32: b.str32('short'), 'long string': b.str(long),
  symbol: b.sym('a.symbol:here'), symbol32: b.sym32('s'),
};

const composites = {
  list0: b.list0, list8: b.list(b.int(1), b.str('two'), b.nil), list32: b.list32(b.yes), 'nested list': b.list(b.list(b.list(b.uint0))),
  map8: b.map(b.sym('z'), b.int(1), b.str('a'), b.nil), 'map in its own order': b.map(b.str('b'), b.uint0, b.str('a'), b.uint0), map32: b.map32(b.int(-1), b.yes), 'empty map': b.map(),
  'array of int': b.array(b.int(1), b.int(-2)), 'array of symbol': b.array(b.sym('x'), b.sym('y')), 'array of string32': b.array32(b.str32('p'), b.str32('q')),
  'array of uuid': b.array(b.uuid('00000000000000000000000000000001')),
  'described list': b.described(b.sym('example:thing:list'), b.list(b.str('inside'), b.smallulong(3))), 'described by ulong': b.described(b.ulong(0x1234567800000001n), b.str('x')),
};

const asMap = (values, key) => Object.entries(values).flatMap(([name, encoded]) => [key(name.replaceAll(' ', '-')), encoded]);
const value = (encoded) => b.section(Section.Value, encoded);

async function through(t, ...messages) {
  const queue = t.queue();
  const sender = await (await t.connect()).sender(queue);
  for (const message of messages) await sender.accepted(Buffer.concat(message));
  const receiver = await (await t.connect()).receiver(queue);
  const back = await receiver.take(messages.length);
  for (const d of back) d.accept();
  return back;
}

async function unchanged(t, ...messages) {
  const back = await through(t, ...messages);
  back.forEach((d, i) => assert.equal(d.bare.toString('hex'), Buffer.concat(messages[i]).toString('hex'), `message ${i}`));
  return back;
}

export default {
  async 'every-primitive-as-application-property'(t) {
    await unchanged(t, [b.section(Section.ApplicationProperties, b.map32(...asMap(primitives, b.str))), value(b.nil)]);
  },

  async 'application-properties-one-type-at-a-time'(t) {
    await unchanged(t, ...Object.entries(primitives).map(([name, encoded]) => [b.section(Section.ApplicationProperties, b.map(b.str(name), encoded)), value(b.str(name))]));
  },

  async 'every-primitive-as-value-body'(t) {
    await unchanged(t, ...Object.values(primitives).map((encoded) => [value(encoded)]));
  },

  async 'every-composite-as-value-body'(t) {
    await unchanged(t, ...Object.values(composites).map((encoded) => [value(encoded)]));
  },

  async 'every-type-in-a-sequence-body'(t) {
    await unchanged(t, [b.section(Section.Sequence, b.list32(...Object.values(primitives), ...Object.values(composites)))]);
  },

  async 'several-sequence-sections'(t) {
    await unchanged(t, [b.section(Section.Sequence, b.list(b.int(1), b.int(2))), b.section(Section.Sequence, b.list0), b.section(Section.Sequence, b.list32(b.str('x')))]);
  },

  async 'one-data-section'(t) {
    const [d] = await unchanged(t, [b.section(Section.Data, b.bin(Buffer.from(Array.from({ length: 256 }, (_, i) => i))))]);
    assert.equal(d.body.content.length, 256);
  },

  async 'several-data-sections'(t) {
    const parts = [Buffer.alloc(10, 1), Buffer.alloc(0), Buffer.alloc(300, 3)];
    const [d] = await unchanged(t, parts.map((p) => b.section(Section.Data, b.bin(p))));
    assert.equal(d.body.multiple, true);
    assert.deepEqual(d.body.content, parts);
  },

  async 'section-descriptors-as-symbols-and-wide-ulongs'(t) {
    await unchanged(t,
      [b.described(b.sym('amqp:application-properties:map'), b.map(b.str('k'), b.int(1))), b.described(b.sym('amqp:data:binary'), b.bin('d'))],
      [b.described(b.ulong(Section.Data), b.bin('wide'))]);
  },

  async 'every-type-as-message-annotation'(t) {
    const entries = Object.fromEntries(Object.entries({ ...primitives, ...composites }).map(([k, v]) => [`x-opt-${k}`, v]));
    const annotations = b.section(Section.MessageAnnotations, b.map32(...asMap(entries, b.sym)));
    const [d] = await through(t, [annotations, value(b.str('annotated'))]);
    const got = d.sections.find((s) => s.code === Section.MessageAnnotations);
    assert.equal(d.bare.toString('hex'), value(b.str('annotated')).toString('hex'));
    for (const [name, encoded] of Object.entries(entries)) {
      const pair = Buffer.concat([b.sym(name.replaceAll(' ', '-')), encoded]);
      assert.ok(got.bytes.includes(pair), `${name} did not come back as it was sent`);
    }
  },

  async 'footer-is-kept'(t) {
    await unchanged(t, [value(b.str('signed')), b.section(Section.Footer, b.map(b.sym('x-signature'), b.bin(Buffer.alloc(64, 9))))]);
  },

  async 'properties-in-another-encoding-are-kept'(t) {
    const properties = b.section(Section.Properties, b.list32(b.str32('id'), b.bin32(Buffer.from('me')), b.nil, b.str('subject'), b.nil, b.nil, b.sym32('text/plain'), b.nil, b.timestamp(4102444800000), b.nil, b.nil, b.uint(7), b.nil));
    await unchanged(t, [properties, value(b.str('x'))]);
  },

  async 'an-empty-application-properties-map-is-kept'(t) {
    await unchanged(t, [b.section(Section.ApplicationProperties, b.map()), value(b.nil)], [b.section(Section.ApplicationProperties, b.map32()), value(b.nil)]);
  },

  async 'what-rhea-decodes-equals-what-it-encoded'(t) {
    const { types } = (await import('rhea')).default;
    const queue = t.queue();
    const sender = await (await t.connect()).sender(queue);
    const properties = {
      text: 'ä', yes: true, int: types.wrap_int(-5), long: types.wrap_long(1234567890123), double: 2.5, float: types.wrap_float(0.5),
      byte: types.wrap_byte(-1), short: types.wrap_short(300), when: types.wrap_timestamp(1700000000000), symbol: types.wrap_symbol('s'), char: types.wrap_char(0x41),
    };
    await sender.accepted({ application_properties: properties, body: { list: [1, 'two', null], nested: { a: true } } });
    const [d] = await (await (await t.connect()).receiver(queue)).take(1);
    assert.deepEqual({ ...d.message.application_properties }, {
      text: 'ä', yes: true, int: -5, long: 1234567890123, double: 2.5, float: 0.5, byte: -1, short: 300, when: new Date(1700000000000), symbol: 's', char: 0x41,
    });
    assert.deepEqual(JSON.parse(JSON.stringify(d.body)), { list: [1, 'two', null], nested: { a: true } });
    d.accept();
  },
};
