// v1 Pod, whole: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
// A Pod's status only matters where it tells the mesh something (podIP, conditions); the rest of it is taken as it is.
import {
  container,
  containerStatus,
  ephemeralContainer,
  imagePullSecrets,
  profile,
  resourceRequirements,
  seLinuxOptions,
  windowsOptions,
} from '#api/kubernetes/container.ts';
import { labelSelector, objectMeta } from '#api/kubernetes/meta.ts';
import { volume } from '#api/kubernetes/volume.ts';
import { anything, array, boolean, integer, integerOrString, map, object, oneOf, required, type Static, string } from '#api/schema.ts';

const natural = integer({ minimum: 0 });

const podSecurityContext = object({
  seLinuxOptions,
  windowsOptions,
  runAsUser: natural,
  runAsGroup: natural,
  runAsNonRoot: boolean(),
  supplementalGroups: array(natural),
  supplementalGroupsPolicy: oneOf('Merge', 'Strict'),
  fsGroup: natural,
  sysctls: array(object({ name: required(string()), value: required(string()) })),
  fsGroupChangePolicy: oneOf('OnRootMismatch', 'Always'),
  seccompProfile: profile,
  appArmorProfile: profile,
  seLinuxChangePolicy: oneOf('Recursive', 'MountOption'),
});

const nodeRequirements = array(
  object({
    key: required(string()),
    operator: required(oneOf('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt')),
    values: array(string()),
  }),
);
const nodeSelectorTerm = object({ matchExpressions: nodeRequirements, matchFields: nodeRequirements });
const podAffinityTerm = object({
  labelSelector,
  namespaces: array(string()),
  topologyKey: required(string()),
  namespaceSelector: labelSelector,
  matchLabelKeys: array(string()),
  mismatchLabelKeys: array(string()),
});
const podAffinity = object({
  requiredDuringSchedulingIgnoredDuringExecution: array(podAffinityTerm),
  preferredDuringSchedulingIgnoredDuringExecution: array(object({ weight: required(integer()), podAffinityTerm: required(podAffinityTerm) })),
});
const affinity = object({
  nodeAffinity: object({
    requiredDuringSchedulingIgnoredDuringExecution: object({ nodeSelectorTerms: required(array(nodeSelectorTerm)) }),
    preferredDuringSchedulingIgnoredDuringExecution: array(object({ weight: required(integer()), preference: required(nodeSelectorTerm) })),
  }),
  podAffinity,
  podAntiAffinity: podAffinity,
});

export const podSpec = object({
  volumes: array(volume),
  initContainers: array(container),
  containers: required(array(container, { minItems: 1 })),
  ephemeralContainers: array(ephemeralContainer),
  restartPolicy: oneOf('Always', 'OnFailure', 'Never'),
  terminationGracePeriodSeconds: natural,
  activeDeadlineSeconds: natural,
  dnsPolicy: oneOf('ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'),
  nodeSelector: map(string()),
  serviceAccountName: string(),
  serviceAccount: string(),
  automountServiceAccountToken: boolean(),
  nodeName: string(),
  hostNetwork: boolean(),
  hostPID: boolean(),
  hostIPC: boolean(),
  shareProcessNamespace: boolean(),
  securityContext: podSecurityContext,
  imagePullSecrets,
  hostname: string({ format: 'dns-label' }),
  subdomain: string({ format: 'dns-label' }),
  affinity,
  schedulerName: string(),
  tolerations: array(
    object({
      key: string(),
      operator: oneOf('Exists', 'Equal', 'Lt', 'Gt'),
      value: string(),
      effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
      tolerationSeconds: integer(),
    }),
  ),
  hostAliases: array(object({ ip: required(string()), hostnames: array(string({ format: 'dns-subdomain' })) })),
  priorityClassName: string(),
  priority: integer(),
  dnsConfig: object({
    nameservers: array(string()),
    searches: array(string()),
    options: array(object({ name: string(), value: string() })),
  }),
  readinessGates: array(object({ conditionType: required(string()) })),
  runtimeClassName: string(),
  enableServiceLinks: boolean(),
  preemptionPolicy: oneOf('PreemptLowerPriority', 'Never'),
  overhead: map(integerOrString()),
  topologySpreadConstraints: array(
    object({
      maxSkew: required(integer()),
      topologyKey: required(string()),
      whenUnsatisfiable: required(oneOf('DoNotSchedule', 'ScheduleAnyway')),
      labelSelector,
      minDomains: integer(),
      nodeAffinityPolicy: oneOf('Ignore', 'Honor'),
      nodeTaintsPolicy: oneOf('Ignore', 'Honor'),
      matchLabelKeys: array(string()),
    }),
  ),
  setHostnameAsFQDN: boolean(),
  os: object({ name: required(oneOf('linux', 'windows')) }),
  hostUsers: boolean(),
  schedulingGates: array(object({ name: required(string()) })),
  resourceClaims: array(object({ name: required(string()), resourceClaimName: string(), resourceClaimTemplateName: string() })),
  resources: resourceRequirements,
  hostnameOverride: string(),
  schedulingGroup: object({ podGroupName: string() }),
  evictionResponders: array(object({ name: required(string()), priority: integer() })),
});

const podStatus = object({
  observedGeneration: integer(),
  phase: oneOf('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'),
  conditions: array(
    object({
      type: required(string()),
      status: required(oneOf('True', 'False', 'Unknown')),
      observedGeneration: integer(),
      lastProbeTime: string(),
      lastTransitionTime: string(),
      reason: string(),
      message: string(),
    }),
  ),
  message: string(),
  reason: string(),
  nominatedNodeName: string(),
  hostIP: string(),
  hostIPs: array(object({ ip: string() })),
  podIP: string(),
  podIPs: array(object({ ip: string() })),
  startTime: string(),
  initContainerStatuses: array(containerStatus),
  containerStatuses: array(containerStatus),
  ephemeralContainerStatuses: array(containerStatus),
  qosClass: string(),
  resize: string(),
  resourceClaimStatuses: anything(),
  extendedResourceClaimStatus: anything(),
  allocatedResources: anything(),
  resources: anything(),
  nodeAllocatableResourceClaimStatuses: anything(),
  volumeHealth: anything(),
});

export const pod = object({ spec: required(podSpec), status: podStatus });

export const podTemplate = object({ metadata: objectMeta, spec: required(podSpec) });

export type PodSpec = Static<typeof podSpec>;
export type PodStatus = Static<typeof podStatus>;
export type PodTemplate = Static<typeof podTemplate>;
