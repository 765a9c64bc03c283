// headers.request and headers.response of a route or destination. Source: Istio, TranslateHeadersOperations.
import type { HttpRoute } from '#api/istio/virtual-service.ts';
import type { HeaderChange, HeaderChanges, MessageHeaders } from '#model/header-changes.ts';

type WrittenHeaders = NonNullable<HttpRoute['headers']>;
type WrittenChanges = NonNullable<WrittenHeaders['request']>;

/** Undefined where nothing is asked for. Of several hosts, the one that is set comes before one that is added. */
export function messageHeaders(written: WrittenHeaders | undefined): MessageHeaders | undefined {
  if (written?.request === undefined && written?.response === undefined) return undefined;
  const authority = authorityOf(written.request?.set) ?? authorityOf(written.request?.add);
  const changes = { request: headerChanges(written.request), response: headerChanges(written.response) };
  return authority === undefined ? changes : { ...changes, authority };
}

function headerChanges(written: WrittenChanges | undefined): HeaderChanges {
  return { set: changeList(written?.set), add: changeList(written?.add), remove: (written?.remove ?? []).map(lower).filter(isChangeable) };
}

function changeList(written: Readonly<Record<string, string>> | undefined): readonly HeaderChange[] {
  return Object.entries(written ?? {})
    .map(([name, value]) => ({ name: name.toLowerCase(), value }))
    .filter(({ name }) => isChangeable(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function authorityOf(changes: Readonly<Record<string, string>> | undefined): string | undefined {
  return Object.entries(changes ?? {}).find(([name]) => ['host', ':authority'].includes(name.toLowerCase()))?.[1];
}

/** Envoy changes no pseudo header, and Host is one of them. */
function isChangeable(name: string): boolean {
  return name !== 'host' && !name.startsWith(':');
}

function lower(name: string): string {
  return name.toLowerCase();
}
