import { LinkError } from './client.mjs';
import { Sender, Receiver } from './links.mjs';
import { Coordinator, carryTransactionalState } from './transactions.mjs';

/** One rhea session. */
export class Session {
  constructor(client, inner) {
    this.client = client;
    this.inner = inner;
    carryTransactionalState(inner);
  }

  async begin() {
    const opened = this.client.once(this.inner, 'session_open', 'the broker\'s begin');
    this.inner.begin();
    await opened;
  }

  /** Ends the session and waits for the broker's end. */
  async end() {
    const ended = this.client.once(this.inner, 'session_close', 'the broker\'s end');
    this.inner.close();
    await ended;
  }

  /** Resolves with the error of the end the broker sends. */
  async endedWithError() {
    const channel = () => this.inner.remote.channel;
    const end = await this.client.frame('in', 'end', (f) => f.channel === channel());
    return end.fields.error;
  }

  async sender(options) {
    const sender = new Sender(this, this.#attach('sender', options));
    await this.#opened('sender', sender.inner);
    return sender;
  }

  /** credit: how much to grant at once, 0 by default; then nothing is granted but by receiver.credit(n). */
  async receiver(options) {
    const { credit = 0, ...rest } = typeof options === 'string' ? { source: { address: options } } : options;
    const receiver = new Receiver(this, this.#attach('receiver', { credit_window: 0, autoaccept: false, ...rest }));
    await this.#opened('receiver', receiver.inner);
    if (credit) receiver.credit(credit);
    return receiver;
  }

  async coordinator(options = {}) {
    const coordinator = new Coordinator(this, options);
    await this.#opened('sender', coordinator.inner, true);
    return coordinator;
  }

  /** Attaches and expects a refusal: attach with a null terminus, then a closing detach with an error (AMQP 1.0 §2.6.3). */
  async refused(role, options) {
    const link = this.#attach(role, typeof options === 'string' ? { [role === 'sender' ? 'target' : 'source']: { address: options } } : { autoaccept: false, credit_window: 0, ...options });
    const attach = await this.#attachFrame(role, link);
    const detach = await this.client.frame('in', 'detach', (f) => f.seq > attach.seq && f.channel === attach.channel && f.fields.handle === attach.fields.handle);
    return { attach: attach.fields, detach: detach.fields, error: detach.fields.error ?? {}, terminus: attach.fields[role === 'sender' ? 'target' : 'source'] };
  }

  #attach(role, options) {
    const terminus = role === 'sender' ? 'target' : 'source';
    const args = typeof options === 'string' ? { [terminus]: { address: options } } : { ...options };
    args.name ??= this.client.context.unique('link');
    return role === 'sender' ? this.inner.attach_sender(args) : this.inner.attach_receiver(args);
  }

  /** The broker's attach of a link that was attached just now. */
  #attachFrame(role, link) {
    const since = this.client.trace.seq;
    return this.client.frame('in', 'attach', (f) => f.seq > since && f.channel === this.inner.remote.channel && f.fields.name === link.name && f.fields.role === (role === 'sender'));
  }

  async #opened(role, link, coordinator = false) {
    const frame = this.#attachFrame(role, link);
    await this.client.once(link, `${role}_open`, `the broker's attach of ${link.name}`);
    const attach = (await frame).fields;
    link.attachFrame = await frame;
    const terminus = role === 'sender' ? attach.target : attach.source;
    if (terminus || coordinator && attach.target) return;
    const context = await this.client.once(link, `${role}_close`, `the detach that follows the refusal of ${link.name}`);
    throw new LinkError(`the broker refused the ${role}`, context[role].error, attach);
  }
}
