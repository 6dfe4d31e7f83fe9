import { casesOf } from '../../node-shared/cases.mjs';
import connect from './connect.mjs';
import sasl from './sasl.mjs';
import websocket from './websocket.mjs';
import sender from './sender.mjs';
import outcomes from './outcomes.mjs';
import settlement from './settlement.mjs';
import prefetch from './prefetch.mjs';
import credit from './credit.mjs';
import types from './types.mjs';
import messages from './messages.mjs';
import large from './large.mjs';
import transactions from './transactions.mjs';
import relay from './relay.mjs';
import dynamic from './dynamic.mjs';
import expiry from './expiry.mjs';
import deadletter from './deadletter.mjs';
import addresses from './addresses.mjs';
import topics from './topics.mjs';
import wildcards from './wildcards.mjs';
import retained from './retained.mjs';
import selectors from './selectors.mjs';
import encodings from './encodings.mjs';
import limits from './limits.mjs';
import links from './links.mjs';
import groups from './groups.mjs';
import kinds from './kinds.mjs';
import lastvalues from './lastvalues.mjs';
import retries from './retries.mjs';
import duplicates from './duplicates.mjs';
import block from './block.mjs';
import updates from './updates.mjs';
import diverts from './diverts.mjs';
import hostile from './hostile.mjs';
import management from './management.mjs';
import artemis from './artemis.mjs';
import permissions from './permissions.mjs';
import schedules from './schedules.mjs';
import replies from './replies.mjs';
import resume from './resume.mjs';
import linkpair from './linkpair.mjs';

const suites = {
  connect, sasl, websocket, sender, outcomes, settlement, prefetch, credit, types, messages, large, transactions, relay, dynamic,
  expiry, deadletter, addresses, topics, wildcards, retained, selectors, encodings, limits, links, hostile, groups, kinds, lastvalues, block, updates, management, artemis,
  permissions, schedules, retries, duplicates, diverts,
  replies, resume, linkpair,
};

/** profile is default, large, secured or permissions. */
export const cases = casesOf(suites, 20_000);
