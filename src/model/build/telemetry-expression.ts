// In: the CEL expression of a label. Out: the Envoy format string that prints the same, where there is one: a text, an attribute, or several of them
// added together. So labels cost no interpreter for each request, and both data planes print them alike.

/** Source: Envoy, "attributes" and "access log command operators". */
const attributes: Readonly<Record<string, string>> = {
  'request.host': '%REQ(:AUTHORITY)%',
  'request.method': '%REQ(:METHOD)%',
  'request.path': '%REQ(:PATH)%',
  'request.scheme': '%REQ(:SCHEME)%',
  'request.protocol': '%PROTOCOL%',
  'request.useragent': '%REQ(USER-AGENT)%',
  'request.referer': '%REQ(REFERER)%',
  'request.id': '%REQ(X-REQUEST-ID)%',
  'response.code': '%RESPONSE_CODE%',
  'response.code_details': '%RESPONSE_CODE_DETAILS%',
  'source.address': '%DOWNSTREAM_REMOTE_ADDRESS%',
  'source.port': '%DOWNSTREAM_REMOTE_PORT%',
  'destination.address': '%DOWNSTREAM_LOCAL_ADDRESS%',
  'destination.port': '%DOWNSTREAM_LOCAL_PORT%',
  'upstream.address': '%UPSTREAM_HOST%',
  'connection.requested_server_name': '%REQUESTED_SERVER_NAME%',
  'connection.tls_version': '%DOWNSTREAM_TLS_VERSION%',
  'connection.uri_san_peer_certificate': '%DOWNSTREAM_PEER_URI_SAN%',
  'connection.uri_san_local_certificate': '%DOWNSTREAM_LOCAL_URI_SAN%',
  'xds.cluster_name': '%UPSTREAM_CLUSTER_RAW%',
  'xds.route_name': '%ROUTE_NAME%',
};

/** Undefined: it says more than a format can. */
export function formatOfExpression(expression: string): string | undefined {
  const parts = splitSum(expression).map((part) => formatOfTerm(part.trim()));
  return parts.every((part) => part !== undefined) && parts.length > 0 ? parts.join('') : undefined;
}

function formatOfTerm(term: string): string | undefined {
  const cast = /^string\((.*)\)$/s.exec(term)?.[1];
  if (cast !== undefined) return formatOfTerm(cast.trim());
  const text = /^"((?:[^"\\]|\\.)*)"$/s.exec(term)?.[1] ?? /^'((?:[^'\\]|\\.)*)'$/s.exec(term)?.[1];
  if (text !== undefined) return text.includes('\\') ? undefined : text.replaceAll('%', '%%');
  const header = /^(request|response)\.headers\[(["'])([A-Za-z0-9!#$&*+.^_`|~-]+)\2\]$/.exec(term);
  if (header !== null) return `%${header[1] === 'request' ? 'REQ' : 'RESP'}(${(header[3] ?? '').toUpperCase()})%`;
  return Object.hasOwn(attributes, term) ? attributes[term] : undefined;
}

/** At `+` outside of texts, brackets and parentheses. */
function splitSum(expression: string): readonly string[] {
  const parts: string[] = [];
  let begin = 0;
  let quote = '';
  let depth = 0;
  for (let at = 0; at < expression.length; at++) {
    const char = expression[at] ?? '';
    if (quote !== '') {
      if (char === '\\') at++;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '(' || char === '[') depth++;
    else if (char === ')' || char === ']') depth--;
    else if (char === '+' && depth === 0) {
      parts.push(expression.slice(begin, at));
      begin = at + 1;
    }
  }
  parts.push(expression.slice(begin));
  return parts;
}
