import crypto from 'node:crypto';

/** What every case works with: the broker under test, names nobody else uses, and waits that end with the case's time. */
export class CaseContext {
  #waits = new Map();
  #counter = 0;
  #failed;
  #fail;

  constructor(target, name) {
    this.target = target;
    this.name = name;
    this.run = crypto.randomBytes(4).toString('hex');
    this.#failed = new Promise((_, reject) => { this.#fail = reject; });
    this.#failed.catch(() => {});
  }

  unique(what) { return `${what}-${this.run}-${++this.#counter}`; }

  /** Awaits a promise, but no longer than the case may take; what is named when time runs out. */
  async wait(what, promise) {
    const key = Symbol(what);
    this.#waits.set(key, what);
    try {
      return await Promise.race([promise, this.#failed]);
    } finally {
      this.#waits.delete(key);
    }
  }

  expire(seconds) {
    const waits = [...this.#waits.values()].filter(Boolean);
    this.#fail(new Error(`took longer than ${seconds} s${waits.length ? `; was waiting for ${[...new Set(waits)].join(', ')}` : ''}`));
  }
}
