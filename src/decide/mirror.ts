// Envoy's RequestMirrorPolicy, compiled: where a copy of a request goes, and for which share of the requests.

import type { Problems } from '#decide/config-error.ts';
import { shareOf } from '#decide/route-match.ts';
import type { RequestView } from '#decide/views.ts';
import type { RouteAction_RequestMirrorPolicy } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

export type MirrorEntry = {
  /** '' where a header names it. */
  readonly cluster: string;
  readonly clusterHeader: string | undefined;
  /** From 0 to 1. */
  readonly share: number;
  /** The copy's host gets `-shadow` behind its name, so that its receiver can tell it. */
  readonly marksHost: boolean;
};

export function compileMirrors(policies: readonly RouteAction_RequestMirrorPolicy[], field: string, problems: Problems): readonly MirrorEntry[] {
  return policies.map((policy, index) => {
    const clusterHeader = policy.clusterHeader === '' ? undefined : policy.clusterHeader.toLowerCase();
    const at = `${field}.request_mirror_policies[${index}]`;
    if (policy.cluster === '' && clusterHeader === undefined) problems.report(at, 'one of cluster, cluster_header is required');
    if (policy.cluster !== '' && clusterHeader !== undefined) problems.report(at, 'cluster and cluster_header exclude each other');
    return {
      cluster: policy.cluster,
      clusterHeader,
      share: policy.runtimeFraction === undefined ? 1 : shareOf(policy.runtimeFraction.defaultValue),
      marksHost: !policy.disableShadowHostSuffixAppend,
    };
  });
}

/** The clusters that get a copy of this request. `random` in [0, 1) is one number for all policies, as in Envoy. */
export function mirrorsOf(
  mirrors: readonly MirrorEntry[],
  request: RequestView,
  random: number,
): readonly (MirrorEntry & { readonly cluster: string })[] {
  return mirrors.flatMap((mirror) => {
    if (random >= mirror.share) return [];
    const cluster = mirror.clusterHeader === undefined ? mirror.cluster : (request.header(mirror.clusterHeader) ?? '');
    return cluster === '' ? [] : [{ ...mirror, cluster }];
  });
}

/** The host of a copy: `-shadow` before the port, if there is one. An IPv6 address keeps its brackets. */
export function shadowHost(authority: string): string {
  const port = /:\d+$/.exec(authority)?.[0] ?? '';
  return `${authority.slice(0, authority.length - port.length)}-shadow${port}`;
}
