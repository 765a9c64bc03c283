// telemetry.istio.io Telemetry, whole: https://istio.io/latest/docs/reference/config/telemetry/
import { array, boolean, map, number, object, oneOf, required, type Static, string } from '#api/schema.ts';

const providers = () => array(object({ name: required(string({ minLength: 1 })) }));
const mode = () => oneOf('CLIENT_AND_SERVER', 'CLIENT', 'SERVER');

const targetRef = object({
  group: string(),
  kind: required(string({ minLength: 1 })),
  name: required(string({ minLength: 1 })),
  namespace: string(),
});

const metric = () =>
  oneOf(
    'ALL_METRICS',
    'REQUEST_COUNT',
    'REQUEST_DURATION',
    'REQUEST_SIZE',
    'RESPONSE_SIZE',
    'TCP_OPENED_CONNECTIONS',
    'TCP_CLOSED_CONNECTIONS',
    'TCP_SENT_BYTES',
    'TCP_RECEIVED_BYTES',
    'GRPC_REQUEST_MESSAGES',
    'GRPC_RESPONSE_MESSAGES',
  );

const metricsOverride = object({
  match: object({ metric: metric(), customMetric: string({ minLength: 1 }), mode: mode() }, { atMostOneOf: [['metric', 'customMetric']] }),
  disabled: boolean(),
  tagOverrides: map(object({ operation: oneOf('UPSERT', 'REMOVE'), value: string() })),
});

const customTag = object({
  literal: object({ value: required(string({ minLength: 1 })) }),
  environment: object({ name: required(string({ minLength: 1 })), defaultValue: string() }),
  header: object({ name: required(string({ minLength: 1 })), defaultValue: string() }),
  formatter: object({ value: required(string({ minLength: 1 })) }),
});

const tracing = object({
  match: object({ mode: mode() }),
  providers: providers(),
  randomSamplingPercentage: number({ minimum: 0, maximum: 100 }),
  disableSpanReporting: boolean(),
  disableContextPropagation: boolean(),
  customTags: map(customTag),
  useRequestIdForTraceSampling: boolean(),
  enableIstioTags: boolean(),
});

const accessLogging = object({
  match: object({ mode: mode() }),
  providers: providers(),
  disabled: boolean(),
  filter: object({ expression: string() }),
});

export const telemetrySpec = object(
  {
    selector: object({ matchLabels: map(string()) }),
    targetRef,
    targetRefs: array(targetRef, { maxItems: 16 }),
    tracing: array(tracing),
    metrics: array(object({ providers: providers(), overrides: array(metricsOverride), reportingInterval: string() })),
    accessLogging: array(accessLogging),
  },
  { atMostOneOf: [['selector', 'targetRef', 'targetRefs']] },
);

export type TelemetrySpec = Static<typeof telemetrySpec>;
export type WrittenMetrics = NonNullable<TelemetrySpec['metrics']>[number];
export type WrittenOverride = NonNullable<WrittenMetrics['overrides']>[number];
