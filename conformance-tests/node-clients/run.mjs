#!/usr/bin/env node
import { command } from '../node-shared/command.mjs';
import { cases } from './cases/index.mjs';
import { runCase } from './lib/runner.mjs';

await command(cases, runCase);
