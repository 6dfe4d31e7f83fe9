// A tap beside rhea's socket: every frame of both directions, as it lay on the wire.
import { EventEmitter } from 'node:events';
import { decodeFrame, formatFrame } from './codec.mjs';

const MaxFrames = 20_000;
const PartialsKept = 32;

/** Cuts a byte stream into the 8-byte protocol headers and frames it consists of. */
export class FrameCutter {
  #pending = Buffer.alloc(0);
  #chunks = [];
  #wanted = 8;
  #gathered = 0;

  /** Calls onHeader(bytes) or onFrame(bytes) for each complete piece. */
  push(bytes, onHeader, onFrame) {
    this.#chunks.push(bytes);
    this.#gathered += bytes.length;
    if (this.#gathered < this.#wanted) return;
    this.#pending = this.#chunks.length === 1 ? bytes : Buffer.concat(this.#chunks);
    let offset = 0;
    for (;;) {
      const left = this.#pending.length - offset;
      if (left < 8) { this.#wanted = 8; break; }
      if (this.#pending.toString('latin1', offset, offset + 4) === 'AMQP') {
        onHeader(this.#pending.subarray(offset, offset + 8));
        offset += 8;
        continue;
      }
      const size = this.#pending.readUInt32BE(offset);
      if (size < 8) throw new Error(`the broker sent a frame of size ${size}`);
      if (left < size) { this.#wanted = size; break; }
      onFrame(this.#pending.subarray(offset, offset + size));
      offset += size;
    }
    this.#chunks = offset === this.#pending.length ? [] : [this.#pending.subarray(offset)];
    this.#gathered = this.#pending.length - offset;
  }
}

/**
 * The frames of one connection. Emits 'frame' (direction, frame) as they pass. Kept bounded: of the transfers
 * with more=true only the first 32 are stored, and payloads above 256 bytes are cut; counts stay exact.
 */
export class Trace extends EventEmitter {
  frames = [];
  count = { in: 0, out: 0 };
  largest = { in: 0, out: 0 };
  bytes = { in: 0, out: 0 };
  #cutters = { in: new FrameCutter(), out: new FrameCutter() };
  /** How many frames and headers have passed, in both directions; each frame's seq says when it did. */
  seq = 0;
  #partials = 0;
  #assembling = new Map();
  #complete = new Map();

  push(direction, bytes) {
    this.bytes[direction] += bytes.length;
    this.#cutters[direction].push(bytes,
      (header) => this.#store(direction, { header: header.toString('hex'), name: 'header', fields: { protocol: header[4] } }),
      (frame) => this.#onFrame(direction, decodeFrame(frame)));
  }

  /** Frames of one direction and name, in order, optionally narrowed by a predicate on the frame. */
  all(direction, name, where = () => true) {
    return this.frames.filter((f) => f.direction === direction && f.name === name && where(f));
  }

  first(direction, name, where) { return this.all(direction, name, where)[0]; }

  last(direction, name, where) { return this.all(direction, name, where).at(-1); }

  /** Resolves with the first frame, already passed or still to come, that fits. */
  waitFor(direction, name, where = () => true) {
    const seen = this.first(direction, name, where);
    if (seen) return Promise.resolve(seen);
    return new Promise((resolve) => {
      const listener = (d, frame) => {
        if (d !== direction || frame.name !== name || !where(frame)) return;
        this.off('frame', listener);
        resolve(frame);
      };
      this.on('frame', listener);
    });
  }

  /** Resolves when that many frames of that name have passed. */
  waitForCount(direction, name, count) {
    return this.waitFor(direction, name, (frame) => this.all(direction, name).length + (this.frames.includes(frame) ? 0 : 1) >= count);
  }

  /** The whole payload of a delivery that arrived, by session channel and delivery-id; given out once. */
  takePayload(channel, deliveryId) {
    const key = `${channel}/${deliveryId}`;
    const payload = this.#complete.get(key);
    this.#complete.delete(key);
    return payload;
  }

  tail(lines = 60) {
    return this.frames.slice(-lines).map((f) => `  ${formatFrame(f.direction, f)}`).join('\n');
  }

  #onFrame(direction, frame) {
    frame.seq = ++this.seq;
    this.count[direction]++;
    this.largest[direction] = Math.max(this.largest[direction], frame.size);
    if (frame.name === 'transfer' && direction === 'in') this.#assemble(frame);
    const stored = frame.name !== 'transfer' || !frame.fields.more || this.#partials++ < PartialsKept;
    if (stored) this.#store(direction, frame);
    else this.emit('frame', direction, frame);
  }

  #store(direction, frame) {
    frame.direction = direction;
    this.emit('frame', direction, frame);
    if (frame.payload && frame.payload.length > 256) {
      frame.payloadLength = frame.payload.length;
      frame.payload = Buffer.from(frame.payload.subarray(0, 256));
    }
    this.frames.push(frame);
    if (this.frames.length > MaxFrames) this.frames.splice(0, MaxFrames / 2);
  }

  #assemble(frame) {
    const link = `${frame.channel}/${frame.fields.handle}`;
    const open = this.#assembling.get(link) ?? { id: frame.fields.delivery_id, parts: [] };
    if (frame.payload) open.parts.push(frame.payload);
    if (frame.fields.more) {
      this.#assembling.set(link, open);
      return;
    }
    this.#assembling.delete(link);
    this.#complete.set(`${frame.channel}/${open.id}`, open.parts.length === 1 ? open.parts[0] : Buffer.concat(open.parts));
  }
}

/** Puts the trace between rhea and a socket (a net/tls socket or rhea's WebSocket wrapper). */
export function tap(socket, trace) {
  const write = socket.write.bind(socket);
  socket.write = (data, ...rest) => {
    trace.push('out', Buffer.from(data));
    return write(data, ...rest);
  };
  const on = socket.on.bind(socket);
  socket.on = (event, handler) => on(event, event !== 'data' ? handler : (data) => {
    trace.push('in', Buffer.from(data));
    handler(data);
  });
  return socket;
}
