import assert from 'node:assert/strict';
import rhea from 'rhea';
import { Manager } from '../lib/manager.mjs';

const { types } = rhea;
const Hour = 3_600_000;
const Type = 'org.mamba.schedule';

/** A client with a sender and a receiver on a queue of its own. Only what is far away is expected not to come. */
async function open(t) {
  const client = await t.connect();
  const queue = t.queue();
  return { client, queue, sender: await client.sender(queue), receiver: await client.receiver(queue) };
}

const scheduled = (body, annotations, more = {}) => ({
  durable: true, message_id: body, body, ...more,
  message_annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`x-opt-delivery-${key}`, value])),
});

const listed = (manager, address, more = {}) =>
  manager.query(Type, ['name', 'messageId', 'kind', 'nextAt', 'cron', 'period', 'repeatsLeft'], { address, ...more });

const instantOf = (delivery) => delivery.annotations['x-opt-delivery-time'];

export default {
  async 'a-delay-in-any-integer-type-counts-from-arrival'(t) {
    const { sender, receiver } = await open(t);
    const before = Date.now();
    const kinds = [types.wrap_uint, types.wrap_int, types.wrap_long, types.wrap_ulong, types.wrap_ushort, types.wrap_short];
    for (const [i, wrap] of kinds.entries()) await sender.accepted(scheduled(`m${i}`, { delay: wrap(300 + i) }));
    await sender.accepted(scheduled('not today', { delay: types.wrap_long(Hour) }));
    assert.deepEqual(await receiver.bodies(kinds.length), ['m0', 'm1', 'm2', 'm3', 'm4', 'm5']);
    assert.ok(Date.now() - before >= 300, 'they came early');
    await receiver.nothing('what is due in an hour came');
  },

  async 'a-time-goes-before-a-delay-and-one-in-the-past-is-now'(t) {
    const { sender, receiver } = await open(t);
    const due = Date.now() + 250;
    await sender.accepted(scheduled('at its time', { time: types.wrap_timestamp(due), delay: types.wrap_uint(Hour) }));
    assert.deepEqual(await receiver.bodies(1), ['at its time']);
    assert.ok(Date.now() >= due, 'it came early');
    await sender.accepted(scheduled('at once', { time: types.wrap_long(1_000) }));
    assert.deepEqual(await receiver.bodies(1), ['at once']);
  },

  async 'a-period-and-a-repeat-make-a-series'(t) {
    const { sender, receiver } = await open(t);
    await sender.accepted(scheduled('tick', { delay: 50, period: types.wrap_long(40), repeat: types.wrap_int(3) }));
    const copies = await receiver.take(4);
    assert.deepEqual(copies.map((d) => d.accept().body), ['tick', 'tick', 'tick', 'tick']);
    assert.deepEqual(copies.map((d) => instantOf(d) - instantOf(copies[0])), [0, 40, 80, 120]);
    assert.equal(new Set(copies.map((d) => `${d.annotations['x-opt-schedule-id']}`)).size, 1);
    assert.ok(copies.every((d) => !('x-opt-delivery-period' in d.annotations || 'x-opt-delivery-repeat' in d.annotations)));
    await receiver.nothing('the series is over');
  },

  async 'a-crontab-entry-waits-for-its-minute'(t) {
    const { client, queue, sender, receiver } = await open(t);
    await sender.accepted(scheduled('leap day', { cron: '0 12 29 2 *' }));
    await sender.accepted(scheduled('as symbol', { cron: types.wrap_symbol('*/5 * * * *') }));
    const manager = await Manager.open(client);
    const found = Object.fromEntries((await listed(manager, queue)).map((s) => [s.messageId, s]));
    const leap = new Date(found['leap day'].nextAt);
    assert.deepEqual([leap.getUTCMonth(), leap.getUTCDate(), leap.getUTCHours(), leap.getUTCMinutes()], [1, 29, 12, 0]);
    const five = found['as symbol'];
    assert.deepEqual([five.cron, five.kind, five.nextAt % 300_000], ['*/5 * * * *', 'repeating', 0]);
    assert.ok(five.nextAt > Date.now() - 60_000 && five.nextAt <= Date.now() + 300_000, 'within five minutes');
    for (const { name } of Object.values(found)) assert.equal((await manager.ask('DELETE', { type: Type, name })).status, 204);
    assert.ok(receiver.total <= 1, 'at most the one that may have become due meanwhile');
  },

  async 'what-waits-is-listed-by-time-with-what-is-left'(t) {
    const { client, queue, sender, receiver } = await open(t);
    await sender.accepted(scheduled('later', { delay: types.wrap_long(2 * Hour) }));
    await sender.accepted(scheduled('series', { delay: types.wrap_long(Hour), period: 1000, repeat: 9 }));
    await sender.accepted(scheduled('endless', { period: types.wrap_long(3 * Hour), repeat: -1 }));
    const manager = await Manager.open(client, { dynamic: true });
    const all = await listed(manager, queue);
    assert.deepEqual(all.map((s) => [s.messageId, s.kind, s.period, s.repeatsLeft]), [
      ['series', 'repeating', 1000, 9], ['later', 'delayed', 0, 0], ['endless', 'repeating', 3 * Hour, -1],
    ]);
    assert.deepEqual((await listed(manager, queue, { offset: 1, count: 1 })).map((s) => s.messageId), ['later']);
    assert.deepEqual((await listed(manager, queue, { kind: 'delayed' })).map((s) => s.messageId), ['later']);
    const read = await manager.ask('READ', { identity: `schedule/${all[0].name}` });
    assert.deepEqual([read.status, read.body.messageId, read.body.nextAt], [200, 'series', all[0].nextAt]);
    await receiver.nothing();
  },

  async 'a-schedule-is-cancelled-by-id-once'(t) {
    const { client, queue, sender, receiver } = await open(t);
    await sender.accepted(scheduled('endless', { delay: 1, period: 20, repeat: -1 }));
    const [first] = await receiver.take(1);
    first.accept();
    const manager = await Manager.open(client);
    const [{ name }] = await listed(manager, queue);
    assert.equal(`${first.annotations['x-opt-schedule-id']}`, name, 'the id that each copy carries');
    assert.equal((await manager.ask('DELETE', { type: Type, name })).status, 204);
    assert.equal((await manager.ask('DELETE', { type: Type, name })).status, 404);
    for (const d of await receiver.takeAvailable()) d.accept();
    assert.deepEqual(await listed(manager, queue), []);
    await receiver.nothing('nothing comes after the cancellation was answered');
  },

  async 'what-cannot-be-is-rejected-with-its-name'(t) {
    const { sender, receiver } = await open(t);
    for (const [annotations, name] of [
      [{ cron: '61 * * * *' }, 'cron'], [{ cron: '* * * *' }, 'cron'], [{ cron: 5 }, 'cron'], [{ cron: '0 0 31 2 *' }, 'cron'],
      [{ period: 0 }, 'period'], [{ period: -1 }, 'period'], [{ repeat: 2 }, 'period'], [{ period: 5, repeat: -2 }, 'repeat'],
      [{ delay: 'soon' }, 'delay'], [{ time: true }, 'time'], [{ cron: '* * * * *', period: 5, repeat: -1 }, 'repeat'],
    ]) {
      const { type, error } = await sender.send(scheduled('wrong', annotations));
      assert.deepEqual([type, error?.condition], ['rejected', 'amqp:invalid-field'], JSON.stringify(annotations));
      assert.ok(error.description.includes(`x-opt-delivery-${name}`), error.description);
    }
    await receiver.nothing();
  },

  async 'a-schedule-is-part-of-its-transaction'(t) {
    const { client, queue, sender, receiver } = await open(t);
    const coordinator = await client.coordinator();
    const manager = await Manager.open(client);
    const given = await coordinator.declare();
    await sender.accepted(scheduled('never', { delay: 1, period: 1, repeat: 5 }), { txn: given });
    await sender.accepted(scheduled('never', { delay: 1 }), { txn: given });
    assert.deepEqual(await listed(manager, queue), [], 'nothing is scheduled before the commit');
    await coordinator.rollback(given);
    const kept = await coordinator.declare();
    await sender.accepted(scheduled('series', { delay: 1, period: 5, repeat: 2 }), { txn: kept });
    await sender.accepted(scheduled('delayed', { delay: types.wrap_long(Hour) }), { txn: kept });
    await coordinator.commit(kept);
    assert.deepEqual(await receiver.bodies(3), ['series', 'series', 'series']);
    assert.deepEqual((await listed(manager, queue)).map((s) => s.messageId), ['delayed']);
    await receiver.nothing();
  },

  async 'classic-clients-browse-and-remove-by-job-id'(t) {
    const { client, queue, sender } = await open(t);
    await sender.accepted(scheduled('job', { delay: types.wrap_long(Hour), period: 1000, repeat: 4 }, { to: queue }));
    const replies = await client.receiver({ source: { dynamic: true } });
    const requests = await client.sender({ target: { address: 'ActiveMQ.Scheduler.Management', capabilities: ['topic'] } });
    const ask = (action, properties = {}) =>
      requests.accepted({ reply_to: replies.address, application_properties: { AMQ_SCHEDULER_ACTION: action, ...properties } });
    await ask('BROWSE');
    const jobs = (await replies.takeAvailable()).map((d) => d.accept().message).filter((m) => m.to === queue);
    assert.deepEqual(jobs.map((m) => [m.body, m.application_properties.AMQ_SCHEDULED_PERIOD, m.application_properties.AMQ_SCHEDULED_REPEAT]), [['job', 1000, 4]]);
    await ask('REMOVE', { scheduledJobId: jobs[0].application_properties.scheduledJobId });
    assert.deepEqual(await listed(await Manager.open(client), queue), []);
  },
};
