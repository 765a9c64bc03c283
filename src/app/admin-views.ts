// What the admin API shows of a control plane, made from its mesh, its ledger and what it compiled.
import type { AdminViews, ProxyView, TypeView } from '#admin/views.ts';
import { configDump } from '#app/config-dump.ts';
import { queryName } from '#app/name-query.ts';
import { policyViews } from '#app/policy-views.ts';
import { proxyName } from '#app/refusal.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Compiled } from '#compile/compiled.ts';
import type { Mesh } from '#model/mesh.ts';
import { shortTypeName } from '#xds/resource-messages.ts';
import type { LedgerView, NodeSync, TypeSync } from '#xds/server/ledger.ts';

export type AdminSubject = {
  readonly ledger: LedgerView;
  readonly mesh: () => Mesh;
  readonly diagnostics: () => readonly Diagnostic[];
  readonly compiledFor: (nodeId: string) => Compiled | undefined;
};

export function adminViews({ ledger, mesh, diagnostics, compiledFor }: AdminSubject): AdminViews {
  const proxies = () => ledger.nodes().map(proxyView);
  return {
    proxies,
    diagnostics,
    policies: () => policyViews(mesh(), proxies()),
    names: (question) => queryName(mesh(), question),
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
