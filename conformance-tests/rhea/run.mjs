#!/usr/bin/env node
// node run.mjs --list [--profile NAME]              one case name per line
// node run.mjs --case NAME --target target.json     one case; exit 0, or 1 with what was expected, what came, and the trace
// node run.mjs --all [--profile NAME] [--match TEXT] --target target.json
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { cases, find } from './cases/index.mjs';
import { runCase } from './lib/runner.mjs';

const { values: args } = parseArgs({
  options: {
    list: { type: 'boolean' }, all: { type: 'boolean' }, case: { type: 'string' }, target: { type: 'string' },
    profile: { type: 'string' }, match: { type: 'string' },
  },
});

const chosen = () => cases.filter((c) => (!args.profile || c.profile === args.profile) && (!args.match || c.name.includes(args.match)));

function usage(message) {
  console.log(`${message}\nusage: node run.mjs --list [--profile default|large|secured|permissions] | --case NAME --target FILE | --all [--profile P] [--match TEXT] --target FILE`);
  process.exit(2);
}

function target() {
  if (!args.target) usage('--target is missing: a JSON file that says where the broker is; see README.md');
  return JSON.parse(fs.readFileSync(args.target, 'utf8'));
}

async function one(chosenCase, where) {
  const { error, report, seconds } = await runCase(chosenCase, where);
  process.stdout.write(error ? `FAIL ${chosenCase.name} (${seconds} s)\n${report}\n` : `ok   ${chosenCase.name} (${seconds} s)\n`);
  return !error;
}

if (args.list) {
  for (const c of chosen()) console.log(c.name);
} else if (args.case) {
  const found = find(args.case) ?? usage(`there is no case ${args.case}`);
  process.exit(await one(found, target()) ? 0 : 1);
} else if (args.all) {
  const where = target();
  const failed = [];
  for (const c of chosen()) if (!await one(c, where)) failed.push(c.name);
  console.log(`${chosen().length - failed.length} of ${chosen().length} cases passed${failed.length ? `; failed: ${failed.join(', ')}` : ''}`);
  process.exit(failed.length ? 1 : 0);
} else {
  usage('say what to do');
}
