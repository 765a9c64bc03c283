// The controllers that make Pods from a template, whole: Deployment, ReplicaSet, StatefulSet, DaemonSet (apps/v1) and Job (batch/v1).
import { labelSelector, objectMeta } from '#api/kubernetes/meta.ts';
import { podTemplate } from '#api/kubernetes/pod.ts';
import { persistentVolumeClaimSpec } from '#api/kubernetes/volume.ts';
import { anything, array, boolean, integer, integerOrString, object, oneOf, required, type Static, string } from '#api/schema.ts';

const natural = integer({ minimum: 0 });
const rolling = object({ maxUnavailable: integerOrString(), maxSurge: integerOrString() });

export const deployment = object({
  spec: required(
    object({
      replicas: natural,
      selector: required(labelSelector),
      template: required(podTemplate),
      strategy: object({ type: oneOf('Recreate', 'RollingUpdate'), rollingUpdate: rolling }),
      minReadySeconds: natural,
      revisionHistoryLimit: natural,
      paused: boolean(),
      progressDeadlineSeconds: natural,
    }),
  ),
  status: anything(),
});

export const replicaSet = object({
  spec: required(object({ replicas: natural, minReadySeconds: natural, selector: required(labelSelector), template: required(podTemplate) })),
  status: anything(),
});

export const statefulSet = object({
  spec: required(
    object({
      replicas: natural,
      selector: required(labelSelector),
      template: required(podTemplate),
      volumeClaimTemplates: array(
        object({ apiVersion: string(), kind: string(), metadata: objectMeta, spec: persistentVolumeClaimSpec, status: anything() }),
      ),
      serviceName: string(),
      podManagementPolicy: oneOf('OrderedReady', 'Parallel'),
      updateStrategy: object({
        type: oneOf('RollingUpdate', 'OnDelete', 'Recreate'),
        rollingUpdate: object({ partition: natural, maxUnavailable: integerOrString() }),
      }),
      revisionHistoryLimit: natural,
      minReadySeconds: natural,
      persistentVolumeClaimRetentionPolicy: object({ whenDeleted: oneOf('Retain', 'Delete'), whenScaled: oneOf('Retain', 'Delete') }),
      ordinals: object({ start: natural }),
    }),
  ),
  status: anything(),
});

export const daemonSet = object({
  spec: required(
    object({
      selector: required(labelSelector),
      template: required(podTemplate),
      updateStrategy: object({ type: oneOf('RollingUpdate', 'OnDelete'), rollingUpdate: rolling }),
      minReadySeconds: natural,
      revisionHistoryLimit: natural,
    }),
  ),
  status: anything(),
});

export const job = object({
  spec: required(
    object({
      parallelism: natural,
      completions: natural,
      activeDeadlineSeconds: natural,
      podFailurePolicy: object({
        rules: required(
          array(
            object({
              action: required(oneOf('FailJob', 'FailIndex', 'Ignore', 'Count')),
              onExitCodes: object({ containerName: string(), operator: required(oneOf('In', 'NotIn')), values: required(array(integer())) }),
              onPodConditions: array(object({ type: required(string()), status: string() })),
            }),
          ),
        ),
      }),
      successPolicy: object({ rules: required(array(object({ succeededIndexes: string(), succeededCount: natural }))) }),
      backoffLimit: natural,
      backoffLimitPerIndex: natural,
      maxFailedIndexes: natural,
      selector: labelSelector,
      manualSelector: boolean(),
      template: required(podTemplate),
      ttlSecondsAfterFinished: natural,
      completionMode: oneOf('NonIndexed', 'Indexed'),
      suspend: boolean(),
      podReplacementPolicy: oneOf('TerminatingOrFailed', 'Failed'),
      managedBy: string(),
      scheduling: anything(),
    }),
  ),
  status: anything(),
});

export type DeploymentBody = Static<typeof deployment>;
export type ReplicaSetBody = Static<typeof replicaSet>;
export type StatefulSetBody = Static<typeof statefulSet>;
export type DaemonSetBody = Static<typeof daemonSet>;
export type JobBody = Static<typeof job>;
