// One parsed document → the resources in it (a List has several), validated against their kinds. A resource with an error is left out, with
// its name where that is known, so that the source can keep an older good version of it in force.
//
// Unknown fields: a cluster prunes them from its built-in kinds and warns (the API server's default, fieldValidation=Warn), so they are
// warnings in Kubernetes' kinds; in Istio's kinds they are errors, as `istioctl validate` and `kubectl apply` (strict by default) judge them:
// a misspelt routing rule must not be dropped in silence.
import { closedStandIn, closesWhenWrong, policyMeantBy } from '#api/closed-stand-in.ts';
import { fieldsWithoutEffect, kindWithoutEffect } from '#api/effect.ts';
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { type KindLookup, lookUpKind } from '#api/kind-lookup.ts';
import { kindRules } from '#api/kind-rules.ts';
import { type AnyResource, type KindDefinition, type KindName, kinds } from '#api/kinds.ts';
import { idleKinds } from '#api/known-kinds.ts';
import { objectMeta } from '#api/kubernetes/meta.ts';
import { type FieldOrigins, type ObjectMeta, resourceKey } from '#api/resource.ts';
import type { Static } from '#api/schema.ts';
import { validate } from '#api/validate.ts';
import type { YamlDocument } from '#api/yaml-document.ts';
import { assertNever } from '#base/assert-never.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isObject } from '#base/object.ts';
import { formatPath, type Origin } from '#base/origin.ts';
import { SecretText } from '#base/secret-text.ts';

/** What was read of one resource. Without `resource` it was left out, for the reasons that `diagnostics` give. */
export type ReadItem = {
  readonly resource?: AnyResource;
  /** What closes in place of a policy that was left out, unless there is an older version of it. */
  readonly standIn?: AnyResource;
  /** `VirtualService/default/reviews`, where kind and name could be read. */
  readonly id?: string;
  readonly diagnostics: readonly Diagnostic[];
};

/** `file` as origins show it; `line`: how many lines of it stand before the document's text. */
export type DocumentPlace = { readonly file: string; readonly line: number };

/** Reads the resources of a document without syntax errors. */
export function readDocument(document: YamlDocument, place: DocumentPlace): readonly ReadItem[] {
  return readValue(document.value, [], document, place);
}

/**
 * What closes in place of a policy in a document whose syntax is broken, where its kind and name can be made out. Whom it is for and what it decides
 * cannot be trusted then: it closes its whole namespace.
 */
export function readBrokenDocument({ remains, start }: YamlDocument, { file, line }: DocumentPlace): readonly ReadItem[] {
  if (!isObject(remains) || typeof remains['apiVersion'] !== 'string' || typeof remains['kind'] !== 'string') return [];
  const { apiVersion, kind } = remains;
  const lookup = lookUpKind(apiVersion, kind);
  if (lookup.kind !== 'read' || !closesWhenWrong(lookup.name)) return [];
  const written = isObject(remains['metadata']) ? remains['metadata'] : {};
  if (typeof written['name'] !== 'string' || validate(objectMeta, written).length > 0) return [];
  const { annotations: _annotations, ...rest } = written;
  const metadata = readMetadata(rest, lookup.definition);
  const key = resourceKey(metadata);
  const at: Origin = { file, line: line + start.line, col: start.col, resource: `${lookup.definition.kind} ${key}` };
  const closed = closedStandIn(lookup.name, {}, metadata);
  // Made to fit the schema of its kind.
  const standIn = Object.freeze({
    apiVersion,
    kind: lookup.name,
    metadata,
    origins: { start: at, at: () => at },
    ...closed,
  }) as unknown as AnyResource;
  const message = `${lookup.definition.kind} ${key} cannot be read`;
  return [{ id: `${lookup.name}/${key}`, standIn, diagnostics: [{ code: 'HDL0001', severity: 'error', message, at }] }];
}

function readValue(value: unknown, base: Path, document: YamlDocument, place: DocumentPlace): readonly ReadItem[] {
  const origins = documentOrigins(document, place, base);
  if (!isObject(value)) return [rejected(notAResource('a document must be an object with apiVersion, kind and metadata', origins.start))];
  const { apiVersion, kind } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    const missing = typeof kind !== 'string' ? 'kind' : 'apiVersion';
    const diagnostic = notAResource(`not a Kubernetes resource: ${missing} is missing`, origins.start);
    return [closedByName(typeof kind === 'string' ? policyMeantBy('', kind) : undefined, value, origins, diagnostic)];
  }
  if (kind.endsWith('List') && Array.isArray(value['items'])) {
    return value['items'].flatMap((item: unknown, index) =>
      readValue(inheritType(item, apiVersion, kind), [...base, 'items', index], document, place),
    );
  }
  const lookup = lookUpKind(apiVersion, kind);
  if (lookup.kind !== 'read') {
    return [closedByName(policyMeantBy(apiVersion, kind), value, origins, kindDiagnostic(lookup, apiVersion, kind, value, origins))];
  }
  const empty = closesWhenWrong(lookup.name) ? emptyFields(document, base) : [];
  return [readResource(value, { apiVersion, name: lookup.name, definition: lookup.definition }, origins, empty)];
}

/** Items of a typed list (`PodList`) may leave out their own type; those of `v1 List` may not. */
function inheritType(item: unknown, apiVersion: string, kind: string): unknown {
  if (kind === 'List' || !isObject(item)) return item;
  return { apiVersion, kind: kind.slice(0, -'List'.length), ...item };
}

type ResourceType = { readonly apiVersion: string; readonly name: KindName; readonly definition: KindDefinition };

/**
 * In a policy a field without a value is a mistake, such as a text that was saved half written: a `from:` that nothing follows would let everybody in.
 * Differs from Istio, where such a field counts as not written.
 */
function emptyFields(document: YamlDocument, base: Path): readonly Finding[] {
  const at = [...base, 'spec'];
  const ofSpec = document.nullFields.filter((path) => at.every((step, index) => path[index] === step));
  return ofSpec.map((path) => {
    const own = path.slice(base.length);
    return invalid(own, 'key', `${formatPath(own)} is empty`, 'write what belongs there, or leave the field out');
  });
}

/** `empty`: findings about the fields that `value` has lost because they were empty. */
function readResource(
  value: Readonly<Record<string, unknown>>,
  type: ResourceType,
  origins: FieldOrigins & Places,
  empty: readonly Finding[],
): ReadItem {
  const { apiVersion: _apiVersion, kind: _kind, metadata: writtenMetadata, ...body } = value;
  const metaFindings = writtenMetadata === undefined ? [] : validate(objectMeta, writtenMetadata, ['metadata']);
  const metadata = readMetadata(isObject(writtenMetadata) ? writtenMetadata : {}, type.definition);
  const schemaFindings = [
    ...nameFindings(isObject(writtenMetadata) ? writtenMetadata['name'] : undefined),
    ...metaFindings,
    ...empty,
    ...validate(type.definition.body, body),
  ];
  // The rules beyond the schema are written for bodies that fit it.
  const fits = schemaFindings.every((finding) => isTolerated(finding, type.definition));
  const findings = fits ? [...schemaFindings, ...kindRules(type.name, body)] : schemaFindings;
  const id = metadata.name === '' ? undefined : `${type.name}/${resourceKey(metadata)}`;
  const named = nameOrigins(origins, `${type.definition.kind} ${resourceKey(metadata)}`);
  const diagnostics = findings.map((finding) => findingDiagnostic(finding, type.definition, named));
  const identity = id === undefined ? {} : { id };
  if (diagnostics.some(({ severity }) => severity === 'error')) {
    const standIn = standInFor(type, body, metadata, named);
    return { ...identity, ...(standIn !== undefined && { standIn }), diagnostics };
  }
  // The body was just validated against the schema that this kind's type is made from.
  const resource = Object.freeze({
    apiVersion: type.apiVersion,
    kind: type.name,
    metadata,
    origins: named,
    ...withoutHiddenValues(body, type.definition),
  }) as unknown as AnyResource;
  return { ...identity, resource, diagnostics: [...diagnostics, ...fieldsWithoutEffect(resource)] };
}

/** What closes in place of a resource with a mistake, if it is one that closes. One without a name gets that of its line: two must not be one. */
function standInFor(
  { apiVersion, name: kind }: Pick<ResourceType, 'apiVersion' | 'name'>,
  body: Readonly<Record<string, unknown>>,
  written: ObjectMeta,
  origins: FieldOrigins,
): AnyResource | undefined {
  const metadata = written.name === '' ? { ...written, name: `unnamed-${origins.start.line}` } : written;
  const closed = closedStandIn(kind, body, metadata);
  if (closed === undefined) return undefined;
  // Made to fit the schema of its kind.
  return Object.freeze({ apiVersion, kind, metadata, origins, ...closed }) as unknown as AnyResource;
}

/** What was left out because its kind or version is none; where it can only have been meant for a policy, that closes like one with another mistake. */
function closedByName(
  meant: KindName | undefined,
  value: Readonly<Record<string, unknown>>,
  origins: FieldOrigins & Places,
  diagnostic: Diagnostic,
): ReadItem {
  if (meant === undefined) return rejected(diagnostic);
  const { apiVersion, kind: _kind, metadata: written, ...body } = value;
  const definition: KindDefinition = kinds[meant];
  const metadata = readMetadata(isObject(written) ? written : {}, definition);
  const named = nameOrigins(origins, `${definition.kind} ${resourceKey(metadata)}`);
  const version = typeof apiVersion === 'string' ? apiVersion : '';
  const standIn = standInFor({ apiVersion: version, name: meant }, body, metadata, named);
  const id = metadata.name === '' ? {} : { id: `${meant}/${resourceKey(metadata)}` };
  return { ...id, ...(standIn !== undefined && { standIn }), diagnostics: [diagnostic] };
}

function withoutHiddenValues(body: Readonly<Record<string, unknown>>, definition: KindDefinition): Readonly<Record<string, unknown>> {
  const { hiddenFields = [], revealedKeys = [] } = definition;
  const hide = (key: string, value: unknown): SecretText | '' =>
    typeof value === 'string' && value !== '' && revealedKeys.includes(key) ? new SecretText(value) : '';
  const hidden = hiddenFields.flatMap((field) => {
    const values = body[field];
    return isObject(values) ? [[field, Object.fromEntries(Object.entries(values).map(([key, value]) => [key, hide(key, value)]))] as const] : [];
  });
  return hidden.length === 0 ? body : { ...body, ...Object.fromEntries(hidden) };
}

/** Here kubectl keeps the whole resource as it was applied last, hidden values and all. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

function visibleAnnotations(written: Readonly<Record<string, string>>, { hiddenFields }: KindDefinition): Readonly<Record<string, string>> {
  if (hiddenFields === undefined || written[lastApplied] === undefined) return written;
  const { [lastApplied]: _hidden, ...visible } = written;
  return visible;
}

function readMetadata(written: Readonly<Record<string, unknown>>, definition: KindDefinition): ObjectMeta {
  // Of a wrong type only where validation reports an error, and then no resource is made.
  const meta = written as Static<typeof objectMeta>;
  return Object.freeze({
    name: typeof meta.name === 'string' ? meta.name : '',
    // What is no text is an error; what closes in its place closes the namespace that was meant. To kubectl an empty one is none.
    namespace: definition.scope === 'cluster' ? '' : String(meta.namespace ?? '') || 'default',
    labels: meta.labels ?? {},
    annotations: visibleAnnotations(meta.annotations ?? {}, definition),
    ...(meta.uid !== undefined && { uid: meta.uid }),
    ...(meta.creationTimestamp !== undefined && { creationTimestamp: meta.creationTimestamp }),
    ...(meta.generation !== undefined && { generation: meta.generation }),
  });
}

const dnsSubdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

function nameFindings(name: unknown): readonly Finding[] {
  const path = ['metadata', 'name'];
  if (name === undefined || name === '') return [{ kind: 'invalid', path, part: 'key', message: 'required field metadata.name is missing' }];
  // A name that is no text is reported with the other fields of metadata.
  if (typeof name !== 'string' || (dnsSubdomain.test(name) && name.length <= 253)) return [];
  const message = `metadata.name ${JSON.stringify(name)} must consist of lower-case letters, digits, "-" and ".", and start and end with a letter or digit`;
  return [{ kind: 'invalid', path, part: 'value', message }];
}

function findingDiagnostic(finding: Finding, definition: KindDefinition, origins: FieldOrigins & Places): Diagnostic {
  const { path, part, message, hint, also = [] } = finding;
  const tolerated = isTolerated(finding, definition);
  const code = tolerated ? 'HDL0010' : definition.family === 'istio' ? 'IST0106' : 'HDL0011';
  return {
    code,
    severity: tolerated ? 'warning' : 'error',
    message: `${definition.kind}: ${visible(message, path, definition)}${tolerated ? ': nothing reads it there' : ''}`,
    at: part === 'value' ? origins.atValue(path) : origins.at(path),
    ...(hint !== undefined && { hint }),
    ...(also.length > 0 && { related: also.map((other) => ({ message: `${String(other.at(-1))} too`, at: origins.at(other) })) }),
  };
}

/** Without the value that it quotes, where values are hidden. */
function visible(message: string, path: Path, { hiddenFields = [] }: KindDefinition): string {
  return hiddenFields.includes(String(path[0])) ? message.replace(/, not .*/s, '') : message;
}

/** The metadata of every kind is Kubernetes' own. */
function isTolerated({ kind, path }: Finding, { family }: KindDefinition): boolean {
  return kind === 'unknown-field' && (family === 'kubernetes' || path[0] === 'metadata');
}

function kindDiagnostic(
  lookup: Exclude<KindLookup, { readonly kind: 'read' }>,
  apiVersion: string,
  kind: string,
  value: Readonly<Record<string, unknown>>,
  origins: FieldOrigins,
): Diagnostic {
  const name = isObject(value['metadata']) && typeof value['metadata']['name'] === 'string' ? value['metadata']['name'] : '';
  switch (lookup.kind) {
    case 'without-effect':
      return kindWithoutEffect(
        kind,
        name,
        origins.at(['kind']),
        lookup.foreign ? `Heddle does not know ${apiVersion} ${kind}` : idleKinds[`${apiVersion.split('/')[0] ?? ''}/${kind}`],
      );
    case 'unknown-version':
      return {
        code: 'HDL0005',
        severity: 'error',
        message: `${kind} does not exist in version ${apiVersion}`,
        hint: `use ${apiVersion.replace(/[^/]*$/, lookup.versions[0] ?? '')}`,
        at: origins.at(['apiVersion']),
      };
    case 'unknown': {
      const { guess } = lookup;
      return {
        code: 'HDL0004',
        severity: 'error',
        message: `unknown kind ${kind} in ${apiVersion}`,
        ...(guess !== undefined && { hint: `did you mean kind ${guess.kind} of ${guess.apiVersion}?` }),
        at: origins.at([guess?.kind === kind ? 'apiVersion' : 'kind']),
      };
    }
    default:
      return assertNever(lookup, 'kind lookup');
  }
}

function notAResource(message: string, at: Origin): Diagnostic {
  return { code: 'HDL0003', severity: 'error', message, at };
}

function rejected(diagnostic: Diagnostic): ReadItem {
  return { diagnostics: [diagnostic] };
}

type Places = { readonly atValue: (path: Path) => Origin };

function documentOrigins(document: YamlDocument, { file, line }: DocumentPlace, base: Path): FieldOrigins & Places {
  const origin = (path: Path, part: 'key' | 'value'): Origin => {
    const position = document.place([...base, ...path], part);
    return { file, line: position.line + line, col: position.col };
  };
  return { start: origin([], 'key'), at: (path) => origin(path, 'key'), atValue: (path) => origin(path, 'value') };
}

function nameOrigins(origins: FieldOrigins & Places, resource: string): FieldOrigins & Places {
  const name = (origin: Origin, path: Path): Origin => ({ ...origin, resource, path: formatPath(path) });
  return {
    start: { ...origins.start, resource },
    at: (path) => name(origins.at(path), path),
    atValue: (path) => name(origins.atValue(path), path),
  };
}
