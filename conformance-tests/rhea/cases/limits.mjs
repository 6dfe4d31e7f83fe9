import assert from 'node:assert/strict';
import rhea from 'rhea';

const { types } = rhea;

export default {
  async 'a-full-queue-rejects-and-the-link-stays'(t) {
    const queue = `small.${t.queue()}`;
    const client = await t.connect();
    const sender = await client.sender(queue);
    for (let i = 0; i < 5; i++) await sender.accepted({ body: i });
    const state = await sender.send({ body: 'one too many' });
    assert.deepEqual([state.type, state.error.condition], ['rejected', 'amqp:resource-limit-exceeded']);
    const receiver = await client.receiver(queue);
    assert.deepEqual(await receiver.bodies(1), [0]);
    await receiver.drain();
    await sender.accepted({ body: 'room again' });
    assert.deepEqual(await receiver.bodies(5), [1, 2, 3, 4, 'room again']);
  },

  async 'dead-letter-and-expiry-addresses-by-configuration'(t) {
    const queue = `custom.${t.queue()}`;
    const client = await t.connect();
    const sender = await client.sender(queue);
    const receiver = await client.receiver(queue);
    await sender.accepted({ body: 'bad' });
    (await receiver.take(1))[0].reject({ condition: 'example:broken' });
    assert.deepEqual(await (await client.receiver(`dead.${queue}`)).bodies(1), ['bad']);
    await sender.accepted({ ttl: 20, body: 'late' });
    assert.deepEqual(await (await client.receiver(`late.${queue}`)).bodies(1), ['late']);
  },

  async 'more-transactions-than-a-session-may-have'(t) {
    const client = await t.connect();
    const coordinator = await client.coordinator();
    const open = [];
    let refusal;
    while (!refusal && open.length < 2000) {
      const state = await coordinator.declareState();
      if (state.type === 'declared') open.push(state.txn_id);
      else refusal = state;
    }
    assert.equal(refusal.type, 'rejected');
    assert.equal(refusal.error.condition, 'amqp:resource-limit-exceeded');
    await coordinator.commit(open[0]);
    assert.equal((await coordinator.declareState()).type, 'declared');
  },

  async 'a-consumer-of-higher-priority-is-served-first'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const low = await client.receiver({ source: { address: queue }, properties: { priority: types.wrap_int(1) } });
    const high = await client.receiver({ source: { address: queue }, properties: { priority: types.wrap_int(9) } });
    low.credit(10);
    high.credit(5);
    await low.client.written();
    await (await (await t.connect()).sender(queue)).acceptedAll(Array.from({ length: 8 }, (_, i) => ({ body: i })));
    await high.reached(5);
    await low.reached(3);
    assert.deepEqual([high.total, low.total], [5, 3]);
  },

  async 'an-exclusive-consumer-keeps-others-away'(t) {
    const queue = t.queue();
    const exclusive = { source: { address: queue }, properties: { exclusive: true } };
    const [first, second] = [await t.connect(), await t.connect()];
    const only = await first.receiver(exclusive);
    assert.equal((await second.refusedReceiver(queue)).error.condition, 'amqp:resource-locked');
    const browser = await (await second.session()).receiver({ source: { address: queue, distribution_mode: 'copy' } });
    await (await second.sender(queue)).accepted({ body: 'mine' });
    assert.deepEqual((await browser.takeAvailable()).map((d) => d.body), ['mine'], 'a browser takes nothing from anybody');
    assert.deepEqual(await only.bodies(1), ['mine']);
    await only.close();
    const plain = await (await second.session()).receiver(queue);
    assert.equal((await (await first.session()).refused('receiver', exclusive)).error.condition, 'amqp:resource-locked', 'somebody is there');
    await plain.close();
    await (await (await first.session()).receiver(exclusive)).close();
  },

  async 'an-address-of-256-characters-is-refused'(t) {
    const client = await t.connect();
    const { error, terminus } = await client.refusedSender('x'.repeat(256));
    assert.equal(terminus, undefined);
    assert.equal(error.condition, 'amqp:invalid-field');
    await (await client.sender(`${t.queue()}${'x'.repeat(200)}`)).accepted({ body: 'long enough' });
  },

  async 'an-empty-address-is-refused'(t) {
    const { error } = await (await t.connect()).refusedSender({ target: { address: '' } });
    assert.equal(error.condition, 'amqp:invalid-field');
  },

  async 'a-login-larger-than-a-minimum-frame'(t) {
    const client = t.client({ username: t.target.user, password: 'x'.repeat(20_000) });
    await assert.rejects(client.open(), (e) => e.condition === 'amqp:unauthorized-access');
    assert.equal(client.trace.first('in', 'sasl_outcome').fields.code, 1, 'tokens are long: a large frame is no protocol error');
  },
};
