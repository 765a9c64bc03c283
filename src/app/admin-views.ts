// What the admin API shows of a control plane, made from its mesh, its ledger and what it compiled.
import type { NameReport } from '#admin/client/name-view.ts';
import type { AdminViews, ProxyView, TypeView } from '#admin/views.ts';
import { configDump } from '#app/config-dump.ts';
import { queryName } from '#app/name-query.ts';
import { policyViews } from '#app/policy-views.ts';
import { proxyName } from '#app/refusal.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { ok, type Result } from '#base/result.ts';
import type { Compiled } from '#compile/compiled.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { Mesh } from '#model/mesh.ts';
import { shortTypeName } from '#xds/resource-messages.ts';
import type { LedgerView, NodeSync, TypeSync } from '#xds/server/ledger.ts';

export type AdminSubject = {
  readonly ledger: LedgerView;
  readonly mesh: () => Mesh;
  readonly diagnostics: () => readonly Diagnostic[];
  readonly compiledFor: (nodeId: string) => Compiled | undefined;
  readonly metrics: () => string;
};

export function adminViews({ ledger, mesh, diagnostics, compiledFor, metrics }: AdminSubject): AdminViews {
  const proxies = () => ledger.nodes().map(proxyView);
  return {
    proxies,
    diagnostics,
    metrics,
    policies: () => policyViews(mesh(), proxies()),
    names: (question) => asItRuns(queryName(mesh(), question), ledger, compiledFor),
    status: () => {
      const { services, gateways, virtualServices, destinationRules, workloads } = mesh();
      return {
        services: services.size,
        gateways: gateways.length,
        virtualServices: virtualServices.length,
        destinationRules: destinationRules.length,
        workloads: [...workloads.values()].map(({ name, namespace, ready, labels, address }) => ({ name, namespace, ready, labels, address })),
        proxies: proxies(),
        diagnostics: diagnostics(),
      };
    },
    configDump: (proxy) => {
      const node = ledger.nodes().find(({ nodeId }) => nodeId === proxy || proxyName(nodeId) === proxy);
      const compiled = node === undefined ? undefined : compiledFor(node.nodeId);
      return compiled === undefined ? undefined : configDump(compiled.resources);
    },
  };
}

/** Where the proxy of who asks is told no names, its app does not ask for any: in loopback mode it has variables in their place. */
function asItRuns(
  report: Result<NameReport, string>,
  ledger: LedgerView,
  compiledFor: (nodeId: string) => Compiled | undefined,
): Result<NameReport, string> {
  if (!report.ok) return report;
  const [namespace = '', name = ''] = report.value.workload.split('/');
  const node = ledger.nodes().find(({ nodeId }) => proxyName(nodeId) === `${name}.${namespace}`);
  const compiled = node === undefined ? undefined : compiledFor(node.nodeId);
  if (compiled === undefined || compiled.resources.has(typeUrls.nameTable)) return report;
  const note = `the proxy of ${report.value.workload} has no name server beside it: this is what it would say`;
  return ok({ ...report.value, note: report.value.note === undefined ? note : `${report.value.note}; ${note}` });
}

function proxyView(node: NodeSync): ProxyView {
  const types = [...node.types.values()].map(typeView);
  const states = new Set(types.map(({ state }) => state));
  return {
    name: proxyName(node.nodeId),
    nodeId: node.nodeId,
    mode: node.mode,
    connected: node.connected,
    connectedAt: time(node.connectedAtMs),
    ...(node.disconnectedAtMs === undefined ? {} : { disconnectedAt: time(node.disconnectedAtMs) }),
    state: states.has('rejected') ? 'rejected' : states.has('pending') || types.length === 0 ? 'pending' : 'synced',
    types,
  };
}

function typeView({ typeUrl, state, resources, sent, acked, nacked, pushes, nacks }: TypeSync): TypeView {
  return {
    type: shortTypeName(typeUrl),
    state,
    resources,
    ...(sent === undefined ? {} : { sentVersion: sent.version, sentAt: time(sent.atMs) }),
    ...(acked === undefined ? {} : { ackedVersion: acked.version, ackedAt: time(acked.atMs) }),
    pushes,
    nacks,
    ...(nacked === undefined
      ? {}
      : { lastNack: { version: nacked.version, at: time(nacked.atMs), reason: nacked.error, resources: nacked.resources } }),
  };
}

function time(atMs: number): string {
  return new Date(atMs).toISOString();
}
