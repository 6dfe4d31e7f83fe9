import assert from 'node:assert/strict';
import rhea from 'rhea';

const described = (value, descriptor) => rhea.types.wrap_described(value, descriptor);
const Selector = 0x468C00000004;
const selector = (expression) => ({ 'jms-selector': described(expression, Selector) });
const queueSource = (queue, filter, more = {}) => ({ source: { address: queue, filter, ...more } });
const topicSource = (topic, filter, more = {}) => ({ source: { address: topic, capabilities: ['topic'], filter }, ...more });
const durable = (topic, name, filter, capabilities = ['topic']) =>
  ({ name, source: { address: topic, durable: 2, expiry_policy: 'never', distribution_mode: 'copy', capabilities, filter } });
const colored = (...colors) => colors.map((color, i) => ({ durable: true, body: `${color}${i}`, application_properties: { color, n: i } }));

async function put(t, address, messages, capabilities) {
  const client = await t.connect();
  await (await client.sender({ target: { address, capabilities } })).acceptedAll(messages);
}

const publish = (t, topic, messages) => put(t, topic, messages, ['topic']);
const bodiesOf = (deliveries) => deliveries.map((d) => d.accept().body);

/** What of some messages a consumer of a queue with this filter gets. */
async function selected(t, filter, messages) {
  const queue = t.queue();
  await put(t, queue, messages);
  const receiver = await (await t.connect()).receiver(queueSource(queue, filter));
  assert.deepEqual(Object.keys(receiver.remoteAttach.source.filter ?? {}), Object.keys(filter), 'the filter is in force');
  return bodiesOf(await receiver.takeAvailable());
}

async function refused(t, filter, pattern) {
  const client = await t.connect();
  const { error, terminus } = await client.refusedReceiver(queueSource(t.queue(), filter));
  assert.equal(error.condition, 'amqp:invalid-field');
  assert.match(error.description, pattern);
  assert.equal(terminus ?? null, null, 'the attach of a refusal has no source');
}

export default {
  async 'a-queue-consumer-gets-what-matches-and-the-rest-stays'(t) {
    const queue = t.queue();
    await put(t, queue, colored('red', 'blue', 'red', 'green', 'red'));
    const client = await t.connect();
    const red = await client.receiver(queueSource(queue, selector("color = 'red'")));
    assert.deepEqual(bodiesOf(await red.takeAvailable()), ['red0', 'red2', 'red4']);
    await red.nothing();
    const all = await client.receiver(queue);
    assert.deepEqual(bodiesOf(await all.takeAvailable()), ['blue1', 'green3']);
  },

  async 'the-reply-states-the-selector-as-it-was-written'(t) {
    const client = await t.connect();
    for (const descriptor of [Selector, 'apache.org:selector-filter:string']) {
      const receiver = await client.receiver(queueSource(t.queue(), { 'my-key': described("a = 'ü' AND b > 1", descriptor) }));
      const inForce = receiver.remoteAttach.source.filter;
      assert.deepEqual(Object.keys(inForce), ['my-key']);
      assert.match(JSON.stringify(inForce['my-key']), /a = 'ü' AND b > 1/);
    }
  },

  async 'competing-consumers-with-different-selectors-each-get-their-own'(t) {
    const queue = t.queue();
    const receivers = [];
    for (let i = 0; i < 5; i++) receivers.push(await (await t.connect()).receiver({ ...queueSource(queue, selector(`kind = ${i}`)), credit: 100 }));
    await put(t, queue, Array.from({ length: 100 }, (_, i) => ({ body: i, application_properties: { kind: i % 5 } })));
    for (let i = 0; i < 5; i++) {
      await receivers[i].reached(20);
      assert.deepEqual(bodiesOf(receivers[i].arrived.splice(0)), Array.from({ length: 20 }, (_, j) => (5 * j) + i));
    }
  },

  async 'a-match-behind-thousands-of-others-is-found-before-a-drain-is-answered'(t) {
    const queue = t.queue();
    await put(t, queue, [...Array.from({ length: 5000 }, (_, i) => ({ body: i })), { body: 'found', application_properties: { wanted: true } }]);
    const receiver = await (await t.connect()).receiver(queueSource(queue, selector('wanted')));
    assert.deepEqual(bodiesOf(await receiver.takeAvailable(1)), ['found']);
    await receiver.nothing();
  },

  async 'a-released-message-goes-back-to-its-place-for-its-selector'(t) {
    const queue = t.queue();
    await put(t, queue, colored('red', 'blue', 'red'));
    const receiver = await (await t.connect()).receiver(queueSource(queue, selector("color = 'red'")));
    const [first, second] = await receiver.take(2);
    second.release();
    first.release();
    assert.deepEqual(await receiver.bodies(2), ['red0', 'red2']);
    await receiver.nothing();
  },

  async 'jms-headers-are-identifiers'(t) {
    const message = {
      durable: true, priority: 7, message_id: 'ID:x-1', correlation_id: 'c-1', subject: 'created', group_id: 'g', group_sequence: 3,
      creation_time: new Date(1700000000000), user_id: Buffer.from('ada'), reply_to: 'replies', body: 'hit',
    };
    const expression = "JMSMessageID = 'ID:x-1' AND JMSCorrelationID = 'c-1' AND JMSType = 'created' AND JMSPriority > 6 AND JMSDeliveryMode = 'PERSISTENT'"
      + " AND JMSXGroupID = 'g' AND JMSXGroupSeq = 3 AND JMSTimestamp = 1700000000000 AND JMSXUserID = 'ada' AND JMSReplyTo = 'replies'"
      + ' AND JMSXDeliveryCount = 1 AND NOT JMSRedelivered';
    assert.deepEqual(await selected(t, selector(expression), [{ body: 'miss' }, message]), ['hit']);
  },

  async 'the-delivery-count-is-that-of-the-coming-delivery'(t) {
    const queue = t.queue();
    await put(t, queue, [{ body: 'again' }]);
    const client = await t.connect();
    const second = await client.receiver(queueSource(queue, selector('JMSXDeliveryCount = 2 AND JMSRedelivered')));
    await second.nothing();
    const first = await client.receiver(queueSource(queue, selector('JMSXDeliveryCount = 1')));
    const [delivery] = await first.take(1);
    delivery.modify({ delivery_failed: true });
    assert.deepEqual(await second.bodies(1), ['again']);
  },

  async 'like-in-between-null-and-arithmetic'(t) {
    const expression = "name LIKE 'a!_%' ESCAPE '!' AND color IN ('red', 'green') AND n BETWEEN 2 AND 4.5 AND missing IS NULL AND n * 2 - 1 = 5 AND NOT (n < 3)";
    const messages = [1, 2, 3, 4, 5].map((n) => ({ body: n, application_properties: { n, name: n === 3 ? 'a_c' : 'abc', color: 'red' } }));
    assert.deepEqual(await selected(t, selector(expression), messages), [3]);
  },

  async 'values-of-unlike-types-do-not-compare'(t) {
    const messages = [{ body: 'text', application_properties: { v: '5' } }, { body: 'number', application_properties: { v: 5 } }, { body: 'none' }];
    assert.deepEqual(await selected(t, selector('v = 5'), messages), ['number']);
    assert.deepEqual(await selected(t, selector("v <> '6'"), messages), ['text']);
    assert.deepEqual(await selected(t, selector('NOT (v = 5)'), messages), ['text']);
  },

  async 'an-empty-selector-selects-everything'(t) {
    assert.deepEqual(await selected(t, selector(''), [{ body: 1 }, { body: 2 }]), [1, 2]);
  },

  async 'a-wrong-selector-is-refused-with-its-place'(t) {
    await refused(t, selector("color = 'red' AND"), /at character 18: expected a value, an identifier or '\(' and found the end/);
    await refused(t, selector('color = '), /at character 9/);
    await refused(t, selector("color > 'red'"), /at character 9: a string can be compared by = and <> only/);
    await refused(t, selector('a LIKE 5'), /at character 8/);
  },

  async 'a-refused-selector-leaves-the-session-and-the-subscription-alone'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const subscription = await client.receiver(durable(topic, 'news', selector("color = 'red'")));
    await subscription.detach();
    const { error } = await (await client.session()).refused('receiver', durable(topic, 'news', selector('color =')));
    assert.equal(error.condition, 'amqp:invalid-field');
    await publish(t, topic, colored('red', 'blue'));
    const again = await (await client.session()).receiver(durable(topic, 'news', selector("color = 'red'")));
    assert.deepEqual(bodiesOf(await again.takeAvailable()), ['red0']);
    await again.close();
  },

  async 'a-browser-sees-what-matches-and-takes-nothing'(t) {
    const queue = t.queue();
    await put(t, queue, colored('red', 'blue', 'red'));
    const client = await t.connect();
    for (let i = 0; i < 2; i++) {
      const browser = await client.receiver({ ...queueSource(queue, selector("color = 'red'"), { distribution_mode: 'copy' }), snd_settle_mode: 1 });
      assert.deepEqual((await browser.takeAvailable()).map((d) => d.body), ['red0', 'red2']);
      await browser.close();
    }
    const all = await client.receiver(queue);
    assert.equal((await all.takeAvailable()).length, 3);
  },

  async 'topic-subscribers-get-what-matches-each'(t) {
    const topic = t.topic();
    const [red, blue, all] = [
      await (await t.connect()).receiver(topicSource(topic, selector("color = 'red'"))),
      await (await t.connect()).receiver(topicSource(topic, selector("color <> 'red'"))),
      await (await t.connect()).receiver(topicSource(topic)),
    ];
    await publish(t, topic, colored('red', 'blue', 'red'));
    assert.deepEqual(await red.bodies(2), ['red0', 'red2']);
    assert.deepEqual(await blue.bodies(1), ['blue1']);
    assert.equal((await all.take(3)).length, 3);
    await red.nothing();
    await blue.nothing();
  },

  async 'a-durable-subscription-keeps-its-selector-while-nobody-is-attached'(t) {
    const topic = t.topic();
    const container_id = t.unique('client');
    const first = await t.connect({ container_id });
    await (await first.receiver(durable(topic, 'news', selector("color = 'red'")))).detach();
    await first.close();
    await publish(t, topic, colored('red', 'blue', 'red'));
    const again = await (await t.connect({ container_id })).receiver(durable(topic, 'news', { other: described("color = 'red'", 'apache.org:selector-filter:string') }));
    assert.deepEqual(bodiesOf(await again.takeAvailable()), ['red0', 'red2']);
    await again.close();
  },

  async 'another-selector-starts-a-durable-subscription-anew'(t) {
    const topic = t.topic();
    const client = await t.connect();
    await (await client.receiver(durable(topic, 'news', selector("color = 'red'")))).detach();
    await publish(t, topic, colored('red', 'blue'));
    const changed = await (await client.session()).receiver(durable(topic, 'news', selector("color = 'blue'")));
    await changed.nothing();
    await publish(t, topic, colored('red', 'blue'));
    assert.deepEqual(bodiesOf(await changed.takeAvailable()), ['blue1']);
    await changed.close();
  },

  async 'the-selector-of-a-shared-subscription-in-use-cannot-be-changed'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const capabilities = ['topic', 'shared'];
    const first = await client.receiver(durable(topic, 'work', selector("color = 'red'"), capabilities));
    const { error } = await client.refusedReceiver(durable(topic, 'work|2', selector("color = 'blue'"), capabilities));
    assert.equal(error.condition, 'amqp:resource-locked');
    const second = await client.receiver(durable(topic, 'work|3', selector("color = 'red'"), capabilities));
    await publish(t, topic, colored('red', 'blue', 'red', 'red'));
    const got = [...bodiesOf(await first.takeAvailable(2)), ...bodiesOf(await second.takeAvailable())];
    assert.deepEqual(got.sort(), ['red0', 'red2', 'red3']);
    await second.detach();
    await first.close();
  },

  async 'no-local-and-a-selector-work-together'(t) {
    const topic = t.topic();
    const client = await t.connect();
    const filter = { ...selector("color = 'red'"), 'no-local': described('NoLocalFilter{}', 0x468C00000003) };
    const subscriber = await client.receiver(topicSource(topic, filter));
    assert.deepEqual(Object.keys(subscriber.remoteAttach.source.filter).sort(), ['jms-selector', 'no-local']);
    await (await client.sender({ target: { address: topic, capabilities: ['topic'] } })).acceptedAll(colored('red', 'blue'));
    await publish(t, topic, colored('blue', 'red'));
    assert.deepEqual(bodiesOf(await subscriber.takeAvailable()), ['red1']);
  },

  async 'sql-filters-know-sections-and-functions'(t) {
    const sql = (expression) => ({ 'sql-filter': described(expression, 0x120) });
    const messages = [
      { body: 'hit', subject: 'Order.new', priority: 6, user_id: Buffer.from('Bob'), group_sequence: 7, application_properties: { 'order-status': 'new', region: 'emea' } },
      { body: 'miss', subject: 'Invoice', application_properties: { region: 'emea' } },
    ];
    const expression = "p.subject LIKE 'Order%' AND header.priority > 4 AND p.user_id = 0x426F62 AND p.group_sequence % 2 = 1 AND [order-status] = 'new'"
      + " AND region IN ('emea', 'amer') AND (p.absolute_expiry_time IS NULL OR p.absolute_expiry_time > UTC())";
    assert.deepEqual(await selected(t, sql(expression), messages), ['hit']);
    await refused(t, sql('p.colour = 1'), /the properties section has no field 'colour'/);
  },

  async 'property-filters-match-whole-values-prefixes-and-suffixes'(t) {
    const { wrap_symbolic_map, wrap_map } = rhea.types;
    const messages = [
      { body: 'a', subject: 'Order.new', application_properties: { region: 'emea', n: 5 } },
      { body: 'b', subject: 'Order.old', application_properties: { region: 'emea', n: 6 } },
      { body: 'c', subject: 'Invoice.new', application_properties: { region: 'amer', n: 5 } },
      { body: 'd' },
    ];
    const properties = (map) => ({ p: described(wrap_symbolic_map(map), 'amqp:properties-filter') });
    const application = (map) => ({ a: described(wrap_map(map), 'amqp:application-properties-filter') });
    assert.deepEqual(await selected(t, properties({ subject: '&p:Order.' }), messages), ['a', 'b']);
    assert.deepEqual(await selected(t, properties({ subject: '&s:.new' }), messages), ['a', 'c']);
    assert.deepEqual(await selected(t, application({ region: 'emea', n: 5 }), messages), ['a']);
    assert.deepEqual(await selected(t, { ...properties({ subject: '&s:.new' }), ...application({ region: '&p:am' }) }, messages), ['c']);
    await refused(t, properties({ subject: '&x:y' }), /none of &p:, &s: and &&/);
  },

  async 'the-capabilities-of-the-filter-expressions-are-offered-where-desired'(t) {
    const desired_capabilities = ['AMQP_FILTEX_SQL_V1_0', 'AMQP_FILTEX_PROP_V1_0', 'AMQP_UNHEARD_OF'];
    const receiver = await (await t.connect()).receiver({ ...queueSource(t.queue()), desired_capabilities });
    assert.deepEqual(receiver.remoteAttach.offered_capabilities, desired_capabilities.slice(0, 2));
  },

  async 'legacy-bindings-match-the-subject'(t) {
    const messages = ['usd.stock', 'eur.stock.db', 'stock.nasdaq', undefined].map((subject) => ({ subject, body: subject ?? 'none' }));
    assert.deepEqual(await selected(t, { d: described('usd.stock', 0x468C00000000) }, messages), ['usd.stock']);
    assert.deepEqual(await selected(t, { b: described('*.stock.#', 'apache.org:legacy-amqp-topic-binding:string') }, messages), ['usd.stock', 'eur.stock.db']);
    assert.deepEqual(await selected(t, { b: described('#', 0x468C00000001) }, messages), ['usd.stock', 'eur.stock.db', 'stock.nasdaq', 'none']);
  },

  async 'sql-filters-have-functions-of-texts-and-dates'(t) {
    const sql = (expression) => ({ 'sql-filter': described(expression, 'amqp:sql-filter') });
    const messages = ['Red', 'dark red', 'blue', undefined].map((color) => ({ body: color ?? 'none', application_properties: color ? { color } : {} }));
    assert.deepEqual(await selected(t, sql("LOWER(color) = 'red' OR UPPER(RIGHT(color, 3)) = 'RED'"), messages), ['Red', 'dark red']);
    assert.deepEqual(await selected(t, sql("SUBSTRING(color, 2, 2) = 'lu' AND LEFT(color, 1) <> 'r' AND UTC() > DATE('2020-02-29T12:00:00+01:00')"), messages), ['blue']);
  },

  async 'a-headers-binding-matches-all-or-any-of-the-application-properties'(t) {
    const { wrap_map } = rhea.types;
    const messages = [
      { body: 'a', application_properties: { region: 'emea', n: 5 } },
      { body: 'b', application_properties: { region: 'emea', n: 6 } },
      { body: 'c', application_properties: { n: 5 } },
      { body: 'd' },
    ];
    const headers = (map) => ({ h: described(wrap_map(map), 0x468C00000002) });
    assert.deepEqual(await selected(t, headers({ region: 'emea', n: 5 }), messages), ['a']);
    assert.deepEqual(await selected(t, headers({ 'x-match': 'any', region: 'emea', n: 5 }), messages), ['a', 'b', 'c']);
    assert.deepEqual(await selected(t, headers({ 'x-match': 'all', n: null }), messages), ['a', 'b', 'c']);
  },
};
