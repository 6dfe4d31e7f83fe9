import crypto from 'node:crypto';
import fs from 'node:fs';
import { Client } from './client.mjs';
import { RawPeer } from './raw.mjs';

/** What a case works with: the broker under test, addresses of its own, and connections that end with it. */
export class Context {
  #connections = [];
  #waits = new Map();
  #counter = 0;
  #failed;
  #fail;

  constructor(target, name) {
    this.target = target;
    this.name = name;
    this.run = crypto.randomBytes(4).toString('hex');
    this.#failed = new Promise((_, reject) => { this.#fail = reject; });
    this.#failed.catch(() => {});
  }

  unique(what) { return `${what}-${this.run}-${++this.#counter}`; }

  /** The address of a queue nobody else uses. */
  queue(what = 'queue') {
    return this.target.brokerKind === 'rabbitmq' ? `/queue/${this.unique(what)}` : this.unique(`rhea.${what}`);
  }

  /** A topic's bare name; clients say what it is by capability or by the prefix topic://. */
  topic(what = 'topic') { return this.unique(`rhea.${what}`); }

  /** A queue whose messages are dead-lettered after three failed deliveries (the fixture's address rule). */
  retryQueue() { return `retry.${this.unique('queue')}`; }

  /** Options that reach the plain port; anonymous and without SASL unless a user name is given. */
  options(overrides = {}) {
    return { host: this.target.host, port: this.target.port, ...this.target.connect, ...overrides };
  }

  /** The same over TLS, trusting the fixture's authority. */
  tlsOptions(overrides = {}) {
    return this.options({ port: this.target.tlsPort, transport: 'tls', servername: 'localhost', ca: [fs.readFileSync(this.target.caFile)], ...overrides });
  }

  credentials() { return { username: this.target.user, password: this.target.password }; }

  client(overrides) {
    const client = new Client(this, this.options(overrides));
    this.#connections.push(client);
    return client;
  }

  /** A client that is open. */
  connect(overrides) { return this.client(overrides).open(); }

  async raw(port = this.target.port) {
    const peer = await RawPeer.connect(this, port);
    this.#connections.push(peer);
    return peer;
  }

  /** Awaits a promise, but no longer than the case may take; what is named when time runs out. */
  async wait(what, promise) {
    const key = Symbol(what);
    this.#waits.set(key, what);
    try {
      return await Promise.race([promise, this.#failed]);
    } finally {
      this.#waits.delete(key);
    }
  }

  expire(seconds) {
    const waits = [...this.#waits.values()].filter(Boolean);
    this.#fail(new Error(`took longer than ${seconds} s${waits.length ? `; was waiting for ${[...new Set(waits)].join(', ')}` : ''}`));
  }

  /** Closes what is open in good order, then cuts what is left. */
  async closeAll() {
    try {
      for (const c of this.#connections) await c.close();
    } finally {
      this.discard();
    }
  }

  discard() { for (const c of this.#connections) c.discard(); }

  traces(lines) {
    return this.#connections.map((c, i) => `frame trace of connection ${i + 1} (last ${lines}):\n${c.trace.tail(lines)}`).join('\n');
  }
}
