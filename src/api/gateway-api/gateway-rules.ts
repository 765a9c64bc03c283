// What the Gateway API's CRDs demand of listeners beyond their schema (the CEL rules of Gateway and ListenerSet).
import { isIP } from 'node:net';
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { GatewaySpec, ListenerSetSpec, ListenerSpec } from '#api/gateway-api/gateway.ts';

export function checkKubernetesGateway({ spec }: { readonly spec: GatewaySpec }): readonly Finding[] {
  return checkListeners(spec.listeners);
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
      ...checkTls(listener, path),
    ];
  });
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
  const terminates = (tls?.mode ?? 'Terminate') === 'Terminate';
  const hasMeans = (tls?.certificateRefs ?? []).length > 0 || Object.keys(tls?.options ?? {}).length > 0;
  if (tls === undefined || !terminates || hasMeans) return [];
  return [invalid([...at, 'certificateRefs'], 'key', 'a listener that terminates TLS needs certificateRefs')];
}
