import assert from 'node:assert/strict';
import rhea from 'rhea';

/** A queue holding the given bodies, and a receiver on it that has been granted nothing yet. */
async function filled(t, bodies, options = {}) {
  const queue = t.queue();
  const client = await t.connect();
  await (await client.sender(queue)).acceptedAll(bodies.map((m) => (typeof m === 'object' ? m : { body: m })));
  return { queue, client, receiver: await client.receiver({ source: { address: queue }, ...options }) };
}

/** Takes one delivery, settles it with the given action, and returns it with the next one taken. */
async function afterOutcome(t, settle) {
  const { queue, client, receiver } = await filled(t, ['m']);
  const [first] = await receiver.take(1);
  settle(first);
  const [second] = await receiver.take(1);
  return { queue, client, receiver, first, second };
}

const merge = { 'x-opt-note': 'seen', 'x-opt-count': 7 };

export default {
  async 'accept-removes-the-message'(t) {
    const { queue, receiver } = await filled(t, ['m']);
    const [d] = await receiver.take(1);
    assert.equal(d.deliveryCount, 0);
    d.accept();
    await receiver.nothing();
    await receiver.close();
    await (await (await t.connect()).receiver(queue)).nothing();
  },

  async 'reject-removes-the-message-from-the-queue'(t) {
    const { queue, receiver } = await filled(t, ['m', 'n']);
    const [m, n] = await receiver.take(2);
    m.reject({ condition: 'amqp:precondition-failed', description: 'not this one' });
    n.accept();
    await receiver.nothing();
    await (await (await t.connect()).receiver(queue)).nothing();
  },

  async 'release-gives-it-back-without-counting'(t) {
    const { second } = await afterOutcome(t, (d) => d.release());
    assert.equal(second.body, 'm');
    assert.equal(second.deliveryCount, 0);
    second.accept();
  },

  async 'first-acquirer-is-true-once'(t) {
    const { first, second } = await afterOutcome(t, (d) => d.release());
    assert.equal(first.firstAcquirer, true);
    assert.equal(second.firstAcquirer, false);
    second.accept();
  },

  async 'release-returns-to-its-place-in-the-order'(t) {
    const { receiver } = await filled(t, [1, 2, 3, 4, 5]);
    const [, two, three] = await receiver.take(3);
    two.release();
    await receiver.client.written();
    three.accept();
    const rest = await receiver.take(3);
    assert.deepEqual(rest.map((d) => d.body), [2, 4, 5]);
  },

  async 'modified-without-flags-is-as-released'(t) {
    const { second } = await afterOutcome(t, (d) => d.modify({}));
    assert.equal(second.deliveryCount, 0);
    assert.equal(second.firstAcquirer, false);
    second.accept();
  },

  async 'modified-with-both-flags-false-is-as-released'(t) {
    const { second } = await afterOutcome(t, (d) => d.modify({ delivery_failed: false, undeliverable_here: false }));
    assert.equal(second.deliveryCount, 0);
    second.accept();
  },

  async 'modified-delivery-failed-counts-one'(t) {
    const { receiver, second } = await afterOutcome(t, (d) => d.modify({ delivery_failed: true }));
    assert.equal(second.deliveryCount, 1);
    second.modify({ delivery_failed: true });
    const [third] = await receiver.take(1);
    assert.equal(third.deliveryCount, 2);
    third.release();
    const [fourth] = await receiver.take(1);
    assert.equal(fourth.deliveryCount, 2, 'a release does not count');
    fourth.accept();
  },

  async 'modified-undeliverable-here-goes-to-another-consumer'(t) {
    const { queue, receiver } = await filled(t, ['m']);
    const other = await (await t.connect()).receiver(queue);
    const [d] = await receiver.take(1);
    receiver.credit(5);
    d.modify({ undeliverable_here: true });
    const [there] = await other.take(1);
    assert.equal(there.body, 'm');
    assert.equal(there.deliveryCount, 0);
    there.accept();
    assert.deepEqual(await receiver.drain(), []);
  },

  async 'modified-undeliverable-here-waits-when-there-is-no-other-consumer'(t) {
    const { queue, receiver } = await filled(t, ['m', 'n']);
    const [m] = await receiver.take(1);
    m.modify({ undeliverable_here: true });
    assert.deepEqual((await receiver.takeAvailable(5)).map((d) => d.accept().body), ['n'], 'it passes by the link that said no, and holds up nobody');
    const [again] = await (await (await t.connect()).receiver(queue)).take(1);
    assert.equal(again.body, 'm');
    again.accept();
  },

  async 'the-exclusion-ends-with-the-link'(t) {
    const { queue, client, receiver } = await filled(t, ['m']);
    const [m] = await receiver.take(1);
    m.modify({ undeliverable_here: true });
    await receiver.close();
    const [again] = await (await client.receiver(queue)).take(1);
    assert.equal(again.body, 'm');
    again.accept();
  },

  async 'modified-failed-and-undeliverable-is-dead-lettered'(t) {
    const { queue, client, receiver } = await filled(t, ['m']);
    const [m] = await receiver.take(1);
    m.modify({ delivery_failed: true, undeliverable_here: true });
    const [dead] = await (await client.receiver(`DLQ.${queue}`)).take(1);
    assert.equal(dead.body, 'm');
    dead.accept();
    await (await (await t.connect()).receiver(queue)).nothing();
  },

  async 'modified-merges-message-annotations'(t) {
    const { second } = await afterOutcome(t, (d) => d.modify({ delivery_failed: true, message_annotations: merge }));
    assert.equal(second.annotations['x-opt-note'], 'seen');
    assert.equal(second.annotations['x-opt-count'], 7);
    assert.equal(second.deliveryCount, 1);
    second.accept();
  },

  async 'merged-annotations-override-and-leave-the-rest'(t) {
    const { receiver } = await filled(t, [{ body: 'm', message_annotations: { 'x-opt-note': 'sent', 'x-opt-other': 'kept' } }]);
    const [first] = await receiver.take(1);
    first.modify({ message_annotations: merge });
    const [second] = await receiver.take(1);
    assert.deepEqual({ ...second.annotations }, { 'x-opt-note': 'seen', 'x-opt-other': 'kept', 'x-opt-count': 7 });
    assert.equal(second.body, 'm');
    second.accept();
  },

  async 'outcomes-in-any-order'(t) {
    const { queue, receiver } = await filled(t, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const all = await receiver.take(10);
    for (const i of [7, 1, 9, 3, 5]) all[i].accept();
    for (const i of [8, 0, 4, 2, 6]) all[i].release();
    const back = await receiver.take(5);
    assert.deepEqual(back.map((d) => d.body), [0, 2, 4, 6, 8]);
    for (const d of back) d.accept();
    await receiver.nothing();
    await (await (await t.connect()).receiver(queue)).nothing();
  },

  async 'one-disposition-settles-a-range'(t) {
    const { queue, receiver } = await filled(t, Array.from({ length: 100 }, (_, i) => i));
    const all = await receiver.take(100);
    for (const d of all) d.accept();
    await receiver.nothing();
    const ranges = receiver.client.trace.all('out', 'disposition');
    assert.equal(ranges.length, 1, 'rhea joins them; the case is about a range');
    assert.equal(ranges[0].fields.last - ranges[0].fields.first, 99);
    await (await (await t.connect()).receiver(queue)).nothing();
  },

  async 'a-range-across-two-links-settles-both'(t) {
    const { queue, client, receiver } = await filled(t, ['a', 'b']);
    const second = await client.receiver(queue);
    const [a] = await receiver.take(1);
    const [b] = await second.take(1);
    const session = receiver.session.inner;
    a.accept();
    b.accept();
    await receiver.nothing();
    await second.nothing();
    assert.equal(client.trace.all('out', 'disposition').length, 1);
    assert.ok(session.is_open());
    await (await (await t.connect()).receiver(queue)).nothing();
  },

  async 'a-settled-disposition-without-a-state-applies-the-default-outcome'(t) {
    const { receiver } = await filled(t, ['m']);
    const [m] = await receiver.take(1);
    m.update(true, undefined);
    const [again] = await receiver.take(1);
    assert.equal(again.body, 'm');
    again.accept();
  },

  async 'the-received-state-settles-nothing'(t) {
    const { receiver } = await filled(t, ['m']);
    const [m] = await receiver.take(1);
    m.update(false, rhea.message.received({ section_number: 0, section_offset: 1 }).described());
    await receiver.nothing();
    m.accept();
    await receiver.nothing();
  },
};
