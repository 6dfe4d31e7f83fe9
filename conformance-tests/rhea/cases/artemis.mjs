import assert from 'node:assert/strict';

const Node = 'activemq.management';

/** Asks as programs do that administer ActiveMQ Artemis by messages: JSON in, JSON out, over a temporary queue. */
class Control {
  static async open(client, address = Node) {
    const control = new Control();
    control.replies = await client.receiver({ source: { dynamic: true }, credit_window: 20, autoaccept: true });
    control.requests = await client.sender(address);
    return control;
  }

  async #ask(application_properties, body) {
    await this.requests.accepted({ message_id: 'ID:1', correlation_id: 'asked', reply_to: this.replies.address, application_properties, body });
    const { message } = await this.replies.next();
    assert.equal(message.correlation_id, 'asked');
    assert.equal(message.message_annotations['x-opt-jms-msg-type'], 5, 'a text message');
    const results = JSON.parse(message.body);
    assert.equal(results.length, 1);
    return { succeeded: message.application_properties._AMQ_OperationSucceeded, result: results[0] };
  }

  read(resource, attribute) {
    return this.#ask({ _AMQ_ResourceName: resource, _AMQ_Attribute: attribute });
  }

  invoke(resource, operation, ...parameters) {
    return this.#ask({ _AMQ_ResourceName: resource, _AMQ_OperationName: operation }, JSON.stringify(parameters));
  }
}

const done = (result = null) => ({ succeeded: true, result });

export default {
  async 'attributes-of-a-queue'(t) {
    const client = await t.connect();
    const name = t.queue();
    const sender = await client.sender(name);
    for (const body of ['a', 'b', 'c']) await sender.accepted({ body });
    const control = await Control.open(client);
    const queue = `queue.${name}`;
    for (const attribute of ['messageCount', 'MessageCount']) assert.deepEqual(await control.read(queue, attribute), done(3));
    assert.deepEqual(await control.invoke(queue, 'getMessageCount'), done(3));
    assert.deepEqual(await control.invoke(queue, 'countMessages'), done(3));
    assert.deepEqual(await control.read(queue, 'consumerCount'), done(0));
    assert.deepEqual(await control.read(queue, 'name'), done(name));
    assert.deepEqual(await control.read(queue, 'routingType'), done('ANYCAST'));
    assert.deepEqual(await control.read(`address.${name}`, 'queueNames'), done([name]));
    assert.deepEqual(await control.invoke(queue, 'removeAllMessages'), done(3));
    assert.deepEqual(await control.read(queue, 'messageCount'), done(0));
  },

  async 'a-queue-made-paused-resumed-and-destroyed'(t) {
    const client = await t.connect();
    const name = t.queue();
    const control = await Control.open(client, `queue://${Node}`);
    const configuration = JSON.stringify({ name, address: name, 'routing-type': 'ANYCAST', durable: true });
    assert.deepEqual(await control.invoke('broker', 'createQueue', configuration), done());
    assert.ok((await control.invoke('broker', 'getQueueNames', 'ANYCAST')).result.includes(name));
    assert.deepEqual(await control.invoke(`queue.${name}`, 'pause'), done());
    assert.deepEqual(await control.invoke(`queue.${name}`, 'isPaused'), done(true));
    await (await client.sender(name)).accepted({ body: 'kept' });
    const receiver = await client.receiver(name);
    assert.deepEqual(await receiver.takeAvailable(), [], 'a paused queue gives nothing');
    assert.deepEqual(await control.invoke(`queue.${name}`, 'resume'), done());
    assert.deepEqual((await receiver.takeAvailable()).map((d) => d.message.body), ['kept']);
    assert.deepEqual(await control.invoke('broker', 'destroyQueue', name, true), done());
    assert.ok(!(await control.read('broker', 'queueNames')).result.includes(name));
  },

  async 'a-topic-is-a-multicast-address'(t) {
    const control = await Control.open(await t.connect());
    const name = t.topic();
    assert.deepEqual(await control.invoke('broker', 'createAddress', name, 'MULTICAST'), done());
    assert.deepEqual(await control.read(`address.${name}`, 'routingTypes'), done(['MULTICAST']));
    assert.ok((await control.read('broker', 'addressNames')).result.includes(name));
    assert.deepEqual(await control.invoke('broker', 'deleteAddress', name), done());
  },

  async 'the-broker-itself'(t) {
    const control = await Control.open(await t.connect());
    assert.match((await control.read('broker', 'version')).result, /^\d+\.\d+/);
    assert.ok((await control.read('broker', 'connectionCount')).result >= 1);
    assert.ok(Number.isInteger((await control.read('broker', 'totalMessageCount')).result));
    assert.ok((await control.invoke('broker', 'listConnectionIDs')).result.length >= 1);
  },

  async 'what-cannot-be-says-why'(t) {
    const control = await Control.open(await t.connect());
    const refused = [
      [await control.read('queue.nobody-made-this', 'messageCount'), "There is no org.mamba.queue 'nobody-made-this'"],
      [await control.read('acceptor.amqp', 'name'), "There is no resource 'acceptor.amqp'"],
      [await control.invoke('broker', 'forceFailover'), "The operation 'forceFailover' of the broker is not known here"],
      [await control.invoke('broker', 'destroyQueue'), 'destroyQueue needs a text as argument 1'],
      [await control.invoke('broker', 'createQueue', JSON.stringify({ name: 'a', address: 'b' })), 'a queue has the name of its address'],
    ];
    for (const [{ succeeded, result }, text] of refused) {
      assert.equal(succeeded, false);
      assert.ok(result.includes(text), `${result} should include ${text}`);
    }
  },
};
