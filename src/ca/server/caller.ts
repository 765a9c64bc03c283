// Who calls: by the token in the call's metadata, or by the client certificate of its connection. Neither, or none that is good, is nobody.
import { X509Certificate } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import { failed, ok, type Result } from '#base/result.ts';
import { SecretText } from '#base/secret-text.ts';
import type { FolderContent } from '#ca/folder/ca-folder.ts';
import { type Identity, parseIdentity } from '#ca/identity.ts';
import { readCertificates, uriOf } from '#ca/pem.ts';
import { isRevoked } from '#ca/revocation-list.ts';
import type { SigningSet } from '#ca/signing-set.ts';
import { verifyToken } from '#ca/token.ts';
import { workloadGroupOf } from '#ca/workload-group.ts';

export type Caller = {
  readonly identity: Identity;
  /** The only pod that the token is for. */
  readonly pod?: string;
  /** The only WorkloadGroup that it may be a member of. */
  readonly workloadGroup?: string;
  readonly by: 'token' | 'certificate';
};

/** Who calls, and whether what proved it would prove it still: it has not ended, and nobody took it back. */
export type ProvenCaller = Caller & { readonly isStillGood: (content: FolderContent, nowMs: number) => boolean };

export type Proof = {
  readonly metadata: Metadata;
  /** DER of the client certificate, verified against the roots when the connection was made; undefined: none, or none that is good. */
  readonly certificate: Buffer | undefined;
};

/** The mesh's own trust domain, and those whose identities count as its own (MeshConfig.trustDomainAliases). */
export type TrustDomains = { readonly own: string; readonly aliases: readonly string[] };

export type CallerOptions = { readonly content: FolderContent; readonly trustDomains: TrustDomains; readonly nowMs: number };

/** The error tells the caller what to do about it. A good certificate makes up for a token that is not, and the other way round. */
export async function identifyCaller(proof: Proof, options: CallerOptions): Promise<Result<ProvenCaller, string>> {
  const token = bearerToken(proof.metadata);
  const byToken = token === undefined ? undefined : await readByToken(token, options);
  if (byToken?.ok === true) return byToken;
  const byCertificate = proof.certificate === undefined ? undefined : readByCertificate(proof.certificate, options);
  if (byCertificate?.ok === true) return byCertificate;
  return byToken ?? byCertificate ?? failed('who calls must send a token (authorization: Bearer) or a client certificate of the mesh');
}

async function readByToken(token: SecretText, { content, trustDomains, nowMs }: CallerOptions): Promise<Result<ProvenCaller, string>> {
  const verified = await verifyToken(content.tokenKey, token, nowMs);
  if (!verified.ok) return verified;
  const { untilMs, ...said } = verified.value;
  const identity = inMesh(said.identity, trustDomains);
  if (!identity.ok) return identity;
  const isStillGood: ProvenCaller['isStillGood'] = ({ tokenKey }, laterMs) => laterMs < untilMs && tokenKey.id === content.tokenKey.id;
  return ok({ ...said, identity: identity.value, by: 'token', isStillGood });
}

function readByCertificate(der: Buffer, { content, trustDomains, nowMs }: CallerOptions): Result<ProvenCaller, string> {
  const certificate = new X509Certificate(der);
  const untilMs = Date.parse(certificate.validTo);
  // The handshake may be long ago.
  if (untilMs <= nowMs) return failed('the client certificate has expired');
  const isTakenBack = ({ set }: FolderContent): boolean => isRevoked(certificate, set.revocationLists, authoritiesOf(set));
  if (isTakenBack(content)) return failed('the client certificate is revoked');
  const uri = uriOf(certificate);
  if (uri === undefined) return failed('the client certificate does not name exactly one identity');
  const parsed = parseIdentity(uri);
  if (!parsed.ok) return failed(`the client certificate is nobody's: ${parsed.error}`);
  const identity = inMesh(parsed.value, trustDomains);
  if (!identity.ok) return identity;
  const workloadGroup = workloadGroupOf(certificate);
  const bound = workloadGroup === undefined ? {} : { workloadGroup };
  return ok({ identity: identity.value, ...bound, by: 'certificate', isStillGood: (later, laterMs) => laterMs < untilMs && !isTakenBack(later) });
}

/** Those of whose certificates somebody may be. */
function authoritiesOf({ intermediates, rootCertificates }: SigningSet): readonly X509Certificate[] {
  const between = readCertificates(intermediates);
  return [...(between.ok ? between.value : []), ...rootCertificates];
}

/**
 * The caller as the mesh knows it: who comes with the name of an alias is who it would be under the mesh's own, so that a mesh gets from one trust domain
 * to the next by renewing.
 */
function inMesh(identity: Identity, { own, aliases }: TrustDomains): Result<Identity, string> {
  if (identity.trustDomain === own) return ok(identity);
  if (aliases.includes(identity.trustDomain)) return ok({ ...identity, trustDomain: own });
  return failed(`the caller is of trust domain ${identity.trustDomain}, and this mesh is ${own}`);
}

function bearerToken(metadata: Metadata): SecretText | undefined {
  const [value] = metadata.get('authorization');
  const token = typeof value === 'string' ? /^bearer +(\S+)$/i.exec(value)?.[1] : undefined;
  return token === undefined ? undefined : new SecretText(token);
}
