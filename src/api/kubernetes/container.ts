// A container of a Pod, whole: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container
import { localReference } from '#api/kubernetes/meta.ts';
import { anything, array, boolean, integer, integerOrString, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const natural = integer({ minimum: 0 });

export const quantity = integerOrString();

const containerPort = object({
  name: string({ format: 'dns-label' }),
  hostPort: integer({ minimum: 0, maximum: 65535 }),
  containerPort: required(port()),
  protocol: oneOf('TCP', 'UDP', 'SCTP'),
  hostIP: string(),
});

export const fieldReference = object({ apiVersion: string(), fieldPath: required(string()) });
export const resourceFieldReference = object({ containerName: string(), resource: required(string()), divisor: quantity });
const keyReference = object({ name: string(), key: required(string()), optional: boolean() });

const environmentVariable = object({
  name: required(string()),
  value: string(),
  valueFrom: object({
    fieldRef: fieldReference,
    resourceFieldRef: resourceFieldReference,
    configMapKeyRef: keyReference,
    secretKeyRef: keyReference,
    fileKeyRef: object({ volumeName: required(string()), path: required(string()), key: required(string()), optional: boolean() }),
  }),
});

const optionalReference = object({ name: string(), optional: boolean() });

const exec = object({ command: array(string()) });
const httpGet = object({
  path: string(),
  port: required(integerOrString()),
  host: string(),
  scheme: oneOf('HTTP', 'HTTPS'),
  httpHeaders: array(object({ name: required(string()), value: required(string()) })),
  protocol: oneOf('HTTP1', 'HTTP2'),
});
const tcpSocket = object({ port: required(integerOrString()), host: string() });

const probe = object(
  {
    exec,
    httpGet,
    tcpSocket,
    grpc: object({ port: required(port()), service: string(), mode: string() }),
    initialDelaySeconds: natural,
    timeoutSeconds: natural,
    periodSeconds: natural,
    successThreshold: natural,
    failureThreshold: natural,
    terminationGracePeriodSeconds: natural,
  },
  { atMostOneOf: [['exec', 'httpGet', 'tcpSocket', 'grpc']] },
);

const lifecycleHandler = object(
  { exec, httpGet, tcpSocket, sleep: object({ seconds: required(natural) }) },
  { atMostOneOf: [['exec', 'httpGet', 'tcpSocket', 'sleep']] },
);

export const seLinuxOptions = object({ user: string(), role: string(), type: string(), level: string() });
export const windowsOptions = object({
  gmsaCredentialSpecName: string(),
  gmsaCredentialSpec: string(),
  runAsUserName: string(),
  hostProcess: boolean(),
});
export const profile = object({ type: required(oneOf('Unconfined', 'RuntimeDefault', 'Localhost')), localhostProfile: string() });

const securityContext = object({
  capabilities: object({ add: array(string()), drop: array(string()) }),
  privileged: boolean(),
  seLinuxOptions,
  windowsOptions,
  runAsUser: natural,
  runAsGroup: natural,
  runAsNonRoot: boolean(),
  readOnlyRootFilesystem: boolean(),
  allowPrivilegeEscalation: boolean(),
  procMount: oneOf('Default', 'Unmasked'),
  seccompProfile: profile,
  appArmorProfile: profile,
});

export const resourceRequirements = object({
  limits: map(quantity),
  requests: map(quantity),
  claims: array(object({ name: required(string()), request: string() })),
});

const containerFields = {
  name: required(string({ format: 'dns-label' })),
  image: string(),
  command: array(string()),
  args: array(string()),
  workingDir: string(),
  ports: array(containerPort),
  envFrom: array(object({ prefix: string(), configMapRef: optionalReference, secretRef: optionalReference })),
  env: array(environmentVariable),
  resources: resourceRequirements,
  resizePolicy: array(object({ resourceName: required(string()), restartPolicy: required(oneOf('NotRequired', 'RestartContainer')) })),
  restartPolicy: oneOf('Always', 'Never', 'OnFailure'),
  restartPolicyRules: array(
    object({
      action: oneOf('Restart', 'RestartAllContainers'),
      exitCodes: object({ operator: oneOf('In', 'NotIn'), values: array(integer()) }),
    }),
  ),
  volumeMounts: array(
    object({
      name: required(string()),
      readOnly: boolean(),
      recursiveReadOnly: oneOf('Disabled', 'IfPossible', 'Enabled'),
      mountPath: required(string()),
      subPath: string(),
      mountPropagation: oneOf('None', 'HostToContainer', 'Bidirectional'),
      subPathExpr: string(),
      bindMountOptions: array(string()),
    }),
  ),
  volumeDevices: array(object({ name: required(string()), devicePath: required(string()) })),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: object({ postStart: lifecycleHandler, preStop: lifecycleHandler, stopSignal: string() }),
  terminationMessagePath: string(),
  terminationMessagePolicy: oneOf('File', 'FallbackToLogsOnError'),
  imagePullPolicy: oneOf('Always', 'Never', 'IfNotPresent'),
  securityContext,
  stdin: boolean(),
  stdinOnce: boolean(),
  tty: boolean(),
} as const;

export const container = object(containerFields);
export const ephemeralContainer = object({ ...containerFields, targetContainerName: string() });

export type Container = Static<typeof container>;
export type ContainerPort = Static<typeof containerPort>;
export type Probe = Static<typeof probe>;
export type LifecycleHandler = Static<typeof lifecycleHandler>;
export type EnvironmentVariable = Static<typeof environmentVariable>;

export const containerStatus = object({
  name: required(string()),
  image: string(),
  imageID: string(),
  containerID: string(),
  ready: boolean(),
  started: boolean(),
  restartCount: natural,
  state: anything(),
  lastState: anything(),
  allocatedResources: anything(),
  allocatedResourcesStatus: anything(),
  resources: anything(),
  volumeMounts: anything(),
  user: anything(),
  stopSignal: string(),
});

export const imagePullSecrets = array(localReference);
