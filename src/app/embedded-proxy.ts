// The embedded proxy beside each local pod: one lean child of our own program per pod (app/proxy-main.ts).
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { nodeId, nodeMetadata } from '#app/proxy-node.ts';
import type { LogLevel } from '#base/logger.ts';
import { startLocalProcess } from '#runtime/child-process.ts';
import type { ProxyProcess, ProxyRequest, StartProxy } from '#runtime/proxy-process.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

export type EmbeddedProxyOptions = {
  readonly nodeProgram: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly xdsTarget: string;
  readonly domain: string;
  readonly watchdog: Watchdog;
  readonly logLevel: LogLevel;
};

export function embeddedProxies(_options: EmbeddedProxyOptions): StartProxy {
  throw new Error('not yet');
}
