// Kinds that are known by name only: they may stand in a user's files, and Heddle says that they have no effect yet.

/** API group → kinds. Groups are listed whole, so that a kind which is missing here is a mistake of the writer. */
export const kindsWithoutEffect: Readonly<Record<string, readonly string[]>> = {
  'networking.istio.io': [],
  'security.istio.io': ['RequestAuthentication'],
  'telemetry.istio.io': [],
  'extensions.istio.io': ['TrafficExtension', 'WasmPlugin'],
  'install.istio.io': ['IstioOperator'],
  'gateway.networking.k8s.io': ['UDPRoute'],
  'gateway.networking.x-k8s.io': ['XBackend', 'XBackendTrafficPolicy', 'XListenerSet', 'XMesh'],
  'inference.networking.k8s.io': ['InferencePool'],
  '': [
    'Binding',
    'ComponentStatus',
    'Endpoints',
    'Event',
    'LimitRange',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'PodTemplate',
    'ReplicationController',
    'ResourceQuota',
  ],
  apps: ['ControllerRevision'],
  batch: ['CronJob'],
  autoscaling: ['HorizontalPodAutoscaler'],
  policy: ['PodDisruptionBudget', 'PodSecurityPolicy'],
  'networking.k8s.io': ['IPAddress', 'NetworkPolicy', 'ServiceCIDR'],
  'discovery.k8s.io': [],
  'rbac.authorization.k8s.io': ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
  'storage.k8s.io': ['CSIDriver', 'CSINode', 'CSIStorageCapacity', 'StorageClass', 'VolumeAttachment', 'VolumeAttributesClass'],
  'scheduling.k8s.io': ['PriorityClass'],
  'node.k8s.io': ['RuntimeClass'],
  'coordination.k8s.io': ['Lease'],
  'certificates.k8s.io': ['CertificateSigningRequest', 'ClusterTrustBundle'],
  'events.k8s.io': ['Event'],
  'admissionregistration.k8s.io': [
    'MutatingAdmissionPolicy',
    'MutatingAdmissionPolicyBinding',
    'MutatingWebhookConfiguration',
    'ValidatingAdmissionPolicy',
    'ValidatingAdmissionPolicyBinding',
    'ValidatingWebhookConfiguration',
  ],
  'apiextensions.k8s.io': ['CustomResourceDefinition'],
  'apiregistration.k8s.io': ['APIService'],
};

/** Of those, what Istio does nothing with either, and why. */
export const idleKinds: Readonly<Record<string, string>> = {
  'gateway.networking.k8s.io/UDPRoute': 'Istio does not support UDPRoute either: its proxies carry HTTP, gRPC, TLS and TCP, and UDP passes them by',
};
