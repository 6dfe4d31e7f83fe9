import assert from 'node:assert/strict';

export const Node = '/management';
const Own = '$me';

/**
 * rhea knows a link by its name alone, and the two of a pair have the same one: from now on those of this session are told apart by role.
 */
function allowPairs(inner) {
  if (inner.allowsPairs) return;
  inner.allowsPairs = true;
  const key = (sends, name) => `${sends ? 'sender' : 'receiver'} ${name}`;
  const { on_attach: plain, create_link: create } = inner;
  inner.create_link = function createLink(name, constructor, options) {
    const link = create.call(this, name, constructor, options);
    if (options?.properties?.paired !== undefined) {
      delete this.links[name];
      this.links[key(link.is_sender(), name)] = link;
    }
    return link;
  };
  inner.on_attach = function onAttach(frame) {
    const attach = frame.performative;
    const link = this.links[key(attach.role, attach.name)];
    if (!link) {
      plain.call(this, frame);
      return;
    }
    this.remote.handles[attach.handle] = link;
    link.on_attach(frame);
    link.remote.attach = attach;
  };
}

/** The options of both halves, as RabbitMQ's clients attach them. */
const half = (role, name, own, paired) => ({
  name,
  source: { address: role === 'sender' ? own : Node },
  target: { address: role === 'sender' ? Node : own },
  snd_settle_mode: 1,
  properties: { paired },
  ...(role === 'receiver' && { autoaccept: false, credit_window: 100 }),
});

/** A link pair with a broker's management node (HTTP over AMQP): asks one thing at a time. */
export class LinkPair {
  #next = 0;

  static async open(client, { name = 'management-link-pair', own = Own, order = ['sender', 'receiver'] } = {}) {
    const pair = new LinkPair();
    pair.session = await client.session();
    allowPairs(pair.session.inner);
    for (const role of order) pair[role] = await LinkPair.attach(pair.session, role, name, own);
    if (!pair.sender.inner.sendable()) await pair.sender.sendable();
    return pair;
  }

  static attach(session, role, name, own = Own, paired = true) {
    allowPairs(session.inner);
    return session[role](half(role, name, own, paired));
  }

  static refused(session, role, name, own = Own, paired = true) {
    allowPairs(session.inner);
    return session.refused(role, half(role, name, own, paired));
  }

  async ask(method, to, body = null) {
    const message_id = `request ${this.#next++}`;
    this.sender.post({ message_id, to, subject: method, reply_to: Own, body }, { settled: true });
    const { message } = await this.receiver.next();
    assert.equal(message.correlation_id, message_id);
    assert.equal(message.application_properties['http:response'], '1.1');
    return { status: message.subject, body: message.body };
  }

  /** Asks and insists on a status; resolves with the body. */
  async expect(status, method, to, body) {
    const answer = await this.ask(method, to, body);
    assert.equal(answer.status, status, `${method} ${to}: ${JSON.stringify(answer)}`);
    return answer.body;
  }

  queue(name, properties = {}) { return this.expect('201', 'PUT', `/queues/${encodeURIComponent(name)}`, properties); }

  exchange(name, type) { return this.expect('204', 'PUT', `/exchanges/${encodeURIComponent(name)}`, { type }); }

  bind(source, binding_key, destination, args = {}, kind = 'queue') {
    return this.expect('204', 'POST', '/bindings', { source, binding_key, arguments: args, [`destination_${kind}`]: destination });
  }
}

