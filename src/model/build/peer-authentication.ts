// PeerAuthentications as the model has them, and what is wrong among them: a policy that nobody enforces is never passed over.
import type { PeerAuthenticationSpec } from '#api/istio/peer-authentication.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { createdMs } from '#model/build/precedence.ts';
import { isGeneral } from '#model/effective-mtls.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { PeerAuthentication, PeerMtls } from '#model/peer-authentication.ts';
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

type Checked = Pick<Mesh, 'peerAuthentications' | 'workloads' | 'workloadEntries' | 'settings' | 'services'>;

/** HDL0070 for what selects nobody, HDL0071 for what an older policy overrules, HDL0072 for ports that nobody has. */
export function peerAuthenticationDiagnostics(mesh: Checked): readonly Diagnostic[] {
  const { peerAuthentications: policies, settings } = mesh;
  if (policies.length === 0) return [];
  const workloads = Map.groupBy([...mesh.workloads.values(), ...mesh.workloadEntries.values()], ({ namespace }) => namespace);
  const seen = new Map<string, PeerAuthentication>();
  const found: Diagnostic[] = [];
  for (const policy of policies) {
    const first = isGeneral(policy) ? seen.get(policy.namespace) : undefined;
    if (first !== undefined) found.push(overruled(policy, first, `in namespace ${policy.namespace}`));
    else if (isGeneral(policy)) seen.set(policy.namespace, policy);
    else found.push(...selectingDiagnostics(policy, policies, workloads.get(policy.namespace) ?? [], settings.rootNamespace));
  }
  return found;
}

function selectingDiagnostics(
  policy: PeerAuthentication,
  policies: readonly PeerAuthentication[],
  workloads: readonly Workload[],
  rootNamespace: string,
): readonly Diagnostic[] {
  const { namespace, selector = {}, origin } = policy;
  const what = `PeerAuthentication ${namespace}/${policy.name}`;
  const common = { code: 'HDL0070', severity: 'error', at: origin } as const;
  if (namespace === rootNamespace) {
    const hint = 'leave the selector out, which makes it hold for the whole mesh, or put it where the workloads are';
    return [{ ...common, message: `${what} has a selector in the root namespace, where none has an effect`, hint }];
  }
  const chosen = workloads.filter(({ labels }) => labelsMatch(selector, labels));
  if (chosen.length === 0) {
    const hint = `give the workloads the labels ${Object.entries(selector)
      .map(([name, value]) => `${name}=${value}`)
      .join(', ')}, or change the selector`;
    return [{ ...common, message: `${what} selects no workload, so nobody enforces it`, hint }];
  }
  const older = policies.slice(0, policies.indexOf(policy)).find((other) => {
    return other.namespace === namespace && !isGeneral(other) && chosen.some(({ labels }) => labelsMatch(other.selector ?? {}, labels));
  });
  if (older !== undefined) return [overruled(policy, older, 'for a workload')];
  // Ports of a Pod that are written nowhere may still be open.
  const ports = new Set(chosen.flatMap((workload) => workload.ports.map(({ number }) => number)));
  return [...policy.portMtls.keys()]
    .filter((port) => ports.size > 0 && !ports.has(port))
    .map((port) => ({
      code: 'HDL0072',
      severity: 'warning',
      message: `${what}: no workload that it selects names port ${port}`,
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
