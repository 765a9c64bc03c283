// TLS to the control plane: the roots that its certificate is held against, the name it must have, and the token that says who we are.
import { readFile } from 'node:fs/promises';
import type { ChannelCredentials } from '@grpc/grpc-js';

export type SecureXds = {
  /** PEM of the roots. */
  readonly rootsFile: string;
  /** Read with each new stream, so that a token may be renewed in place. */
  readonly tokenFile: string;
};

/** What the control plane's certificate must name, wherever it is reached (Istio: the Service of istiod). */
export const controlPlaneName = 'istiod.istio-system.svc';

/** Options for a gRPC client. Throws what the system says of a file that cannot be read. */
export async function secureChannel({
  rootsFile,
  tokenFile,
}: SecureXds): Promise<{ readonly credentials: ChannelCredentials; readonly serverName: string }> {
  // Loaded here: a proxy with a static bootstrap has no gRPC.
  const { credentials, Metadata } = await import('@grpc/grpc-js');
  const identify = credentials.createFromMetadataGenerator((_options, done) => {
    readFile(tokenFile, 'utf8').then(
      (token) => {
        const metadata = new Metadata();
        metadata.set('authorization', `Bearer ${token.trim()}`);
        done(null, metadata);
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  });
  const channel = credentials.createSsl(await readFile(rootsFile));
  return { credentials: credentials.combineChannelCredentials(channel, identify), serverName: controlPlaneName };
}
