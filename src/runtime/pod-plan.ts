// What shall run: from the Pods that users wrote (and their controllers make) and the image maps to one plan per pod. Pure: no port is
// chosen and no process started here. A pod without a command for one of its images has no plan, and a diagnostic says which lines to add.

import { createHash } from 'node:crypto';
import { meshProxyConfig, meshRootNamespace } from '#api/istio/written-proxy-config.ts';
import type { ResourcesByKind } from '#api/kinds.ts';
import type { Container } from '#api/kubernetes/container.ts';
import { resourceKey } from '#api/resource.ts';
import { type PodOwner, type WorkloadPod, workloadPods } from '#api/workload-pods.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { type ContainerCommand, containerCommand } from '#runtime/container-command.ts';
import type { ImageMap } from '#runtime/image-map.ts';
import { otherInterception } from '#runtime/interception-mode.ts';
import type { NetworkKind } from '#runtime/network-kind.ts';
import { inboundPorts } from '#runtime/pod-ports.ts';
import { type ProxySettings, proxyConfigDiagnostics, proxySettings } from '#runtime/proxy-settings.ts';
import { type RolloutStrategy, rolloutStrategy } from '#runtime/rollout-strategy.ts';
import { sidecarContainer } from '#runtime/sidecar-container.ts';
import { fieldsWithoutEffect } from '#runtime/without-effect.ts';

export type ContainerPlan = { readonly container: Container; readonly command: ContainerCommand };

export type PodPlan = {
  /** `namespace/name`. */
  readonly key: string;
  readonly pod: WorkloadPod['pod'];
  readonly owner?: PodOwner;
  readonly initContainers: readonly ContainerPlan[];
  readonly containers: readonly ContainerPlan[];
  /** A gateway has a proxy and no application. */
  readonly isGateway: boolean;
  /** The TCP ports that the pod serves, as the container sees them, ascending. */
  readonly inbound: readonly number[];
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
  /** How often each container must end well (Jobs with more completions than pods); 1 otherwise. */
  readonly runs: number;
  /** A Job's backoffLimit. */
  readonly mostFailures?: number;
  /** How its proxy is started. */
  readonly proxy: ProxySettings;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** How it is replaced by another one of its place. */
  readonly rollout: RolloutStrategy;
  /** Changes when the pod must be replaced: its spec, labels, annotations, commands or ports. */
  readonly fingerprint: string;
};

export type RuntimePlan = {
  readonly pods: ReadonlyMap<string, PodPlan>;
  /** Pods that are wanted and cannot be planned; the diagnostics say why. One of them that runs goes on as it is. */
  readonly unplanned: ReadonlySet<string>;
  readonly diagnostics: readonly Diagnostic[];
};

const defaultGraceMs = 30_000;

/** Plans every pod of a snapshot, for a network of this kind. `resources` are the user's, without what the runtime itself publishes. */
export function planPods(resources: ResourcesByKind, images: readonly ImageMap[], network: NetworkKind = 'loopback'): RuntimePlan {
  const pods = new Map<string, PodPlan>();
  const unplanned = new Set<string>();
  const diagnostics: Diagnostic[] = images.flatMap((map) => map.diagnostics);
  for (const [key, workload] of workloadPods(resources)) {
    const plan = planPod(key, workload, resources, images, network, diagnostics);
    if (plan === undefined) unplanned.add(key);
    else pods.set(key, plan);
  }
  diagnostics.push(...proxyConfigDiagnostics(resources.ProxyConfig.values()));
  return { pods, unplanned, diagnostics };
}

function planPod(
  key: string,
  { pod, owner }: WorkloadPod,
  resources: ResourcesByKind,
  images: readonly ImageMap[],
  network: NetworkKind,
  diagnostics: Diagnostic[],
): PodPlan | undefined {
  let isComplete = true;
  const planContainers = (field: 'initContainers' | 'containers'): readonly ContainerPlan[] =>
    (pod.spec[field] ?? []).flatMap((container, index) => {
      if (container.name === sidecarContainer) return [];
      const command = containerCommand(container, pod.origins.at(['spec', field, index, 'image']), images);
      if (command.ok) return [{ container, command: command.value }];
      diagnostics.push(command.error);
      isComplete = false;
      return [];
    });
  const initContainers = planContainers('initContainers');
  const containers = planContainers('containers');
  diagnostics.push(...fieldsWithoutEffect(pod), ...otherInterception(pod, network));
  if (!isComplete) return undefined;
  const meshConfig = resources.ConfigMap.get('istio-system/istio');
  const proxy = proxySettings(pod, resources.ProxyConfig.values(), meshProxyConfig(meshConfig), meshRootNamespace(meshConfig));
  const inbound = inboundPorts(pod, resources.Service.values(), resources.ServiceEntry.values());
  return {
    key,
    pod,
    ...(owner !== undefined && { owner }),
    initContainers,
    containers,
    isGateway: containers.length === 0,
    inbound,
    proxy,
    restartPolicy: pod.spec.restartPolicy ?? (owner?.kind === 'Job' ? 'OnFailure' : 'Always'),
    ...jobRuns(pod.metadata.namespace, owner, resources),
    graceMs: (pod.spec.terminationGracePeriodSeconds ?? defaultGraceMs / 1000) * 1000,
    rollout: rolloutStrategy(key, pod.metadata.namespace, owner, resources),
    fingerprint: fingerprintOf([pod.spec, pod.metadata, initContainers, containers, inbound, proxy, configOf(pod, resources)]),
  };
}

/** Completions are shared out over the pods that run at a time (Job.spec.completions, parallelism; backoffLimit is 6 unless set). */
function jobRuns(
  namespace: string,
  owner: PodOwner | undefined,
  resources: ResourcesByKind,
): { readonly runs: number; readonly mostFailures?: number } {
  const job = owner?.kind === 'Job' ? resources.Job.get(resourceKey({ namespace, name: owner.name })) : undefined;
  if (job === undefined || owner === undefined) return { runs: 1 };
  const { completions, parallelism = 1, backoffLimit = 6 } = job.spec;
  const runs = completions === undefined ? 1 : Math.ceil((completions - owner.index) / Math.min(parallelism, completions));
  return { runs, mostFailures: backoffLimit };
}

/** The ConfigMaps that the containers' variables come from: a change of theirs is a change of the pod. */
function configOf(pod: WorkloadPod['pod'], resources: ResourcesByKind): unknown {
  const names = new Set<string>();
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const { configMapRef } of container.envFrom ?? []) if (configMapRef?.name !== undefined) names.add(configMapRef.name);
    for (const { valueFrom } of container.env ?? []) {
      if (valueFrom?.configMapKeyRef?.name !== undefined) names.add(valueFrom.configMapKeyRef.name);
    }
  }
  return [...names].map((name) => resources.ConfigMap.get(resourceKey({ namespace: pod.metadata.namespace, name }))?.data);
}

/** A hash of the content: places in files (`origin`) do not count, so that an edit above a pod does not restart it. */
function fingerprintOf(value: unknown): string {
  const text = JSON.stringify(value, (name, part: unknown) => (name === 'origin' || name === 'origins' ? undefined : part));
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
