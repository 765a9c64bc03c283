// The fields whose content no dump shows, by the names of the protos: those that Envoy marks as sensitive (udpa.annotations.sensitive) and that hold
// a key, password or token; and what is private in a set of JSON Web Keys. One list for all dumps, of the control plane and of the proxy.

export const secretFields: ReadonlySet<string> = new Set([
  // envoy.extensions.transport_sockets.tls.v3, envoy.config.core.v3
  'private_key',
  'password',
  'pkcs12',
  'session_ticket_keys',
  'generic_secret',
  // What an EnvoyFilter may bring: filters.http.basic_auth, filters.network.redis_proxy, grpc_credential, skywalking
  'users',
  'auth_password',
  'auth_username',
  'downstream_auth_password',
  'downstream_auth_passwords',
  'downstream_auth_username',
  'secret_data',
  'backend_token',
]);

/** Members of a JSON Web Key that only its owner has (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1): of a key for HMAC it is all of it. */
const privateMembers: ReadonlySet<string> = new Set(['k', 'd', 'p', 'q', 'dp', 'dq', 'qi', 'oth']);

/** What stands in place of a secret. */
export const redacted = '[redacted]';

/** The field of a JWT provider whose inline text is a key set (envoy.extensions.filters.http.jwt_authn.v3). */
export const keySetField = 'local_jwks';

/** A key set as it stands in a dump: the very text, unless something in it is private. */
export function shownKeySet(text: string): string {
  let hides = false;
  const hide = (name: string, value: unknown): unknown => {
    if (!privateMembers.has(name)) return value;
    hides = true;
    return redacted;
  };
  try {
    const shown = JSON.stringify(JSON.parse(text, hide));
    return hides ? shown : text;
  } catch {
    return redacted;
  }
}
