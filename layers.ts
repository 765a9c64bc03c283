// Who may import whom, as data: test/layers.test.ts reads every import in src against it, type-only imports too. A room may always import
// itself and `base`. `xds/client` means that file or folder alone. The longest name that fits a file rules it. ARCHITECTURE.md says why.

export type LayerTable = Readonly<Record<string, readonly string[] | 'everything below'>>;

export const layers: LayerTable = {
  base: [],
  api: [],
  envoy: [],
  sources: ['api'],
  model: [],
  // The only place that turns what users write into the mesh.
  'model/build': ['model', 'api', 'sources/snapshot'],
  compile: ['model', 'envoy'],
  xds: ['envoy'],
  decide: ['envoy'],
  telemetry: ['envoy'],
  // Its gRPC services and their messages.
  ca: ['envoy'],
  proxy: ['envoy', 'decide', 'telemetry', 'xds/client', 'ca/client'],
  agent: ['envoy', 'xds/client', 'ca/client', 'telemetry'],
  dns: ['envoy', 'xds/client', 'ca/client', 'telemetry'],
  runtime: ['api'],
  analyze: ['api', 'model'],
  explain: ['model', 'compile', 'decide'],
  spec: ['model', 'compile', 'decide'],
  // Both get read-only views of the rest handed in by app.
  admin: ['api'],
  kube: ['api'],
  console: ['admin/types'],
  // The composition roots wire everything; nothing else does.
  app: 'everything below',
  cli: ['app', 'admin/client', 'explain', 'spec', 'analyze'],
};

/** What `app`, that may import everything below it, may not: the two ways to look at it. */
export const aboveApp: readonly string[] = ['cli', 'console'];
