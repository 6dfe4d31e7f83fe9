import { casesOf } from '../../node-shared/cases.mjs';
import amqp10 from './amqp10.mjs';
import azure from './azure.mjs';
import nest from './nest.mjs';
import rheaPromise from './rhea-promise.mjs';

const suites = { nest, 'rhea-promise': rheaPromise, azure, amqp10 };

/** profile is default or mortal (README.md). */
export const cases = casesOf(suites, 60_000);
