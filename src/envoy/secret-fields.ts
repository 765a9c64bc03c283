// The fields whose content no dump shows, by the names of the protos: those that Envoy marks as sensitive (udpa.annotations.sensitive) and that hold
// a key, password or token. One list for all dumps, of the control plane and of the proxy.

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
