// A compose file as Kubernetes' resources: each service a Deployment (a Job, where another waits for it to complete) and a Service with its ports. In: the
// text. Out: what readText gives for other files, with the places in the compose file. https://docs.docker.com/reference/compose-file/
import { basename, dirname, resolve } from 'node:path';
import { type ExtendsContext, withExtended } from '#api/compose/compose-extends.ts';
import { actingKeys, idleKeys, idleTopKeys, topKeys } from '#api/compose/compose-keys.ts';
import type { ComposeOrigins, ReadOther, Report } from '#api/compose/compose-place.ts';
import { type ComposeService, meshName, serviceResources } from '#api/compose/compose-service.ts';
import { interpolated, readEnvFile } from '#api/compose/compose-value.ts';
import type { ReadItem } from '#api/read-document.ts';
import type { TextReading } from '#api/read-text.ts';
import { parseYaml, type YamlDocument } from '#api/yaml-document.ts';
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isObject } from '#base/object.ts';
import type { Origin } from '#base/origin.ts';

export function isComposeFile(file: string): boolean {
  return /^(?:docker-)?compose(?:\.[\w-]+)?\.ya?ml$/.test(basename(file));
}

export function readCompose(
  file: string,
  text: string,
  readOther: ReadOther,
  environment: Readonly<Record<string, string | undefined>>,
): TextReading {
  const documents = parseYaml(text);
  const syntaxErrors = documents.flatMap(({ errors }) =>
    errors.map(({ message, line, col }): Diagnostic => ({ code: 'HDL0001', severity: 'error', message, at: { file, line, col } })),
  );
  const [document] = documents;
  if (document === undefined || syntaxErrors.length > 0) return { items: [], syntaxErrors, slices: new Map() };
  const folder = resolve(dirname(file));
  const dotEnv = readEnvFile(readOther(resolve(folder, '.env')) ?? '');
  const diagnostics: Diagnostic[] = [];
  const report: Report = (severity, code, path, message, hint) => {
    const { line, col } = document.place(path);
    diagnostics.push({ code, severity, message, ...(hint !== undefined && { hint }), at: { file, line, col } });
  };
  const variables = { ...dotEnv, ...environment };
  const missing = new Set<string>();
  const value = interpolated(document.value, variables, (name) => missing.add(name));
  for (const name of missing)
    report('warning', 'HDL0462', [], `the variable ${name} is not set, and stands for nothing`, `set it, or write \${${name}:-VALUE}`);
  const services = servicesOf(value, { folder, readOther, variables, report });
  const completed = new Set(services.flatMap(({ body }) => completedOnes(body['depends_on'])));
  const items = services.flatMap(({ name, body }): readonly ReadItem[] => {
    const service: ComposeService = {
      file,
      folder,
      name,
      body,
      isJob: completed.has(name),
      readOther,
      environment: variables,
      report,
    };
    return serviceResources(service, originsFor(document, file, name)).map((resource) => ({ resource, diagnostics: [] }));
  });
  return { items: [{ diagnostics }, ...items], syntaxErrors: [], slices: new Map() };
}

type Body = Readonly<Record<string, unknown>>;

function servicesOf(value: unknown, context: ExtendsContext): readonly { readonly name: string; readonly body: Body }[] {
  const { report } = context;
  if (!isObject(value) || !isObject(value['services'])) {
    report('error', 'HDL0460', ['services'], 'a compose file has services: a map from a name to what it runs');
    return [];
  }
  checkKeys(value, [], topKeys, idleTopKeys, report);
  const names = Object.keys(value['services']);
  return Object.entries(withExtended(value['services'], context)).flatMap(([name, body]) => {
    const path = ['services', name];
    if (!isObject(body)) {
      report('error', 'HDL0460', path, `the service ${name} must be a map`);
      return [];
    }
    const inMesh = meshName(name);
    const isTaken = inMesh !== name && names.some((other) => other !== name && meshName(other) === inMesh);
    if (isTaken || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(inMesh)) {
      report('error', 'HDL0460', path, `the service ${name} cannot be a name in a mesh`, 'names are small letters, digits and -, each once');
      return [];
    }
    if (Array.isArray(body['profiles']) && body['profiles'].length > 0) {
      report(
        'info',
        'HDL0462',
        [...path, 'profiles'],
        `the service ${name} belongs to a profile and is not started`,
        'take its profiles away to start it',
      );
      return [];
    }
    checkKeys(body, path, actingKeys, idleKeys, report);
    if (inMesh !== name)
      report(
        'warning',
        'HDL0462',
        path,
        `the service ${name} is called ${inMesh} here`,
        `DNS names have no such signs: let others call http://${inMesh}`,
      );
    return [{ name, body }];
  });
}

/** Each key once: known ones that do nothing with the reason, others with the nearest that is known. `x-…` is anybody's. */
function checkKeys(value: Body, path: readonly string[], acting: readonly string[], idle: Readonly<Record<string, string>>, report: Report): void {
  for (const key of Object.keys(value)) {
    if (acting.includes(key) || key.startsWith('x-')) continue;
    const reason = Object.hasOwn(idle, key) ? idle[key] : undefined;
    if (reason !== undefined) {
      report('warning', 'HDL0462', [...path, key], `${key}${path.length === 0 ? '' : ` of the service ${path[1]}`} has no effect here`, reason);
      continue;
    }
    const near = closest(key, [...acting, ...Object.keys(idle)]);
    const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
    report('warning', 'HDL0461', [...path, key], `unknown key ${key}${path.length === 0 ? '' : ` of the service ${path[1]}`}`, hint.hint);
  }
}

function completedOnes(dependsOn: unknown): readonly string[] {
  if (!isObject(dependsOn)) return [];
  return Object.entries(dependsOn).flatMap(([name, how]) => (isObject(how) && how['condition'] === 'service_completed_successfully' ? [name] : []));
}

/** Which key of a service a field of its resources comes from. */
const keyOfField: Readonly<Record<string, string>> = {
  image: 'image',
  command: 'command',
  args: 'command',
  env: 'environment',
  ports: 'ports',
  readinessProbe: 'healthcheck',
  replicas: 'deploy',
};

function originsFor(document: YamlDocument, file: string, service: string): ComposeOrigins {
  const place = (resource: string, ...more: readonly string[]): Origin => {
    const { line, col } = document.place(['services', service, ...more]);
    return { file, line, col, resource };
  };
  return (kind) => {
    const resource = `${kind} default/${meshName(service)}`;
    return {
      start: place(resource),
      at: (path) => {
        const field = path.findLast((part) => typeof part === 'string' && Object.hasOwn(keyOfField, part));
        const key = field === undefined ? undefined : keyOfField[field];
        return key === undefined ? place(resource) : place(resource, key);
      },
    };
  };
}
