// PeerAuthentication, whole. Ports are keys of a map, so they are text here; what is a port the rules say.
import { map, object, oneOf, type Static, string } from '#api/schema.ts';

const mutualTls = object({ mode: oneOf('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT') });

export const peerAuthenticationSpec = object({
  selector: object({ matchLabels: map(string()) }),
  mtls: mutualTls,
  portLevelMtls: map(mutualTls),
});

export type PeerAuthenticationSpec = Static<typeof peerAuthenticationSpec>;
