// The facts of a request that header formats print.
import type { ConnectionView, RequestView } from '#decide/views.ts';

/** What a format may ask about. What is not known yet (a response before there is one) is undefined. */
export type FormatView = {
  readonly request: RequestView;
  readonly connection: ConnectionView;
  /** `HTTP/1.1`, `HTTP/2`. */
  readonly protocol: string;
  readonly routeName: string;
  readonly virtualHost: string;
  readonly cluster?: string | undefined;
  /** `address:port` of the endpoint. */
  readonly upstreamHost?: string | undefined;
  readonly responseStatus?: number | undefined;
  readonly responseHeader?: ((name: string) => string | undefined) | undefined;
};
