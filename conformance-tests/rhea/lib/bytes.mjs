// AMQP encodings written out by hand (AMQP 1.0 §1.6), for payloads that must be exact to the byte and for
// what rhea cannot encode itself (described values inside a section).

const wide = (write, width) => (code, value) => {
  const b = Buffer.alloc(1 + width);
  b[0] = code;
  b[write](value, 1);
  return b;
};

const u8 = wide('writeUInt8', 1);
const i8 = wide('writeInt8', 1);
const u16 = wide('writeUInt16BE', 2);
const i16 = wide('writeInt16BE', 2);
const u32 = wide('writeUInt32BE', 4);
const i32 = wide('writeInt32BE', 4);
const u64 = wide('writeBigUInt64BE', 8);
const i64 = wide('writeBigInt64BE', 8);

function variable(code8, code32, content) {
  return content.length < 256
    ? Buffer.concat([Buffer.from([code8, content.length]), content])
    : Buffer.concat([u32(code32, content.length), content]);
}

function compound(code8, code32, items, prefix = Buffer.alloc(0)) {
  const body = Buffer.concat([prefix, ...items.content]);
  if (!items.wide && body.length < 255 && items.count < 256) {
    return Buffer.concat([Buffer.from([code8, body.length + 1, items.count]), body]);
  }
  const head = Buffer.alloc(9);
  head[0] = code32;
  head.writeUInt32BE(body.length + 4, 1);
  head.writeUInt32BE(items.count, 5);
  return Buffer.concat([head, body]);
}

export const nil = Buffer.from([0x40]);
export const yes = Buffer.from([0x41]);
export const no = Buffer.from([0x42]);
export const bool = (v) => Buffer.from([0x56, v ? 1 : 0]);
export const ubyte = (v) => u8(0x50, v);
export const ushort = (v) => u16(0x60, v);
export const uint = (v) => u32(0x70, v);
export const smalluint = (v) => u8(0x52, v);
export const uint0 = Buffer.from([0x43]);
export const ulong = (v) => u64(0x80, BigInt(v));
export const smallulong = (v) => u8(0x53, v);
export const ulong0 = Buffer.from([0x44]);
export const byte = (v) => i8(0x51, v);
export const short = (v) => i16(0x61, v);
export const int = (v) => i32(0x71, v);
export const smallint = (v) => i8(0x54, v);
export const long = (v) => i64(0x81, BigInt(v));
export const smalllong = (v) => i8(0x55, v);
export const float = (v) => wide('writeFloatBE', 4)(0x72, v);
export const double = (v) => wide('writeDoubleBE', 8)(0x82, v);
export const decimal = (code, hex) => Buffer.from(code.toString(16) + hex, 'hex');
export const char = (codePoint) => u32(0x73, codePoint);
export const timestamp = (ms) => i64(0x83, BigInt(ms));
export const uuid = (hex) => Buffer.from(`98${hex.replaceAll('-', '')}`, 'hex');
export const bin = (v) => variable(0xa0, 0xb0, Buffer.from(v));
export const bin32 = (v) => Buffer.concat([u32(0xb0, v.length), Buffer.from(v)]);
export const str = (v) => variable(0xa1, 0xb1, Buffer.from(v, 'utf8'));
export const str32 = (v) => Buffer.concat([u32(0xb1, Buffer.byteLength(v)), Buffer.from(v, 'utf8')]);
export const sym = (v) => variable(0xa3, 0xb3, Buffer.from(v, 'ascii'));
export const sym32 = (v) => Buffer.concat([u32(0xb3, v.length), Buffer.from(v, 'ascii')]);
export const list0 = Buffer.from([0x45]);
export const list = (...items) => compound(0xc0, 0xd0, { content: items, count: items.length });
export const list32 = (...items) => compound(0xc0, 0xd0, { content: items, count: items.length, wide: true });
/** Keys and values in turn. */
export const map = (...items) => compound(0xc1, 0xd1, { content: items, count: items.length });
export const map32 = (...items) => compound(0xc1, 0xd1, { content: items, count: items.length, wide: true });
/** Elements given whole; their shared constructor byte is taken off each. */
export const array = (...items) => compound(0xe0, 0xf0, { content: items.map((i) => i.subarray(1)), count: items.length }, items[0].subarray(0, 1));
export const array32 = (...items) => compound(0xe0, 0xf0, { content: items.map((i) => i.subarray(1)), count: items.length, wide: true }, items[0].subarray(0, 1));
export const described = (descriptor, value) => Buffer.concat([Buffer.from([0x00]), descriptor, value]);
export const section = (code, value) => described(smallulong(code), value);

export const Section = Object.freeze({
  Header: 0x70, DeliveryAnnotations: 0x71, MessageAnnotations: 0x72, Properties: 0x73, ApplicationProperties: 0x74,
  Data: 0x75, Sequence: 0x76, Value: 0x77, Footer: 0x78,
});
