// security.istio.io AuthorizationPolicy, whole: https://istio.io/latest/docs/reference/config/security/authorization-policy/
import { array, map, object, oneOf, required, type Static, string } from '#api/schema.ts';

const texts = () => array(string());

const source = object({
  principals: texts(),
  notPrincipals: texts(),
  requestPrincipals: texts(),
  notRequestPrincipals: texts(),
  namespaces: texts(),
  notNamespaces: texts(),
  serviceAccounts: texts(),
  notServiceAccounts: texts(),
  trustDomains: texts(),
  notTrustDomains: texts(),
  ipBlocks: texts(),
  notIpBlocks: texts(),
  remoteIpBlocks: texts(),
  notRemoteIpBlocks: texts(),
});

const operation = object({
  hosts: texts(),
  notHosts: texts(),
  ports: texts(),
  notPorts: texts(),
  methods: texts(),
  notMethods: texts(),
  paths: texts(),
  notPaths: texts(),
});

const condition = object({ key: required(string()), values: texts(), notValues: texts() });

const rule = object({ from: array(object({ source })), to: array(object({ operation })), when: array(condition) });

const targetRef = object({
  group: string(),
  kind: required(string({ minLength: 1 })),
  name: required(string({ minLength: 1 })),
  namespace: string(),
});

export const authorizationPolicySpec = object(
  {
    selector: object({ matchLabels: map(string()) }),
    targetRef,
    targetRefs: array(targetRef, { maxItems: 16 }),
    rules: array(rule),
    action: oneOf('ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
    provider: object({ name: string() }),
  },
  { atMostOneOf: [['selector', 'targetRef', 'targetRefs']] },
);

export type AuthorizationPolicySpec = Static<typeof authorizationPolicySpec>;
export type WrittenRule = NonNullable<AuthorizationPolicySpec['rules']>[number];
export type WrittenSource = Static<typeof source>;
export type WrittenOperation = Static<typeof operation>;
export type WrittenCondition = Static<typeof condition>;
