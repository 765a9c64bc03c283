// Requests and connections for tests of decisions, from as little as the test wants to say.
import type { ConnectionView, RequestView } from '#decide/views.ts';

export type RequestSketch = {
  readonly method?: string;
  readonly scheme?: string;
  readonly authority?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A GET of `path` from `example.com` unless said otherwise; header names in lower case. */
export function requestView(path: string, sketch: RequestSketch = {}): RequestView {
  const { method = 'GET', scheme = 'http', authority = 'example.com', headers = {} } = sketch;
  return { method, scheme, authority, path, header: (name) => headers[name] };
}

/** From 10.0.0.9:40000 to 10.0.0.1:80, plaintext, unless said otherwise. */
export function connectionView(sketch: Partial<ConnectionView> = {}): ConnectionView {
  return {
    destinationAddress: '10.0.0.1',
    destinationPort: 80,
    sourceAddress: '10.0.0.9',
    sourcePort: 40000,
    transportProtocol: 'raw_buffer',
    applicationProtocols: [],
    ...sketch,
  };
}
