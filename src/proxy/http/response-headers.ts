// What the connection manager does to a response's fields before they go downstream (Envoy: mutateResponseHeaders, server header rules).

import type { Clock } from '#base/clock.ts';
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import type { HeaderList } from '#proxy/http/stream.ts';

/** The `date` field (RFC 9110 §6.6.1), formatted once a second. */
export class DateField {
  readonly #clock: Clock;
  #second = -1;
  #text = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  text(): string {
    const nowMs = this.#clock.nowMs();
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(nowMs).toUTCString();
    }
    return this.#text;
  }
}

/** In place of an index: there is more than one. */
const several = -2;

/** All fields of the name give way to one. */
function replaceAll(headers: HeaderList, name: string, value: string): void {
  for (let index = headers.length - 2; index >= 0; index -= 2) if (headers[index] === name) headers.splice(index, 2);
  headers.push(name, value);
}

/** Changes `headers` in place. `serviceTimeMs` is undefined for what the proxy answers itself. */
export function prepareResponse(
  headers: HeaderList,
  entry: HttpManagerEntry,
  date: DateField,
  requestId: string,
  serviceTimeMs: number | undefined,
): void {
  let hasDate = false;
  let serverAt = -1;
  let timeAt = -1;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index];
    if (name === 'date') hasDate = true;
    else if (name === 'server') serverAt = serverAt === -1 ? index : several;
    else if (name === 'x-envoy-upstream-service-time') timeAt = index;
  }
  if (serviceTimeMs !== undefined) {
    const time = String(serviceTimeMs);
    if (timeAt === -1) headers.push('x-envoy-upstream-service-time', time);
    else headers[timeAt + 1] = time;
  }
  if (!hasDate) headers.push('date', date.text());
  if (serverAt === -1) {
    if (entry.serverHeaderTransformation !== 'pass-through') headers.push('server', entry.serverName);
  } else if (entry.serverHeaderTransformation === 'overwrite') {
    if (serverAt === several) replaceAll(headers, 'server', entry.serverName);
    else headers[serverAt + 1] = entry.serverName;
  }
  if (entry.alwaysSetRequestIdInResponse && requestId !== '') headers.push('x-request-id', requestId);
  if (entry.via !== '') headers.push('via', entry.via);
}
