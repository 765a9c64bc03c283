// Where an ORIGINAL_DST cluster sends what comes to it: to the address that a header names (x-envoy-original-dst-host: `address:port`), else to the one
// that the client wanted to connect to.
import { isIP } from 'node:net';
import type { OriginalDestination } from '#decide/cluster-entry.ts';

type Place = { readonly address: string; readonly port: number };

/**
 * `restored`: the destination of a redirected connection. One that was not redirected has no other destination than the listener, and would come back:
 * it goes nowhere. `header` is not asked where there is no request. Source: Envoy, OriginalDstCluster::LoadBalancer::chooseHost.
 */
export function originalDestination(
  settings: OriginalDestination,
  restored: Place | undefined,
  header?: (name: string) => string | undefined,
): Place | undefined {
  const named = settings.header === '' || header === undefined ? undefined : parseDestination(header(settings.header) ?? '');
  const found = named ?? restored;
  return found === undefined || settings.port === 0 ? found : { address: found.address, port: settings.port };
}

/** Undefined for anything but an IP address with a port; IPv6 stands in brackets. */
function parseDestination(text: string): Place | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const address = found[1] ?? found[2] ?? '';
  const port = Number(found[3]);
  return isIP(address) === 0 || port > 65_535 ? undefined : { address, port };
}
