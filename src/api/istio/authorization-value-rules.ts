// What the values in rules of an AuthorizationPolicy must look like. Source: Istio, pkg/config/security; Envoy's uri_template where a path holds
// templates.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { parseCidr } from '#base/cidr.ts';

/** Reports each value for which `problem` has something to say. */
function each(values: readonly string[], path: Path, problem: (value: string) => string | undefined, hint?: string): readonly Finding[] {
  return values.flatMap((value, index) => {
    const message = value === '' ? 'an empty value matches nothing' : problem(value);
    return message === undefined ? [] : [invalid([...path, index], 'value', message, hint)];
  });
}

export function checkNotEmpty(values: readonly string[], path: Path): readonly Finding[] {
  return each(values, path, () => undefined);
}

/** Addresses and CIDR blocks. */
export function checkRanges(values: readonly string[], path: Path): readonly Finding[] {
  return each(
    values,
    path,
    (value) => (parseCidr(value) === undefined ? `${value} is neither an IP address nor a block of them` : undefined),
    'write 10.1.2.3 or 10.1.0.0/16',
  );
}

/** Numbers from 0 to 65535, as texts. */
export function checkPorts(values: readonly string[], path: Path): readonly Finding[] {
  return each(values, path, (value) => (isPort(value) ? undefined : `${value} is no port`), "ports are numbers in quotes, such as '8080'");
}

function isPort(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= 65535;
}

const maxServiceAccounts = 16;

/** `name` or `namespace/name`, without wildcards; at most 16 of them. */
export function checkServiceAccounts(values: readonly string[], path: Path): readonly Finding[] {
  const tooMany =
    values.length > maxServiceAccounts ? [invalid(path, 'key', `at most ${maxServiceAccounts} service accounts may be named here`)] : [];
  const hint = 'write NAME, or NAMESPACE/NAME';
  return [
    ...tooMany,
    ...each(
      values,
      path,
      (value) => {
        if (value.includes('*')) return `${value} has a wildcard, which service accounts do not know`;
        return /^[^/]+(?:\/[^/]+)?$/.test(value) && value.length <= 320 ? undefined : `${value} is no service account`;
      },
      hint,
    ),
  ];
}

/** Exact, or with one wildcard at the start or end; no slash. */
export function checkTrustDomains(values: readonly string[], path: Path): readonly Finding[] {
  return each(values, path, (value) => (value.includes('/') ? `${value} is no trust domain: it has a slash` : wildcardProblem(value)));
}

/** Source: Istio, CheckWildcardValues. */
export function wildcardProblem(value: string): string | undefined {
  const parts = value.split('*');
  if (parts.length > 2) return `${value} has more than one wildcard`;
  return parts.length === 2 && parts[0] !== '' && parts[1] !== '' ? `${value} has a wildcard in the middle` : undefined;
}

/** A segment of a path beside templates: RFC 3986 pchar. */
const literal = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/;

/** Paths; `{*}` stands for one segment, `{**}` for any number of them, and nothing of the kind may follow it. */
export function checkPaths(values: readonly string[], path: Path): readonly Finding[] {
  return each(values, path, templateProblem, 'a template is {*} or {**} as a whole segment, {**} as the last one: /orders/{*}/items, /files/{**}');
}

/** Whether Istio takes a path as a template. */
export function isPathTemplate(path: string): boolean {
  return path.includes('{*}') || path.includes('{**}');
}

function templateProblem(path: string): string | undefined {
  const isTemplate = isPathTemplate(path);
  // Envoy refuses such a template, and the listener with it.
  if (isTemplate && (!path.startsWith('/') || path.includes('//'))) return `${path} is no path template: it needs single slashes, one in front`;
  const segments = path.replace(/^\/+|\/+$/g, '').split('/');
  const rest = segments.findIndex((segment) => segment === '{**}');
  for (const [index, segment] of segments.entries()) {
    if (segment === '{*}' || segment === '{**}') {
      if (rest >= 0 && index > rest) return `${path} has a template behind {**}`;
    } else if (/[{}]/.test(segment)) return `${path} has a brace that is no template`;
    else if (isTemplate && !literal.test(segment)) return `${path}: the segment ${JSON.stringify(segment)} cannot stand beside templates`;
  }
  return undefined;
}
