import amqp10 from './amqp10.mjs';
import azure from './azure.mjs';
import nest from './nest.mjs';
import rheaPromise from './rhea-promise.mjs';

const suites = { nest, 'rhea-promise': rheaPromise, azure, amqp10 };
const DefaultTimeout = Number(process.env.CASE_TIMEOUT ?? 60_000);

/** Every case: { name, profile, timeout, run }. profile says which broker it needs: default, mortal (README.md). */
export const cases = Object.entries(suites).flatMap(([group, members]) => Object.entries(members).map(([name, body]) => ({
  name: `${group}.${name}`,
  profile: body.profile ?? 'default',
  timeout: body.timeout ?? DefaultTimeout,
  run: body.run ?? body,
})));

export const find = (name) => cases.find((c) => c.name === name);
