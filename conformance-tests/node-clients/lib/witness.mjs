import assert from 'node:assert/strict';
import rhea from 'rhea';

/** Sends to and takes from queues with plain rhea, so that a case need not believe the client it is about. */
export class Witness {
  #context;
  #connection;

  constructor(context) { this.#context = context; }

  /** Sends messages in order and waits until each is accepted. */
  async send(address, ...messages) {
    const connection = await this.#open();
    const sender = connection.open_sender({ target: { address } });
    await this.#context.wait(`the witness to send to ${address}`, new Promise((resolve, reject) => {
      let accepted = 0;
      let next = 0;
      sender.on('sendable', () => { while (next < messages.length && sender.sendable()) sender.send(messages[next++]); });
      sender.on('accepted', () => { if (++accepted === messages.length) resolve(); });
      for (const bad of ['rejected', 'released', 'modified', 'sender_close']) sender.on(bad, (c) => reject(new Error(`${address}: ${bad} ${c.delivery?.remote_state?.error ?? ''}`)));
    }));
    sender.close();
  }

  /** Takes and accepts so many messages. */
  async take(address, count = 1) {
    const { messages } = await this.#receive(address, count, false);
    return messages;
  }

  /** Takes and accepts what is there, without waiting for more. */
  async takeAll(address) {
    const { messages } = await this.#receive(address, 1000, true);
    return messages;
  }

  /** Insists that the queue has nothing to give. */
  async empty(address) {
    assert.deepEqual((await this.takeAll(address)).map((m) => m.body), [], `${address} should be empty`);
  }

  async #receive(address, count, drain) {
    const connection = await this.#open();
    const messages = [];
    const receiver = connection.open_receiver({ source: { address }, credit_window: 0, autoaccept: true });
    await this.#context.wait(`the witness to take ${drain ? 'all' : count} from ${address}`, new Promise((resolve, reject) => {
      receiver.on('message', ({ message }) => {
        messages.push(message);
        if (!drain && messages.length === count) setImmediate(resolve);
      });
      receiver.on('receiver_drained', resolve);
      receiver.on('receiver_close', ({ receiver: r }) => reject(new Error(`${address}: ${r.error}`)));
      receiver.on('receiver_open', () => {
        receiver.add_credit(count);
        if (drain) receiver.drain_credit();
      });
    }));
    receiver.removeAllListeners('receiver_close');
    receiver.close();
    return { messages };
  }

  async #open() {
    if (this.#connection) return this.#connection;
    const { host, port, user, password } = this.#context.target;
    const connection = rhea.create_container().create_connection({ host, port, username: user, password, reconnect: false });
    await this.#context.wait('the witness to connect', new Promise((resolve, reject) => {
      connection.once('connection_open', resolve);
      connection.once('disconnected', ({ error }) => reject(error ?? new Error('the witness was disconnected')));
      connection.connect();
    }));
    for (const event of ['sender_close', 'receiver_close', 'disconnected']) connection.on(event, () => {});
    return this.#connection = connection;
  }

  async close() {
    if (!this.#connection?.is_open()) return;
    const closed = new Promise((resolve) => { this.#connection.once('connection_close', resolve); });
    this.#connection.close();
    await closed;
  }
}
