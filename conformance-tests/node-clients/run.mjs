#!/usr/bin/env node
// node run.mjs --list [--profile NAME]              one case name per line
// node run.mjs --case NAME --target target.json     one case; exit 0, or 1 with what was expected, what came, and the frames
// node run.mjs --all [--profile NAME] [--match TEXT] --target target.json     each in a process of its own
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
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
  console.log(`${message}\nusage: node run.mjs --list [--profile P] | --case NAME --target FILE | --all [--profile P] [--match TEXT] --target FILE`);
  process.exit(2);
}

if (args.list) {
  for (const c of chosen()) console.log(c.name);
} else if (args.case) {
  const one = find(args.case) ?? usage(`there is no case ${args.case}`);
  if (!args.target) usage('--target is missing: a JSON file that says where the broker is; see README.md');
  const { error, report, seconds } = await runCase(one, JSON.parse(fs.readFileSync(args.target, 'utf8')));
  process.stdout.write(error ? `FAIL ${one.name} (${seconds} s)\n${report}\n` : `ok   ${one.name} (${seconds} s)\n`);
  process.exit(error ? 1 : 0);
} else if (args.all) {
  const failed = chosen().filter((c) => {
    const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--case', c.name, '--target', args.target ?? ''],
      { stdio: ['ignore', 'inherit', 'inherit'] });
    return status !== 0;
  });
  console.log(`${chosen().length - failed.length} of ${chosen().length} cases passed${failed.length ? `; failed: ${failed.map((c) => c.name).join(', ')}` : ''}`);
  process.exit(failed.length ? 1 : 0);
} else {
  usage('say what to do');
}
