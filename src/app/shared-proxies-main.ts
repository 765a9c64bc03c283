// The program that runs the embedded proxies of several pods, as `heddle up --proxies shared` starts it: orders in, by the channel of whoever started it.
// SIGTERM and SIGINT drain all of them, a second one ends at once; so does the end of the channel.
import { stopSignal } from '#app/proxy-process-options.ts';
import type { SharedProxyNews, SharedProxyOrder } from '#app/shared-proxies-protocol.ts';
import { SharedProxyRuns } from '#app/shared-proxy-runs.ts';

// Nobody hears of it any more where the channel has closed.
const tell = (news: SharedProxyNews): void => void (process.connected && process.send?.(news, undefined, {}, () => {}));
const runs = new SharedProxyRuns(tell);
const gone = new AbortController();
process.on('message', (order: SharedProxyOrder, handle: unknown) => runs.follow(order, handle));
process.on('disconnect', () => gone.abort());
await stopSignal(gone.signal);
await runs.end();
process.exit(0);
