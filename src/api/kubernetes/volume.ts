// A volume of a Pod with all its sources: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume/
import { fieldReference, quantity, resourceFieldReference } from '#api/kubernetes/container.ts';
import { labelSelector, localReference, objectMeta } from '#api/kubernetes/meta.ts';
import { array, boolean, integer, map, object, oneOf, required, type Static, string } from '#api/schema.ts';

const mode = integer({ minimum: 0, maximum: 0o777 });
const user = integer({ minimum: 0 });
const readOnly = boolean();
const fsType = string();
const secretRef = localReference;

const items = array(object({ key: required(string()), path: required(string()), mode, user }));
const downwardItems = array(object({ path: required(string()), fieldRef: fieldReference, resourceFieldRef: resourceFieldReference, mode, user }));

export const persistentVolumeClaimSpec = object({
  accessModes: array(oneOf('ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod')),
  selector: labelSelector,
  resources: object({ limits: map(quantity), requests: map(quantity) }),
  volumeName: string(),
  storageClassName: string(),
  volumeMode: oneOf('Block', 'Filesystem'),
  dataSource: object({ apiGroup: string(), kind: required(string()), name: required(string()) }),
  dataSourceRef: object({ apiGroup: string(), kind: required(string()), name: required(string()), namespace: string() }),
  volumeAttributesClassName: string(),
});

const projection = object({
  secret: object({ name: string(), items, optional: boolean() }),
  downwardAPI: object({ items: downwardItems }),
  configMap: object({ name: string(), items, optional: boolean() }),
  serviceAccountToken: object({ audience: string(), expirationSeconds: integer(), path: required(string()), user }),
  clusterTrustBundle: object({
    name: string(),
    signerName: string(),
    labelSelector,
    optional: boolean(),
    path: required(string()),
    user,
  }),
  podCertificate: object({
    signerName: string(),
    keyType: string(),
    maxExpirationSeconds: integer(),
    credentialBundlePath: string(),
    keyPath: string(),
    certificateChainPath: string(),
    userAnnotations: map(string()),
    user,
  }),
});

export const volume = object({
  name: required(string()),
  hostPath: object({
    path: required(string()),
    type: oneOf('', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice'),
  }),
  emptyDir: object({ medium: string(), sizeLimit: quantity, mode }),
  gcePersistentDisk: object({ pdName: required(string()), fsType, partition: integer(), readOnly }),
  awsElasticBlockStore: object({ volumeID: required(string()), fsType, partition: integer(), readOnly }),
  gitRepo: object({ repository: required(string()), revision: string(), directory: string() }),
  secret: object({ secretName: string(), items, defaultMode: mode, optional: boolean(), defaultUser: user }),
  nfs: object({ server: required(string()), path: required(string()), readOnly }),
  iscsi: object({
    targetPortal: required(string()),
    iqn: required(string()),
    lun: required(integer()),
    iscsiInterface: string(),
    fsType,
    readOnly,
    portals: array(string()),
    chapAuthDiscovery: boolean(),
    chapAuthSession: boolean(),
    secretRef,
    initiatorName: string(),
  }),
  glusterfs: object({ endpoints: required(string()), path: required(string()), readOnly }),
  persistentVolumeClaim: object({ claimName: required(string()), readOnly }),
  rbd: object({
    monitors: required(array(string())),
    image: required(string()),
    fsType,
    pool: string(),
    user: string(),
    keyring: string(),
    secretRef,
    readOnly,
  }),
  flexVolume: object({ driver: required(string()), fsType, secretRef, readOnly, options: map(string()) }),
  cinder: object({ volumeID: required(string()), fsType, readOnly, secretRef }),
  cephfs: object({ monitors: required(array(string())), path: string(), user: string(), secretFile: string(), secretRef, readOnly }),
  flocker: object({ datasetName: string(), datasetUUID: string() }),
  downwardAPI: object({ items: downwardItems, defaultMode: mode, defaultUser: user }),
  fc: object({ targetWWNs: array(string()), lun: integer(), fsType, readOnly, wwids: array(string()) }),
  azureFile: object({ secretName: required(string()), shareName: required(string()), readOnly }),
  configMap: object({ name: string(), items, defaultMode: mode, optional: boolean(), defaultUser: user }),
  vsphereVolume: object({ volumePath: required(string()), fsType, storagePolicyName: string(), storagePolicyID: string() }),
  quobyte: object({ registry: required(string()), volume: required(string()), readOnly, user: string(), group: string(), tenant: string() }),
  azureDisk: object({ diskName: required(string()), diskURI: required(string()), cachingMode: string(), fsType, readOnly, kind: string() }),
  photonPersistentDisk: object({ pdID: required(string()), fsType }),
  projected: object({ sources: array(projection), defaultMode: mode, defaultUser: user }),
  portworxVolume: object({ volumeID: required(string()), fsType, readOnly }),
  scaleIO: object({
    gateway: required(string()),
    system: required(string()),
    secretRef,
    sslEnabled: boolean(),
    protectionDomain: string(),
    storagePool: string(),
    storageMode: string(),
    volumeName: string(),
    fsType,
    readOnly,
  }),
  storageos: object({ volumeName: string(), volumeNamespace: string(), fsType, readOnly, secretRef }),
  csi: object({ driver: required(string()), readOnly, fsType, volumeAttributes: map(string()), nodePublishSecretRef: localReference }),
  ephemeral: object({ volumeClaimTemplate: object({ metadata: objectMeta, spec: required(persistentVolumeClaimSpec) }) }),
  image: object({ reference: string(), pullPolicy: oneOf('Always', 'Never', 'IfNotPresent') }),
});

export type Volume = Static<typeof volume>;
