// Why a stream ended, in both tongues: HTTP/2 error codes (RFC 9113 section 7) and our reset reasons.
import type { ResetReason } from '#proxy/http/stream.ts';

/** RFC 9113 section 7. Written out here so that a proxy which meets no HTTP/2 does not load node:http2 (12 MB) for them. */
export const errorCode = {
  none: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  enhanceYourCalm: 0xb,
} as const;

/** The END_STREAM flag of a HEADERS frame (section 6.2). */
export const endStreamFlag = 0x1;

/** What a RST_STREAM from the peer means to us. */
export function reasonOf(code: number): ResetReason {
  switch (code) {
    case errorCode.refusedStream:
      return 'refused';
    case errorCode.protocolError:
    case errorCode.frameSizeError:
    case errorCode.compressionError:
    case errorCode.flowControlError:
    case errorCode.streamClosed:
      return 'protocol-error';
    default:
      return 'remote-reset';
  }
}

/** What we send downstream when an answer cannot be finished. */
export function codeForDownstream(reason: ResetReason): number {
  switch (reason) {
    case 'refused':
      return errorCode.refusedStream;
    case 'protocol-error':
      return errorCode.protocolError;
    case 'overflow':
      return errorCode.enhanceYourCalm;
    default:
      return errorCode.internalError;
  }
}

/** What we send upstream when nobody waits for the answer any more: the server may stop its work. */
export function codeForUpstream(reason: ResetReason): number {
  return reason === 'protocol-error' ? errorCode.protocolError : errorCode.cancel;
}
