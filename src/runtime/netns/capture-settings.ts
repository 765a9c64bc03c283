// What of a pod's connections goes through its proxy: Istio's annotations `traffic.sidecar.istio.io/*` read into values. A value that is not
// understood is an error: a guess could let something by.

import type { FieldOrigins } from '#api/resource.ts';
import { parseCidr } from '#base/cidr.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type Selection<One> = 'all' | readonly One[];

export type CaptureSettings = {
  readonly inbound: { readonly include: Selection<number>; readonly exclude: readonly number[] };
  readonly outbound: {
    readonly includeRanges: Selection<string>;
    readonly excludeRanges: readonly string[];
    /** Captured whatever the ranges say. */
    readonly includePorts: readonly number[];
    readonly excludePorts: readonly number[];
  };
  readonly excludeInterfaces: readonly string[];
};

/** Istio: the ports of the agent and of Envoy that answer for themselves. */
const ownPorts: readonly number[] = [15_020, 15_021, 15_090];

const prefix = 'traffic.sidecar.istio.io/';

/** Source: Istio's annotations of traffic capture, with its defaults: everything in and out. The failure names the annotation and its place. */
export function captureSettings(annotations: Readonly<Record<string, string>>, origins: FieldOrigins): Result<CaptureSettings, Diagnostic> {
  let problem: Diagnostic | undefined;
  const read = <One>(name: string, parse: (text: string) => One | undefined, what: string): readonly One[] | undefined => {
    const text = annotations[`${prefix}${name}`];
    if (text === undefined) return undefined;
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .flatMap((part) => {
        const one = parse(part);
        if (one !== undefined) return [one];
        problem ??= {
          code: 'HDL0412',
          severity: 'error',
          message: `annotation ${prefix}${name}: ${part} is no ${what}`,
          hint: 'the pod is not started: what cannot be read could let connections go past its proxy',
          at: origins.at(['metadata', 'annotations', `${prefix}${name}`]),
        };
        return [];
      });
  };
  const select = <One>(name: string, parse: (text: string) => One | undefined, what: string): Selection<One> =>
    annotations[`${prefix}${name}`]?.trim() === '*' ? 'all' : (read(name, parse, what) ?? 'all');
  const settings: CaptureSettings = {
    inbound: {
      include: select('includeInboundPorts', parsePort, 'port'),
      exclude: [...ownPorts, ...(read('excludeInboundPorts', parsePort, 'port') ?? [])],
    },
    outbound: {
      includeRanges: select('includeOutboundIPRanges', parseRange, 'range of addresses'),
      excludeRanges: read('excludeOutboundIPRanges', parseRange, 'range of addresses') ?? [],
      includePorts: read('includeOutboundPorts', parsePort, 'port') ?? [],
      excludePorts: read('excludeOutboundPorts', parsePort, 'port') ?? [],
    },
    excludeInterfaces: read('excludeInterfaces', parseInterface, 'name of an interface') ?? [],
  };
  return problem === undefined ? ok(settings) : failed(problem);
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** The text itself, with a length: `10.0.0.0/8`. */
function parseRange(text: string): string | undefined {
  const range = parseCidr(text);
  return range === undefined ? undefined : text.includes('/') ? text : `${text}/${range.length}`;
}

/** The kernel's: at most 15 characters, none of which means something to the programs that write rules. */
function parseInterface(text: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,15}$/.test(text) ? text : undefined;
}
