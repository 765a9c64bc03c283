// The environment of a container: what the shell of `heddle up` has, the image's variables, Kubernetes' own, the container's, and last
// the local port to listen on, where that is not the container's.
import { delimiter, dirname } from 'node:path';
import type { ResourcesByKind } from '#api/kinds.ts';
import type { EnvironmentVariable } from '#api/kubernetes/container.ts';
import { resourceKey } from '#api/resource.ts';
import { isLoopback } from '#base/loopback.ts';
import { calledHosts } from '#runtime/called-host.ts';
import { type PodNetwork, podAddresses } from '#runtime/network.ts';
import type { ContainerPlan, PodPlan } from '#runtime/pod-plan.ts';
import { proxyVariables, serviceVariables } from '#runtime/service-variables.ts';

export type EnvironmentInput = {
  readonly plan: PodPlan;
  readonly container: ContainerPlan;
  readonly network: Pick<PodNetwork, 'ports' | 'nodeAddress' | 'choosesPorts' | 'reach'>;
  readonly resources: Pick<ResourcesByKind, 'Service' | 'ServiceEntry' | 'ConfigMap'>;
  readonly domain: string;
  /** The variables of `heddle up` itself, and the Node that runs it: `node` in a command means this one. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly nodeProgram: string;
};

export type Environment = {
  readonly variables: Readonly<Record<string, string>>;
  /** What could not be filled in, and why: Kubernetes would not start such a container. */
  readonly problems: readonly string[];
};

/** Later ones win: inherited, image, services, proxy, envFrom, env, then PORT and HOSTNAME. */
export function containerEnvironment(input: EnvironmentInput): Environment {
  const { plan, container, network, resources, domain } = input;
  const calls = plan.pod.spec.enableServiceLinks === false ? [] : calledHosts(plan.pod.metadata.namespace, resources, domain);
  const problems: string[] = [];
  const variables: Record<string, string> = {
    ...inheritedVariables(input),
    ...(network.choosesPorts ? container.command.env : withoutLoopbackHost(container.command.env)),
    ...serviceVariables(calls, network.reach),
    ...proxyVariables(network.ports),
  };
  for (const { prefix = '', configMapRef, secretRef } of container.container.envFrom ?? []) {
    if (configMapRef?.name !== undefined) {
      const data = configData(input, configMapRef.name);
      if (data === undefined && configMapRef.optional !== true) problems.push(`ConfigMap ${configMapRef.name} does not exist`);
      for (const [name, value] of Object.entries(data ?? {})) variables[`${prefix}${name}`] = value;
    }
    if (secretRef !== undefined && secretRef.optional !== true) problems.push(`Secret ${secretRef.name ?? ''} cannot be read here`);
  }
  for (const variable of container.container.env ?? []) {
    const value = variableValue(variable, input, problems);
    if (value !== undefined) variables[variable.name] = expandVariables(value, variables);
  }
  if (network.choosesPorts) Object.assign(variables, portVariables(plan, container, network.ports));
  variables['HOSTNAME'] = plan.pod.spec.hostname ?? plan.pod.metadata.name;
  return { variables, problems };
}

/**
 * A HOST of 127.0.0.1 in an image map keeps a program off this machine's other addresses, where all pods share them. In a pod with addresses of its own
 * it would keep everybody out, so it is not said there. What the Pod itself says counts, as on a cluster.
 */
function withoutLoopbackHost(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { HOST: host, ...others } = variables;
  return host !== undefined && isLoopback(host) ? others : variables;
}

/** `$(NAME)` stands for a variable, `$$(NAME)` for itself; an unknown name stays as it is (Kubernetes: Container.command). */
export function expandVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return variables[name] ?? whole;
  });
}

/** The shell's own, without what belongs to the program that started us, and with our Node first on PATH. */
function inheritedVariables({ inherited, nodeProgram }: EnvironmentInput): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    const isOurs = /^(npm_|NODE_TEST|NODE_V8_COVERAGE|NODE_COMPILE_CACHE|HEDDLE_|INIT_CWD$)/.test(name);
    const isRouting = /^(https?_proxy|all_proxy|no_proxy|port|host)$/i.test(name) || /_SERVICE_(HOST|PORT)/.test(name);
    if (value !== undefined && !isOurs && !isRouting) variables[name] = value;
  }
  variables['PATH'] = [dirname(nodeProgram), ...(variables['PATH'] ?? '').split(delimiter)].join(delimiter);
  return variables;
}

/**
 * PORT for the container's first port, and PORT_8081 / PORT_METRICS for each. They win over the container's own PORT, which names the
 * port inside a network of its own: here that port is another one.
 */
function portVariables(plan: PodPlan, { container }: ContainerPlan, ports: PodNetwork['ports']): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  const declared = container.ports ?? [];
  const onlyContainer = plan.containers.length === 1;
  const first = declared[0]?.containerPort ?? (onlyContainer ? plan.inbound[0] : undefined);
  const local = (port: number): number | undefined => ports.inbound[port]?.app;
  const firstLocal = first === undefined ? undefined : local(first);
  if (firstLocal !== undefined) variables['PORT'] = String(firstLocal);
  for (const port of onlyContainer ? plan.inbound : declared.map(({ containerPort }) => containerPort)) {
    const app = local(port);
    if (app === undefined) continue;
    variables[`PORT_${port}`] = String(app);
    const name = declared.find(({ containerPort }) => containerPort === port)?.name;
    if (name !== undefined) variables[`PORT_${name.toUpperCase().replaceAll('-', '_')}`] = String(app);
  }
  return variables;
}

function configData({ plan, resources }: EnvironmentInput, name: string): Readonly<Record<string, string>> | undefined {
  const map = resources.ConfigMap.get(resourceKey({ namespace: plan.pod.metadata.namespace, name }));
  return map === undefined ? undefined : (map.data ?? {});
}

function variableValue(variable: EnvironmentVariable, input: EnvironmentInput, problems: string[]): string | undefined {
  const source = variable.valueFrom;
  if (source === undefined) return variable.value ?? '';
  if (source.fieldRef !== undefined) {
    const value = podField(source.fieldRef.fieldPath, input);
    if (value === undefined) problems.push(`${variable.name}: no field ${source.fieldRef.fieldPath} here`);
    return value;
  }
  if (source.configMapKeyRef !== undefined) {
    const { name = '', key, optional } = source.configMapKeyRef;
    const value = configData(input, name)?.[key];
    if (value === undefined && optional !== true) problems.push(`${variable.name}: ConfigMap ${name} has no key ${key}`);
    return value;
  }
  if (source.resourceFieldRef !== undefined) return resourceField(source.resourceFieldRef.resource, input);
  const { secretKeyRef } = source;
  if (secretKeyRef?.optional !== true) problems.push(`${variable.name}: only fieldRef, configMapKeyRef and resourceFieldRef are known here`);
  return undefined;
}

/** The downward API's fields: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/ */
function podField(path: string, { plan, network }: EnvironmentInput): string | undefined {
  const { metadata, spec } = plan.pod;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed !== null) return (keyed[1] === 'labels' ? metadata.labels : metadata.annotations)[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid ?? `${metadata.namespace}-${metadata.name}`;
    case 'spec.nodeName':
      return 'localhost';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.podIP':
      return network.ports.address;
    case 'status.podIPs':
      return podAddresses(network).join(',');
    case 'status.hostIP':
    case 'status.hostIPs':
      return network.nodeAddress;
    default:
      return undefined;
  }
}

/** `limits.cpu` and the like as written; 0 where nothing is said. */
function resourceField(resource: string, { container }: EnvironmentInput): string {
  const [group, name = ''] = resource.split(/\.(.*)/s);
  const { limits, requests } = container.container.resources ?? {};
  return String((group === 'requests' ? requests : limits)?.[name] ?? 0);
}
