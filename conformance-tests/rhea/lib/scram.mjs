// SCRAM (RFC 5802, RFC 7677) as a rhea SASL mechanism; rhea itself brings PLAIN, ANONYMOUS, EXTERNAL, XOAUTH2.
import crypto from 'node:crypto';

const hmac = (hash, key, text) => crypto.createHmac(hash, key).update(text).digest();

/** A mechanism for rhea's sasl_mechanisms option. After success, verified tells that the server proved itself. */
export class Scram {
  verified = false;
  #hash; #user; #password; #nonce; #first; #serverSignature;

  constructor(hash, user, password) {
    this.#hash = hash;
    this.#user = user;
    this.#password = password;
    this.#nonce = crypto.randomBytes(18).toString('base64').replaceAll(',', '.');
  }

  start(callback) {
    this.#first = `n=${this.#user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${this.#nonce}`;
    callback(undefined, Buffer.from(`n,,${this.#first}`));
  }

  step(challenge, callback) {
    const text = challenge.toString('utf8');
    try {
      callback(undefined, Buffer.from(text.startsWith('v=') ? this.verify(text) : this.#prove(text)));
    } catch (e) {
      callback(e.message);
    }
  }

  /** Checks the server's signature, wherever it came: a last challenge or the outcome's additional-data. */
  verify(text) {
    if (text !== `v=${this.#serverSignature.toString('base64')}`) throw new Error(`wrong server signature ${text}`);
    this.verified = true;
    return '';
  }

  #prove(serverFirst) {
    const parts = Object.fromEntries(serverFirst.split(',').map((p) => [p[0], p.slice(2)]));
    if (!/^r=[^,]+,s=[^,]+,i=\d+/.test(serverFirst)) throw new Error(`malformed server-first-message ${serverFirst}`);
    if (!parts.r.startsWith(this.#nonce) || parts.r === this.#nonce) throw new Error('the server did not extend the nonce');
    const length = crypto.createHash(this.#hash).digest().length;
    const salted = crypto.pbkdf2Sync(this.#password, Buffer.from(parts.s, 'base64'), Number(parts.i), length, this.#hash);
    const clientKey = hmac(this.#hash, salted, 'Client Key');
    const storedKey = crypto.createHash(this.#hash).update(clientKey).digest();
    const final = `c=biws,r=${parts.r}`;
    const auth = `${this.#first},${serverFirst},${final}`;
    const signature = hmac(this.#hash, storedKey, auth);
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]));
    this.#serverSignature = hmac(this.#hash, hmac(this.#hash, salted, 'Server Key'), auth);
    return `${final},p=${proof.toString('base64')}`;
  }
}
