// Why a host that a rule names is not there, and which one may have been meant. Texts only: for whoever reports it.
import { closest } from '#base/closest.ts';

/** `namespace` is that of the rule, in which a short name was completed to `hostname`. */
export type MissingHost = { readonly written: string; readonly hostname: string; readonly namespace: string };

/** A host that is there. `isService`: one of the cluster, which short names can mean. */
export type NamedHost = { readonly hostname: string; readonly name: string; readonly namespace: string; readonly isService: boolean };

/** `because` completes "not found: …"; `hint` says what to write instead. The commonest slip first: a short name means the rule's own namespace. */
export function explainMissingHost(
  { written, hostname, namespace }: MissingHost,
  known: readonly NamedHost[],
): { readonly because?: string; readonly hint?: string } {
  const name = written.toLowerCase();
  if (hostname !== name) {
    const because = `the short name means ${hostname}, because the VirtualService is in namespace ${namespace}`;
    const services = known.filter(({ isService }) => isService);
    const elsewhere = services.filter((host) => host.name === name);
    if (elsewhere.length > 0) return { because, hint: `write ${elsewhere.map((host) => host.hostname).join(' or ')}` };
    const neighbours = services.filter((host) => host.namespace === namespace).map((host) => host.name);
    return { because, ...meant(closest(written, neighbours)) };
  }
  const shortened = known.find((host) => host.hostname.startsWith(`${hostname}.`));
  if (shortened !== undefined) return { hint: `a name with a dot is not completed: write ${shortened.hostname}` };
  const similar = closest(
    hostname,
    known.map((host) => host.hostname),
  );
  return meant(similar);
}

function meant(similar: string | undefined): { readonly hint?: string } {
  return similar === undefined ? {} : { hint: `did you mean ${similar}?` };
}
