// A load that comes from a pod: this program once more in a container of it, where connections take the way of the application's own. The plan goes in by its
// standard input, so that tokens in headers stand in no command line; reports come out as lines of JSON.
import { type AdminFailure, type AdminTarget, upgrade } from '#admin/client/client.ts';
import { FrameReader, readControl, sendControl, sendFrame } from '#admin/client/frames.ts';
import { execProtocol } from '#admin/client/protocols.ts';
import type { ExecRequest } from '#admin/client/verbs.ts';
import type { Aim } from '#app/load/aim.ts';
import { type LoadPlan, readPlan } from '#app/load/load-plan.ts';
import { type CalledService, urlInPod } from '#app/load/load-target.ts';
import type { LoadOptions } from '#app/load/run-load.ts';
import type { LoadReport } from '#app/load/tally.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';

/** `host` of the plan's headers, where it is there, counts more than the Service's name. */
export type PodLoad = { readonly plan: LoadPlan; readonly service?: CalledService; readonly podNamespace: string };

export type PodLoadOptions = Pick<LoadOptions, 'stop' | 'onProgress'> & {
  readonly admin: AdminTarget;
  readonly aim: Extract<Aim, { readonly kind: 'pod' }>;
  /** Its URL is taken from the aim. */
  readonly plan: LoadPlan;
  /** Program and script of this command. */
  readonly program: readonly string[];
};

export async function runLoadInPod(options: PodLoadOptions): Promise<Result<LoadReport, AdminFailure>> {
  const { admin, aim, plan, program, stop, onProgress } = options;
  const request: ExecRequest = { pod: aim.pod, namespace: aim.namespace, command: [...program, 'load', '--inside'] };
  const opened = await upgrade(admin, '/exec', execProtocol, request);
  if (!opened.ok) return opened;
  const socket = opened.value;
  const load: PodLoad = { plan, podNamespace: aim.namespace, ...('name' in aim.what && { service: aim.what }) };
  sendFrame(socket, 'input', Buffer.from(JSON.stringify(load)));
  sendFrame(socket, 'input', Buffer.alloc(0));
  const interrupt = (): void => sendControl(socket, { kind: 'signal', signal: 'SIGINT' });
  stop.addEventListener('abort', interrupt);
  const reader = new FrameReader();
  let [text, errors, reason] = ['', '', 'the connection to the mesh broke'];
  let report: LoadReport | undefined;
  socket.on('data', (bytes: Buffer) => {
    for (const { kind, bytes: part } of reader.take(bytes)) {
      if (kind === 'errors') errors += part.toString('utf8');
      else if (kind === 'control') {
        const message = readControl(part);
        if (message?.kind === 'ended') reason = message.reason ?? `it ended with ${message.code}`;
      } else if (kind === 'output') {
        const lines = `${text}${part.toString('utf8')}`.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) {
          const said = readLine(line);
          if (said?.report !== undefined) report = said.report;
          else if (said !== undefined) onProgress?.(said.progress);
        }
      }
    }
  });
  await new Promise<void>((resolve) => {
    socket.once('close', resolve);
    socket.once('error', () => socket.destroy());
    socket.once('end', () => socket.end());
  });
  stop.removeEventListener('abort', interrupt);
  if (report !== undefined) return ok(report);
  return failed({ status: 409, error: `no load could be made in ${aim.pod}: ${errors.trim() === '' ? reason : errors.trim()}` });
}

export type PodLoadLine = { readonly progress: LoadReport; readonly report?: never } | { readonly report: LoadReport };

function readLine(line: string): PodLoadLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    // Written by this program (cli/load.ts), which is the same on both sides.
    return isObject(value) && (isObject(value['report']) || isObject(value['progress'])) ? (value as PodLoadLine) : undefined;
  } catch {
    return undefined;
  }
}

/** The plan that a process in a pod is to follow, from what it reads. Undefined: it was not started by us. */
export function planInPod(text: string, variables: Readonly<Record<string, string | undefined>>): LoadPlan | undefined {
  const value: unknown = parse(text);
  const plan = isObject(value) ? readPlan(JSON.stringify(value['plan'])) : undefined;
  if (plan === undefined) return undefined;
  const { service, podNamespace } = value as PodLoad; // has a plan, so it is one
  if (service === undefined) return plan;
  const { host, ...place } = urlInPod(service, podNamespace, variables);
  return { ...plan, ...place, headers: { host, ...plan.headers } };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
