// In: the metrics of a proxy as Envoy prints them (Prometheus' text). Out: the same with Istio's metrics under their own names and with all their
// labels. Series that become the same by a label that is removed are one, with their sum. Everything else is passed on as it is.
import { istioLabels, type Tags } from '#telemetry/metrics/istio-labels.ts';

const prefix = 'envoy_istio_';
const typePrefix = `# TYPE ${prefix}`;

/** What Istio's documentation says of its metrics. */
const help: Readonly<Record<string, string>> = {
  istio_requests_total: 'Requests.',
  istio_request_duration_milliseconds: 'Duration of requests.',
  istio_request_bytes: 'Size of requests, heads and bodies.',
  istio_response_bytes: 'Size of responses, heads and bodies.',
  istio_tcp_connections_opened_total: 'Connections that began.',
  istio_tcp_connections_closed_total: 'Connections that ended.',
  istio_tcp_sent_bytes_total: 'Bytes sent to those who connected.',
  istio_tcp_received_bytes_total: 'Bytes received from those who connected.',
};

/** `typed`: name and type. */
function helpOf(typed: string): string {
  const name = typed.slice(0, typed.indexOf(' '));
  return Object.hasOwn(help, name) ? `# HELP ${name} ${help[name]}\n` : '';
}

/** Labels are spread once for each combination that comes up. Of what is long gone the cache is emptied. */
export class IstioText {
  readonly #own: string;
  readonly #build: string;
  #known = new Map<string, string>();

  /** `own`: who the proxy is, as `peer` tags say it. `version`: of the proxy, for istio_build. */
  constructor(own: string, version: string) {
    this.#own = own;
    this.#build = `# HELP istio_build Which version it is.\n# TYPE istio_build gauge\nistio_build{component="proxy",tag="${version}"} 1\n`;
  }

  rewrite(text: string): string {
    const before = this.#known;
    const used = new Map<string, string>();
    const sums = new Map<string, number>();
    let others = this.#build;
    for (let at = 0; at < text.length; ) {
      const newline = text.indexOf('\n', at);
      const end = newline < 0 ? text.length : newline;
      if (text.startsWith(prefix, at)) this.#add(text.slice(at + 'envoy_'.length, end), before, used, sums);
      else if (text.startsWith(typePrefix, at)) {
        const typed = text.slice(at + '# TYPE envoy_'.length, end);
        sums.set(`${helpOf(typed)}# TYPE ${typed}`, Number.NaN);
      } else if (end > at) others += text.slice(at, end + 1);
      at = end + 1;
    }
    this.#known = used;
    let istio = '';
    for (const [line, value] of sums) istio += Number.isNaN(value) ? `${line}\n` : `${line} ${value}\n`;
    return istio + others;
  }

  /** `istio_requests_total{reporter="source",…} 3`; `le` stands last. */
  #add(line: string, before: Map<string, string>, used: Map<string, string>, sums: Map<string, number>): void {
    const open = line.indexOf('{');
    const close = line.lastIndexOf('}');
    if (open < 0 || close < open) return;
    const name = line.slice(0, open);
    const written = line.slice(open + 1, close);
    const le = name.endsWith('_bucket') ? written.lastIndexOf('le="') : -1;
    const bucket = le < 0 ? '' : written.slice(le);
    const tags = le < 0 ? written : written.slice(0, Math.max(le - 1, 0));
    const family = name.startsWith('istio_tcp_') ? 'istio_tcp_' : '';
    const key = `${family}{${tags}`;
    let labels = used.get(key);
    if (labels === undefined) {
      labels = before.get(key) ?? printLabels(istioLabels(name, parseLabels(tags), this.#own));
      used.set(key, labels);
    }
    const full = `${name}{${labels}${bucket === '' ? '' : `,${bucket}`}}`;
    sums.set(full, (sums.get(full) ?? 0) + Number(line.slice(close + 1)));
  }
}

/** `a="1",b="2"`: values with Prometheus' escapes. */
export function parseLabels(text: string): Tags {
  const labels = new Map<string, string>();
  for (const match of text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)) {
    labels.set(
      match[1] ?? '',
      (match[2] ?? '').replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char)),
    );
  }
  return labels;
}

function printLabels(labels: Tags): string {
  return [...labels].map(([name, value]) => `${name}="${escaped(value)}"`).join(',');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
