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

export type Caller = {
  readonly identity: Identity;
  /** The only pod that the token is for. */
  readonly pod?: string;
  readonly by: 'token' | 'certificate';
};

export type Proof = {
  readonly metadata: Metadata;
  /** DER of the client certificate, verified against the roots when the connection was made; undefined: none, or none that is good. */
  readonly certificate: Buffer | undefined;
};

export type CallerOptions = { readonly content: FolderContent; readonly trustDomain: string; readonly nowMs: number };

/** The error tells the caller what to do about it. A good certificate makes up for a token that is not, and the other way round. */
export async function identifyCaller(proof: Proof, options: CallerOptions): Promise<Result<Caller, string>> {
  const token = bearerToken(proof.metadata);
  const byToken = token === undefined ? undefined : await readByToken(token, options);
  if (byToken?.ok === true) return byToken;
  const byCertificate = proof.certificate === undefined ? undefined : readByCertificate(proof.certificate, options);
  if (byCertificate?.ok === true) return byCertificate;
  return byToken ?? byCertificate ?? failed('who calls must send a token (authorization: Bearer) or a client certificate of the mesh');
}

async function readByToken(token: SecretText, { content, trustDomain, nowMs }: CallerOptions): Promise<Result<Caller, string>> {
  const verified = await verifyToken(content.tokenKey, token, nowMs);
  if (!verified.ok) return verified;
  const stranger = outside(verified.value.identity, trustDomain);
  return stranger === undefined ? ok({ ...verified.value, by: 'token' }) : failed(stranger);
}

function readByCertificate(der: Buffer, { content, trustDomain, nowMs }: CallerOptions): Result<Caller, string> {
  const certificate = new X509Certificate(der);
  // The handshake may be long ago.
  if (Date.parse(certificate.validTo) <= nowMs) return failed('the client certificate has expired');
  if (isRevoked(certificate, content.set.revocationLists, authoritiesOf(content.set))) return failed('the client certificate is revoked');
  const uri = uriOf(certificate);
  if (uri === undefined) return failed('the client certificate does not name exactly one identity');
  const identity = parseIdentity(uri);
  if (!identity.ok) return failed(`the client certificate is nobody's: ${identity.error}`);
  const stranger = outside(identity.value, trustDomain);
  return stranger === undefined ? ok({ identity: identity.value, by: 'certificate' }) : failed(stranger);
}

/** Those of whose certificates somebody may be. */
function authoritiesOf({ intermediates, rootCertificates }: SigningSet): readonly X509Certificate[] {
  const between = readCertificates(intermediates);
  return [...(between.ok ? between.value : []), ...rootCertificates];
}

function outside(identity: Identity, trustDomain: string): string | undefined {
  return identity.trustDomain === trustDomain ? undefined : `the caller is of trust domain ${identity.trustDomain}, and this mesh is ${trustDomain}`;
}

function bearerToken(metadata: Metadata): SecretText | undefined {
  const [value] = metadata.get('authorization');
  const token = typeof value === 'string' ? /^bearer +(\S+)$/i.exec(value)?.[1] : undefined;
  return token === undefined ? undefined : new SecretText(token);
}
