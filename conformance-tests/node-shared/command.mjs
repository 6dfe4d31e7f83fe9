// node run.mjs --list [--profile NAME]              one case name per line
// node run.mjs --case NAME --target target.json     one case; exit 0, or 1 with what was expected, what came, and the last frames
// node run.mjs --all [--profile NAME] [--match TEXT] --target target.json     each in a process of its own
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { parseArgs } from 'node:util';

const Usage = 'usage: node run.mjs --list [--profile P] | --case NAME --target FILE | --all [--profile P] [--match TEXT] --target FILE';

/** Does what the command line says. cases: those of casesOf; runCase(one, target) runs one: { error, report, seconds }. */
export async function command(cases, runCase) {
  const args = argumentsGiven();
  const chosen = cases.filter((c) => (!args.profile || c.profile === args.profile) && (!args.match || c.name.includes(args.match)));
  if (args.list) {
    for (const c of chosen) console.log(c.name);
    return;
  }

  if (!args.case && !args.all) usage('say what to do');
  if (!args.target) usage('--target is missing: a JSON file that says where the broker is; see README.md');
  if (args.case) process.exit(await runOne(cases.find((c) => c.name === args.case) ?? usage(`there is no case ${args.case}`), args.target, runCase));
  process.exit(runAll(chosen, args.target));
}

function argumentsGiven() {
  const text = { type: 'string' };
  const flag = { type: 'boolean' };
  return parseArgs({ options: { list: flag, all: flag, case: text, target: text, profile: text, match: text } }).values;
}

async function runOne(one, target, runCase) {
  const { error, report, seconds } = await runCase(one, JSON.parse(fs.readFileSync(target, 'utf8')));
  process.stdout.write(error ? `FAIL ${one.name} (${seconds} s)\n${report}\n` : `ok   ${one.name} (${seconds} s)\n`);
  return error ? 1 : 0;
}

function runAll(chosen, target) {
  const failed = chosen.filter(({ name }) => spawnSync(
    process.execPath, [process.argv[1], '--case', name, '--target', target], { stdio: ['ignore', 'inherit', 'inherit'] }).status !== 0);
  console.log(`${chosen.length - failed.length} of ${chosen.length} cases passed${failed.length ? `; failed: ${failed.map((c) => c.name).join(', ')}` : ''}`);
  return failed.length ? 1 : 0;
}

function usage(message) {
  console.log(`${message}\n${Usage}`);
  process.exit(2);
}
