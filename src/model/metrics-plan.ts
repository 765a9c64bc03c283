// Which of Istio's metrics proxies report, with which labels: what MeshConfig and Telemetry resources say, merged for one workload.

/** Istio's names of its metrics, as Telemetry's overrides use them. */
export const metricNames = [
  'REQUEST_COUNT',
  'REQUEST_DURATION',
  'REQUEST_SIZE',
  'RESPONSE_SIZE',
  'GRPC_REQUEST_MESSAGES',
  'GRPC_RESPONSE_MESSAGES',
  'TCP_OPENED_CONNECTIONS',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_SENT_BYTES',
  'TCP_RECEIVED_BYTES',
] as const;

export type MetricName = (typeof metricNames)[number];

/** `format`: an Envoy format string, in place of the label's own value or as a label more. */
export type LabelChange = { readonly kind: 'removed' } | { readonly kind: 'set'; readonly format: string };

export type MetricChange = { readonly disabled: boolean; readonly labels: Readonly<Record<string, LabelChange>> };

/** What differs from Istio's own metrics where the proxy calls others (`client`), and where it is called (`server`). */
export type MetricsPlan = {
  readonly client: Readonly<Partial<Record<MetricName, MetricChange>>>;
  readonly server: Readonly<Partial<Record<MetricName, MetricChange>>>;
};

/** All of them, as they are. */
export const istioMetrics: MetricsPlan = { client: {}, server: {} };
