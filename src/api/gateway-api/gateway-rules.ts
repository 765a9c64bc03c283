// What the Gateway API's CRDs demand of listeners beyond their schema (the CEL rules of Gateway and ListenerSet).
import { isIP } from 'node:net';
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { isSubdomain, matchesFormat } from '#api/format.ts';
import type { GatewayClassSpec, GatewaySpec, ListenerSetSpec, ListenerSpec } from '#api/gateway-api/gateway.ts';

export function checkKubernetesGateway({ spec }: { readonly spec: GatewaySpec }): readonly Finding[] {
  const perPort = spec.tls?.frontend?.perPort ?? [];
  return [
    ...checkListeners(spec.listeners),
    ...checkAddresses(spec.addresses ?? []),
    ...perPort.flatMap(({ port }, index) =>
      perPort.slice(0, index).some((other) => other.port === port)
        ? [invalid(['spec', 'tls', 'frontend', 'perPort', index, 'port'], 'value', `port ${port} is said twice`, 'keep one of them')]
        : [],
    ),
  ];
}

/** `istio.io/gateway-controller`: whose classes these are, as a domain and a path. */
export function checkGatewayClass({ spec }: { readonly spec: GatewayClassSpec }): readonly Finding[] {
  return isDomainPath(spec.controllerName)
    ? []
    : [invalid(['spec', 'controllerName'], 'value', 'controllerName must be a domain and a path, such as istio.io/gateway-controller')];
}

export function checkListenerSet({ spec }: { readonly spec: ListenerSetSpec }): readonly Finding[] {
  return checkListeners(spec.listeners);
}

function checkListeners(listeners: readonly ListenerSpec[]): readonly Finding[] {
  return listeners.flatMap((listener, index) => {
    const path = ['spec', 'listeners', index];
    const earlier = listeners.slice(0, index);
    const isNamed = earlier.some(({ name }) => name === listener.name);
    const isSame = earlier.some((other) => identity(other) === identity(listener));
    return [
      ...(isNamed ? [invalid([...path, 'name'], 'value', `the name ${listener.name} is taken by another listener`)] : []),
      ...(isSame ? [invalid([...path, 'port'], 'value', 'another listener has the same port, protocol and hostname', 'keep one of them')] : []),
      ...checkHostname(listener, path),
      ...checkProtocol(listener, path),
      ...checkTls(listener, path),
    ];
  });
}

function isDomainPath(text: string): boolean {
  const slash = text.indexOf('/');
  return slash > 0 && isSubdomain(text.slice(0, slash)) && /^[\w/\-.~%!$&'()*+,;=:]+$/.test(text.slice(slash + 1));
}

type Address = NonNullable<GatewaySpec['addresses']>[number];

/** GatewaySpecAddress: an IP address unless its type says otherwise. */
function checkAddresses(addresses: readonly Address[]): readonly Finding[] {
  return addresses.flatMap((address, index) => {
    const path = ['spec', 'addresses', index, 'value'];
    const { type = 'IPAddress', value } = address;
    if (value === undefined) return [];
    const isTaken = addresses.slice(0, index).some((other) => (other.type ?? 'IPAddress') === type && other.value === value);
    const isUnique = type === 'IPAddress' || type === 'Hostname';
    return [
      ...(isTaken && isUnique ? [invalid(path, 'value', `the address ${value} is said twice`, 'keep one of them')] : []),
      ...(type === 'IPAddress' && isIP(value) === 0 ? [invalid(path, 'value', `${JSON.stringify(value)} is no IP address`)] : []),
      ...(type === 'Hostname' && !matchesFormat('gateway-host', value) ? [invalid(path, 'value', `${JSON.stringify(value)} is no host name`)] : []),
    ];
  });
}

/** ProtocolType: one of the API's own, or a domain's. */
function checkProtocol({ protocol }: ListenerSpec, path: Path): readonly Finding[] {
  const [domain = '', name] = protocol.split('/');
  const isNamed = name === undefined ? /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(domain) : isSubdomain(domain) && /^[A-Za-z0-9]+$/.test(name);
  return isNamed && protocol.split('/').length <= 2
    ? []
    : [
        invalid(
          [...path, 'protocol'],
          'value',
          `${JSON.stringify(protocol)} is no protocol`,
          'write HTTP, HTTPS, TLS, TCP, or one of an implementation: example.com/name',
        ),
      ];
}

function identity({ port, protocol, hostname = '' }: ListenerSpec): string {
  return `${port} ${protocol} ${hostname}`;
}

function checkHostname({ hostname, protocol }: ListenerSpec, path: Path): readonly Finding[] {
  if (hostname === undefined) return [];
  const at = [...path, 'hostname'];
  if (protocol === 'TCP' || protocol === 'UDP') return [invalid(at, 'key', `a listener of protocol ${protocol} cannot have a hostname`)];
  if (isIP(hostname) !== 0) return [invalid(at, 'value', 'a hostname cannot be an IP address')];
  return hostname === '*' ? [invalid(at, 'value', 'a hostname cannot be * alone', 'leave it out: it then stands for all')] : [];
}

function checkTls({ protocol, tls }: ListenerSpec, path: Path): readonly Finding[] {
  const at = [...path, 'tls'];
  if (protocol === 'HTTP' || protocol === 'TCP' || protocol === 'UDP') {
    return tls === undefined ? [] : [invalid(at, 'key', `a listener of protocol ${protocol} cannot have tls`, 'use protocol HTTPS or TLS')];
  }
  if (protocol === 'HTTPS' && tls?.mode === 'Passthrough') {
    return [invalid([...at, 'mode'], 'value', 'a listener of protocol HTTPS can only terminate TLS', 'use protocol TLS to pass it through')];
  }
  if (protocol === 'TLS' && tls?.mode === undefined) {
    return [invalid(tls === undefined ? path : at, 'key', 'a listener of protocol TLS needs tls.mode', 'say mode: Passthrough or mode: Terminate')];
  }
  const terminates = (tls?.mode ?? 'Terminate') === 'Terminate';
  const hasMeans = (tls?.certificateRefs ?? []).length > 0 || Object.keys(tls?.options ?? {}).length > 0;
  if (tls === undefined || !terminates || hasMeans) return [];
  return [invalid([...at, 'certificateRefs'], 'key', 'a listener that terminates TLS needs certificateRefs')];
}
