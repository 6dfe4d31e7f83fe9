import { format } from 'node:util';
import debug from 'debug';
import { bounded } from '../../node-shared/cases.mjs';
import { captureConsole, difference, part, show } from '../../node-shared/report.mjs';
import { Context } from './context.mjs';

const FramesKept = 80;

/** Runs one case, bounded in time. Returns { error, report, seconds }. */
export async function runCase(one, target) {
  const frames = keepFrames();
  const printed = [];
  captureConsole(printed, ['log', 'info', 'debug', 'warn', 'error']);
  const { error, seconds } = await bounded(one, new Context(target, one.name));
  const report = error
    && [error.stack ?? show(error) ?? String(error), ...difference(error), ...part('printed', printed.slice(-20)), ...part('last frames', frames)].join('\n');
  return { error, report, seconds };
}

/** rhea, and what is built on it, tells its frames to the debug package: the last of them are kept for a report. */
function keepFrames() {
  const frames = [];
  debug.log = (...parts) => {
    frames.push(format(...parts).slice(0, 800));
    if (frames.length > FramesKept) frames.shift();
  };
  debug.enable('rhea:frames');
  return frames;
}
