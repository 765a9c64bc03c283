// Every analyzer, in the order of a request's way: in through the gateway, by the rules, to the service, to the Pod. Each is independent of the
// others; what is printed is ordered by place.
import type { Analyzer } from '#analyze/analyzer.ts';
import { authorizationNamespace } from '#analyze/authorization-namespace.ts';
import { deploymentServices } from '#analyze/deployment-services.ts';
import { destinationHost } from '#analyze/destination-host.ts';
import { destinationRuleTarget } from '#analyze/destination-rule-target.ts';
import { destinationSubset } from '#analyze/destination-subset.ts';
import { gatewayCertificate } from '#analyze/gateway-certificate.ts';
import { gatewayConflict } from '#analyze/gateway-conflict.ts';
import { gatewayWorkload } from '#analyze/gateway-workload.ts';
import { handWrittenSidecar } from '#analyze/hand-written-sidecar.ts';
import { ingressSubset } from '#analyze/ingress-subset.ts';
import { meshHostConflict } from '#analyze/mesh-host-conflict.ts';
import { missingCa } from '#analyze/missing-ca.ts';
import { portName } from '#analyze/port-name.ts';
import { proxyUserAnalyzer } from '#analyze/proxy-user.ts';
import { serviceEntryAddress } from '#analyze/service-entry-address.ts';
import { serviceEntryConflict } from '#analyze/service-entry-conflict.ts';
import { serviceSelector } from '#analyze/service-selector.ts';
import { serviceTargetPort } from '#analyze/service-target-port.ts';
import { unreachableRule } from '#analyze/unreachable-rule.ts';
import { virtualServiceGateway } from '#analyze/virtual-service-gateway.ts';
import { volumeMounts } from '#analyze/volume-mounts.ts';

export const analyzers: readonly Analyzer[] = [
  gatewayWorkload, // nobody opens the port
  gatewayConflict, // two open it
  gatewayCertificate, // two serve one certificate
  virtualServiceGateway, // the rules are not on the gateway
  meshHostConflict, // two sets of rules for one host
  unreachableRule, // a rule that an earlier one covers
  destinationHost, // a rule that leads nowhere
  destinationSubset, // to a part of a service that is not defined
  ingressSubset, // or past the parts that are
  destinationRuleTarget, // parts without Pods
  missingCa, // a connection that trusts anybody
  portName, // a port that does not say what it speaks
  serviceEntryAddress, // a port outside that cannot be told from others
  serviceEntryConflict, // one that speaks two protocols
  serviceSelector, // a service without Pods
  serviceTargetPort, // a port the Pods do not have
  deploymentServices, // services that contradict each other
  handWrittenSidecar, // a Pod without a working sidecar
  proxyUserAnalyzer, // an app whose traffic is taken for the sidecar's
  authorizationNamespace, // callers from nowhere
  volumeMounts, // an app that looks for files which are not there
];
