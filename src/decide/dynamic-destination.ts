// Where a request of a dynamic forward proxy cluster goes: the host that it asks for, whose address DNS says.

/** Host and port of an authority; without a port 80, or 443 where the cluster speaks TLS. Undefined where there is no host in it. */
export function dynamicDestination(authority: string, encrypted: boolean): { readonly address: string; readonly port: number } | undefined {
  // Nothing but names and addresses: what begins as the path of a socket must not lead to one.
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_-][A-Za-z0-9_.-]*))(?::(\d{1,5}))?$/.exec(authority);
  const address = found?.[1] ?? found?.[2];
  const port = found?.[3] === undefined ? (encrypted ? 443 : 80) : Number(found[3]);
  return address === undefined || port > 65_535 ? undefined : { address, port };
}
