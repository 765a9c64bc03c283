// The embedded proxies of all pods in one process (app/shared-proxies-main.ts), which is there while there is one of them. To the runtime each is a
// process of its own: started, drained, ended and started again by itself; all of them end when that process does.
import { asked, type EmbeddedProxyOptions, embeddedProxies, prepareProxy } from '#app/embedded-proxy.ts';
import { proxyEnvironment, proxyProgram } from '#app/proxy-program.ts';
import type { SharedProxyNews, SharedProxyOrder } from '#app/shared-proxies-protocol.ts';
import { noteStart, type ProcessEnd, readLastLines, startTalkingProcess, type TalkingProcess } from '#runtime/child-process.ts';
import type { ProxyProcess, ProxyRequest, StartProxy } from '#runtime/proxy-process.ts';

export type SharedProxiesOptions = EmbeddedProxyOptions & {
  /** What the process says itself, of a fault above all. */
  readonly logFile: string;
};

/** How long a proxy that is to wait for nothing may take; then what keeps it keeps all others, too. */
const cutMs = 2_000;

/** A pod whose proxy has variables of its own (ProxyConfig.environmentVariables) has a process of its own: a process has but one environment. */
export function sharedProxies(options: SharedProxiesOptions): StartProxy {
  const shared = new SharedProxies(options);
  const each = embeddedProxies(options);
  return (request) => (Object.keys(request.plan.proxy.environment).length === 0 ? shared.start(request) : each(request));
}

/** One proxy, from its order to its end. */
type Member = { readonly onReady: () => void; readonly onEnd: (end: ProcessEnd) => void };

/** A log that cannot be written is told of by the process. */
function beginLog(logFile: string): number {
  try {
    return noteStart(logFile);
  } catch {
    return 0;
  }
}

type Group = { readonly process: TalkingProcess; readonly members: Map<number, Member> };

class SharedProxies {
  readonly #options: SharedProxiesOptions;
  #group: Group | undefined;
  #lastId = 0;

  constructor(options: SharedProxiesOptions) {
    this.#options = options;
  }

  async start(request: ProxyRequest): Promise<ProxyProcess> {
    const { clock } = this.#options;
    const { network, logFile } = request;
    const { place, args } = await prepareProxy(this.#options, request);
    const logStart = beginLog(logFile);
    const group = (this.#group ??= this.#startGroup());
    const id = ++this.#lastId;
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<ProcessEnd>();
    group.members.set(id, { onReady: ready.resolve, onEnd: ended.resolve });
    void ended.promise.then(place.giveBack);
    const send = (order: SharedProxyOrder, handle?: object): void => group.process.send(order, handle);
    for (const [port, { handle }] of Object.entries(network.hostSockets)) send({ kind: 'host socket', id, port: Number(port) }, handle);
    send({ kind: 'start', id, args, logFile, namespace: network.namespace });
    return {
      ...asked(place, request, clock),
      pid: group.process.pid,
      ready: ready.promise,
      ended: ended.promise,
      signal: (signal) => {
        if (!group.members.has(id)) return;
        send({ kind: signal === 'SIGKILL' ? 'cut' : 'end', id });
        if (signal === 'SIGKILL') clock.after(cutMs, () => group.members.has(id) && group.process.signal('SIGKILL'));
      },
      // Of a process that has ended all of them had the same reason.
      lastLines: (count) => [...readLastLines(logFile, logStart, count), ...(group.members.size === 0 ? group.process.lastLines(count) : [])],
    };
  }

  #startGroup(): Group {
    const { nodeProgram, environment, watchdog, logFile } = this.#options;
    const members = new Map<number, Member>();
    const spec = { command: nodeProgram, args: proxyProgram('shared'), cwd: process.cwd(), env: proxyEnvironment(environment), logFile };
    const running = startTalkingProcess(spec, watchdog, (message) => {
      // Our own program sends them.
      this.#hear(group, message as SharedProxyNews);
    });
    const group: Group = { process: running, members };
    void running.ended.then((end) => {
      if (this.#group === group) this.#group = undefined;
      const all = [...members.values()];
      members.clear();
      for (const { onEnd } of all) onEnd(end);
    });
    return group;
  }

  #hear(group: Group, news: SharedProxyNews): void {
    const member = group.members.get(news.id);
    if (news.kind === 'ready') {
      member?.onReady();
      return;
    }
    group.members.delete(news.id);
    member?.onEnd({ kind: 'exit', code: news.code });
    if (group.members.size > 0 || this.#group !== group) return;
    // The next one has a new process.
    this.#group = undefined;
    group.process.signal('SIGTERM');
  }
}
