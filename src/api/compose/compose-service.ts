// One service of a compose file → its Deployment or Job, and its Service.
import { isAbsolute, relative, resolve } from 'node:path';
import type { ComposeOrigins, ReadOther, Report } from '#api/compose/compose-place.ts';
import { pairsOf, readEnvFile, secondsOf, wordsOf, portsOf as writtenPorts } from '#api/compose/compose-value.ts';
import { dependsOnAnnotation } from '#api/depends-on.ts';
import type { AnyResource, KindMap } from '#api/kinds.ts';
import type { Container, Probe } from '#api/kubernetes/container.ts';
import { isObject } from '#base/object.ts';

export type ComposeService = {
  readonly file: string;
  /** Absolute. */
  readonly folder: string;
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Another service waits until it has completed. */
  readonly isJob: boolean;
  readonly readOther: ReadOther;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly report: Report;
};

const namespace = 'default';

export function serviceResources(service: ComposeService, origins: ComposeOrigins): readonly AnyResource[] {
  const { body, isJob } = service;
  const name = meshName(service.name);
  const labels = { app: name };
  const ports = portsOf(service);
  const metadata = { name, namespace, labels, annotations: {} };
  const dependencies = dependenciesOf(body['depends_on']);
  const template = {
    metadata: { labels, annotations: dependencies.length === 0 ? {} : { [dependsOnAnnotation]: JSON.stringify(dependencies) } },
    spec: {
      containers: [containerOf(service, ports)],
      ...(typeof body['hostname'] === 'string' && { hostname: body['hostname'] }),
      ...(body['stop_grace_period'] !== undefined && { terminationGracePeriodSeconds: secondsOf(body['stop_grace_period']) ?? 10 }),
    },
  };
  const deployment: KindMap['Deployment'] = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    origins: origins('Deployment'),
    spec: { replicas: replicasOf(body), selector: { matchLabels: labels }, template },
  };
  const job: KindMap['Job'] = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata,
    origins: origins('Job'),
    spec: { template: { ...template, spec: { ...template.spec, restartPolicy: 'OnFailure' } } },
  };
  const workload = Object.freeze(isJob ? job : deployment);
  if (ports.length === 0) return [workload];
  const made: KindMap['Service'] = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    origins: origins('Service'),
    spec: { selector: labels, ports: ports.map((port) => ({ name: portName(port), port, targetPort: port })) },
  };
  return [workload, Object.freeze(made)];
}

/** `Order_Service` → `order-service`: what a service of a compose file is called where names are those of DNS. */
export function meshName(name: string): string {
  return name.toLowerCase().replaceAll(/[_.]/g, '-');
}

/** Ports on which the server speaks first, or no HTTP: nothing can be found out by listening. */
const bytePorts: ReadonlySet<number> = new Set([21, 22, 25, 110, 143, 587, 1433, 1521, 3306, 4222, 5432, 5672, 6379, 9042, 9092, 11211, 27017]);

/** By its beginning a name tells the protocol (Istio's rule for ports); others are found out from what is sent. */
function portName(port: number): string {
  return `${bytePorts.has(port) ? 'tcp' : 'port'}-${port}`;
}

function portsOf({ name, body, report }: ComposeService): readonly number[] {
  const path = ['services', name];
  const written = Array.isArray(body['ports']) ? body['ports'] : [];
  const found = written.flatMap((value, index) => {
    const ports = writtenPorts(value);
    if (ports.length === 0)
      report('error', 'HDL0460', [...path, 'ports', index], `${String(value)} is no port`, 'as "8080:80", "80" or "9090-9091:8080-8081"');
    const udp = ports.find(({ protocol }) => protocol === 'udp');
    if (udp !== undefined)
      report('warning', 'HDL0462', [...path, 'ports', index], `UDP port ${udp.target} has no effect here`, 'the mesh carries TCP');
    return ports.filter(({ protocol }) => protocol === 'tcp');
  });
  const published = found.filter((port) => port.published !== undefined);
  if (published.length > 0) {
    const how = `heddle port-forward svc/${meshName(name)} ${published.map((port) => `${port.published}:${port.target}`).join(' ')}`;
    report('info', 'HDL0462', [...path, 'ports'], `the ports of ${name} are not opened on this machine`, how);
  }
  const exposed = (Array.isArray(body['expose']) ? body['expose'] : []).flatMap(writtenPorts);
  return [...new Set([...found, ...exposed].map((port) => port.target))].sort((a, b) => a - b);
}

function containerOf(service: ComposeService, ports: readonly number[]): Container {
  const { name, body } = service;
  const entrypoint = wordsOf(body['entrypoint']);
  const command = wordsOf(body['command']) ?? [];
  const image = typeof body['image'] === 'string' ? body['image'] : name;
  // The programs of images that are given a whole command run it; one that begins with an option goes to the image's own program.
  const isArguments = entrypoint === undefined && (command.length === 0 || command[0]?.startsWith('-') === true);
  const whole = isArguments ? [] : [...(entrypoint ?? []), ...command];
  const probe = probeOf(service);
  const folder = workingFolder(service);
  return {
    name: meshName(name),
    image,
    ...(whole.length > 0 && { command: whole }),
    ...(isArguments && command.length > 0 && { args: command }),
    ...(folder !== undefined && { workingDir: folder }),
    env: Object.entries(environmentOf(service)).map(([variable, value]) => ({ name: variable, value: value.replaceAll('$(', '$$(') })),
    ports: ports.map((containerPort) => ({ containerPort })),
    ...(probe !== undefined && { readinessProbe: probe }),
    ...(typeof body['stop_signal'] === 'string' && { lifecycle: { stopSignal: body['stop_signal'] } }),
  };
}

/** env_file first, then environment; a name without a value takes it from the surroundings. */
function environmentOf({ name, folder, body, readOther, environment, report }: ComposeService): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  const files = typeof body['env_file'] === 'string' ? [body['env_file']] : Array.isArray(body['env_file']) ? body['env_file'] : [];
  for (const [index, one] of files.entries()) {
    const path: unknown = isObject(one) ? one['path'] : one;
    const text = readOther(resolve(folder, String(path)));
    if (text !== undefined) Object.assign(variables, readEnvFile(text));
    else if (!isObject(one) || one['required'] !== false) {
      report(
        'error',
        'HDL0460',
        ['services', name, 'env_file', index],
        `there is no file ${String(path)}`,
        'or write { path: ..., required: false }',
      );
    }
  }
  for (const [variable, value] of Object.entries(pairsOf(body['environment']))) {
    const given = value ?? environment[variable];
    if (given !== undefined) variables[variable] = given;
  }
  return variables;
}

/** Where a folder of this machine is mounted at it or above it, that one; else a relative one as it is. Others are folders of an image. */
function workingFolder({ body, folder }: ComposeService): string | undefined {
  const wanted = body['working_dir'];
  const mounts = (Array.isArray(body['volumes']) ? body['volumes'] : []).flatMap((volume): readonly (readonly [string, string])[] => {
    const [source = '', target = ''] = isObject(volume) ? [String(volume['source']), String(volume['target'])] : String(volume).split(':');
    return /^[./~]/.test(source) && target.startsWith('/') ? [[resolve(folder, source), target]] : [];
  });
  if (typeof wanted !== 'string') return undefined;
  if (!isAbsolute(wanted)) return resolve(folder, wanted);
  for (const [source, target] of mounts) {
    const rest = relative(target, wanted);
    if (!rest.startsWith('..')) return resolve(source, rest);
  }
  return undefined;
}

/** Compose starts nothing anew for its health: it is a readiness probe. */
function probeOf({ name, body: { healthcheck }, report }: ComposeService): Probe | undefined {
  if (!isObject(healthcheck) || healthcheck['disable'] === true) return undefined;
  const { test, interval, timeout, retries, start_period: startPeriod } = healthcheck;
  const command = testCommand(test);
  if (command === undefined) {
    if (!Array.isArray(test) || test[0] !== 'NONE')
      report(
        'error',
        'HDL0460',
        ['services', name, 'healthcheck'],
        `the healthcheck of ${name} has no test`,
        'as [CMD, program, argument] or [CMD-SHELL, line]',
      );
    return undefined;
  }
  return {
    exec: { command },
    periodSeconds: secondsOf(interval) ?? 30,
    timeoutSeconds: secondsOf(timeout) ?? 30,
    failureThreshold: typeof retries === 'number' ? retries : 3,
    // Failures count from the start here as there, but the first success ends the wait.
    ...(startPeriod !== undefined && { initialDelaySeconds: 0 }),
  };
}

function testCommand(test: unknown): readonly string[] | undefined {
  if (typeof test === 'string') return ['/bin/sh', '-c', test];
  if (!Array.isArray(test)) return undefined;
  const [kind, ...words] = test.map(String);
  if (kind === 'CMD-SHELL') return ['/bin/sh', '-c', words.join(' ')];
  return kind === 'CMD' && words.length > 0 ? words : undefined;
}

function replicasOf({ deploy, scale }: ComposeService['body']): number {
  const replicas = isObject(deploy) ? deploy['replicas'] : undefined;
  return typeof replicas === 'number' ? replicas : typeof scale === 'number' ? scale : 1;
}

function dependenciesOf(value: unknown): readonly { readonly name: string; readonly until: 'started' | 'ready' | 'completed' }[] {
  if (Array.isArray(value)) return value.map((name) => ({ name: meshName(String(name)), until: 'started' }));
  if (!isObject(value)) return [];
  return Object.entries(value).map(([name, how]) => {
    const condition = isObject(how) ? how['condition'] : undefined;
    return {
      name: meshName(name),
      until: condition === 'service_healthy' ? 'ready' : condition === 'service_completed_successfully' ? 'completed' : 'started',
    };
  });
}
