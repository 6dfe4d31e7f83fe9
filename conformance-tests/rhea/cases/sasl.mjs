import assert from 'node:assert/strict';
import fs from 'node:fs';
import { Scram } from '../lib/scram.mjs';

const mechanismsOf = (client) => [client.trace.first('in', 'sasl_mechanisms').fields.sasl_server_mechanisms].flat();
const chosen = (client) => client.trace.first('out', 'sasl_init').fields.mechanism;

async function usable(t, client) {
  const queue = t.queue();
  await (await client.sender(queue)).accepted({ body: 'authenticated' });
  assert.deepEqual(await (await client.receiver(queue)).bodies(1), ['authenticated']);
}

async function refused(t, options) {
  const client = t.client(options);
  await assert.rejects(client.open(), (e) => e.condition === 'amqp:unauthorized-access');
  const outcome = client.trace.first('in', 'sasl_outcome');
  assert.equal(outcome.fields.code, 1, 'code 1: the credentials were at fault, trying again is no use');
  assert.equal(client.trace.first('in', 'open'), undefined, 'nothing follows a failed outcome');
  return client;
}

async function scram(t, mechanism, hash) {
  const scramClient = new Scram(hash, t.target.user, t.target.password);
  const client = await t.connect({ sasl_mechanisms: { [mechanism]: scramClient } });
  const extra = client.trace.first('in', 'sasl_outcome').fields.additional_data;
  if (extra) scramClient.verify(extra.toString('utf8'));
  assert.ok(scramClient.verified, 'the server has to prove itself in a last challenge or in the outcome');
  await usable(t, client);
}

export default {
  async 'anonymous'(t) {
    const client = await t.connect({ username: 'somebody' });
    assert.equal(chosen(client), 'ANONYMOUS');
    await usable(t, client);
  },

  async 'mechanisms-are-listed-strongest-first'(t) {
    const client = await t.connect(t.credentials());
    const offered = mechanismsOf(client);
    const strength = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN', 'ANONYMOUS'];
    assert.deepEqual(offered.filter((m) => strength.includes(m)), strength, 'rhea takes the first it knows');
    assert.ok(!offered.includes('EXTERNAL'), 'EXTERNAL needs a verified client certificate');
    assert.ok(!offered.includes('CRAM-MD5'));
  },

  async 'plain'(t) {
    const client = await t.connect(t.credentials());
    assert.equal(chosen(client), 'PLAIN');
    await usable(t, client);
  },

  async 'plain-with-a-wrong-password-is-refused'(t) {
    await refused(t, { username: t.target.user, password: t.target.wrongPassword });
  },

  async 'plain-with-an-unknown-user-is-refused-the-same-way'(t) {
    await refused(t, { username: t.unique('nobody'), password: t.target.password });
  },

  'scram-sha-256': (t) => scram(t, 'SCRAM-SHA-256', 'sha256'),

  'scram-sha-512': (t) => scram(t, 'SCRAM-SHA-512', 'sha512'),

  async 'scram-with-a-wrong-password-is-refused'(t) {
    await refused(t, { sasl_mechanisms: { 'SCRAM-SHA-256': new Scram('sha256', t.target.user, t.target.wrongPassword) } });
  },

  async 'scram-does-not-tell-which-users-exist'(t) {
    await refused(t, { sasl_mechanisms: { 'SCRAM-SHA-256': new Scram('sha256', t.unique('nobody'), 'x') } });
  },

  async 'a-mechanism-that-was-not-offered-is-refused'(t) {
    const peer = await t.raw();
    peer.write(Buffer.from('414d515003010000', 'hex'));
    await peer.expect('sasl_mechanisms');
    peer.frame(0, Buffer.concat([Buffer.from([0x00, 0x53, 0x41, 0xc0, 0x09, 0x01, 0xa3, 0x06]), Buffer.from('WAVER1')]), 1);
    const outcome = await peer.expect('sasl_outcome');
    assert.equal(outcome.fields.code, 1);
    await peer.ended();
  },

  async 'tls'(t) {
    const client = await t.connect(t.tlsOptions());
    assert.ok(client.connection.socket.encrypted && client.connection.socket.authorized);
    await usable(t, client);
  },

  async 'tls-with-plain'(t) {
    const client = await t.connect(t.tlsOptions(t.credentials()));
    assert.equal(chosen(client), 'PLAIN');
    await usable(t, client);
  },

  async 'external-with-a-client-certificate'(t) {
    const client = await t.connect(t.tlsOptions({
      cert: fs.readFileSync(t.target.clientCertificate), key: fs.readFileSync(t.target.clientKey), enable_sasl_external: true,
    }));
    assert.equal(mechanismsOf(client)[0], 'EXTERNAL');
    assert.equal(chosen(client), 'EXTERNAL');
    await usable(t, client);
  },

  'bare-header-is-answered-with-the-sasl-header-where-authentication-is-required': {
    profile: 'secured',
    async run(t) {
      const peer = await t.raw();
      peer.write(Buffer.from('414d515000010000', 'hex'));
      await peer.ended();
      assert.equal(peer.received.toString('hex'), '414d515003010000');
    },
  },

  'anonymous-is-not-offered-where-authentication-is-required': {
    profile: 'secured',
    async run(t) {
      const client = await t.connect(t.credentials());
      assert.ok(!mechanismsOf(client).includes('ANONYMOUS'));
      await usable(t, client);
    },
  },
};
