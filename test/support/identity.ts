// Identities for tests: an authority of the test's own, and workloads whose certificates it signs, renewed when the test says so.
// EC keys, made in this process; nothing is written anywhere.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { SecretText } from '#base/secret-text.ts';
import type { WorkloadCertificate, WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { once } from '#test/support/once.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const hourMs = 3_600_000;

export type TestAuthority = {
  /** PEM of the root in force; of both after `changeRoot`. */
  readonly roots: () => string;
  /** A new root; identities get certificates of it, and trust both until `dropOldRoots`. */
  readonly changeRoot: () => Promise<void>;
  readonly dropOldRoots: () => Promise<void>;
  /** A workload, `spiffe://cluster.local/ns/default/sa/hello`; `workloadName`: another name of its certificates, which telemetry reads. */
  readonly identity: (spiffeId: string, workloadName?: string) => Promise<TestIdentity>;
  /** A certificate for a server or client with other names. `lifeMs` may be negative: then it has ended. */
  readonly issue: (names: readonly x509.JsonGeneralName[], lifeMs?: number) => Promise<{ readonly chain: string; readonly key: SecretText }>;
  /** PEM of a list of revoked certificates, signed by the root in force. */
  readonly revoke: (chains: readonly string[]) => Promise<string>;
};

export type TestIdentity = WorkloadIdentity & {
  /** A new certificate and key. */
  readonly renew: () => Promise<void>;
};

type Root = { readonly keys: CryptoKeyPair; readonly certificate: x509.X509Certificate };
type CryptoKeyPair = webcrypto.CryptoKeyPair;

export async function startTestAuthority(): Promise<TestAuthority> {
  x509.cryptoProvider.set(webcrypto);
  let roots: Root[] = [await newRoot()];
  const known = new Set<Identity>();
  const renewAll = async (): Promise<void> => void (await Promise.all([...known].map((identity) => identity.renew())));
  const rootsPem = (): string => roots.map(({ certificate }) => `${certificate.toString('pem')}\n`).join('');
  const newest = (): Root => {
    const root = roots.at(-1);
    if (root === undefined) throw new Error('no root');
    return root;
  };
  return {
    roots: rootsPem,
    changeRoot: async () => {
      roots = [...roots, await newRoot()];
      await renewAll();
    },
    dropOldRoots: async () => {
      roots = roots.slice(-1);
      await renewAll();
    },
    identity: async (spiffeId, workloadName) => {
      const identity = new Identity(spiffeId, workloadName, newest, rootsPem, () => known.delete(identity));
      known.add(identity);
      await identity.renew();
      return identity;
    },
    issue: (names, lifeMs = hourMs) => issue(newest(), names, lifeMs),
    revoke: async (chains) => {
      const { certificate, keys } = newest();
      const crl = await x509.X509CrlGenerator.create({
        issuer: certificate.subject,
        thisUpdate: new Date(Date.now() - hourMs),
        nextUpdate: new Date(Date.now() + hourMs),
        // With a reason: without one the library writes an empty list of extensions, which BoringSSL does not take.
        entries: chains.map((chain) => ({
          serialNumber: new x509.X509Certificate(chain).serialNumber,
          revocationDate: new Date(Date.now() - hourMs),
          reason: x509.X509CrlReason.keyCompromise,
        })),
        signingAlgorithm: algorithm,
        signingKey: keys.privateKey,
      });
      // The library's label is not the one that OpenSSL reads.
      return `${crl.toString('pem').replaceAll(/(BEGIN|END) (X509 )?CRL/g, '$1 X509 CRL')}\n`;
    },
  };
}

/** One authority for all tests of a process that only need some. */
export const testAuthority: () => Promise<TestAuthority> = once(startTestAuthority);

/** The identity of a proxy as its node id and metadata name it: `sidecar~ip~pod.namespace~domain` and SERVICE_ACCOUNT. */
export function spiffeIdOf(nodeId: string, serviceAccount = 'default'): string {
  const namespace = nodeId.split('~')[2]?.split('.').slice(1).join('.') ?? '';
  return `spiffe://cluster.local/ns/${namespace === '' ? 'default' : namespace}/sa/${serviceAccount}`;
}

class Identity implements TestIdentity {
  readonly #spiffeId: string;
  readonly #workloadName: string | undefined;
  readonly #root: () => Root;
  readonly #roots: () => string;
  readonly #onEnd: () => void;
  readonly #listeners = new Set<() => void>();
  #current: WorkloadCertificate | undefined;

  constructor(spiffeId: string, workloadName: string | undefined, root: () => Root, roots: () => string, onEnd: () => void) {
    this.#spiffeId = spiffeId;
    this.#workloadName = workloadName;
    this.#root = root;
    this.#roots = roots;
    this.#onEnd = onEnd;
  }

  readonly current = (): WorkloadCertificate | undefined => this.#current;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly renew = async (): Promise<void> => {
    const others: x509.JsonGeneralName[] = this.#workloadName === undefined ? [] : [{ type: 'upn', value: this.#workloadName }];
    const pair = await issue(this.#root(), [{ type: 'url', value: this.#spiffeId }, ...others], hourMs);
    this.#current = { ...pair, roots: this.#roots(), identity: this.#spiffeId, notAfterMs: Date.now() + hourMs };
    for (const listener of [...this.#listeners]) listener();
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    this.#onEnd();
  }
}

async function newRoot(): Promise<Root> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(8).toString('hex'),
    name: `O=heddle test,CN=${randomBytes(4).toString('hex')}`,
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + 24 * hourMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { keys, certificate };
}

async function issue(root: Root, names: readonly x509.JsonGeneralName[], lifeMs: number): Promise<{ chain: string; key: SecretText }> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(8).toString('hex'),
    subject: '',
    issuer: root.certificate.subject,
    notBefore: new Date(Date.now() - 2 * hourMs),
    notAfter: new Date(Date.now() + lifeMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: root.keys.privateKey,
    extensions: [
      // Critical where there is no subject (RFC 5280 section 4.2.1.6).
      new x509.SubjectAlternativeNameExtension([...names], true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(root.keys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = pkcs8.match(/.{1,64}/g) ?? [];
  const key = new SecretText(`-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`);
  return { chain: `${certificate.toString('pem')}\n`, key };
}

async function newKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}
