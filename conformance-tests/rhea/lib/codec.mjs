// Frames as plain objects. rhea's own reader does the decoding, so a case sees what rhea saw; the field
// names are those of the specification (AMQP 1.0 §2.7, §2.8, §3.4, §3.5, §4.5, §5.3) with '-' as '_'.
import rhea from 'rhea';

const { types } = rhea;

const composites = new Map(Object.entries({
  0x10: ['open', 'container_id hostname max_frame_size channel_max idle_time_out outgoing_locales incoming_locales offered_capabilities desired_capabilities properties'],
  0x11: ['begin', 'remote_channel next_outgoing_id incoming_window outgoing_window handle_max offered_capabilities desired_capabilities properties'],
  0x12: ['attach', 'name handle role snd_settle_mode rcv_settle_mode source target unsettled incomplete_unsettled initial_delivery_count max_message_size offered_capabilities desired_capabilities properties'],
  0x13: ['flow', 'next_incoming_id incoming_window next_outgoing_id outgoing_window handle delivery_count link_credit available drain echo properties'],
  0x14: ['transfer', 'handle delivery_id delivery_tag message_format settled more rcv_settle_mode state resume aborted batchable'],
  0x15: ['disposition', 'role first last settled state batchable'],
  0x16: ['detach', 'handle closed error'],
  0x17: ['end', 'error'],
  0x18: ['close', 'error'],
  0x1d: ['error', 'condition description info'],
  0x23: ['received', 'section_number section_offset'],
  0x24: ['accepted', ''],
  0x25: ['rejected', 'error'],
  0x26: ['released', ''],
  0x27: ['modified', 'delivery_failed undeliverable_here message_annotations'],
  0x28: ['source', 'address durable expiry_policy timeout dynamic dynamic_node_properties distribution_mode filter default_outcome outcomes capabilities'],
  0x29: ['target', 'address durable expiry_policy timeout dynamic dynamic_node_properties capabilities'],
  0x2b: ['delete_on_close', ''],
  0x2c: ['delete_on_no_links', ''],
  0x2d: ['delete_on_no_messages', ''],
  0x2e: ['delete_on_no_links_or_messages', ''],
  0x30: ['coordinator', 'capabilities'],
  0x33: ['declared', 'txn_id'],
  0x34: ['transactional_state', 'txn_id outcome'],
  0x40: ['sasl_mechanisms', 'sasl_server_mechanisms'],
  0x41: ['sasl_init', 'mechanism initial_response hostname'],
  0x42: ['sasl_challenge', 'challenge'],
  0x43: ['sasl_response', 'response'],
  0x44: ['sasl_outcome', 'code additional_data'],
}).map(([code, [name, fields]]) => [Number(code), { name, fields: fields ? fields.split(' ') : [] }]));

const codeByName = new Map([...composites].map(([code, { name }]) => [`amqp:${name.replaceAll('_', '-')}:list`, code]));

function compositeOf(descriptor) {
  const code = typeof descriptor === 'string' ? codeByName.get(descriptor) : Number(descriptor);
  return composites.get(code);
}

/** A decoded value without rhea's wrappers: a known composite becomes { type, ...fields }, null fields left out. */
export function plain(typed) {
  if (typed === undefined || typed === null) return typed;
  if (Array.isArray(typed)) return typed.map(plain);
  if (typed.type === undefined || typed.value === undefined) return typed;
  if (typed.descriptor) {
    const composite = compositeOf(typed.descriptor.value);
    return composite ? fieldsOf(composite, typed.value) : { descriptor: typed.descriptor.value, value: plainValue(typed) };
  }
  return plainValue(typed);
}

function plainValue(typed) {
  if (types.is_map(typed)) {
    const result = {};
    for (let i = 0; i + 1 < typed.value.length; i += 2) result[plain(typed.value[i])] = plain(typed.value[i + 1]);
    return result;
  }
  return Array.isArray(typed.value) ? typed.value.map(plain) : typed.value;
}

function fieldsOf(composite, values) {
  const result = { type: composite.name };
  composite.fields.forEach((field, i) => {
    const value = plain(values[i]);
    if (value !== undefined && value !== null) result[field] = value;
  });
  return result;
}

/** 'symbol', 'string', 'uint', … of a raw value, to tell a symbol from a string where a client's behaviour hangs on it. */
export function kindOf(typed) {
  return typed?.type?.name?.replace(/[0-9]+$/, '').replace(/^Small/, '').toLowerCase().replace('sym', 'symbol').replace(/^str$/, 'string');
}

/**
 * Decodes one whole frame (size prefix included) to { size, channel, type, name, fields, typed, payload }.
 * name is 'empty' for a heartbeat; typed holds rhea's own value of each field.
 */
export function decodeFrame(bytes) {
  const frame = { size: bytes.length, type: bytes[5], channel: bytes.readUInt16BE(6), name: 'empty', fields: {}, typed: {} };
  const reader = new types.Reader(bytes);
  reader.skip(bytes[4] * 4);
  if (reader.remaining() === 0) return frame;
  const performative = reader.read();
  const composite = compositeOf(performative.descriptor.value);
  frame.name = composite ? composite.name : `unknown(${performative.descriptor.value})`;
  frame.fields = plain(performative);
  composite?.fields.forEach((field, i) => { frame.typed[field] = performative.value[i]; });
  if (reader.remaining()) frame.payload = reader.read_bytes(reader.remaining());
  return frame;
}

function show(value) {
  return JSON.stringify(value, (key, v) => {
    if (key === 'type' || v === undefined) return v;
    if (v && v.type === 'Buffer' && Array.isArray(v.data)) {
      const hex = Buffer.from(v.data.slice(0, 40)).toString('hex');
      return v.data.length > 40 ? `0x${hex}… (${v.data.length} bytes)` : `0x${hex}`;
    }
    return v;
  });
}

/** One line of a frame trace. */
export function formatFrame(direction, frame) {
  const arrow = direction === 'in' ? '<-' : '->';
  if (frame.header) return `${arrow} header ${frame.header}`;
  const { type: _, ...fields } = frame.fields;
  const payload = frame.payload ? ` payload ${frame.payloadLength ?? frame.payload.length} bytes ${frame.payload.subarray(0, 48).toString('hex')}` : '';
  return `${arrow} ch${frame.channel} ${frame.name} ${show(fields)}${payload}`;
}
