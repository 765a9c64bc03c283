// Why a request got no answer, in few words, so that thousands of failures are a line each kind.

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name not found',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  EADDRNOTAVAIL: 'no free local port',
  EMFILE: 'too many open files',
};

export const noAnswerReason = 'no answer in time';
export const cutShortReason = 'answer cut short';

export function failureReason(error: NodeJS.ErrnoException): string {
  const { code = '', message, cause } = error;
  // A stream ends because its connection did.
  if (code === 'ERR_HTTP2_STREAM_CANCEL' && cause instanceof Error) return failureReason(cause);
  const known = reasons[code];
  if (known !== undefined) return known;
  if (code.startsWith('HPE_')) return `no HTTP/1.1: ${code}`;
  if (code.startsWith('ERR_HTTP2')) return `HTTP/2: ${/NGHTTP2_\w+/.exec(message)?.[0] ?? code}`;
  if (/CERT|TLS|SSL|SELF_SIGNED|ISSUER/.test(code)) return `TLS: ${code}`;
  return code === '' ? message : code;
}
