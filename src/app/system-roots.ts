// Where this machine keeps the roots that it trusts, as one PEM file: each system has a place of its own.
import { existsSync } from 'node:fs';

/** Debian, Ubuntu, Alpine; Fedora and RHEL; openSUSE; macOS and OpenBSD; FreeBSD. */
const places: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
  '/usr/local/share/certs/ca-root-nss.crt',
];

/** The first that is there; undefined where none is. */
export function systemRootsFile(exists: (path: string) => boolean = existsSync): string | undefined {
  return places.find(exists);
}
