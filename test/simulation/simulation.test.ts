// Istio's own scenarios: what Envoy would do with a call, given Istio's configuration for one proxy. Each expectation is compared as it
// stands; those that wait for work to come are listed in waiting.yaml with the reason, and fail here as soon as they would pass.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isMessage } from '@bufbuild/protobuf';
import { parse } from 'yaml';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { type ExpectedCall, readScenarios, type Scenario, type ScenarioCall } from '#test/simulation/scenario.ts';
import { type CompiledScenario, compileScenario } from '#test/simulation/scenario-mesh.ts';
import { configOf, simulate } from '#test/simulation/simulate.ts';

type Waiting = { readonly test: string /** All calls unless given. */; readonly calls?: readonly string[]; readonly because: string };

const scenarios = readScenarios();
const waiting = parse(readFileSync(join(import.meta.dirname, 'waiting.yaml'), 'utf8')) as readonly Waiting[]; // written by us

if (scenarios === undefined) {
  test('Istio’s scenarios', { skip: process.env['CI'] === undefined ? 'no ../shared/istio-cases' : false }, () => {
    assert.fail('../shared/istio-cases is missing');
  });
} else {
  let passed = 0;
  let expected = 0;
  for (const scenario of scenarios) {
    const compile = once(() => compileScenario(scenario));
    for (const { title, check } of checksOf(scenario, compile)) {
      expected += 1;
      const waits = waiting.find(({ test: name, calls }) => name === scenario.test && (calls === undefined || calls.includes(title)));
      test(`${scenario.test}: ${title}${waits === undefined ? '' : ` waits: ${waits.because}`}`, () => {
        if (waits === undefined) {
          check();
          passed += 1;
        } else assert.throws(check, 'it passes now: take it off waiting.yaml');
      });
    }
  }
  test('the list of what waits names scenarios and calls that exist', () => {
    for (const { test: name, calls } of waiting) {
      const scenario: Scenario | undefined = scenarios.find((candidate) => candidate.test === name);
      assert.ok(scenario, name);
      const titles: readonly string[] = scenario.kind === 'simulation' ? scenario.calls.map(callTitle) : Object.keys(scenario.expect ?? {});
      for (const call of calls ?? []) assert.ok(titles.includes(call), `${name}: ${call}`);
    }
  });
  test('how many of Istio’s expectations hold', (t) => t.diagnostic(`${passed} of ${expected} hold`));
}

type Check = { readonly title: string; readonly check: () => void };

function checksOf(scenario: Scenario, compile: () => CompiledScenario): readonly Check[] {
  if (scenario.kind === 'simulation') {
    return scenario.calls.map((call, index) => ({ title: callTitle(call, index), check: () => checkCall(call, compile()) }));
  }
  return Object.entries(scenario.expect ?? {}).map(([host, clusters]) => ({
    title: host,
    check: () => assert.deepEqual(clustersOf(compile(), scenario.routeName, host), clusters ?? undefined),
  }));
}

function callTitle({ name }: ScenarioCall, index: number): string {
  return `${index} ${name}`;
}

function checkCall({ call, expect }: ScenarioCall, { compiled, proxy }: CompiledScenario): void {
  const found = simulate(configOf(compiled), proxy, call);
  const { strict, ...wanted } = expect;
  const compared = inTermsOf(wanted, strict === true ? withoutEmpty(found) : pick(found, wanted));
  assert.deepEqual({ ...compared, ...errorField(found.error) }, { ...wanted, ...errorField(wanted.error) }, JSON.stringify(found));
}

/**
 * Istio's test gives the resources of some scenarios no domain, so that a short name means `a.default` there, which no mesh has. Where such a
 * name is expected, the cluster is compared by the name without our domain.
 */
function inTermsOf(wanted: ExpectedCall, found: ExpectedCall): ExpectedCall {
  const isShort = wanted.cluster !== undefined && /^outbound\|\d+\|[^|]*\|[^.|]+\.[^.|]+$/.test(wanted.cluster);
  return isShort && found.cluster !== undefined ? { ...found, cluster: found.cluster.replace(/\.svc\.cluster\.local$/, '') } : found;
}

/** An error that is not expected always counts. */
function errorField(error: string | undefined): { readonly error?: string } {
  return error === undefined ? {} : { error };
}

function pick(found: ExpectedCall, wanted: object): ExpectedCall {
  return Object.fromEntries(Object.entries(found).filter(([key]) => key in wanted));
}

/** Istio does not tell an empty name from none. */
function withoutEmpty(found: ExpectedCall): ExpectedCall {
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== ''));
}

/** The clusters that the routes of a virtual host lead to, one per destination; undefined without such a virtual host. */
function clustersOf({ compiled }: CompiledScenario, routeName: string, host: string): readonly string[] | undefined {
  const message = compiled.resources.get(typeUrls.route)?.get(routeName)?.message;
  const config: RouteConfiguration | undefined = message !== undefined && isMessage(message, RouteConfigurationSchema) ? message : undefined;
  const found = config?.virtualHosts.find(({ name }) => name === host || name.startsWith(`${host}:`));
  return found?.routes.flatMap(({ action }) => {
    if (action.case !== 'route') return [];
    const { clusterSpecifier } = action.value;
    if (clusterSpecifier.case === 'cluster') return [clusterSpecifier.value];
    return clusterSpecifier.case === 'weightedClusters' ? clusterSpecifier.value.clusters.map(({ name }) => name) : [];
  });
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
