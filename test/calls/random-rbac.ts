// Random RBAC rules about what a plaintext request over loopback can show: method, path, headers, addresses, ports, nobody authenticated.
import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';

const cidr = (address_prefix: string, prefix_len: number): JsonObject => ({ address_prefix, prefix_len });
const range = fc.constantFrom(cidr('127.0.0.0', 8), cidr('127.0.0.1', 32), cidr('10.0.0.0', 8), cidr('0.0.0.0', 0), cidr('::1', 128));
const header = fc.constantFrom<JsonObject>(
  { name: ':method', string_match: { exact: 'GET' } },
  { name: 'x-a', string_match: { exact: 'a' } },
  { name: 'x-a', present_match: true, invert_match: true },
  { name: ':authority', string_match: { suffix: '.com' } },
);
const urlPath = fc.constantFrom<JsonObject>({ path: { prefix: '/a' } }, { path: { suffix: 'b' } }, { path: { safe_regex: { regex: '/[^/]*' } } });
const metadata = fc.boolean().map((invert): JsonObject => ({ filter: 'none', path: [{ key: 'k' }], value: { present_match: true }, invert }));

const { permission } = fc.letrec<{ permission: JsonObject }>((tie) => ({
  permission: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant<JsonObject>({ any: true }),
    header.map((value): JsonObject => ({ header: value })),
    urlPath.map((value): JsonObject => ({ url_path: value })),
    range.map((value): JsonObject => ({ destination_ip: value })),
    fc.constantFrom<JsonObject>({ destination_port: 1 }, { destination_port_range: { start: 1024, end: 65535 } }),
    fc.constantFrom<JsonObject>({ requested_server_name: { exact: '' } }, { requested_server_name: { exact: 'a.com' } }),
    metadata.map((value): JsonObject => ({ metadata: value })),
    tie('permission').map((value): JsonObject => ({ not_rule: value })),
    fc.array(tie('permission'), { minLength: 1, maxLength: 2 }).map((rules): JsonObject => ({ and_rules: { rules } })),
    fc.array(tie('permission'), { minLength: 1, maxLength: 2 }).map((rules): JsonObject => ({ or_rules: { rules } })),
  ),
}));

const { principal } = fc.letrec<{ principal: JsonObject }>((tie) => ({
  principal: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant<JsonObject>({ any: true }),
    fc.constantFrom<JsonObject>({ authenticated: {} }, { authenticated: { principal_name: { prefix: 'spiffe://' } } }),
    range.map((value): JsonObject => ({ direct_remote_ip: value })),
    range.map((value): JsonObject => ({ remote_ip: value })),
    header.map((value): JsonObject => ({ header: value })),
    urlPath.map((value): JsonObject => ({ url_path: value })),
    tie('principal').map((value): JsonObject => ({ not_id: value })),
    fc.array(tie('principal'), { minLength: 1, maxLength: 2 }).map((ids): JsonObject => ({ and_ids: { ids } })),
    fc.array(tie('principal'), { minLength: 1, maxLength: 2 }).map((ids): JsonObject => ({ or_ids: { ids } })),
  ),
}));

const policy = fc
  .tuple(fc.array(permission, { minLength: 1, maxLength: 2 }), fc.array(principal, { minLength: 1, maxLength: 2 }))
  .map(([permissions, principals]): JsonObject => ({ permissions, principals }));

/** envoy.config.rbac.v3.RBAC. */
export const rbacRules: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.constantFrom('ALLOW', 'DENY'), fc.array(policy, { minLength: 1, maxLength: 2 }))
  .map(([action, policies]) => ({ action, policies: Object.fromEntries(policies.map((each, index) => [`p${index}`, each])) }));
