import { format } from 'node:util';
import debug from 'debug';
import { Context } from './context.mjs';

const FramesKept = 80;

/** Runs one case, bounded in time. Returns { error, report, seconds }. */
export async function runCase({ name, timeout, run }, target) {
  const frames = keepFrames();
  const printed = [];
  captureConsole(printed);
  const t = new Context(target, name);
  const started = process.hrtime.bigint();
  const timer = setTimeout(() => t.expire(timeout / 1000), timeout);
  let error;
  try {
    await t.wait(undefined, run(t));
    await t.closeAll();
  } catch (e) {
    error = e;
  }
  clearTimeout(timer);
  const report = error && [describe(error), ...part('printed', printed.slice(-20)), ...part('last frames', frames)].join('\n');
  return { error, report, seconds: (Number(process.hrtime.bigint() - started) / 1e9).toFixed(2) };
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

function captureConsole(lines) {
  for (const level of ['log', 'info', 'debug', 'warn', 'error']) console[level] = (...parts) => lines.push(format(...parts).slice(0, 500));
}

function part(title, lines) {
  return lines.length ? [`${title}:`, ...lines.map((l) => `  ${l}`)] : [];
}

function describe(error) {
  const lines = [error?.stack ?? show(error) ?? String(error)];
  if (error && 'expected' in error && 'actual' in error) lines.push(`expected: ${show(error.expected)}`, `came:     ${show(error.actual)}`);
  return lines.join('\n');
}

const show = (value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))?.slice(0, 2000);
