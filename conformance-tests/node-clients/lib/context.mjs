import fs from 'node:fs';
import readline from 'node:readline';
import { CaseContext } from '../../node-shared/context.mjs';
import { Witness } from './witness.mjs';

/** What a case works with: the broker under test, addresses nobody else uses, and what has to be closed at its end. */
export class Context extends CaseContext {
  #closing = [];
  #answers;

  /** The address of a queue nobody else uses; prefix chooses one of the fixture's address rules. */
  queue(prefix = 'node') { return `${prefix}.${this.unique('q')}`; }

  get ca() { return fs.readFileSync(this.target.caFile, 'utf8'); }

  /** amqp://user:password@host:port, or without credentials. */
  uri({ anonymous = false, user = this.target.user, password = this.target.password, tls = false } = {}) {
    const login = anonymous ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
    return `${tls ? 'amqp+tls' : 'amqp'}://${login}${this.target.host}:${tls ? this.target.tlsPort : this.target.port}`;
  }

  /** A second pair of eyes: plain rhea on a connection of its own. */
  witness() { return this.closing(new Witness(this)); }

  /** Has close() of what is given called at the end of the case, last in first out. */
  closing(closable) {
    this.#closing.push(closable);
    return closable;
  }

  /**
   * Asks whoever started this process to do something to the broker: 'kill' (as kill -9) or 'start' (again, on the same
   * ports). Only cases with the profile 'mortal' may.
   */
  async broker(command) {
    this.#answers ??= readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    process.stdout.write(`@broker ${command}\n`);
    const { value, done } = await this.wait(`the broker to be ${command}ed`, this.#answers.next());
    if (done || value !== 'done') throw new Error(`nobody answers to @broker ${command}: ${value ?? 'the input ended'}`);
  }

  async closeAll() {
    for (const closable of this.#closing.reverse()) await this.wait('connections to be closed', closable.close());
  }
}

/** A queue of values that come by callback, to be taken one by one. */
export class Inbox {
  #values = [];
  #takers = [];

  constructor(context, what) {
    this.context = context;
    this.what = what;
  }

  /** How many came that nobody took. */
  get length() { return this.#values.length; }

  push = (value) => {
    const taker = this.#takers.shift();
    if (taker) taker(value);
    else this.#values.push(value);
  };

  next() {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift());
    return this.context.wait(this.what, new Promise((resolve) => { this.#takers.push(resolve); }));
  }

  async take(count) {
    const taken = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }
}
