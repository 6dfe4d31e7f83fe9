import { format } from 'node:util';

/** Keeps what is printed to the console in lines, instead of printing it. */
export function captureConsole(lines, levels) {
  for (const level of levels) console[level] = (...parts) => lines.push(format(...parts).slice(0, 500));
}

/** Lines under a title; none where there are no lines. */
export const part = (title, lines) => (lines.length ? [`${title}:`, ...lines.map((l) => `  ${l}`)] : []);

/** What an assertion expected and what came, where the error is an assertion's. */
export const difference = (error) => (error && 'expected' in error && 'actual' in error
  ? [`expected: ${show(error.expected)}`, `came:     ${show(error.actual)}`]
  : []);

/** A value on one line, cut where it is long. */
export function show(value) {
  if (Buffer.isBuffer(value)) return value.length > 200 ? `${value.length} bytes ${value.toString('hex', 0, 200)}…` : value.toString('hex');
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))?.slice(0, 2000);
}
