import fs from 'node:fs';
import { CaseContext } from '../../node-shared/context.mjs';
import { Client } from './client.mjs';
import { RawPeer } from './raw.mjs';

/** What a case works with: the broker under test, addresses of its own, and connections that end with it. */
export class Context extends CaseContext {
  #connections = [];

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
