// The name table from the proxy's own xDS stream. What came last stays in force while the stream is lost.
import { ok } from '#base/result.ts';
import type { RunningDns } from '#dns/start-dns.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { AdsClient } from '#xds/client/ads-client.ts';
import type { Subscription } from '#xds/client/update.ts';

/** `onTable`: called when a table is in force, or the control plane has none for this proxy. */
export function subscribeToNames(client: AdsClient, dns: Pick<RunningDns, 'setTable'>, onTable: () => void = () => {}): Subscription {
  return client.subscribe(typeUrls.nameTable, 'all', ({ updated }) => {
    for (const table of updated.values()) dns.setTable(table);
    onTable();
    return ok(undefined);
  });
}
