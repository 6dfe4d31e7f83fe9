// A bare socket that speaks frames by hand, for what a well-behaved client never sends.
import net from 'node:net';
import { frames } from './frames.mjs';
import { Trace } from './trace.mjs';

export const AmqpHeader = Buffer.from('414d515000010000', 'hex');
export const SaslHeader = Buffer.from('414d515003010000', 'hex');

export class RawPeer {
  trace = new Trace();
  closed = false;
  received = Buffer.alloc(0);

  constructor(context, socket) {
    this.context = context;
    this.socket = socket;
    socket.on('data', (data) => {
      if (this.received.length < 4096) this.received = Buffer.concat([this.received, data]);
      this.trace.push('in', data);
    });
    this.gone = new Promise((resolve) => {
      socket.on('close', () => { this.closed = true; resolve(); });
    });
    socket.on('error', () => {});
  }

  static async connect(context, port) {
    const socket = net.connect(port, context.target.host);
    const peer = new RawPeer(context, socket);
    await context.wait('a TCP connection', new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('error', reject); }));
    return peer;
  }

  /** Header, open and begin, in one write, as a pipelining client does. */
  async establish(open = {}, begin = {}) {
    this.write(Buffer.concat([
      AmqpHeader,
      this.encode(0, 'open', { container_id: this.context.unique('raw'), ...open }),
      this.encode(0, 'begin', { next_outgoing_id: 0, incoming_window: 2048, outgoing_window: 2048, ...begin }),
    ]));
    await this.expect('open');
    await this.expect('begin');
    return this;
  }

  encode(channel, name, fields, payload) { return frames.write_frame(frames.amqp_frame(channel, frames[name](fields), payload)); }

  send(channel, name, fields, payload) { this.write(this.encode(channel, name, fields, payload)); }

  /** An AMQP frame with any bytes as its body. */
  frame(channel, body, type = 0) {
    const head = Buffer.from([0, 0, 0, 0, 2, type, channel >> 8, channel & 255]);
    head.writeUInt32BE(8 + body.length);
    this.write(Buffer.concat([head, body]));
  }

  write(bytes) { this.socket.write(bytes); }

  /** The next (or an earlier) frame of that name from the broker. */
  expect(name, where) {
    return this.context.wait(`a ${name} frame`, Promise.race([
      this.trace.waitFor('in', name, where),
      this.gone.then(() => { throw new Error(`the broker closed the socket before a ${name} frame came`); }),
    ]));
  }

  /** Resolves when the broker has closed the socket. */
  ended() { return this.context.wait('the broker to close the socket', this.gone); }

  async close() { this.discard(); }

  discard() { this.socket.destroy(); }
}
