// What RabbitMQ's own AMQP 1.0 clients do: administer over a link pair (HTTP over AMQP) and use addresses of version 2. Every case was
// also run against RabbitMQ 4.3.6, which answers the same (with { "brokerKind": "rabbitmq" } and a user's name in the target file).
// Texts of errors are each broker's own and are not compared.
import assert from 'node:assert/strict';
import { LinkPair } from '../lib/linkpair.mjs';

const enc = encodeURIComponent;
const bodies = (deliveries) => deliveries.map((d) => d.body);

/** A client, its pair, and a queue of the case's own. */
async function start(t, properties) {
  const client = await t.connect();
  const pair = await LinkPair.open(client);
  const queue = t.unique('queue');
  const made = await pair.queue(queue, properties);
  return { client, pair, queue, made, address: `/queues/${queue}` };
}

/** The condition a receiver is refused with, on a connection of its own: RabbitMQ ends the session when rhea confirms the detach. */
async function refusal(t, address) {
  const client = await t.connect();
  const { error } = await client.refusedReceiver(address);
  await client.drop();
  return error.condition;
}

const flags = (answer) => Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, typeof value === 'number' ? value : value === true ? 1 : value === false ? 0 : value]));

export default {
  async 'open-offers-link-pairs'(t) {
    const { fields } = (await t.connect()).remoteOpen;
    assert.ok(fields.offered_capabilities.includes('LINK_PAIR_V1_0'), JSON.stringify(fields.offered_capabilities));
  },

  async 'halves-attach-in-either-order'(t) {
    const client = await t.connect();
    for (const order of [['sender', 'receiver'], ['receiver', 'sender']]) {
      const pair = await LinkPair.open(client, { order });
      assert.equal(pair.sender.remoteAttach.properties.paired, true);
      assert.equal(pair.receiver.remoteAttach.properties.paired, true);
      assert.equal(pair.receiver.remoteAttach.snd_settle_mode, 1);
      await pair.expect('404', 'GET', `/queues/${t.unique('none')}`);
    }
  },

  async 'a-half-without-the-property-is-refused'(t) {
    const session = await (await t.connect()).session();
    const { error } = await LinkPair.refused(session, 'sender', 'pair', '$me', false);
    assert.equal(error.condition, 'amqp:invalid-field');
  },

  async 'halves-with-different-addresses-are-refused'(t) {
    const session = await (await t.connect()).session();
    await LinkPair.attach(session, 'receiver', 'pair', '$me');
    const { error } = await LinkPair.refused(session, 'sender', 'pair', 'elsewhere');
    assert.equal(error.condition, 'amqp:precondition-failed');
  },

  async 'a-queue-from-declaration-to-deletion'(t) {
    const { client, pair, queue, made, address } = await start(t);
    const { name, durable, auto_delete, exclusive, message_count, consumer_count, vhost } = flags(made);
    assert.deepEqual([name, durable, auto_delete, exclusive, message_count, consumer_count, vhost], [queue, 1, 0, 0, 0, 0, '/']);
    await pair.expect('200', 'PUT', address, { durable: true, arguments: {} });
    await (await client.sender(address)).acceptedAll([1, 2, 3].map((body) => ({ body, durable: true })));
    assert.deepEqual((await pair.expect('200', 'DELETE', `${address}/messages`)).message_count, 3);
    await (await client.sender(address)).accepted({ body: 4 });
    assert.deepEqual((await pair.expect('200', 'DELETE', address)).message_count, 1);
    await pair.expect('404', 'GET', address);
    assert.deepEqual((await pair.expect('200', 'DELETE', address)).message_count, 0);
    await pair.expect('404', 'DELETE', `${address}/messages`);
  },

  async 'a-different-declaration-is-a-conflict'(t) {
    const { pair, address } = await start(t, { arguments: { 'x-max-length': 5 } });
    await pair.expect('200', 'PUT', address, { arguments: { 'x-max-length': 5 } });
    await pair.expect('409', 'PUT', address, { arguments: { 'x-max-length': 6 } });
    await pair.expect('409', 'PUT', address, {});
    await pair.expect('409', 'PUT', address, { durable: false, arguments: { 'x-max-length': 5 } });
    await pair.expect('400', 'PUT', address, { durable: 'yes' });
    await pair.expect('400', 'PUT', address, { colour: 'red' });
  },

  async 'reserved-and-empty-names-are-refused'(t) {
    const { pair } = await start(t);
    await pair.expect('400', 'PUT', '/queues/', {});
    await pair.expect('403', 'PUT', '/queues/amq.mine', {});
    await pair.expect('403', 'PUT', '/exchanges/amq.mine', { type: 'topic' });
    await pair.expect('403', 'PUT', '/exchanges/', { type: 'topic' });
  },

  async 'a-quorum-queue-counts-failed-deliveries'(t) {
    const graves = t.unique('graves');
    const { client, pair, address } = await start(t, {
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': graves },
    });
    await pair.queue(graves);
    await (await client.sender(address)).accepted({ body: 'mortal', durable: true });
    const receiver = await client.receiver(address);
    for (const count of [0, 1]) {
      const [delivery] = await receiver.take(1);
      assert.equal(delivery.deliveryCount, count);
      delivery.modify({ delivery_failed: true });
    }
    assert.deepEqual(await (await client.receiver(`/queues/${graves}`)).bodies(1), ['mortal']);
  },

  async 'a-length-drops-the-oldest'(t) {
    const { client, address } = await start(t, { arguments: { 'x-max-length': 2 } });
    await (await client.sender(address)).acceptedAll([1, 2, 3].map((body) => ({ body })));
    assert.deepEqual(await (await client.receiver(address)).bodies(2), [2, 3]);
  },

  async 'names-are-percent-encoded'(t) {
    const client = await t.connect();
    const pair = await LinkPair.open(client);
    const name = `${t.unique('a b/c')}é`;
    assert.equal((await pair.queue(name)).name, name);
    const address = `/queues/${enc(name)}`;
    await (await client.sender({ target: {} })).accepted({ to: address, body: 'there' });
    assert.deepEqual(await (await client.receiver(address)).bodies(1), ['there']);
    await pair.expect('200', 'DELETE', address);
  },

  async 'an-exclusive-queue-is-its-connections'(t) {
    const { client, pair, address } = await start(t, { exclusive: true });
    const other = await t.connect();
    const otherPair = await LinkPair.open(other);
    await pair.expect('200', 'PUT', address, { exclusive: true });
    await otherPair.expect('400', 'PUT', address, { exclusive: true });
    await otherPair.expect('400', 'DELETE', address);
    await (await other.sender(address)).accepted({ body: 1 });
    assert.equal(await refusal(t, address), 'amqp:resource-locked');
    assert.deepEqual(await (await client.receiver(address)).bodies(1), [1]);
    await client.close();
    while ((await otherPair.ask('GET', address)).status !== '404');
  },

  async 'a-missing-queue-is-not-made-by-using-it'(t) {
    const client = await t.connect();
    const address = `/queues/${t.unique('none')}`;
    assert.equal((await client.refusedSender(address)).error.condition, 'amqp:not-found');
    assert.equal(await refusal(t, address), 'amqp:not-found');
    assert.equal((await client.refusedSender(`/exchanges/${t.unique('none')}/key`)).error.condition, 'amqp:not-found');
    assert.equal((await client.refusedSender('/exchanges/a/b/c')).error.condition, 'amqp:invalid-field');
    const relay = await client.sender({ target: {} });
    assert.equal((await relay.send({ to: address, body: 1 })).type, 'released');
    const outcome = async (to) => { const { type, error } = await relay.send({ to, body: 1 }); return [type, error?.condition]; };
    assert.deepEqual(await outcome(`/exchanges/${t.unique('none')}/key`), ['rejected', 'amqp:not-found']);
    for (const bad of ['/queues/', '/queues/%zz', '/exchanges//key', '/exchanges/a/b/c', undefined]) {
      assert.deepEqual(await outcome(bad), ['rejected', 'amqp:precondition-failed'], bad);
    }
  },

  async 'direct-fanout-and-topic-exchanges-route'(t) {
    const { client, pair, queue, address } = await start(t);
    const relay = await client.sender({ target: {} });
    const receiver = await client.receiver(address);
    for (const [type, bound, fits, misses] of [['direct', 'a.b', 'a.b', 'a.c'], ['topic', 'a.*.#', 'a.b', 'b.a'], ['fanout', 'any', 'other', undefined]]) {
      const exchange = t.unique(type);
      await pair.exchange(exchange, type);
      await pair.bind(exchange, bound, queue);
      await relay.accepted({ to: `/exchanges/${exchange}/${fits}`, body: type });
      if (misses) assert.equal((await relay.send({ to: `/exchanges/${exchange}/${misses}`, body: 'lost' })).type, 'released');
      const direct = await client.sender(`/exchanges/${exchange}/${fits}`);
      await direct.accepted({ body: `${type} by link` });
      assert.deepEqual(await receiver.bodies(2), [type, `${type} by link`]);
      await pair.expect('204', 'DELETE', `/exchanges/${exchange}`);
      await pair.expect('204', 'DELETE', `/exchanges/${exchange}`);
    }
  },

  async 'headers-exchanges-look-at-application-properties'(t) {
    const { client, pair, queue, address } = await start(t);
    const both = t.unique('both');
    await pair.queue(both);
    const exchange = t.unique('headers');
    await pair.exchange(exchange, 'headers');
    await pair.bind(exchange, '', queue, { 'x-match': 'any', side: 'buy', place: 'eu' });
    await pair.bind(exchange, '', both, { 'x-match': 'all', side: 'buy', place: 'eu' });
    const sender = await client.sender(`/exchanges/${exchange}`);
    const order = (body, side, place) => ({ body, application_properties: { side, place } });
    await sender.accepted(order(1, 'buy', 'eu'));
    await sender.accepted(order(2, 'sell', 'eu'));
    assert.equal((await sender.send(order(3, 'sell', 'us'))).type, 'released');
    assert.deepEqual(await (await client.receiver(address)).bodies(2), [1, 2]);
    assert.deepEqual(await (await client.receiver(`/queues/${both}`)).bodies(1), [1]);
  },

  async 'exchanges-are-bound-to-exchanges'(t) {
    const { client, pair, queue, address } = await start(t);
    const [first, second] = [t.unique('first'), t.unique('second')];
    await pair.exchange(first, 'topic');
    await pair.exchange(second, 'fanout');
    await pair.bind(first, 'orders.#', second, {}, 'exchange');
    await pair.bind(second, '', first, {}, 'exchange');
    await pair.bind(second, '', queue);
    await pair.bind(first, 'orders.eu', queue);
    await (await client.sender(`/exchanges/${first}/orders.eu`)).accepted({ body: 'once' });
    assert.deepEqual(bodies(await (await client.receiver(address)).take(1)), ['once']);
    const listed = await pair.expect('200', 'GET', `/bindings?src=${first}&dste=${second}&key=${enc('orders.#')}`);
    assert.deepEqual(listed.map((b) => [b.source, b.destination_exchange, b.binding_key]), [[first, second, 'orders.#']]);
  },

  async 'bindings-are-listed-and-deleted'(t) {
    const { client, pair, queue } = await start(t);
    const exchange = t.unique('ex change');
    await pair.exchange(exchange, 'headers');
    await pair.bind(exchange, 'a key', queue);
    await pair.bind(exchange, 'a key', queue);
    await pair.bind(exchange, 'a key', queue, { 'x-match': 'all', a: 'b' });
    const where = `/bindings?src=${enc(exchange)}&dstq=${enc(queue)}&key=${enc('a key')}`;
    const listed = await pair.expect('200', 'GET', where);
    assert.deepEqual(listed.map((b) => [b.source, b.destination_queue, b.binding_key]), [[exchange, queue, 'a key'], [exchange, queue, 'a key']]);
    const plain = listed.find((b) => Object.keys(b.arguments).length === 0);
    assert.equal(plain.location, `/bindings/src=${enc(exchange)};dstq=${enc(queue)};key=a%20key;args=`);
    const choosy = listed.find((b) => b !== plain);
    assert.deepEqual({ ...choosy.arguments }, { 'x-match': 'all', a: 'b' });
    const sender = await client.sender(`/exchanges/${enc(exchange)}`);
    for (const binding of [plain, choosy]) {
      await sender.accepted({ body: 1, application_properties: { a: 'b' } });
      await pair.expect('204', 'DELETE', binding.location);
      await pair.expect('204', 'DELETE', binding.location);
    }
    assert.equal((await sender.send({ body: 1, application_properties: { a: 'b' } })).type, 'released');
    assert.deepEqual(await pair.expect('200', 'GET', where), []);
  },

  async 'bindings-that-cannot-be-are-refused'(t) {
    const { pair, queue } = await start(t);
    const body = { source: 'amq.direct', binding_key: 'k', arguments: {}, destination_queue: queue };
    await pair.expect('400', 'POST', '/bindings', { ...body, source: t.unique('none') });
    await pair.expect('400', 'POST', '/bindings', { ...body, destination_queue: t.unique('none') });
    await pair.expect('403', 'POST', '/bindings', { ...body, source: '' });
    await pair.expect('400', 'POST', '/bindings', { ...body, source: 'amq.match', arguments: { 'x-match': 'sometimes' } });
    await pair.expect('400', 'GET', '/bindings?src=amq.direct&key=k');
    await pair.expect('400', 'DELETE', '/bindings/nonsense');
  },

  async 'exchanges-that-cannot-be-are-refused'(t) {
    const { pair } = await start(t);
    const exchange = t.unique('exchange');
    await pair.exchange(exchange, 'topic');
    await pair.exchange(exchange, 'topic');
    await pair.expect('409', 'PUT', `/exchanges/${exchange}`, { type: 'fanout' });
    await pair.expect('400', 'PUT', `/exchanges/${exchange}2`, { type: 'nonsense' });
    await pair.expect('400', 'PUT', `/exchanges/${exchange}2`, { type: 'topic', colour: 'red' });
    await pair.expect('204', 'PUT', '/exchanges/amq.topic', { type: 'topic' });
    await pair.expect('204', 'DELETE', `/exchanges/${exchange}`);
  },

  async 'a-queue-takes-its-bindings-with-it'(t) {
    const { client, pair, queue, address } = await start(t);
    const exchange = t.unique('exchange');
    await pair.exchange(exchange, 'direct');
    await pair.bind(exchange, 'k', queue);
    const sender = await client.sender(`/exchanges/${exchange}/k`);
    await sender.accepted({ body: 1 });
    await pair.expect('200', 'DELETE', address);
    await pair.queue(queue);
    assert.equal((await sender.send({ body: 2 })).type, 'released');
  },
};
