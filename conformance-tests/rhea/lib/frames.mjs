// rhea's own frame constructors, for frames a case writes beside rhea's own.
import { createRequire } from 'node:module';

export const frames = createRequire(import.meta.url)('rhea/lib/frames.js');

/** A flow with the session's fields filled in as rhea would, and the given link fields. */
export function linkFlow(link, fields) {
  const { incoming, outgoing } = link.session.inner;
  return frames.flow({
    next_incoming_id: incoming.next_transfer_id, incoming_window: incoming.window,
    next_outgoing_id: outgoing.next_transfer_id, outgoing_window: outgoing.window,
    handle: link.inner.local.handle, delivery_count: link.inner.delivery_count, link_credit: link.inner.credit, ...fields,
  });
}

const terminus = createRequire(import.meta.url)('rhea/lib/terminus.js');

/** A target or source for a hand-made attach. */
export const target = (address, fields = {}) => terminus.target({ address, ...fields }).described();
export const source = (address, fields = {}) => terminus.source({ address, ...fields }).described();
