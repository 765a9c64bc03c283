// The connection to the authority: TLS against the roots that are known by now, and the proof of who calls. Made anew whenever one of these
// changed, so that a call never goes out with what is outdated.
import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { failed, ok, type Result } from '#base/result.ts';
import { readToken } from '#ca/client/token.ts';
import type { WorkloadCertificate } from '#ca/client/workload-identity.ts';

export type ChannelOptions = {
  /** `host:port` of the authority. */
  readonly target: string;
  /** The name that its certificate must have, whatever the target is. */
  readonly serverName: string;
  /** PEM of the roots that it is verified against; read each time. */
  readonly rootsFile: string;
  /** Without one, and when the file has none that is good, the workload's own certificate is the proof. */
  readonly tokenFile?: string | undefined;
};

/** A way to call: the client stays the channel's, the metadata is the call's. */
export type Way = { readonly client: Client; readonly metadata: Metadata };

export class AuthorityChannel {
  readonly #options: ChannelOptions;
  #client: Client | undefined;
  /** What the client was made of. */
  #made = '';

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** The error says why nobody can be asked: no roots, or neither token nor certificate. */
  way(current: WorkloadCertificate | undefined, nowMs: number): Result<Way, string> {
    const { rootsFile, tokenFile } = this.#options;
    const roots = rootsFrom(rootsFile, current);
    if (!roots.ok) return roots;
    const token = tokenFile === undefined ? failed('there is no token') : readToken(tokenFile, nowMs);
    if (!token.ok && current === undefined) return failed(`${token.error}, and there is no certificate to ask with instead`);
    const isCertificateGood = current !== undefined && current.notAfterMs > nowMs;
    const metadata = new Metadata();
    // What is over by the clock here is shown all the same where there is nothing better: the clock may be wrong, and it is not ours to judge.
    const shown = token.ok && (token.value.expired === undefined || !isCertificateGood) ? token.value.token : undefined;
    if (shown !== undefined) metadata.set('authorization', `Bearer ${shown.reveal()}`);
    return ok({ client: this.#clientFor(roots.value, shown === undefined ? current : undefined), metadata });
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
    this.#made = '';
  }

  #clientFor(roots: string, proof: WorkloadCertificate | undefined): Client {
    const made = `${roots}\n${proof?.chain ?? ''}`;
    if (this.#client !== undefined && this.#made === made) return this.#client;
    this.close();
    const key = proof === undefined ? null : Buffer.from(proof.key.reveal());
    const chain = proof === undefined ? null : Buffer.from(proof.chain);
    const { target, serverName } = this.#options;
    this.#client = new Client(target, credentials.createSsl(Buffer.from(roots), key, chain), { ...channelOptions, ...named(serverName) });
    this.#made = made;
    return this.#client;
  }
}

const channelOptions = {
  // Configuration comes this way too.
  'grpc.max_receive_message_length': -1,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  // HTTP_PROXY in a workload's environment is meant for the workload, not for the mesh.
  'grpc.enable_http_proxy': 0,
};

function named(serverName: string) {
  return { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
}

/** Those of the file, and those that the workload has learned since: while roots change, the file may be behind. */
function rootsFrom(file: string, current: WorkloadCertificate | undefined): Result<string, string> {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    if (current === undefined) return failed(`the roots file ${file} cannot be read: ${why}`);
  }
  const blocks = `${text}\n${current?.roots ?? ''}`.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  // In one order, each once: the same roots lead to the same connection, whoever they were learned from.
  const roots = [...new Set(blocks.map((block) => block.replaceAll('\r', '')))].sort();
  return roots.length > 0 ? ok(`${roots.join('\n')}\n`) : failed(`the roots file ${file} holds no certificate`);
}
