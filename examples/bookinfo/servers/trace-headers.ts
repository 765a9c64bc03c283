// The headers that make one trace, and one user's routing, out of the calls that a request causes. A sidecar cannot know which
// incoming request an outgoing one belongs to; so every application of a mesh passes these on.
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

const names = [
  'x-request-id',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-ot-span-context',
  'end-user',
];

/** The part of an incoming request's headers that its outgoing calls repeat. */
export function traceHeaders(incoming: IncomingHttpHeaders): OutgoingHttpHeaders {
  const outgoing: OutgoingHttpHeaders = {};
  for (const name of names) {
    const value = incoming[name];
    if (value !== undefined) outgoing[name] = value;
  }
  return outgoing;
}
