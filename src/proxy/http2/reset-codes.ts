// Why a stream ended, in both tongues: HTTP/2 error codes (RFC 9113 section 7) and our reset reasons.
import { constants } from 'node:http2';
import type { ResetReason } from '#proxy/http/stream.ts';

/** What a RST_STREAM from the peer means to us. */
export function reasonOf(code: number): ResetReason {
  switch (code) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return 'refused';
    case constants.NGHTTP2_PROTOCOL_ERROR:
    case constants.NGHTTP2_FRAME_SIZE_ERROR:
    case constants.NGHTTP2_COMPRESSION_ERROR:
    case constants.NGHTTP2_FLOW_CONTROL_ERROR:
    case constants.NGHTTP2_STREAM_CLOSED:
      return 'protocol-error';
    default:
      return 'remote-reset';
  }
}

/** What we send downstream when an answer cannot be finished. */
export function codeForDownstream(reason: ResetReason): number {
  switch (reason) {
    case 'refused':
      return constants.NGHTTP2_REFUSED_STREAM;
    case 'protocol-error':
      return constants.NGHTTP2_PROTOCOL_ERROR;
    case 'overflow':
      return constants.NGHTTP2_ENHANCE_YOUR_CALM;
    default:
      return constants.NGHTTP2_INTERNAL_ERROR;
  }
}

/** What we send upstream when nobody waits for the answer any more: the server may stop its work. */
export function codeForUpstream(reason: ResetReason): number {
  return reason === 'protocol-error' ? constants.NGHTTP2_PROTOCOL_ERROR : constants.NGHTTP2_CANCEL;
}
