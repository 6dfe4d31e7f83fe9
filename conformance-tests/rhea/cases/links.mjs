import assert from 'node:assert/strict';
import { source, target } from '../lib/frames.mjs';

export default {
  async 'close-is-answered-with-closed-true'(t) {
    const client = await t.connect();
    assert.equal((await (await client.sender(t.queue())).close()).closed, true);
    assert.equal((await (await client.receiver(t.queue())).close()).closed, true);
  },

  async 'detach-is-answered-with-closed-false'(t) {
    const client = await t.connect();
    assert.equal((await (await client.sender(t.queue())).detach()).closed ?? false, false);
    assert.equal((await (await client.receiver(t.queue())).detach()).closed ?? false, false);
  },

  async 'the-reply-mirrors-name-and-role-and-states-source-and-target'(t) {
    const client = await t.connect();
    const queue = t.queue();
    const receiver = await client.receiver({ source: { address: queue, expiry_policy: 'link-detach', capabilities: ['queue'] } });
    const attach = receiver.remoteAttach;
    assert.equal(attach.role, false);
    assert.equal(attach.initial_delivery_count, 0);
    assert.equal(attach.source.address, queue);
    assert.equal(attach.target.type, 'target');
    assert.ok([attach.source.capabilities].flat().includes('queue'));
    const sender = await client.sender(queue);
    assert.equal(sender.remoteAttach.role, true);
    assert.equal(sender.remoteAttach.target.address, queue);
  },

  async 'an-unknown-filter-is-left-out-of-the-reply'(t) {
    const { types } = (await import('rhea')).default;
    const client = await t.connect();
    const receiver = await client.receiver({ source: { address: t.queue(), filter: { odd: types.wrap_described('x', 'example:unheard-of:string') } } });
    assert.equal(receiver.remoteAttach.source.filter?.odd, undefined);
  },

  async 'handles-are-free-again-after-close'(t) {
    const client = await t.connect();
    const session = await client.session();
    const queue = t.queue();
    for (let i = 0; i < 30; i++) {
      const sender = await session.sender(queue);
      assert.equal(sender.inner.local.handle, 0);
      await sender.accepted({ body: i });
      await sender.close();
      sender.inner.remove();
    }
    assert.deepEqual(await (await session.receiver(queue)).bodies(30), Array.from({ length: 30 }, (_, i) => i));
  },

  async 'an-unsettled-map-whose-keys-are-no-tags-is-refused'(t) {
    const queue = t.queue();
    const peer = await (await t.raw()).establish();
    const unsettled = { 'a-string': null };
    peer.send(0, 'attach', { name: 's', handle: 0, role: false, initial_delivery_count: 0, source: source('me'), target: target(queue), unsettled });
    await peer.expect('attach');
    const { fields } = await peer.expect('detach');
    assert.equal(fields.error.condition, 'amqp:invalid-field');
    assert.match(fields.error.description, /unsettled map/);
  },

  async 'many-links-on-one-session'(t) {
    const client = await t.connect();
    const session = await client.session();
    const queues = Array.from({ length: 100 }, () => t.queue());
    const senders = await Promise.all(queues.map((q) => session.sender(q)));
    const receivers = await Promise.all(queues.map((q) => session.receiver({ source: { address: q }, credit: 1 })));
    await Promise.all(senders.map((s, i) => s.accepted({ body: i })));
    const got = await Promise.all(receivers.map((r) => r.next()));
    assert.deepEqual(got.map((d) => d.accept().body), queues.map((_, i) => i));
  },

  async 'one-name-in-both-directions'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const name = t.unique('pair');
    const [one, two] = [await client.session(), await client.session()];
    const sender = await one.sender({ name, target: { address: queue } });
    const receiver = await two.receiver({ name, source: { address: queue } });
    await sender.accepted({ body: 'through the pair' });
    assert.deepEqual(await receiver.bodies(1), ['through the pair']);
    assert.equal(client.trace.all('in', 'detach').length, 0);
  },

  async 'one-name-in-both-directions-on-one-session'(t) {
    const queue = t.queue();
    const peer = await (await t.raw()).establish();
    peer.send(0, 'attach', { name: 'pair', handle: 0, role: false, initial_delivery_count: 0, source: source('me'), target: target(queue) });
    peer.send(0, 'attach', { name: 'pair', handle: 1, role: true, source: source(queue), target: target('me') });
    await peer.expect('attach', (f) => f.fields.name === 'pair' && f.fields.role === true);
    await peer.expect('attach', (f) => f.fields.name === 'pair' && f.fields.role === false);
    peer.send(0, 'detach', { handle: 1, closed: true });
    await peer.expect('detach');
    assert.equal(peer.trace.all('in', 'detach').length, 1);
    assert.equal(peer.closed, false);
  },

  async 'a-link-is-stolen-by-the-same-container-on-another-connection'(t) {
    const topic = t.topic();
    const container_id = t.unique('client');
    const options = { name: 'sub', source: { address: topic, durable: 2, expiry_policy: 'never', capabilities: ['topic'] } };
    const first = await (await t.connect({ container_id })).receiver(options);
    const stolen = first.detached();
    const second = await (await t.connect({ container_id })).receiver(options);
    const detach = await stolen;
    assert.equal(detach.closed, true);
    assert.equal(detach.error.condition, 'amqp:link:stolen');
    await (await (await t.connect()).sender(`topic://${topic}`)).accepted({ body: 'to the thief' });
    assert.deepEqual(await second.bodies(1), ['to the thief']);
    await second.close();
  },

  async 'a-link-is-stolen-from-another-session'(t) {
    const queue = t.queue();
    const client = await t.connect();
    const [one, two] = [await client.session(), await client.session()];
    const options = { name: 'r', source: { address: queue } };
    const first = await one.receiver(options);
    const stolen = first.detached();
    const second = await two.receiver(options);
    assert.equal((await stolen).error.condition, 'amqp:link:stolen');
    await (await client.sender(queue)).accepted({ body: 'm' });
    assert.deepEqual(await second.bodies(1), ['m']);
  },

  async 'the-same-name-in-another-container-is-another-link'(t) {
    const queue = t.queue();
    const options = { name: 'r', source: { address: queue } };
    const [a, b] = [await (await t.connect()).receiver(options), await (await t.connect()).receiver(options)];
    await (await (await t.connect()).sender(queue)).acceptedAll([{ body: 1 }, { body: 2 }]);
    assert.deepEqual([...await a.bodies(1), ...await b.bodies(1)].sort(), [1, 2]);
  },

  async 'a-handle-above-handle-max-ends-the-connection'(t) {
    const peer = await (await t.raw()).establish();
    const { handle_max: max = 4294967295 } = peer.trace.first('in', 'begin').fields;
    assert.ok(max < 4294967295, 'a broker has a limit, and says so');
    peer.send(0, 'attach', { name: 'a', handle: max + 1, role: true, source: source(t.queue()), target: target('x') });
    const close = await peer.expect('close');
    assert.equal(close.fields.error.condition, 'amqp:connection:framing-error');
    await peer.ended();
  },

  async 'a-channel-above-channel-max-ends-the-connection'(t) {
    const peer = await (await t.raw()).establish();
    const { channel_max: max } = peer.trace.first('in', 'open').fields;
    assert.ok(max < 65535);
    peer.send(max + 1, 'begin', { next_outgoing_id: 0, incoming_window: 1, outgoing_window: 1 });
    assert.equal((await peer.expect('close')).fields.error.condition, 'amqp:connection:framing-error');
    await peer.ended();
  },

  async 'a-handle-in-use-is-a-session-error'(t) {
    const peer = await (await t.raw()).establish();
    for (const name of ['a', 'b']) peer.send(0, 'attach', { name, handle: 0, role: true, source: source(t.queue()), target: target('x') });
    const { fields } = await peer.expect('end');
    assert.equal(fields.error.condition, 'amqp:session:handle-in-use');
  },

  async 'a-transfer-on-an-unattached-handle-ends-the-session'(t) {
    const peer = await (await t.raw()).establish();
    peer.send(0, 'transfer', { handle: 5, delivery_id: 0, delivery_tag: Buffer.from('x') }, Buffer.from([0x00, 0x53, 0x77, 0x40]));
    assert.equal((await peer.expect('end')).fields.error.condition, 'amqp:session:unattached-handle');
    peer.send(0, 'end', {});
    peer.send(0, 'begin', { next_outgoing_id: 0, incoming_window: 1, outgoing_window: 1 });
    await t.wait('a new session on that channel', peer.trace.waitForCount('in', 'begin', 2));
  },

  async 'frames-behind-our-own-detach-are-ignored'(t) {
    const queue = t.queue();
    const client = await t.connect();
    await client.receiver({ source: { address: queue, capabilities: ['queue'] } });
    const peer = await (await t.raw()).establish();
    peer.write(Buffer.concat([
      peer.encode(0, 'attach', { name: 'refused', handle: 0, role: true, source: source(queue, { capabilities: ['topic'] }), target: target('x') }),
      peer.encode(0, 'flow', { next_incoming_id: 0, incoming_window: 10, next_outgoing_id: 0, outgoing_window: 10, handle: 0, delivery_count: 0, link_credit: 10 }),
    ]));
    await peer.expect('detach');
    peer.send(0, 'detach', { handle: 0, closed: true });
    peer.send(0, 'attach', { name: 'fine', handle: 0, role: true, source: source(queue), target: target('x') });
    await peer.expect('attach', (f) => f.fields.name === 'fine');
    assert.equal(peer.trace.first('in', 'end'), undefined);
  },

  async 'attach-and-flow-pipelined-behind-begin'(t) {
    const queue = t.queue();
    await (await (await t.connect()).sender(queue)).accepted({ body: 'waiting' });
    const peer = await t.raw();
    peer.write(Buffer.concat([
      Buffer.from('414d515000010000', 'hex'),
      peer.encode(0, 'open', { container_id: t.unique('eager') }),
      peer.encode(0, 'begin', { next_outgoing_id: 4294967293, incoming_window: 2048, outgoing_window: 2048 }),
      peer.encode(0, 'attach', { name: 'r', handle: 0, role: true, source: source(queue), target: target('x') }),
      peer.encode(0, 'flow', { incoming_window: 2048, next_outgoing_id: 4294967293, outgoing_window: 2048, handle: 0, link_credit: 5 }),
    ]));
    const transfer = await peer.expect('transfer');
    assert.equal(transfer.fields.delivery_id, 0);
    const order = peer.trace.frames.filter((f) => f.direction === 'in').map((f) => f.name).filter((n) => ['header', 'open', 'begin', 'attach', 'transfer'].includes(n));
    assert.deepEqual(order, ['header', 'open', 'begin', 'attach', 'transfer']);
  },

  async 'end-and-begin-in-one-write-on-one-channel'(t) {
    const peer = await (await t.raw()).establish();
    peer.write(Buffer.concat([peer.encode(0, 'end', {}), peer.encode(0, 'begin', { next_outgoing_id: 0, incoming_window: 5, outgoing_window: 5 })]));
    await t.wait('the second begin', peer.trace.waitForCount('in', 'begin', 2));
    assert.deepEqual(peer.trace.frames.filter((f) => f.direction === 'in' && ['begin', 'end'].includes(f.name)).map((f) => f.name), ['begin', 'end', 'begin']);
  },
};
