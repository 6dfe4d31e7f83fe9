import assert from 'node:assert/strict';
import * as b from '../lib/bytes.mjs';
import * as state from '../lib/transactions.mjs';

const Unknown = Buffer.from('no such transaction');

/** A connection with a coordinator, a queue, a sender to it, and a second connection that looks on. */
async function ready(t) {
  const queue = t.queue();
  const client = await t.connect();
  const session = await client.session();
  const coordinator = await session.coordinator();
  const sender = await session.sender(queue);
  const onlooker = await (await t.connect()).receiver(queue);
  return { queue, client, session, coordinator, sender, onlooker };
}

async function fill(sender, bodies) { await sender.acceptedAll(bodies.map((body) => ({ body }))); }

const bodiesOf = (deliveries) => deliveries.map((d) => d.accept().body);

export default {
  async 'coordinator-states-its-capabilities-and-grants-credit'(t) {
    const client = await t.connect();
    const coordinator = await client.coordinator();
    const { target } = coordinator.remoteAttach;
    assert.equal(target.type, 'coordinator');
    assert.ok([target.capabilities].flat().includes('amqp:local-transactions'));
    const flow = await client.frame('in', 'flow', (f) => f.fields.handle === coordinator.remoteAttach.handle);
    assert.ok(flow.fields.link_credit >= 2, 'a discharge and the next declare are sent back to back');
  },

  async 'declare-is-answered-settled-with-an-id'(t) {
    const client = await t.connect();
    const coordinator = await client.coordinator();
    const [one, two] = [await coordinator.declare(), await coordinator.declare()];
    assert.ok(one.length >= 1 && one.length <= 32);
    assert.notDeepEqual(one, two);
    const answers = client.trace.all('in', 'disposition').map((d) => d.fields);
    assert.ok(answers.every((a) => a.settled === true && a.state.type === 'declared'));
  },

  async 'sends-become-visible-at-commit'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    const txn = await coordinator.declare();
    for (let i = 0; i < 5; i++) await sender.accepted({ body: i, durable: true }, { txn });
    await onlooker.nothing('a message was visible before the commit');
    assert.equal((await coordinator.commit(txn)).type, 'accepted');
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(10)), [0, 1, 2, 3, 4]);
  },

  async 'sends-vanish-at-rollback'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    const txn = await coordinator.declare();
    for (let i = 0; i < 5; i++) await sender.accepted({ body: i }, { txn });
    assert.equal((await coordinator.rollback(txn)).type, 'accepted');
    await sender.accepted({ body: 'after' });
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(10)), ['after']);
  },

  async 'a-transactional-send-is-answered-at-once'(t) {
    const { coordinator, sender } = await ready(t);
    const txn = await coordinator.declare();
    const answer = await sender.send({ body: 'x' }, { txn });
    assert.equal(answer.type, 'transactional_state');
    assert.ok(answer.txn_id.equals(txn));
    assert.equal(answer.outcome.type, 'accepted');
    await coordinator.rollback(txn);
  },

  async 'a-settled-transactional-send'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    const txn = await coordinator.declare();
    await sender.send({ body: 'settled' }, { txn, settled: true });
    await sender.accepted({ body: 'unsettled' }, { txn });
    await onlooker.nothing();
    await coordinator.commit(txn);
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(10)), ['settled', 'unsettled']);
  },

  async 'sends-to-several-queues-are-one'(t) {
    const { client, session, coordinator } = await ready(t);
    const queues = [t.queue(), t.queue(), t.queue()];
    const txn = await coordinator.declare();
    for (const q of queues) await (await session.sender(q)).accepted({ body: q }, { txn });
    const receivers = await Promise.all(queues.map((q) => client.receiver(q)));
    for (const r of receivers) await r.nothing();
    await coordinator.commit(txn);
    for (const [i, r] of receivers.entries()) assert.deepEqual(await r.bodies(1), [queues[i]]);
  },

  async 'acknowledgements-take-effect-at-commit'(t) {
    const { queue, coordinator, sender, session } = await ready(t);
    await fill(sender, [1, 2, 3]);
    const receiver = await session.receiver(queue);
    const all = await receiver.take(3);
    const txn = await coordinator.declare();
    for (const d of all) d.update(true, state.transactionalState(txn, state.accepted()));
    assert.equal((await coordinator.commit(txn)).type, 'accepted');
    await receiver.close();
    await (await (await t.connect()).receiver(queue)).nothing();
  },

  async 'settled-acknowledgements-are-undone-at-rollback-and-count'(t) {
    const { queue, coordinator, sender, session } = await ready(t);
    await fill(sender, [1, 2, 3]);
    const receiver = await session.receiver(queue);
    const all = await receiver.take(3);
    const txn = await coordinator.declare();
    for (const d of all) d.update(true, state.transactionalState(txn, state.accepted()));
    await coordinator.rollback(txn);
    const again = await receiver.take(3);
    assert.deepEqual(again.map((d) => [d.accept().body, d.deliveryCount]), [[1, 1], [2, 1], [3, 1]]);
  },

  async 'unsettled-acknowledgements-are-settled-by-the-broker-at-commit'(t) {
    const { queue, client, coordinator, sender, session } = await ready(t);
    await fill(sender, [1]);
    const receiver = await session.receiver(queue);
    const [d] = await receiver.take(1);
    const txn = await coordinator.declare();
    d.update(false, state.transactionalState(txn, state.accepted()));
    await coordinator.commit(txn);
    await d.settled();
    const { fields } = client.trace.last('in', 'disposition', (f) => !f.fields.role);
    assert.equal(fields.settled, true);
    await (await (await t.connect()).receiver(queue)).nothing();
  },

  async 'unsettled-acknowledgements-stay-with-the-consumer-at-rollback'(t) {
    const { queue, coordinator, sender, session, onlooker } = await ready(t);
    await fill(sender, [1]);
    const receiver = await session.receiver(queue);
    const [d] = await receiver.take(1);
    const txn = await coordinator.declare();
    d.update(false, state.transactionalState(txn, state.accepted()));
    await coordinator.rollback(txn);
    await onlooker.nothing('the delivery still belongs to its receiver');
    d.accept();
    await receiver.nothing();
    await onlooker.nothing();
  },

  async 'releases-and-rejections-in-a-transaction-wait-for-the-commit'(t) {
    const { queue, client, coordinator, sender, session, onlooker } = await ready(t);
    await fill(sender, ['release', 'reject', 'modify']);
    const receiver = await session.receiver(queue);
    const [release, reject, modify] = await receiver.take(3);
    const txn = await coordinator.declare();
    release.update(true, state.transactionalState(txn, state.released()));
    await client.written();
    reject.update(true, state.transactionalState(txn, state.rejected({ condition: 'amqp:not-allowed' })));
    await client.written();
    modify.update(true, state.transactionalState(txn, state.modified({ delivery_failed: true })));
    await onlooker.nothing();
    await coordinator.commit(txn);
    const back = await onlooker.takeAvailable(10);
    assert.deepEqual(back.map((d) => [d.accept().body, d.deliveryCount]), [['release', 0], ['modify', 1]]);
    const dead = await client.receiver(`DLQ.${queue}`);
    assert.deepEqual(await dead.bodies(1), ['reject']);
  },

  async 'a-move-between-queues-is-one-unit'(t) {
    const { queue, coordinator, sender, session, onlooker } = await ready(t);
    const origin = t.queue();
    await fill(await session.sender(origin), ['moved', 'stays']);
    const from = await session.receiver(origin);
    const [one, two] = await from.take(2);
    const first = await coordinator.declare();
    one.update(true, state.transactionalState(first, state.accepted()));
    await sender.accepted({ body: one.body }, { txn: first });
    await coordinator.commit(first);
    const second = await coordinator.declare();
    two.update(true, state.transactionalState(second, state.accepted()));
    await sender.accepted({ body: two.body }, { txn: second });
    await coordinator.rollback(second);
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(10)), ['moved']);
    assert.deepEqual(bodiesOf(await from.takeAvailable(10)), ['stays']);
  },

  async 'several-at-once-on-one-session'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    const txns = [];
    for (let i = 0; i < 4; i++) txns.push(await coordinator.declare());
    for (let round = 0; round < 3; round++) {
      for (const [i, txn] of txns.entries()) await sender.accepted({ body: `${i}.${round}` }, { txn });
    }
    await coordinator.commit(txns[2]);
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(20)), ['2.0', '2.1', '2.2']);
    await coordinator.rollback(txns[1]);
    await coordinator.commit(txns[0]);
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(20)), ['0.0', '0.1', '0.2']);
    await coordinator.commit(txns[3]);
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(20)), ['3.0', '3.1', '3.2']);
  },

  async 'one-transaction-over-several-sessions'(t) {
    const { client, coordinator, queue, onlooker } = await ready(t);
    const txn = await coordinator.declare();
    const other = await client.session();
    await (await other.sender(queue)).accepted({ body: 'from another session' }, { txn });
    await onlooker.nothing();
    await coordinator.commit(txn);
    assert.deepEqual(await onlooker.bodies(1), ['from another session']);
  },

  async 'discharge-and-declare-sent-back-to-back'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    let txn = await coordinator.declare();
    for (let i = 0; i < 10; i++) {
      await sender.accepted({ body: i }, { txn });
      const [answer, next] = await Promise.all([coordinator.discharge(txn, i % 2 === 1), coordinator.declare()]);
      assert.equal(answer.type, 'accepted');
      txn = next;
    }
    await coordinator.rollback(txn);
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(20)), [0, 2, 4, 6, 8]);
  },

  async 'a-failed-discharge-does-not-spoil-the-declare-behind-it'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    const [answer, txn] = await Promise.all([coordinator.commit(Unknown), coordinator.declare()]);
    assert.equal(answer.type, 'rejected');
    assert.equal(answer.error.condition, 'amqp:transaction:unknown-id');
    await sender.accepted({ body: 'x' }, { txn });
    await coordinator.commit(txn);
    assert.deepEqual(await onlooker.bodies(1), ['x']);
  },

  async 'a-second-discharge-is-unknown'(t) {
    const { coordinator } = await ready(t);
    const txn = await coordinator.declare();
    await coordinator.commit(txn);
    const answer = await coordinator.rollback(txn);
    assert.equal(answer.error.condition, 'amqp:transaction:unknown-id');
  },

  async 'an-unknown-id-on-a-transfer-is-refused'(t) {
    const { sender, onlooker, client } = await ready(t);
    const delivery = sender.post({ body: 'x' }, { txn: Unknown });
    const rejected = sender.outcome(delivery).then((s) => (s.outcome ?? s).error, () => new Promise(() => {}));
    const detached = sender.detached().then((d) => d.error);
    const error = await Promise.race([rejected, detached]);
    assert.equal(error.condition, 'amqp:transaction:unknown-id');
    assert.equal(client.failure, undefined, 'a link error at most');
    await onlooker.nothing();
  },

  async 'connection-loss-undoes-everything-inside'(t) {
    const { queue, client, coordinator, sender, session, onlooker } = await ready(t);
    const origin = t.queue();
    await fill(await session.sender(origin), ['a', 'b']);
    const from = await session.receiver(origin);
    const [a] = await from.take(1);
    const txn = await coordinator.declare();
    a.update(true, state.transactionalState(txn, state.accepted()));
    await sender.accepted({ body: 'never' }, { txn });
    await client.drop();
    const survivor = await t.connect();
    const back = await (await survivor.receiver(origin)).take(2);
    assert.deepEqual(back.map((d) => [d.accept().body, d.deliveryCount]), [['a', 1], ['b', 0]]);
    await onlooker.nothing('a send of a lost transaction became visible');
    await (await survivor.receiver(queue)).nothing();
  },

  async 'session-end-rolls-back'(t) {
    const { session, coordinator, sender, onlooker } = await ready(t);
    const txn = await coordinator.declare();
    await sender.accepted({ body: 'never' }, { txn });
    await session.end();
    await onlooker.nothing();
  },

  async 'closing-the-coordinator-rolls-back'(t) {
    const { session, queue, coordinator, sender, onlooker } = await ready(t);
    await fill(sender, ['m']);
    const receiver = await session.receiver(queue);
    const [m] = await receiver.take(1);
    const txn = await coordinator.declare();
    m.update(true, state.transactionalState(txn, state.accepted()));
    await sender.accepted({ body: 'never' }, { txn });
    await coordinator.close();
    const back = await onlooker.takeAvailable(10);
    assert.deepEqual(back.map((d) => [d.accept().body, d.deliveryCount]), [['m', 1]]);
  },

  async 'acknowledgements-stay-enlisted-when-the-consumer-closes'(t) {
    const { session, queue, coordinator, sender, onlooker } = await ready(t);
    await fill(sender, ['m']);
    const receiver = await session.receiver(queue);
    const [m] = await receiver.take(1);
    const txn = await coordinator.declare();
    m.update(true, state.transactionalState(txn, state.accepted()));
    await receiver.close();
    await onlooker.nothing('the message was given out again while its acknowledgement waits for the commit');
    await coordinator.commit(txn);
    await onlooker.nothing();
  },

  async 'rolled-back-and-released-messages-come-back-in-their-first-order'(t) {
    const { session, queue, coordinator, sender } = await ready(t);
    await fill(sender, [1, 2, 3, 4, 5, 6]);
    const receiver = await session.receiver(queue);
    const all = await receiver.take(4);
    const txn = await coordinator.declare();
    for (const d of all.slice(0, 2)) d.update(true, state.transactionalState(txn, state.accepted()));
    assert.deepEqual(await receiver.drain(), []);
    await coordinator.rollback(txn);
    for (const d of all.slice(2)) d.release();
    const again = await receiver.take(6);
    assert.deepEqual(again.map((d) => [d.accept().body, d.deliveryCount]), [[1, 1], [2, 1], [3, 0], [4, 0], [5, 0], [6, 0]]);
  },

  async 'a-large-transaction'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    const txn = await coordinator.declare();
    await sender.acceptedAll(Array.from({ length: 1000 }, (_, i) => ({ body: i, durable: true })), { txn });
    await onlooker.nothing();
    await coordinator.commit(txn);
    assert.deepEqual(bodiesOf(await onlooker.takeAvailable(1100)), Array.from({ length: 1000 }, (_, i) => i));
  },

  async 'a-multi-frame-message-in-a-transaction'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    sender.session.inner.outgoing.compute_max_payload = () => 1000;
    const payload = b.section(b.Section.Data, b.bin(Buffer.alloc(50_000, 3)));
    const txn = await coordinator.declare();
    await sender.accepted(payload, { txn });
    await onlooker.nothing();
    await coordinator.commit(txn);
    const [d] = await onlooker.take(1);
    assert.ok(d.accept().bare.equals(payload));
  },

  async 'a-command-that-is-none-is-rejected'(t) {
    const { coordinator, sender, onlooker } = await ready(t);
    const answer = await coordinator.command(b.str('what?'));
    assert.deepEqual([answer.type, answer.error.condition], ['rejected', 'amqp:not-implemented']);
    const txn = await coordinator.declare();
    await sender.accepted({ body: 'still at work' }, { txn });
    await coordinator.commit(txn);
    assert.deepEqual(await onlooker.bodies(1), ['still at work']);
  },

  async 'a-settled-declare-detaches-the-coordinator'(t) {
    const client = await t.connect();
    const coordinator = await client.coordinator();
    const delivery = coordinator.inner.send(b.section(b.Section.Value, b.described(b.smallulong(0x31), b.list0)), undefined, 0);
    delivery.settled = true;
    const { fields } = await client.frame('in', 'detach', (f) => f.fields.handle === coordinator.remoteAttach.handle);
    assert.equal(fields.closed, true);
    assert.ok(fields.error.condition);
  },

  async 'a-rejected-transactional-send-dooms-its-transaction'(t) {
    const { coordinator, session, sender, onlooker } = await ready(t);
    const relay = await session.sender({ target: {} });
    const txn = await coordinator.declare();
    const refused = await relay.send({ to: `closed.${t.unique('q')}`, body: 'to nowhere' }, { txn });
    assert.equal((refused.outcome ?? refused).type, 'rejected');
    await sender.accepted({ body: 'not without the other' }, { txn });
    const answer = await coordinator.commit(txn);
    assert.deepEqual([answer.type, answer.error.condition], ['rejected', 'amqp:transaction:rollback']);
    await onlooker.nothing();
    const next = await coordinator.declare();
    await sender.accepted({ body: 'sound' }, { txn: next });
    assert.equal((await coordinator.commit(next)).type, 'accepted');
    assert.deepEqual(await onlooker.bodies(1), ['sound']);
  },

  async 'a-sender-that-waits-for-no-outcome-learns-at-commit-that-a-queue-is-full'(t) {
    const queue = `small.${t.queue()}`;
    const client = await t.connect();
    const [sender, coordinator] = [await client.sender(queue), await client.coordinator()];
    for (let i = 0; i < 4; i++) await sender.accepted({ body: i });
    const txn = await coordinator.declare();
    for (const body of ['fits', 'one too many']) sender.post({ body }, { txn });
    const answer = await coordinator.commit(txn);
    assert.deepEqual([answer.type, answer.error.condition], ['rejected', 'amqp:transaction:rollback']);
    assert.match(answer.error.description, /has reached its limit/);
    await sender.accepted({ body: 4 });
    assert.deepEqual(await (await client.receiver(queue)).bodies(5), [0, 1, 2, 3, 4], 'the room it had reserved is free again');
  },

  async 'a-settled-send-that-fails-spoils-its-transaction'(t) {
    const { coordinator, session, sender, onlooker } = await ready(t);
    const relay = await session.sender({ target: {} });
    const txn = await coordinator.declare();
    await sender.accepted({ body: 'goes down with it' }, { txn });
    relay.post({ body: 'without address' }, { txn, settled: true });
    const answer = await coordinator.commit(txn);
    assert.deepEqual([answer.type, answer.error.condition], ['rejected', 'amqp:transaction:rollback']);
    await onlooker.nothing();
  },

  async 'a-global-id-is-refused'(t) {
    const client = await t.connect();
    const coordinator = await client.coordinator();
    const declare = b.described(b.smallulong(0x31), b.list(b.bin('global')));
    const answer = await coordinator.command(declare);
    assert.equal(answer.type, 'rejected');
    assert.equal(answer.error.condition, 'amqp:not-implemented');
  },
};
