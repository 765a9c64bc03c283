// What a certificate costs the authority: requests that are read, verified and signed one after the other, as after a restart of a whole mesh.
// Processor time, because what else runs does not count.

import { systemClock } from '#base/clock.ts';
import { type Bench, judge, round, type Settings, type Table } from '#bench/bench.ts';
import { signRequest } from '#ca/authority.ts';
import { writeRoot } from '#ca/certificate-writer.ts';
import { type KeyType, makeCertificateRequest } from '#ca/client/csr.ts';
import { readSigningSet, type SigningSet } from '#ca/signing-set.ts';

const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'hello' };

export const csr: Bench = {
  name: 'csr',
  about: 'certificate requests signed by the authority, one after the other, processor time of all its threads',
  run: measure,
};

async function measure({ quick, say }: Settings): Promise<Table> {
  const set = await newAuthority();
  const rows: string[][] = [];
  const notes: string[] = [];
  for (const keyType of ['ecdsa', { rsaBits: 2048 }] as const) {
    const requests = await makeRequests(keyType, quick ? 20 : keyType === 'ecdsa' ? 1000 : 100, say);
    const { seconds, cpuSeconds, longestMs } = await signAll(set, requests);
    const each = (cpuSeconds * 1000) / requests.length;
    rows.push([
      keyType === 'ecdsa' ? keyType : `rsa ${keyType.rsaBits}`,
      String(requests.length),
      round(cpuSeconds),
      round(seconds),
      round(each),
      round(longestMs),
    ]);
    if (keyType === 'ecdsa') notes.push(judge('1,000 requests', each, 5, ' s'));
  }
  return { columns: ['key', 'requests', 'CPU s', 's', 'CPU ms each', 'slowest ms'], rows, notes };
}

async function newAuthority(): Promise<SigningSet> {
  const nowMs = systemClock.nowMs();
  const { certificate, key } = writeRoot({ notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000_000 });
  const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const set = readSigningSet({ certificate: certificate.toString(), key: pem, chain: undefined, roots: undefined, crl: undefined }, nowMs);
  if (!set.ok) throw new Error(set.error.reason);
  return set.value;
}

async function makeRequests(keyType: KeyType, count: number, say: Settings['say']): Promise<readonly string[]> {
  const requests: string[] = [];
  while (requests.length < count) requests.push((await makeCertificateRequest(keyType)).csr);
  say(`${count} requests with keys of ${keyType === 'ecdsa' ? keyType : `RSA with ${keyType.rsaBits} bits`}`);
  return requests;
}

async function signAll(set: SigningSet, requests: readonly string[]) {
  const before = process.cpuUsage();
  const startedMs = performance.now();
  let longestMs = 0;
  for (const request of requests) {
    const askedMs = performance.now();
    const answer = await signRequest({ set, clock: systemClock, csr: request, identity });
    if (!answer.ok) throw new Error(answer.error.reason);
    longestMs = Math.max(longestMs, performance.now() - askedMs);
  }
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6, longestMs };
}
