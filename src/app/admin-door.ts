// The door of the admin API as a command line asks for it: address and files in, the door out, judged before anything is started.
import { readFileSync } from 'node:fs';
import { type AdminDoor, type DoorTls, doorFault, localDoor } from '#admin/door.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { SecretText } from '#base/secret-text.ts';

/** As commander names the options of admin-options.ts; paths of files. */
export type AdminDoorFiles = {
  readonly adminAddress?: string;
  readonly adminTlsCertificate?: string;
  readonly adminTlsKey?: string;
  readonly adminClientCa?: string;
  readonly adminTokenFile?: string;
};

/** The failure is a door that may not be opened, or a file that is missing, cannot be read or is empty. */
export function readAdminDoor(files: AdminDoorFiles): Result<AdminDoor, Diagnostic> {
  const tls = readTls(files);
  if (!tls.ok) return tls;
  const token = readText(files.adminTokenFile, '--admin-token-file');
  if (!token.ok) return token;
  const door: AdminDoor = {
    address: files.adminAddress ?? localDoor.address,
    ...(tls.value !== undefined && { tls: tls.value }),
    ...(token.value !== undefined && { token: new SecretText(token.value) }),
  };
  const fault = doorFault(door);
  return fault === undefined ? ok(door) : failed(notOpened(fault.reason, fault.hint));
}

/** For a person and for `curl`: `https://127.0.0.1:15014`. */
export function adminUrl({ address, tls }: AdminDoor, port: number): string {
  return `${tls === undefined ? 'http' : 'https'}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Why there is no admin API. */
export function notOpened(reason: string, hint: string): Diagnostic {
  return { code: 'HDL0044', severity: 'error', message: `the admin API is not opened: ${reason}`, hint };
}

function readTls({ adminTlsCertificate, adminTlsKey, adminClientCa }: AdminDoorFiles): Result<DoorTls | undefined, Diagnostic> {
  const certificate = readText(adminTlsCertificate, '--admin-tls-certificate');
  const key = readText(adminTlsKey, '--admin-tls-key');
  const clientCa = readText(adminClientCa, '--admin-client-ca');
  for (const one of [certificate, key, clientCa]) if (!one.ok) return one;
  if (!certificate.ok || !key.ok || !clientCa.ok) return ok(undefined);
  if (certificate.value === undefined && key.value === undefined && clientCa.value === undefined) return ok(undefined);
  if (certificate.value === undefined || key.value === undefined) {
    return failed(notOpened('TLS needs a certificate and its key', 'give both --admin-tls-certificate and --admin-tls-key'));
  }
  const callers = clientCa.value === undefined ? {} : { clientCa: clientCa.value };
  return ok({ certificate: certificate.value, key: new SecretText(key.value), ...callers });
}

/** The content without the line end that editors and `echo` leave. */
function readText(file: string | undefined, option: string): Result<string | undefined, Diagnostic> {
  if (file === undefined) return ok(undefined);
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text === '' ? failed(notOpened(`${file} is empty`, `name a file with content: ${option}`)) : ok(text);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return failed(notOpened(`${file} cannot be read (${code})`, `name a file that can be read: ${option}`));
  }
}
