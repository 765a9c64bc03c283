// The rules that are in force on each port of a workload, in the order in which its proxy asks them.
import { formatOrigin } from '#base/origin.ts';
import { policyRuleName } from '#compile/authorization-names.ts';
import { compilePolicy } from '#compile/authorization-rules.ts';
import { trustDomains } from '#compile/trust-domain.ts';
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import type { GatewayServer } from '#model/gateway.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { servedPorts } from '#model/served-ports.ts';
import type { Workload } from '#model/workload.ts';

export type PortPolicies = {
  readonly port: number;
  readonly carries: 'http' | 'bytes';
  /** A gateway's port that ends TLS. */
  readonly tls?: true;
  readonly rules: readonly PortRule[];
};

/** `inForce` false: a permission that asks for HTTP, on bytes. */
export type PortRule = {
  readonly action: string;
  readonly policy: string;
  readonly rule: number;
  readonly inForce: boolean;
  readonly at: string;
};

/** Of a port that no service names nothing is in here: it has the rules of either kind, by what comes. */
export function portPolicies(mesh: Mesh, proxy: Proxy, workload: Workload, policies: readonly AuthorizationPolicy[]): readonly PortPolicies[] {
  const rules = { http: rulesOn('http', policies, mesh), bytes: rulesOn('network', policies, mesh) };
  const open = proxy.type === 'router' ? gatewayPorts(mesh, workload) : sidecarPorts(mesh, workload);
  return open.sort((a, b) => a.port - b.port).map((port) => ({ ...port, rules: rules[port.carries] }));
}

type OpenPort = Omit<PortPolicies, 'rules'>;

function sidecarPorts(mesh: Mesh, workload: Workload): OpenPort[] {
  const { http, bytes } = servedPorts({ workload }, mesh);
  return [...[...http].map((port): OpenPort => ({ port, carries: 'http' })), ...[...bytes].map((port): OpenPort => ({ port, carries: 'bytes' }))];
}

function gatewayPorts({ gateways }: Mesh, { labels }: Workload): OpenPort[] {
  const servers = gateways.filter(({ selector }) => labelsMatch(selector, labels)).flatMap((gateway) => gateway.servers);
  return [...new Map(servers.map((server) => [server.port.number, openPort(server)])).values()];
}

function openPort({ port, tls }: GatewayServer): OpenPort {
  const ended = tls !== undefined && tls.mode !== 'passthrough' && tls.mode !== 'auto-passthrough';
  const isBytes = port.protocol === 'tcp' || port.protocol === 'tls' || (port.protocol === 'https' && !ended);
  return { port: port.number, carries: isBytes ? 'bytes' : 'http', ...(ended && { tls: true }) };
}

const order = ['custom', 'audit', 'deny', 'allow'] as const;

function rulesOn(layer: 'http' | 'network', policies: readonly AuthorizationPolicy[], mesh: Mesh): readonly PortRule[] {
  return order.flatMap((kind) => policies.filter(({ action }) => action.kind === kind).flatMap((policy) => policyRules(layer, policy, mesh)));
}

function policyRules(layer: 'http' | 'network', policy: AuthorizationPolicy, { settings }: Mesh): readonly PortRule[] {
  const action = policy.action.kind === 'allow' ? 'ALLOW' : 'DENY';
  const compiled = compilePolicy(policy, { layer, action, trustDomains: trustDomains(settings) });
  const common = { action: `${policy.action.kind.toUpperCase()}${policy.dryRun ? ' (dry-run)' : ''}`, policy: `${policy.namespace}/${policy.name}` };
  return policy.rules.map((rule, index) => ({
    ...common,
    rule: index,
    inForce: compiled.has(policyRuleName(policy, index)),
    at: formatOrigin(rule.origin),
  }));
}
