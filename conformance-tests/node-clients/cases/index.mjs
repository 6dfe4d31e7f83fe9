import { casesOf } from '../../node-shared/cases.mjs';
import amqp10 from './amqp10.mjs';
import azure from './azure.mjs';
import eventHubs from './event-hubs.mjs';
import nest from './nest.mjs';
import rheaPromise from './rhea-promise.mjs';
import serviceBus from './service-bus.mjs';

const suites = { nest, 'rhea-promise': rheaPromise, azure, 'service-bus': serviceBus, 'event-hubs': eventHubs, amqp10 };

/** profile is default or mortal (README.md). */
export const cases = casesOf(suites, 60_000);
