// Cuts a message's payload into its sections (AMQP 1.0 §3.2).
import rhea from 'rhea';
import { plain } from './codec.mjs';

const { types } = rhea;
const named = ['header', 'delivery-annotations', 'message-annotations', 'properties', 'application-properties', 'data', 'amqp-sequence', 'amqp-value', 'footer'];

/** A section's code from its descriptor: a number, or a symbol such as amqp:data:binary. */
function codeOf(descriptor) {
  return typeof descriptor === 'string' ? 0x70 + named.indexOf(descriptor.split(':')[1]) : Number(descriptor);
}

/** [{ code, bytes, value }] in order; value is the section's content without rhea's wrappers. */
export function sectionsOf(payload) {
  const reader = new types.Reader(payload);
  const sections = [];
  while (reader.remaining()) {
    const start = reader.position;
    const typed = reader.read();
    sections.push({ code: codeOf(typed.descriptor.value), bytes: payload.subarray(start, reader.position), typed, value: plain({ ...typed, descriptor: undefined }) });
  }
  return sections;
}

export function sectionOf(payload, code) {
  return sectionsOf(payload).find((s) => s.code === code);
}

/** The bytes a broker has to leave alone: from properties on, or from whatever follows the annotations. */
export function bareMessage(payload) {
  const first = sectionsOf(payload).find((s) => s.code >= 0x73);
  return first ? payload.subarray(first.bytes.byteOffset - payload.byteOffset) : Buffer.alloc(0);
}
