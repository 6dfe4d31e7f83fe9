import assert from 'node:assert/strict';

// A terminus that keeps unsettled state for ever, and a receiver that settles second. rhea cannot send an unsettled map (its maps have no
// binary keys) nor mark a transfer as resumed: a link of its own is held for it while it is away, and knows nothing when it is back.
const kept = (address) => ({ address, durable: 2, expiry_policy: 'never' });

async function filled(t, bodies) {
  const queue = t.queue();
  const client = await t.connect();
  await (await client.sender(queue)).acceptedAll(bodies.map((body) => ({ body, durable: true })));
  return queue;
}

const receiverOf = (client, name, queue, more = {}) => client.receiver({ name, source: kept(queue), rcv_settle_mode: 1, ...more });

const tagsOf = (link) => Object.keys(link.remoteAttach.unsettled ?? {});

export default {
  async 'what-a-suspended-link-holds-is-nobody-elses-and-comes-again'(t) {
    const queue = await filled(t, ['held', 'free']);
    const [container_id, name] = [t.unique('container'), t.unique('resumed')];
    const first = await t.connect({ container_id });
    const link = await receiverOf(first, name, queue);
    await link.take(1);
    await link.detach();
    const other = await (await t.connect()).receiver(queue);
    assert.deepEqual((await other.takeAvailable()).map((d) => d.body), ['free']);
    const second = await t.connect({ container_id });
    const again = await receiverOf(second, name, queue);
    assert.equal(tagsOf(again).length, 1, 'the broker lists what is unsettled');
    const [delivery] = await again.take(1);
    assert.equal(delivery.body, 'held');
    const transfer = second.trace.last('in', 'transfer').fields;
    assert.equal(transfer.resume ?? false, false, 'a client without a map knows nothing, so it is sent anew');
    await delivery.accept().settled();
    await again.close();
  },

  async 'a-link-that-is-closed-gives-back-what-it-holds'(t) {
    const queue = await filled(t, ['given back']);
    const link = await receiverOf(await t.connect(), t.unique('resumed'), queue);
    await link.take(1);
    await link.close();
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['given back']);
  },

  async 'a-link-that-does-not-ask-for-it-gives-back-at-once'(t) {
    const queue = await filled(t, ['plain']);
    const link = await (await t.connect()).receiver({ source: kept(queue) });
    assert.equal(link.remoteAttach.source.expiry_policy, 'link-detach');
    await link.take(1);
    await link.detach();
    assert.deepEqual(await (await (await t.connect()).receiver(queue)).bodies(1), ['plain']);
  },
};
