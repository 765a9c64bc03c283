// Istio's own cases for its analyzers, run against ours: which analyzer of ours stands for which of Istio's, and the cases of those that are not
// built yet, counted and not claimed. A case expects exactly a multiset of (message name, resource).
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Analyzer } from '#analyze/analyzer.ts';
import { authorizationNamespace } from '#analyze/authorization-namespace.ts';
import { deploymentServices } from '#analyze/deployment-services.ts';
import { destinationHost } from '#analyze/destination-host.ts';
import { destinationRuleTarget } from '#analyze/destination-rule-target.ts';
import { destinationSubset } from '#analyze/destination-subset.ts';
import { gatherFacts } from '#analyze/facts.ts';
import { gatewayCertificate } from '#analyze/gateway-certificate.ts';
import { gatewayConflict } from '#analyze/gateway-conflict.ts';
import { gatewayWorkload } from '#analyze/gateway-workload.ts';
import { ingressSubset } from '#analyze/ingress-subset.ts';
import { meshHostConflict } from '#analyze/mesh-host-conflict.ts';
import { missingCa } from '#analyze/missing-ca.ts';
import { portName } from '#analyze/port-name.ts';
import { proxyUserAnalyzer } from '#analyze/proxy-user.ts';
import { serviceEntryAddress } from '#analyze/service-entry-address.ts';
import { serviceEntryConflict } from '#analyze/service-entry-conflict.ts';
import { unreachableRule } from '#analyze/unreachable-rule.ts';
import { virtualServiceGateway } from '#analyze/virtual-service-gateway.ts';
import { type AnyResource, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { resourceKey } from '#api/resource.ts';
import { explainCode } from '#base/diagnostic-codes.ts';
import { buildMesh } from '#model/build/mesh.ts';

const folder = join(import.meta.dirname, '../../../shared/istio-cases');

type Case = {
  readonly name: string;
  readonly inputFiles: readonly string[];
  readonly analyzer: string;
  readonly expected: readonly { readonly message: string; readonly origin: string }[];
};

/** What the mesh itself says of policies that are for nobody. */
const policyWorkload: Analyzer = {
  name: 'policy-workload',
  run: ({ resources }) => buildMesh({ resources }).diagnostics.filter(({ code }) => code === 'IST0127'),
};

/** Istio's analyzers and ours that do the same. */
const ours: Readonly<Record<string, readonly Analyzer[]>> = {
  'authz.AuthorizationPoliciesAnalyzer': [authorizationNamespace, policyWorkload],
  'gateway.IngressGatewayPortAnalyzer': [gatewayWorkload],
  'gateway.ConflictingGatewayAnalyzer': [gatewayConflict],
  'gateway.CertificateAnalyzer': [gatewayCertificate],
  'serviceentry.ProtocolAddressesAnalyzer': [serviceEntryAddress],
  'serviceentry.ConflictingServiceEntryProtocolAnalyzer': [serviceEntryConflict],
  'service.PortNameAnalyzer': [portName],
  'virtualservice.ConflictingMeshGatewayHostsAnalyzer': [meshHostConflict],
  'virtualservice.DestinationHostAnalyzer': [destinationHost, ingressSubset],
  'virtualservice.DestinationRuleAnalyzer': [destinationSubset],
  'virtualservice.GatewayAnalyzer': [virtualServiceGateway],
  'deployment.ServiceAssociationAnalyzer': [deploymentServices],
  'deployment.ApplicationUIDAnalyzer': [proxyUserAnalyzer],
  'destinationrule.CaCertificateAnalyzer': [missingCa],
  'destinationrule.PodNotSelectedAnalyzer': [destinationRuleTarget],
  'schemaValidation.CollectionValidationAnalyzer': [unreachableRule],
};

/** Input that a cluster would refuse, made acceptable without touching what the case is about. */
const repairs: readonly { readonly file: string; readonly from: RegExp; readonly to: string; readonly reason: string }[] = [
  {
    file: 'virtualservice_destinationhosts.yaml',
    from: /protocol: HTTPS?$/gm,
    to: 'protocol: TCP',
    reason: 'Kubernetes refuses a Service with protocol HTTP',
  },
  {
    file: 'virtualservice_destinationhosts.yaml',
    from: /- \{\}.*$/m,
    to: '- destination: { host: nowhere }\n      weight: 100',
    reason: 'a route without destination is refused; a host that nobody has stands for it',
  },
  {
    file: 'virtualservice_route_rule_no_effects_ingress.yaml',
    from: /protocol: HTTP$/gm,
    to: 'protocol: TCP',
    reason: 'Kubernetes refuses a Service with protocol HTTP',
  },
  {
    file: 'virtualservice_destinationhosts.yaml',
    from: /"\*" # This ServiceEntry/,
    to: '"*.com" # This ServiceEntry',
    reason: 'a ServiceEntry for all hosts is refused; one for all of .com covers the same names here',
  },
  {
    file: 'conflicting-gateways-multiple-ports.yaml',
    from: /(number: 90\n +name: )\w+/g,
    to: '$1other',
    reason: 'two servers of one Gateway may not have the same port name',
  },
  {
    file: 'authorizationpolicies.yaml',
    from: /"\*\.kiali\.io"/,
    to: 'console.kiali.io',
    reason: 'DNS cannot be asked for a wildcard',
  },
  {
    file: 'deployment-multi-service.yaml',
    from: /protocol: HTTP$/gm,
    to: 'protocol: UDP',
    reason: 'Kubernetes refuses a Service with protocol HTTP; what counts is that it is not TCP',
  },
];

/** Files with resources that are refused when they are read, so that there is nothing left to analyze. */
const refused: Readonly<Record<string, string>> = {
  'conflicting-gateways-invalid-port.yaml': 'a Gateway server without port breaks the schema',
};

/** Cases that cannot pass yet, each with its reason. A case in here that passes fails the test. */
const gaps: Readonly<Record<string, string>> = {
  virtualServiceKubernetesGateways: 'the Gateway of the Gateway API is known by name only',
};

test("Istio's cases for the analyzers that are built", { skip: skipReason() }, async (context) => {
  const cases: readonly Case[] = JSON.parse(readFileSync(join(folder, 'analyzers.json'), 'utf8'));
  const built = cases.filter(({ analyzer }) => ours[analyzer] !== undefined);
  const missing = cases.filter(({ analyzer }) => ours[analyzer] === undefined);
  context.diagnostic(`${built.length} of ${cases.length} cases; not built: ${[...new Set(missing.map(({ analyzer }) => analyzer))].join(', ')}`);
  for (const one of built) {
    await context.test(`${one.analyzer}: ${one.name}`, () => {
      const gap = gaps[one.name];
      if (gap === undefined) assert.deepEqual(runCase(one), expectedOf(one));
      else assert.notDeepEqual(runCase(one), expectedOf(one), `passes now, take it out of the gaps: ${gap}`);
    });
  }
});

function skipReason(): string | false {
  if (existsSync(folder)) return false;
  if (process.env['CI'] !== undefined) throw new Error(`the cases are missing: ${folder}`);
  return 'the cases of Istio are not here (../shared/istio-cases)';
}

function runCase({ analyzer, inputFiles }: Case): readonly string[] {
  const facts = gatherFacts(resourcesOf(inputFiles), 'cluster.local');
  return (ours[analyzer] ?? [])
    .flatMap(({ run }) => run(facts))
    .map(({ code, at }) => `${explainCode(code)?.title} ${at?.resource}`)
    .sort();
}

/** A resource without a namespace is in `default` here, and in none in Istio's cases. */
function expectedOf({ expected }: Case): readonly string[] {
  return expected.map(({ message, origin }) => `${message} ${origin.includes('/') ? origin : origin.replace(' ', ' default/')}`).sort();
}

function resourcesOf(files: readonly string[]): ResourcesByKind {
  const byKind: Record<string, Map<string, AnyResource>> = Object.fromEntries(kindNames().map((kind) => [kind, new Map()]));
  for (const file of files) {
    const name = file.replace('testdata/', '');
    const text = repairs
      .filter((repair) => repair.file === name)
      .reduce((before, { from, to }) => before.replace(from, to), readFileSync(join(folder, 'analyzers', name), 'utf8'));
    const { items, syntaxErrors } = readText(name, text);
    const errors = [...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)].filter(({ severity }) => severity === 'error');
    assert.equal(errors.length > 0, refused[name] !== undefined, `${name}: ${errors.map(({ message, at }) => `${at?.line}: ${message}`).join('; ')}`);
    for (const { resource } of items) if (resource !== undefined) byKind[resource.kind]?.set(resourceKey(resource.metadata), resource);
  }
  // Every kind was filled above with resources of that kind only.
  return byKind as unknown as ResourcesByKind;
}
