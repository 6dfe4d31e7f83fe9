// What rhea lacks for local transactions (AMQP 1.0 §4): a coordinator target, and a state on a transfer.
import rhea from 'rhea';
import * as b from './bytes.mjs';
import { plain } from './codec.mjs';

const { types } = rhea;
const Transfer = 0x14;
const StateField = 7;

/** The delivery state transactional-state{txn-id, outcome}. */
export function transactionalState(txn, outcome) {
  const fields = [types.wrap_binary(txn)];
  if (outcome) fields.push(outcome);
  return types.described(types.wrap_ulong(0x34), types.wrap_list(fields));
}

export const accepted = () => rhea.message.accepted().described();
export const released = () => rhea.message.released().described();
export const rejected = (error) => rhea.message.rejected({ error }).described();
export const modified = (fields) => rhea.message.modified(fields).described();

/** Lets the transfers of a session carry a state: rhea's own encoder leaves that field out. */
export function carryTransactionalState(session) {
  const states = new Map();
  const output = session.output.bind(session);
  session.transactionalSends = states;
  session.output = (frame, payload) => {
    if (frame.constructor.descriptor.numeric === Transfer && states.has(frame.delivery_id)) {
      frame.value[StateField] = transactionalState(states.get(frame.delivery_id));
    }
    output(frame, payload);
  };
}

/** Makes a posted delivery part of a transaction; to be called before rhea writes it, that is at once. */
export function transactional(session, delivery, txn) { session.transactionalSends.set(delivery.id, txn); }

/** The controller's side of a coordinator link. */
export class Coordinator {
  constructor(session, { name, capabilities = ['amqp:local-transactions'], ...options }) {
    this.session = session;
    this.client = session.client;
    const target = types.described(types.wrap_ulong(0x30), types.wrap_list([types.wrap_array(capabilities, types.Sym8.typecode)]));
    this.inner = session.inner.create_sender(name ?? this.client.context.unique('coordinator'), options);
    this.inner.set_source({ outcomes: ['amqp:accepted:list', 'amqp:rejected:list', 'amqp:released:list', 'amqp:modified:list'] });
    this.inner.local.attach.target = target;
    this.inner.attach();
  }

  get remoteAttach() { return this.inner.attachFrame.fields; }

  /** Declares a transaction; resolves with its id. */
  async declare() {
    const state = await this.declareState();
    if (state?.type !== 'declared') throw new Error(`declare was answered with ${JSON.stringify(state)}`);
    return state.txn_id;
  }

  /** Declares; resolves with the answer, whatever it is. */
  declareState() { return this.command(b.described(b.smallulong(0x31), b.list0)); }

  /** Resolves with the state of the discharge: accepted, or rejected with an error. */
  commit(txn) { return this.discharge(txn, false); }

  rollback(txn) { return this.discharge(txn, true); }

  discharge(txn, fail) { return this.command(b.described(b.smallulong(0x32), b.list(b.bin(txn), fail ? b.yes : b.no))); }

  async close() {
    const closed = this.client.once(this.inner, 'sender_close', 'the broker\'s detach of the coordinator');
    this.inner.close();
    await closed;
  }

  /** Sends a command; resolves with the settled state of the answer. */
  async command(body) {
    await this.client.written();
    const delivery = this.inner.send(b.section(b.Section.Value, body), undefined, 0);
    return this.client.wait('the coordinator\'s answer', (resolve, reject) => {
      const settled = ({ delivery: d }) => { if (d === delivery) resolve(plain(d.remote_state.described ? d.remote_state.described() : d.remote_state)); };
      const closed = ({ sender }) => reject(new Error(`the coordinator link closed: ${JSON.stringify(sender.error)}`));
      this.inner.on('settled', settled);
      this.inner.on('sender_close', closed);
      return () => { this.inner.removeListener('settled', settled); this.inner.removeListener('sender_close', closed); };
    });
  }
}
