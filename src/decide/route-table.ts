// Envoy's RouteConfiguration, compiled once per update: from a request to a route, a weighted target included.
// A decision allocates nothing: the answers are made when the table is, and shared. Only a trace makes it talk.
import { failed, ok, type Result } from '#base/result.ts';
import { type ConfigError, Problems } from '#decide/config-error.ts';
import type { FileReader } from '#decide/data-source.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import { compileFilterLevel } from '#decide/route-filters.ts';
import { findUnsupported } from '#decide/supported.ts';
import type { Trace } from '#decide/trace.ts';
import type { RequestView } from '#decide/views.ts';
import { DomainIndex } from '#decide/virtual-host-domains.ts';
import { compileVirtualHost, type VirtualHostTable } from '#decide/virtual-host-table.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';

export class RouteTable {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHostTable[];
  readonly #domains: DomainIndex<VirtualHostTable>;

  constructor(name: string, virtualHosts: readonly VirtualHostTable[], domains: DomainIndex<VirtualHostTable>) {
    this.name = name;
    this.virtualHosts = virtualHosts;
    this.#domains = domains;
  }

  /**
   * Virtual host by the request's authority, then the first route that matches, then one of its targets by weight.
   * `random` in [0, 1) decides runtime fractions and weights, so that the same number gives the same decision.
   */
  decide(request: RequestView, random: number, trace?: Trace): RouteDecision {
    const host = this.#domains.find(request.authority);
    if (trace !== undefined) this.#explainHost(host, request, trace);
    return host === undefined ? noVirtualHost : host.decide(request, random, trace);
  }

  #explainHost(chosen: VirtualHostTable | undefined, request: RequestView, trace: Trace): void {
    for (const { name, domains } of this.virtualHosts) {
      if (name === chosen?.name) continue;
      const because = `domains ${domains.join(', ')}: authority is ${request.authority}`;
      trace.add({ stage: 'virtual host', name, outcome: 'rejected', because });
    }
    if (chosen === undefined) {
      trace.add({ stage: 'virtual host', name: this.name, outcome: 'rejected', because: `no virtual host serves ${request.authority}` });
      return;
    }
    const because = `domain ${this.#domains.matchedDomain(request.authority) ?? '*'}: authority is ${request.authority}`;
    trace.add({ stage: 'virtual host', name: chosen.name, outcome: 'chosen', because });
  }
}

const noVirtualHost: RouteDecision = { kind: 'no-virtual-host' };

/** Compiles a route configuration; every field that cannot be honoured is an error. `readFile` serves direct responses' bodies. */
export function compileRouteTable(config: RouteConfiguration, readFile?: FileReader): Result<RouteTable, readonly ConfigError[]> {
  const problems = new Problems(config.name);
  findUnsupported(RouteConfigurationSchema, config, '', problems);
  const table = buildRouteTable(config, '', problems, readFile);
  return problems.errors.length > 0 ? failed(problems.errors) : ok(table);
}

/** The same for a configuration inside another resource (route_config of a connection manager); `field` is where it stands. */
export function buildRouteTable(config: RouteConfiguration, field: string, problems: Problems, readFile?: FileReader): RouteTable {
  const below = field === '' ? '' : `${field}.`;
  const domains = new DomainIndex<VirtualHostTable>(config.ignorePortInHostMatching);
  const outerFilters = [compileFilterLevel(config, below, problems)];
  const hosts = config.virtualHosts.map((host, index) => {
    const at = `${below}virtual_hosts[${index}]`;
    const table = compileVirtualHost(config, host, { field: at, problems, readFile, outer: below, outerFilters });
    for (const [position, domain] of host.domains.entries()) {
      const clash = domains.add(domain, table);
      if (clash) problems.report(`${at}.domains[${position}]`, `domain ${domain} stands twice in route configuration ${config.name}`);
    }
    if (host.domains.length === 0) problems.report(`${at}.domains`, 'at least one domain is required');
    return table;
  });
  return new RouteTable(config.name, hosts, domains);
}
