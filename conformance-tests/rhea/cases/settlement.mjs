import assert from 'node:assert/strict';
import { frames } from '../lib/frames.mjs';
import * as state from '../lib/transactions.mjs';

async function filled(t, bodies, options = {}) {
  const queue = t.queue();
  const client = await t.connect();
  await (await client.sender(queue)).acceptedAll(bodies.map((body) => ({ body })));
  return { queue, client, receiver: await client.receiver({ source: { address: queue }, ...options }) };
}

const empty = async (t, queue) => (await (await t.connect()).receiver(queue)).nothing();

export default {
  async 'presettled-receiver-gets-settled-deliveries'(t) {
    const { queue, receiver } = await filled(t, [1, 2, 3], { snd_settle_mode: 1 });
    assert.equal(receiver.remoteAttach.snd_settle_mode, 1);
    const all = await receiver.take(3);
    assert.deepEqual(all.map((d) => [d.body, d.inner.remote_settled]), [[1, true], [2, true], [3, true]]);
    await receiver.close();
    await empty(t, queue);
  },

  async 'unsettled-receiver-gets-unsettled-deliveries'(t) {
    const { receiver } = await filled(t, [1], { snd_settle_mode: 0 });
    assert.equal(receiver.remoteAttach.snd_settle_mode ?? 2, 0);
    const [d] = await receiver.take(1);
    assert.equal(d.inner.remote_settled, false);
    d.accept();
  },

  async 'the-attach-reply-states-the-settle-modes-in-force'(t) {
    const client = await t.connect();
    const queue = t.queue();
    for (const mode of [0, 1, 2]) {
      const sender = await client.sender({ target: { address: queue }, snd_settle_mode: mode });
      assert.equal(sender.remoteAttach.snd_settle_mode ?? 2, mode);
      const receiver = await client.receiver({ source: { address: queue }, snd_settle_mode: mode });
      assert.equal(receiver.remoteAttach.snd_settle_mode ?? 2, mode);
    }
  },

  async 'an-unsettled-accept-is-answered-settled'(t) {
    const { queue, receiver, client } = await filled(t, ['m']);
    const [m] = await receiver.take(1);
    m.update(false, state.accepted());
    await m.settled();
    const { fields } = client.trace.last('in', 'disposition', (f) => f.fields.role === false || f.fields.role === undefined);
    assert.equal(fields.settled, true);
    assert.equal(fields.state.type, 'accepted');
    assert.equal(fields.first, m.id);
    await empty(t, queue);
  },

  async 'an-unsettled-release-is-answered-settled-and-the-message-comes-back'(t) {
    const { receiver } = await filled(t, ['m']);
    const [m] = await receiver.take(1);
    m.update(false, state.released());
    await m.settled();
    const [again] = await receiver.take(1);
    assert.equal(again.body, 'm');
    again.accept();
  },

  async 'receiver-settles-second'(t) {
    const { queue, receiver, client } = await filled(t, ['m'], { rcv_settle_mode: 1 });
    assert.equal(receiver.remoteAttach.rcv_settle_mode, 1, 'the mode is supported, so it is confirmed');
    const [m] = await receiver.take(1);
    m.accept();
    await m.settled();
    const outgoing = client.trace.last('out', 'disposition', (f) => f.fields.role === true).fields;
    assert.equal(outgoing.settled ?? false, false, 'the outcome goes first, unsettled');
    const incoming = client.trace.last('in', 'disposition', (f) => !f.fields.role).fields;
    assert.equal(incoming.settled, true);
    assert.equal(incoming.state.type, 'accepted');
    await empty(t, queue);
  },

  async 'receiver-settles-second-with-release'(t) {
    const { receiver } = await filled(t, ['m'], { rcv_settle_mode: 1 });
    const [m] = await receiver.take(1);
    m.release();
    await m.settled();
    const [again] = await receiver.take(1);
    assert.equal(again.body, 'm');
    again.accept();
    await again.settled();
  },

  async 'sender-whose-broker-settles-second'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const sender = await client.sender({ target: { address: queue }, rcv_settle_mode: 1 });
    const mode = sender.remoteAttach.rcv_settle_mode ?? 0;
    const delivery = sender.post({ body: 'm' });
    const answer = await client.frame('in', 'disposition', (f) => f.fields.role === true && f.fields.first === delivery.id);
    assert.equal(answer.fields.state.type, 'accepted');
    assert.equal(answer.fields.settled ?? false, mode === 0, 'settled at once in mode first; in mode second only after the sender has settled');
    delivery.update(true);
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['m']);
  },

  async 'unsettled-in-mode-second-comes-back-when-the-link-closes'(t) {
    const { queue, receiver } = await filled(t, ['m'], { rcv_settle_mode: 1 });
    await receiver.take(1);
    await receiver.close();
    const [again] = await (await (await t.connect()).receiver(queue)).take(1);
    assert.equal(again.body, 'm');
    again.accept();
  },

  async 'dispositions-for-deliveries-of-a-closed-link-are-ignored'(t) {
    const { queue, receiver, client } = await filled(t, ['m']);
    const [m] = await receiver.take(1);
    await receiver.close();
    receiver.session.inner.output(frames.disposition({ role: true, first: m.id, settled: true, state: state.accepted() }));
    const again = await client.receiver(queue);
    assert.deepEqual(await again.bodies(1), ['m']);
  },
};
