import { bounded } from '../../node-shared/cases.mjs';
import { captureConsole, difference, part } from '../../node-shared/report.mjs';
import { Context } from './context.mjs';

const TraceLines = 60;
// What rhea prints, rather than throws, when a peer breaks a rule it watches.
const Complaints = [/Received transfer when credit/, /received flow with drain set, but non zero credit/, /Next pending delivery not found/, /error on read/];

/** Runs one case, bounded in time. Returns { error, report, seconds }. */
export async function runCase(one, target) {
  const context = new Context(target, one.name);
  const printed = [];
  captureConsole(printed, ['error', 'warn']);
  const { error = complaint(printed), seconds } = await bounded(one, context);
  const report = error && describe(error, context, printed);
  context.discard();
  return { error, report, seconds };
}

function complaint(printed) {
  const line = printed.find((l) => Complaints.some((c) => c.test(l)));
  return line && new Error(`rhea complained: ${line}`);
}

function describe(error, context, printed) {
  const at = error.stack?.split('\n').filter((l) => /\/cases\//.test(l)).slice(0, 3) ?? [];
  return [
    error.message ?? String(error), ...difference(error), ...at, ...part('rhea printed', printed.slice(-10)), context.traces(TraceLines),
  ].join('\n');
}
