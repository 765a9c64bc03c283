// What a load is: where its requests go, what each of them says, how many come when. A plain value, so that it can be carried to a process in a pod.
import { isObject } from '#base/object.ts';

export type LoadPlan = {
  /** Where each request goes: scheme, host, port, path and query. */
  readonly url: string;
  /** Where connections go instead, where that is not the URL's own host: an HTTP proxy that is asked for the whole URL. */
  readonly proxy?: string;
  readonly method: string;
  /** By lower-case name. `host` takes the place of the URL's. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly protocol: 'http1' | 'http2';
  readonly ratePerSecond: number;
  readonly durationMs: number;
  readonly connections: number;
  /** How long a request may take from its sending; also how long it is waited after the last one was due. */
  readonly timeoutMs: number;
  /** False: certificates are taken as they come. */
  readonly verify: boolean;
};

/** The plan that another process of ours wrote as JSON; undefined for anything else. */
export function readPlan(text: string): LoadPlan | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // Written by JSON.stringify of a plan, by the same version of this program.
    return isObject(value) && typeof value['url'] === 'string' && isObject(value['headers']) ? (value as LoadPlan) : undefined;
  } catch {
    return undefined;
  }
}
