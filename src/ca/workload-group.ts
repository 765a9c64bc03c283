// The WorkloadGroup that a certificate is for, in its subject: `OU=heddle workload group NAME`. Whoever came in by a token for one group stays in it
// when the token has ended and the certificate is all that it shows.
import type { X509Certificate } from 'node:crypto';

const prefix = 'heddle workload group ';
const organizationalUnit = '2.5.4.11';

/** As an attribute of a name: its type and its text. */
export function groupName(group: string): readonly [oid: string, text: string] {
  return [organizationalUnit, `${prefix}${group}`];
}

/** Undefined: the certificate is for no group in particular. Only the authority of the mesh writes subjects, so whoever has one cannot leave it out. */
export function workloadGroupOf({ subject }: X509Certificate): string | undefined {
  // One attribute a line, as Node writes them.
  const line = (subject ?? '').split('\n').find((one) => one.startsWith(`OU=${prefix}`));
  return line?.slice(`OU=${prefix}`.length);
}
