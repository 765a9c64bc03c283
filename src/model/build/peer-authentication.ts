// PeerAuthentications as the model has them, and what is wrong among them: a policy that nobody enforces is never passed over.
import type { PeerAuthenticationSpec } from '#api/istio/peer-authentication.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { createdMs } from '#model/build/precedence.ts';
import { isGeneral } from '#model/effective-mtls.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { PeerAuthentication, PeerMtls } from '#model/peer-authentication.ts';
import { indexReach, type PolicyReach, policyReach } from '#model/policy-reach.ts';
import type { Workload } from '#model/workload.ts';

const modes = { UNSET: 'unset', DISABLE: 'disable', PERMISSIVE: 'permissive', STRICT: 'strict' } as const;

export function buildPeerAuthentication({ metadata, spec, origins }: KindMap['PeerAuthentication']): PeerAuthentication {
  const { selector, mtls, portLevelMtls = {} } = spec;
  const labels = selector?.matchLabels;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    ...(labels !== undefined && Object.keys(labels).length > 0 && { selector: labels }),
    mtls: modeOf(mtls),
    portMtls: new Map(Object.entries(portLevelMtls).map(([port, settings]) => [Number(port), modeOf(settings)])),
    ...(metadata.creationTimestamp !== undefined && { createdMs: createdMs(metadata) }),
    origin: origins.start,
  };
}

function modeOf(written: PeerAuthenticationSpec['mtls']): PeerMtls {
  return modes[written?.mode ?? 'UNSET'];
}

type Checked = Omit<Mesh, 'diagnostics'>;

/** HDL0070 for what is for nobody, HDL0071 for what an older policy overrules, HDL0072 for ports that nobody has, HDL0074 for workloads without a proxy. */
export function peerAuthenticationDiagnostics(parts: Checked): readonly Diagnostic[] {
  const { peerAuthentications: policies } = parts;
  if (policies.length === 0) return [];
  const mesh: Mesh = { ...parts, diagnostics: [] };
  const index = indexReach(mesh);
  const seen = new Map<string, PeerAuthentication>();
  const found: Diagnostic[] = [];
  for (const policy of policies) {
    if (!isGeneral(policy)) {
      found.push(...selectingDiagnostics(policy, policyReach(policy, mesh, index), policies, mesh.settings));
      continue;
    }
    const first = seen.get(policy.namespace);
    const isOfMesh = policy.namespace === mesh.settings.rootNamespace;
    if (first !== undefined) found.push(overruled(policy, first, isOfMesh ? 'for the mesh' : `in namespace ${policy.namespace}`));
    else seen.set(policy.namespace, policy);
    if (!isOfMesh && (index.get(policy.namespace) ?? []).length === 0) found.push(reachesNobody(policy));
  }
  return found;
}

function reachesNobody({ name, namespace, selector, origin }: PeerAuthentication): Diagnostic {
  const common = { code: 'HDL0070', severity: 'error', at: origin } as const;
  const what = `PeerAuthentication ${namespace}/${name}`;
  if (selector === undefined) return { ...common, message: `${what} is for namespace ${namespace}, which has no workload, so nobody enforces it` };
  const labels = Object.entries(selector).map(([label, value]) => `${label}=${value}`);
  const hint = `give the workloads the labels ${labels.join(', ')}, or change the selector`;
  return { ...common, message: `${what} selects no workload, so nobody enforces it`, hint };
}

/** Gateways go by their servers' own TLS. */
function selectingDiagnostics(
  policy: PeerAuthentication,
  { enforcing, unprotected }: PolicyReach,
  policies: readonly PeerAuthentication[],
  { rootNamespace }: Mesh['settings'],
): readonly Diagnostic[] {
  const { namespace, origin } = policy;
  const what = `PeerAuthentication ${namespace}/${policy.name}`;
  if (namespace === rootNamespace) {
    const message = `${what} has a selector in the root namespace, where none has an effect`;
    const hint = 'leave the selector out, which makes it hold for the whole mesh, or put it where the workloads are';
    return [{ code: 'HDL0070', severity: 'error', message, hint, at: origin }];
  }
  const chosen = enforcing.filter(({ type }) => type === 'sidecar').map(({ workload }) => workload);
  if (chosen.length + unprotected.length === 0) {
    if (enforcing.length === 0) return [reachesNobody(policy)];
    const message = `${what} selects gateways only, which go by the tls of their servers, so nobody enforces it`;
    return [{ code: 'HDL0070', severity: 'error', message, hint: 'write the tls of the Gateway', at: origin }];
  }
  const older = policies.slice(0, policies.indexOf(policy)).find((other) => {
    return other.namespace === namespace && !isGeneral(other) && chosen.some(({ labels }) => labelsMatch(other.selector ?? {}, labels));
  });
  return [
    ...(unprotected.length > 0 ? [withoutProxy(policy, unprotected, chosen.length > 0 ? 'warning' : 'error')] : []),
    ...(older === undefined ? unknownPorts(policy, chosen) : [overruled(policy, older, 'for a workload')]),
  ];
}

function withoutProxy(policy: PeerAuthentication, workloads: readonly Workload[], severity: Diagnostic['severity']): Diagnostic {
  const names = workloads.map(({ namespace, name }) => `${namespace}/${name}`);
  const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
  return {
    code: 'HDL0074',
    severity,
    message: `PeerAuthentication ${policy.namespace}/${policy.name} is for ${shown}, without a proxy, so nobody enforces it there`,
    hint: 'take sidecar.istio.io/inject: "false" away from the workload',
    at: policy.origin,
  };
}

/** Ports of a Pod that are written nowhere may still be open. */
function unknownPorts({ namespace, name, portMtls, origin }: PeerAuthentication, chosen: readonly Workload[]): readonly Diagnostic[] {
  const ports = new Set(chosen.flatMap((workload) => workload.ports.map(({ number }) => number)));
  return [...portMtls.keys()]
    .filter((port) => ports.size > 0 && !ports.has(port))
    .map((port) => ({
      code: 'HDL0072',
      severity: 'warning',
      message: `PeerAuthentication ${namespace}/${name}: no workload that it selects names port ${port}`,
      hint: 'ports are those of the workload (containerPort), not of a Service',
      at: origin,
    }));
}

function overruled(policy: PeerAuthentication, first: PeerAuthentication, where: string): Diagnostic {
  return {
    code: 'HDL0071',
    severity: 'error',
    message: `PeerAuthentication ${policy.namespace}/${policy.name} is overruled: ${first.name} is older and there can be one ${where}`,
    hint: 'put what both say into one policy, or let their selectors choose different workloads',
    at: policy.origin,
    related: [{ message: 'the one that counts', at: first.origin }],
  };
}
