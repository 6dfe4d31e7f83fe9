// rhea with promises: every wait is bounded by the case's time, names what it waits for, and ends when the
// connection fails.
import net from 'node:net';
import tls from 'node:tls';
import rhea from 'rhea';
import { Trace, tap } from './trace.mjs';
import { Session } from './session.mjs';

/** A link the broker refused or detached; error is the AMQP error, attach the reply that came before it. */
export class LinkError extends Error {
  constructor(what, error, attach) {
    super(`${what}: ${error ? `${error.condition} (${error.description ?? 'no description'})` : 'closed without error'}`);
    this.condition = error?.condition;
    this.description = error?.description;
    this.info = error?.info;
    this.attach = attach;
  }
}

function dial(options) {
  if (options.dial) return options.dial;
  const connect = options.transport === 'tls' ? tls.connect : net.connect;
  return (port, host, opts, connected) => connect(port, host, opts, connected);
}

/** One rhea connection with its trace. */
export class Client {
  trace = new Trace();
  failure = undefined;
  #waiters = new Set();
  #session;

  constructor(context, options) {
    this.context = context;
    const container = rhea.create_container({ id: options.container_id ?? context.unique('container') });
    container.on('error', (e) => this.#fail(e));
    const connect = dial(options);
    this.connection = container.create_connection({
      reconnect: false,
      autosettle: true,
      tcp_no_delay: true,
      ...options,
      connection_details: () => ({
        host: options.host, port: options.port, options,
        connect: (...args) => tap(connect(...args), this.trace),
      }),
    });
    for (const event of ['sender_error', 'receiver_error', 'sender_close', 'receiver_close', 'session_close']) {
      this.connection.on(event, () => {});
    }
    this.connection.on('session_error', ({ session }) => this.#abandon(new Error(`the broker ended the session: ${JSON.stringify(session.error)}`)));
    this.connection.on('connection_error', () => this.#fail(this.connection.get_error()));
    this.connection.on('connection_close', () => { this.closedByBroker = true; });
    this.connection.on('protocol_error', (e) => this.#fail(e));
    this.connection.on('disconnected', (c) => {
      this.disconnected = true;
      this.#fail(c.error ?? new Error('the broker dropped the socket without a close'));
    });
  }

  /** Connects and waits for the broker's open. */
  async open() {
    const opened = this.once(this.connection, 'connection_open', 'the broker\'s open');
    this.connection.connect();
    await opened;
    return this;
  }

  /** The broker's open, from the wire. */
  get remoteOpen() { return this.trace.first('in', 'open'); }

  #fail(error) {
    this.failure ??= error;
    this.#abandon(error);
  }

  #abandon(error) {
    for (const waiter of [...this.#waiters]) waiter(error);
  }

  /** Resolves with the context of the next event that fits; rejects when the connection fails meanwhile. */
  once(emitter, event, what, where = () => true) {
    return this.wait(what, (resolve) => {
      const listener = (context) => { if (where(context)) resolve(context); };
      emitter.on(event, listener);
      return () => emitter.removeListener(event, listener);
    });
  }

  /** start(resolve, reject) returns an optional clean-up. */
  wait(what, start) {
    return this.context.wait(what, new Promise((resolve, reject) => {
      if (this.failure) { reject(this.failure); return; }
      let cleanUp = () => {};
      const finish = (settle) => (value) => {
        this.#waiters.delete(failed);
        cleanUp();
        settle(value);
      };
      const failed = finish(reject);
      this.#waiters.add(failed);
      cleanUp = start(finish(resolve), failed) ?? cleanUp;
    }));
  }

  /** Waits for a frame on the wire, already passed or to come. */
  frame(direction, name, where) {
    return this.wait(`a ${name} frame (${direction})`, (resolve, reject) => { this.trace.waitFor(direction, name, where).then(resolve, reject); });
  }

  /** The session that sender() and receiver() use. */
  async session(bufferSize) {
    const session = new Session(this, this.connection.create_session(bufferSize ?? this.connection.session_buffer_size));
    await session.begin();
    return session;
  }

  async sender(options) { return (await this.#defaultSession()).sender(options); }

  async receiver(options) { return (await this.#defaultSession()).receiver(options); }

  async coordinator() { return (await this.#defaultSession()).coordinator(); }

  async refusedSender(options) { return (await this.#defaultSession()).refused('sender', options); }

  async refusedReceiver(options) { return (await this.#defaultSession()).refused('receiver', options); }

  #defaultSession() { return this.#session ??= this.session(); }

  /**
   * Resolves when rhea has written what it was asked to. rhea writes transfers before the dispositions that were asked for
   * earlier, and joins two neighbouring dispositions into the first one's state: where the order or the state matters,
   * what comes next has to wait.
   */
  written() { return new Promise((resolve) => { setImmediate(resolve); }); }

  /** Closes and waits for the broker's close. */
  async close() {
    if (this.closedByBroker || this.failure || !this.connection.is_open()) return;
    const closed = this.once(this.connection, 'connection_close', 'the broker\'s close');
    this.connection.close();
    await closed;
  }

  /** Cuts the socket, as a crash of the client would. */
  async drop() {
    const gone = new Promise((resolve) => { this.connection.socket.once('close', resolve); });
    this.connection.socket.destroy();
    this.failure ??= new Error('the case cut the socket');
    await this.context.wait('the socket to be gone', gone);
  }

  /** Resolves with the error the broker closed the connection with. */
  async closedWithError() {
    const close = await this.context.wait('the broker\'s close', this.trace.waitFor('in', 'close'));
    return close.fields.error;
  }

  /** End of the case: whatever state the connection is in, its socket goes away. */
  discard() {
    this.connection.set_reconnect(false);
    this.connection.removeAllListeners('disconnected');
    this.connection.on('disconnected', () => {});
    const socket = this.connection.socket;
    if (socket?.destroy) socket.destroy();
    else socket?.end();
    this.connection._disconnected();
  }
}
