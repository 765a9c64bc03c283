// In: Secrets and ConfigMaps. Out: what of certificates and roots they hold, by `secret/namespace/name` and `config-map/namespace/name`, and what is wrong with
// those that are none. A part that cannot be used any more keeps its last good value in force; one that never could is left out of its credential.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { PartsCache } from '#base/identity-cache.ts';
import type { Origin } from '#base/origin.ts';
import { SecretText } from '#base/secret-text.ts';
import { problemOfCrl, problemOfKeyPair, problemOfRoots } from '#model/build/credential-checks.ts';
import type { Credential, KeyPair } from '#model/credential.ts';

export type Credentials = { readonly credentials: ReadonlyMap<string, Credential>; readonly diagnostics: readonly Diagnostic[] };

/** What is remembered of credentials from one build to the next. */
export class CredentialMemo {
  readonly read = new PartsCache<ReadCredential>();
  readonly maps = new PartsCache<ReadonlyMap<string, Credential>>();
  /** What each was when it was last read: good parts only. */
  readonly last = new Map<string, Credential>();
}

type ReadCredential = { readonly credential: Credential; readonly diagnostics: readonly Diagnostic[] };

/** The same map as before where no credential has changed. Source: Istio, credentials/kube: ExtractCertInfo and ExtractRoot. */
export function buildCredentials({ Secret, ConfigMap }: ResourcesByKind, memo: CredentialMemo): Credentials {
  const found = new Map<string, Credential>();
  const diagnostics: Diagnostic[] = [];
  const take = (key: string, source: Source, read: (last: Credential | undefined) => ReadCredential) => {
    const made = memo.read.get(key, [source], () => read(memo.last.get(key)));
    diagnostics.push(...made.diagnostics);
    found.set(key, made.credential);
  };
  for (const [key, secret] of Secret) take(`secret/${key}`, secret, (last) => readSecret(secret, last));
  for (const [key, map] of ConfigMap) if (holdsRoots(map)) take(`config-map/${key}`, map, (last) => readConfigMap(map, last));
  memo.read.keep((key) => found.has(key));
  memo.last.clear();
  for (const [key, credential] of found) memo.last.set(key, credential);
  return { credentials: memo.maps.get('', [...found.values()], () => found), diagnostics };
}

type Secret = KindMap['Secret'];
type ConfigMap = KindMap['ConfigMap'];
type Source = Secret | ConfigMap;

const rootKeys = ['cacert', 'ca.crt'] as const;

function holdsRoots({ data }: ConfigMap): boolean {
  return rootKeys.some((name) => (data?.[name] ?? '') !== '');
}

const tlsType = 'kubernetes.io/tls';

type Spelling = { readonly chain: string; readonly key: string; readonly roots: string; readonly crl: string };

/** The generic spelling goes first, as in Istio. */
const spellings: readonly Spelling[] = [
  { chain: 'cert', key: 'key', roots: 'cacert', crl: 'crl' },
  { chain: 'tls.crt', key: 'tls.key', roots: 'ca.crt', crl: 'ca.crl' },
];

function pairSpelling(secret: Secret): Spelling | undefined {
  return spellings.find(({ chain, key }) => isWritten(secret, chain) && isWritten(secret, key));
}

function rootSpelling(secret: Secret): Spelling | undefined {
  return spellings.find(({ roots }) => isWritten(secret, roots));
}

function isWritten({ data, stringData }: Secret, key: string): boolean {
  return (stringData?.[key] ?? data?.[key] ?? '') !== '';
}

function readSecret(secret: Secret, last: Credential | undefined): ReadCredential {
  const diagnostics: Diagnostic[] = [];
  const { name, namespace } = secret.metadata;
  const problem = (key: string, message: string, hint: string, kept: boolean): void => {
    const finding = unusable(`Secret ${namespace}/${name}`, message, hint, kept, placeOf(secret, key));
    diagnostics.push(secret.type === tlsType ? { ...finding, severity: 'error' } : finding);
  };
  const pair = pairSpelling(secret);
  if (pair === undefined && secret.type === tlsType) {
    const missing = ['tls.crt', 'tls.key'].filter((key) => !isWritten(secret, key)).join(' and ');
    problem(
      'type',
      `it is of type ${tlsType} and has no ${missing}`,
      'write both under data in base64, or under stringData as they are',
      last?.keyPair !== undefined,
    );
  }
  const keyPair = pair === undefined ? (secret.type === tlsType ? last?.keyPair : undefined) : readKeyPair(secret, pair, last, problem);
  const trust = readTrust(secret, last, problem);
  const credential: Credential = {
    kind: 'secret',
    name,
    namespace,
    ...(keyPair !== undefined && { keyPair }),
    ...trust,
    origin: secret.origins.start,
  };
  return { credential, diagnostics };
}

type Report = (key: string, message: string, hint: string, kept: boolean) => void;

function readKeyPair(secret: Secret, { chain: chainKey, key: keyKey }: Spelling, last: Credential | undefined, problem: Report): KeyPair | undefined {
  const chain = textOf(secret, chainKey);
  const key = textOf(secret, keyKey);
  const unread = chain === undefined ? chainKey : key === undefined ? keyKey : undefined;
  if (chain === undefined || key === undefined) {
    problem(
      unread ?? keyKey,
      `${unread ?? keyKey} is not base64`,
      'under data it is base64; write PEM as it is under stringData',
      last?.keyPair !== undefined,
    );
    return last?.keyPair;
  }
  const found = problemOfKeyPair(chain.toString('utf8'), key.toString('utf8'));
  if (found !== undefined) {
    problem(
      found.part === 'chain' ? chainKey : keyKey,
      `${found.part === 'chain' ? chainKey : keyKey} ${found.message}`,
      found.hint,
      last?.keyPair !== undefined,
    );
    return last?.keyPair;
  }
  const staple = chainKey === 'tls.crt' ? textOf(secret, 'tls.ocsp-staple') : undefined;
  return {
    chain: chain.toString('utf8'),
    key: new SecretText(key.toString('utf8')),
    ...(staple !== undefined && { ocspStaple: new Uint8Array(staple) }),
  };
}

type Trust = Pick<Credential, 'roots' | 'crl'>;

/** Roots whose revocation list cannot be read are not used: they would let in what was revoked. */
function readTrust(secret: Secret, last: Credential | undefined, problem: Report): Trust {
  const spelling = rootSpelling(secret);
  if (spelling === undefined) return {};
  const kept: Trust = { ...(last?.roots !== undefined && { roots: last.roots }), ...(last?.crl !== undefined && { crl: last.crl }) };
  const part = (key: string, check: (pem: string) => Wrong): string | undefined => {
    const text = textOf(secret, key)?.toString('utf8');
    const wrong = text === undefined ? notBase64 : check(text);
    if (wrong === undefined) return text;
    problem(key, `${key} ${wrong.message}`, wrong.hint, kept.roots !== undefined);
    return undefined;
  };
  const roots = part(spelling.roots, problemOfRoots);
  if (roots === undefined) return kept;
  if (!isWritten(secret, spelling.crl)) return { roots };
  const crl = part(spelling.crl, problemOfCrl);
  return crl === undefined ? kept : { roots, crl };
}

type Wrong = { readonly message: string; readonly hint: string } | undefined;

const notBase64 = { message: 'is not base64', hint: 'under data it is base64; write PEM as it is under stringData' };

/** What is under stringData goes before what is under data. Undefined where it is not there, or data is not base64. */
function textOf({ data, stringData }: Secret, key: string): Buffer | undefined {
  const plain = stringData?.[key];
  if (plain !== undefined && plain !== '') return Buffer.from(plain.reveal(), 'utf8');
  const encoded = data?.[key];
  if (encoded === undefined || encoded === '') return undefined;
  const text = encoded.reveal();
  return base64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

const base64 = /^(?:[A-Za-z0-9+/\s]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*$/;

function placeOf({ stringData, origins }: Secret, key: string): Origin {
  if (key === 'type') return origins.at(['type']);
  return origins.at([stringData?.[key] === undefined ? 'data' : 'stringData', key]);
}

function readConfigMap({ metadata: { name, namespace }, data = {}, origins }: ConfigMap, last: Credential | undefined): ReadCredential {
  const key = rootKeys.find((one) => (data[one] ?? '') !== '') ?? 'ca.crt';
  const crlKey = key === 'cacert' ? 'crl' : 'ca.crl';
  const roots = data[key] ?? '';
  const crl = data[crlKey] ?? '';
  const wrongRoots = problemOfRoots(roots);
  const wrong = wrongRoots ?? (crl === '' ? undefined : problemOfCrl(crl));
  if (wrong === undefined) {
    const credential: Credential = { kind: 'config-map', name, namespace, roots, ...(crl !== '' && { crl }), origin: origins.start };
    return { credential, diagnostics: [] };
  }
  const part = wrongRoots === undefined ? crlKey : key;
  const finding = unusable(
    `ConfigMap ${namespace}/${name}`,
    `${part} ${wrong.message}`,
    wrong.hint,
    last?.roots !== undefined,
    origins.at(['data', part]),
  );
  return { credential: last ?? { kind: 'config-map', name, namespace, origin: origins.start }, diagnostics: [finding] };
}

/** Other Secrets and ConfigMaps may have such keys for something else: who names one as a certificate says so if it matters. */
function unusable(owner: string, message: string, hint: string, kept: boolean, at: Origin): Diagnostic {
  const rest = kept ? 'the last good one stays in force' : 'what names it stays closed';
  return { code: 'HDL0080', severity: kept ? 'error' : 'warning', message: `${owner}: ${message}; ${rest}`, hint, at };
}
