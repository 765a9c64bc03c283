// Envoy's HTTP connection manager at run time: takes every request of its filter chain's connections through an Exchange of its own.
// The stack can be read there, from top to bottom.
import { Exchange } from '#proxy/http/exchange.ts';
import type { ManagerParts } from '#proxy/http/request-context.ts';
import type { RequestHandler, RequestRefusal, ServerStream } from '#proxy/http/stream.ts';

export class HttpManager implements RequestHandler {
  readonly #parts: ManagerParts;

  constructor(parts: ManagerParts) {
    this.#parts = parts;
  }

  onRequest(stream: ServerStream): void {
    new Exchange(this.#parts, stream).start();
  }

  onRefused(stream: ServerStream, refusal: RequestRefusal): void {
    new Exchange(this.#parts, stream).refuse(refusal);
  }
}
