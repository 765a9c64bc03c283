// Credentials for tests that ask what is made of a name, not whether there is something under it.
import { ok } from '#base/result.ts';
import { credentialSecret } from '#compile/credential-secrets.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';

/** Every name is a credential that the proxy has already. */
export const anyCredential: GatewayCredentials = {
  content: {},
  find: ({ name }) => ok({ sds: credentialSecret(name.includes('://') ? name : `kubernetes://${name}`) }),
};
