// The embedded proxy in this process, from an Envoy bootstrap as an object. Listeners of port 0 get free ports, found by name.
import { type RunningProxy, runProxy } from '#app/proxy.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { readBootstrap } from '#proxy/bootstrap.ts';
import { parseBootstrap } from '#proxy/bootstrap-text.ts';

export type EmbeddedProxy = RunningProxy & { readonly port: (listener: string) => number };

/** Throws with all that keeps the bootstrap from running. */
export async function startEmbedded(bootstrap: unknown, drainMs = 1_000): Promise<EmbeddedProxy> {
  const message = await parseBootstrap(JSON.stringify(bootstrap), 'bootstrap');
  if (!message.ok) throw new Error(message.error);
  const source = readBootstrap(message.value);
  if (!source.ok) throw new Error(source.error.join('\n'));
  const started = await runProxy({ source: { kind: 'bootstrap', bootstrap: source.value }, logger: silentLogger, clock: systemClock, drainMs });
  if (!started.ok) throw new Error(started.error.join('\n'));
  const proxy = started.value;
  const port = (name: string): number => {
    const found = proxy.listeners().find((listener) => listener.name === name);
    if (found === undefined) throw new Error(`no listener ${name}`);
    return found.port;
  };
  return {
    listeners: () => proxy.listeners(),
    admin: proxy.admin,
    ready: proxy.ready,
    reportHealth: (reason) => proxy.reportHealth(reason),
    close: () => proxy.close(),
    cut: () => proxy.cut(),
    [Symbol.asyncDispose]: () => proxy.close(),
    port,
  };
}
