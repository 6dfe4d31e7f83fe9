import assert from 'node:assert/strict';
import { plain } from './codec.mjs';
import { transactional } from './transactions.mjs';
import { bareMessage, sectionsOf } from './sections.mjs';

/** Common to both directions. */
class Link {
  constructor(session, inner, role) {
    this.session = session;
    this.client = session.client;
    this.inner = inner;
    this.role = role;
  }

  /** The broker's attach of this link, from the wire. */
  get remoteAttach() { return this.inner.attachFrame.fields; }

  get address() { return this.role === 'sender' ? this.remoteAttach.target?.address : this.remoteAttach.source?.address; }

  /** Waits for an event of this link; rejects when the link closes instead. */
  once(event, what) {
    return this.client.wait(what, (resolve, reject) => {
      const closed = (context) => reject(new Error(`the link closed while waiting for ${what}: ${JSON.stringify(context[this.role].error)}`));
      this.inner.on(event, resolve);
      this.inner.on(`${this.role}_close`, closed);
      return () => { this.inner.removeListener(event, resolve); this.inner.removeListener(`${this.role}_close`, closed); };
    });
  }

  close() { return this.#leave('close'); }

  detach() { return this.#leave('detach'); }

  /** Resolves with the detach the broker sends of its own accord or in answer. */
  detached() {
    const { seq, channel, fields: { handle } } = this.inner.attachFrame;
    return this.client.frame('in', 'detach', (f) => f.seq > seq && f.channel === channel && f.fields.handle === handle).then((f) => f.fields);
  }

  async #leave(how) {
    const closed = this.client.once(this.inner, `${this.role}_close`, `the broker's detach of ${this.inner.name}`);
    const answer = this.detached();
    this.inner[how]();
    await closed;
    return answer;
  }
}

function stateOf(delivery) {
  const state = delivery.remote_state;
  if (state === undefined || state === null) return undefined;
  if (state.constructor.composite_type) return plain({ type: {}, value: state.value, descriptor: { value: state.constructor.descriptor.numeric } });
  return plain(state);
}

/** The outcome of one send: state 'accepted', 'rejected', …; its fields; whether the broker settled it. */
export class Sender extends Link {
  #waiting = new Map();

  constructor(session, inner) {
    super(session, inner, 'sender');
    for (const event of ['accepted', 'rejected', 'released', 'modified', 'settled']) {
      inner.on(event, ({ delivery }) => this.#update(delivery));
    }
  }

  /** Hands the message to rhea without waiting. options: tag, format, settled, txn. Returns rhea's delivery. */
  post(message, options = {}) {
    const raw = Buffer.isBuffer(message);
    const delivery = this.inner.send(message, options.tag, raw ? options.format ?? 0 : undefined);
    if (options.settled) delivery.settled = true;
    if (options.txn) transactional(this.session.inner, delivery, options.txn);
    return delivery;
  }

  /** Sends and resolves with the settled state the broker gave it; at once for a message sent settled. */
  send(message, options = {}) {
    const delivery = this.post(message, options);
    return delivery.settled ? Promise.resolve(undefined) : this.outcome(delivery);
  }

  /** Resolves with the terminal state of a posted delivery, once settled by the broker. */
  outcome(delivery) {
    return this.client.wait(`the outcome of delivery ${delivery.id}`, (resolve, reject) => {
      const closed = ({ sender }) => reject(new Error(`the link closed before delivery ${delivery.id} was settled: ${JSON.stringify(sender.error)}`));
      this.inner.on('sender_close', closed);
      if (delivery.remote_settled) resolve(stateOf(delivery));
      else this.#waiting.set(delivery, resolve);
      return () => { this.inner.removeListener('sender_close', closed); this.#waiting.delete(delivery); };
    });
  }

  /** Sends and insists on accepted. */
  async accepted(message, options) {
    const state = await this.send(message, options);
    assert.equal((state?.type === 'transactional_state' ? state.outcome : state)?.type, 'accepted', `outcome of the send was ${JSON.stringify(state)}`);
    return state;
  }

  /** Sends all, in order, at the pace of the broker's credit, and insists on accepted for each unsettled one. */
  async acceptedAll(messages, options) {
    const outcomes = [];
    for (const message of messages) {
      await this.sendable();
      outcomes.push(this.accepted(message, options));
    }
    await Promise.all(outcomes);
  }

  /** Resolves when the link has credit and rhea has room. */
  sendable() {
    if (this.inner.sendable()) return Promise.resolve();
    return this.once('sendable', `credit for ${this.inner.name}`);
  }

  #update(delivery) {
    if (delivery.remote_settled) this.#waiting.get(delivery)?.(stateOf(delivery));
  }
}

/** One delivery that arrived: message (as rhea decoded it), raw payload, and the means to settle it. */
export class Delivery {
  constructor(receiver, context, payload) {
    this.receiver = receiver;
    this.inner = context.delivery;
    this.message = context.message;
    this.payload = payload;
  }

  get id() { return this.inner.id; }

  get body() { return this.message.body; }

  get bare() { return bareMessage(this.payload); }

  get sections() { return sectionsOf(this.payload); }

  /** header.delivery-count: how often delivering it failed before; absent means 0 (AMQP 1.0 §3.2.1). */
  get deliveryCount() { return this.message.delivery_count ?? 0; }

  get firstAcquirer() { return this.message.first_acquirer ?? false; }

  get annotations() { return this.message.message_annotations ?? {}; }

  accept() { this.inner.accept(); return this; }

  reject(error) { this.inner.reject(error); return this; }

  release() { this.inner.release(); return this; }

  modify(fields) { this.inner.modified(fields); return this; }

  /** Any state, settled or not. */
  update(settled, state) { this.inner.update(settled, state); return this; }

  /** Resolves when the broker settles this delivery. */
  settled() {
    return this.receiver.client.wait(`the broker to settle delivery ${this.id}`, (resolve) => {
      if (this.inner.remote_settled) { resolve(this.inner); return undefined; }
      const listener = ({ delivery }) => { if (delivery === this.inner) resolve(delivery); };
      this.receiver.inner.on('settled', listener);
      return () => this.receiver.inner.removeListener('settled', listener);
    });
  }
}

export class Receiver extends Link {
  /** Deliveries that arrived and were not taken yet. */
  arrived = [];
  total = 0;
  #wake = new Set();

  constructor(session, inner) {
    super(session, inner, 'receiver');
    inner.on('message', (context) => this.#onMessage(context));
  }

  credit(n) {
    this.inner.add_credit(n);
    return this;
  }

  /** Takes the next delivery, waiting for it. Credit has to be out. */
  async next() {
    if (this.arrived.length === 0) await this.#until(() => this.arrived.length > 0, `a message from ${this.address}`);
    return this.arrived.shift();
  }

  /** Grants n credit and takes n deliveries. */
  async take(n) {
    this.credit(n);
    const taken = [];
    while (taken.length < n) taken.push(await this.next());
    return taken;
  }

  /** Grants n credit, takes n deliveries and accepts each; returns their bodies. */
  async bodies(n) {
    const taken = await this.take(n);
    for (const d of taken) d.accept();
    return taken.map((d) => d.body);
  }

  /** Drains: asks for what is there, waits for the broker to use the credit up, and takes what came. */
  async drain() {
    const drained = this.once('receiver_drained', `the drained flow of ${this.address}`);
    this.inner.drain_credit();
    await drained;
    this.inner.drain = false;
    return this.arrived.splice(0);
  }

  /** Takes everything there is, up to n, without waiting for more. */
  takeAvailable(n = 1000) { return this.credit(n).drain(); }

  /** Insists that nothing is there for this link. */
  async nothing(why) {
    const there = await this.credit(1).drain();
    assert.deepEqual(there.map((d) => d.body), [], why ?? 'a message arrived where none should');
  }

  /** Waits until that many deliveries have arrived on this link in all. */
  reached(total) { return this.#until(() => this.total >= total, `${total} deliveries on ${this.address}`); }

  #until(condition, what) {
    return this.client.wait(what, (resolve, reject) => {
      const check = () => { if (condition()) resolve(); };
      const closed = ({ receiver }) => reject(new Error(`the link closed while waiting for ${what}: ${JSON.stringify(receiver.error)}`));
      this.#wake.add(check);
      this.inner.on('receiver_close', closed);
      check();
      return () => { this.#wake.delete(check); this.inner.removeListener('receiver_close', closed); };
    });
  }

  #onMessage(context) {
    const channel = this.session.inner.remote.channel;
    const payload = this.client.trace.takePayload(channel, context.delivery.id);
    this.total++;
    this.arrived.push(new Delivery(this, context, payload));
    for (const check of [...this.#wake]) check();
  }
}
