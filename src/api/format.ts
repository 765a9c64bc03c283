// The string formats of the schemas: whether a text has one, and what to call it in a message.
import { isIP } from 'node:net';
import type { Format } from '#api/schema.ts';
import { assertNever } from '#base/assert-never.ts';
import { parseDurationMs } from '#base/duration.ts';

// The CRDs of the Gateway API: Hostname, Group, Kind. What else they refuse of a host (* alone, addresses) has words of its own (route-rules.ts).
const dnsSubdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const kind = /^[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const longestSubdomain = 253;
const dnsLabel = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
// Istio also takes underscores and upper case in hosts (ValidateWildcardDomain); a wildcard stands alone, is the whole first label, or begins it.
const hostLabels = /^(?:\*|(?:\*[.-]?)?[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?)*\.?)$/i;
const base64 = /^(?:[A-Za-z0-9+/\s]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*$/;
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** Whether `text` has the format. */
export function matchesFormat(format: Format, text: string): boolean {
  switch (format) {
    case 'protobuf-duration':
      return (parseDurationMs(text) ?? 0) >= 1;
    case 'protobuf-duration-or-zero':
      return (parseDurationMs(text) ?? -1) >= 0;
    case 'byte':
      return base64.test(text);
    case 'host':
      return text.length <= 255 && (hostLabels.test(text) || isIP(text) !== 0);
    case 'gateway-host':
      return text === '*' || isIP(text) !== 0 || isSubdomain(text.replace(/^\*\./, ''));
    case 'dns-label':
      return dnsLabel.test(text);
    case 'dns-subdomain':
      return isSubdomain(text);
    case 'api-group':
      return text === '' || isSubdomain(text);
    case 'kind':
      return text.length <= 63 && kind.test(text);
    case 'rfc3339':
      return rfc3339.test(text);
    default:
      return assertNever(format, 'format');
  }
}

/** A name in lower case, of parts divided by dots (RFC 1123 as Kubernetes reads it). */
export function isSubdomain(text: string): boolean {
  return text.length <= longestSubdomain && dnsSubdomain.test(text);
}

/** Completes "must be …". */
export function describeFormat(format: Format): string {
  switch (format) {
    case 'protobuf-duration':
      return 'a duration of at least 1ms, such as 1h, 1m, 1.5s or 100ms';
    case 'protobuf-duration-or-zero':
      return 'a duration such as 0s, 1h, 1m, 1.5s or 100ms';
    case 'byte':
      return 'base64';
    case 'host':
      return 'a host name, such as reviews, reviews.default.svc.cluster.local or *.example.com';
    case 'gateway-host':
      return 'a host name in lower case, such as shop.example.com or *.example.com';
    case 'dns-label':
      return 'a name of lower-case letters, digits and "-", at most 63 long';
    case 'dns-subdomain':
      return 'a name of lower-case letters, digits, "-" and "."';
    case 'api-group':
      return 'an API group, such as gateway.networking.k8s.io, or empty for the core';
    case 'kind':
      return 'a kind, such as Service';
    case 'rfc3339':
      return 'a time such as 2006-01-02T15:04:05Z';
    default:
      return assertNever(format, 'format');
  }
}
