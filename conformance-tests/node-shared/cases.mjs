/**
 * Every case of the suites, { group: { name: body } }: { name, profile, timeout, run }. A body is a function of the case's context,
 * or an object with `run` and what differs from the usual; profile says which broker the case needs, timeout is in milliseconds.
 */
export function casesOf(suites, timeout) {
  const bound = Number(process.env.CASE_TIMEOUT ?? timeout);
  return Object.entries(suites).flatMap(([group, members]) => Object.entries(members).map(([name, body]) => ({
    name: `${group}.${name}`,
    profile: body.profile ?? 'default',
    timeout: body.timeout ?? bound,
    run: body.run ?? body,
  })));
}

/** Runs a case in its context, bounded in time, and closes what it opened. Returns { error, seconds }. */
export async function bounded({ timeout, run }, context) {
  const started = process.hrtime.bigint();
  const timer = setTimeout(() => context.expire(timeout / 1000), timeout);
  let error;
  try {
    await context.wait(undefined, run(context));
    await context.closeAll();
  } catch (e) {
    error = e ?? new Error('the case failed, and did not say why');
  } finally {
    clearTimeout(timer);
  }
  return { error, seconds: (Number(process.hrtime.bigint() - started) / 1e9).toFixed(2) };
}
