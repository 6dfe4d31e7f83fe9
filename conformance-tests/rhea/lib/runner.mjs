import { Context } from './context.mjs';

const TraceLines = 60;
// What rhea prints, rather than throws, when a peer breaks a rule it watches.
const Complaints = [/Received transfer when credit/, /received flow with drain set, but non zero credit/, /Next pending delivery not found/, /error on read/];

/** Runs one case, bounded in time. Returns { error, report, seconds }. */
export async function runCase({ name, timeout, run }, target) {
  const context = new Context(target, name);
  const printed = [];
  const restore = captureConsole(printed);
  const started = process.hrtime.bigint();
  const timer = setTimeout(() => context.expire(timeout / 1000), timeout);
  let error;
  try {
    await Promise.race([run(context), context.wait(undefined, new Promise(() => {}))]);
    await context.closeAll();
    const complaint = printed.find((line) => Complaints.some((c) => c.test(line)));
    if (complaint) throw new Error(`rhea complained: ${complaint}`);
  } catch (e) {
    error = e;
  } finally {
    clearTimeout(timer);
    restore();
  }
  const report = error && describe(error, context, printed);
  context.discard();
  return { error, report, seconds: (Number(process.hrtime.bigint() - started) / 1e9).toFixed(2) };
}

function captureConsole(lines) {
  const saved = { error: console.error, warn: console.warn };
  for (const level of Object.keys(saved)) console[level] = (...parts) => lines.push(parts.map(String).join(' ').slice(0, 500));
  return () => Object.assign(console, saved);
}

function describe(error, context, printed) {
  const lines = [error.message ?? String(error)];
  if ('expected' in error && 'actual' in error) lines.push(`expected: ${show(error.expected)}`, `came:     ${show(error.actual)}`);
  const at = error.stack?.split('\n').filter((l) => /\/cases\//.test(l)).slice(0, 3).join('\n');
  if (at) lines.push(at);
  if (printed.length) lines.push(`rhea printed:\n  ${printed.slice(-10).join('\n  ')}`);
  lines.push(context.traces(TraceLines));
  return lines.join('\n');
}

function show(value) {
  if (Buffer.isBuffer(value)) return value.length > 200 ? `${value.length} bytes ${value.toString('hex', 0, 200)}…` : value.toString('hex');
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))?.slice(0, 2000);
}
