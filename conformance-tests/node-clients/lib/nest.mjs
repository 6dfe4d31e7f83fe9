// A Nest application without a TypeScript compiler: what decorators would do is called by hand.
import 'reflect-metadata';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Listen, QueueModule, QueueService } from '@team-supercharge/nest-amqp';
import { Expose } from 'class-transformer';
import { IsInt, IsString } from 'class-validator';

// What the framework logs goes to console, which the runner keeps for a report.
const logger = Object.fromEntries(['log', 'error', 'warn', 'debug', 'verbose', 'fatal'].map((level) => [level, (...parts) => console.log(level, ...parts)]));
Logger.overrideLogger(logger);

/** What the payloads of these cases look like: a payer, and an amount in cents. */
export class Payment {}
for (const [field, check] of [['payer', IsString()], ['cents', IsInt()]]) {
  Expose()(Payment.prototype, field);
  check(Payment.prototype, field);
}

/**
 * A provider class with methods decorated by Listen. listeners: { source, options, connection, handle(payload, control, metadata) }.
 * Validation is by Payment unless options says otherwise.
 */
function listenerClass(listeners) {
  class Listener {}
  listeners.forEach(({ source, options = { type: Payment }, connection, handle }, i) => {
    const name = `on${i}`;
    Object.defineProperty(Listener.prototype, name, { value: handle, writable: true, configurable: true });
    const decorate = connection ? Listen(source, options, connection) : Listen(source, options);
    decorate(Listener.prototype, name, Object.getOwnPropertyDescriptor(Listener.prototype, name));
  });
  Injectable()(Listener);
  return Listener;
}

/**
 * Starts an application with QueueModule on the broker under test. connections: names of connections beside the default one;
 * one process can have one application only, since nest-amqp keeps its connections in static tables.
 */
export async function application(t, listeners, { uri = t.uri(), connections = [], ...options } = {}) {
  class App {}
  const root = connections.length
    ? QueueModule.forRoot([{ connectionUri: uri, ...options }, ...connections.map((name) => ({ connectionUri: uri, name }))], { throwExceptionOnConnectionError: true })
    : QueueModule.forRoot(uri, { throwExceptionOnConnectionError: true, ...options });
  Module({ imports: [root], providers: [listenerClass(listeners)] })(App);
  const app = await t.wait('the application to start', NestFactory.createApplicationContext(App, { logger, abortOnError: false }));
  t.closing(app);
  return { app, queues: app.get(QueueService, { strict: false }) };
}
