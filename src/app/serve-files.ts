// The control plane on its own: files and folders in, xDS out, until it is told to stop. Nothing is printed here.
import type { AdminDoor } from '#admin/door.ts';
import { type ControlPlane, startControlPlane } from '#app/control-plane.ts';
import { systemClock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { isLoopback } from '#base/loopback.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { Authority } from '#ca/folder/authority.ts';
import { openFileSource } from '#sources/file/file-source.ts';
import type { SnapshotSource } from '#sources/snapshot.ts';

export type ServeFilesOptions = {
  /** Files and folders with YAML; changes in them are followed. */
  readonly paths: readonly string[];
  readonly address: string;
  readonly xdsPort: number;
  /** The folder of the certificate authority, made where it is empty; with it comes the secure port. */
  readonly secure?: { readonly folder: string; readonly port: number };
  readonly adminPort: number;
  readonly adminDoor: AdminDoor;
  readonly logger: Logger;
  readonly onDiagnostics: (diagnostics: readonly Diagnostic[]) => void;
};

/**
 * The failure is a path that cannot be read at the start, or a port that cannot be bound. Mistakes in files are diagnostics and keep
 * nothing from running.
 */
export async function serveFiles(options: ServeFilesOptions): Promise<Result<ControlPlane, Diagnostic>> {
  const source = await openFileSource({ paths: options.paths, clock: systemClock, watch: true });
  const unreadable = source.current().diagnostics.find(({ code }) => code === 'HDL0002');
  if (unreadable !== undefined) {
    await source[Symbol.asyncDispose]();
    return failed(unreadable);
  }
  const authority = await openOwnAuthority(options);
  const started = authority.ok ? await startFrom(source, options, authority.value) : authority;
  if (!started.ok) {
    if (authority.ok) authority.value?.[Symbol.dispose]();
    await source[Symbol.asyncDispose]();
    return started;
  }
  const close = async () => {
    await started.value.close();
    if (authority.ok) authority.value?.[Symbol.dispose]();
    await source[Symbol.asyncDispose]();
  };
  return ok({ ...started.value, close, [Symbol.asyncDispose]: close });
}

async function openOwnAuthority({ secure, address, logger }: ServeFilesOptions): Promise<Result<Authority | undefined, Diagnostic>> {
  if (secure !== undefined) {
    const { openAuthority } = await import('#ca/folder/authority.ts');
    return openAuthority({ folder: secure.folder, clock: systemClock, logger });
  }
  return isLoopback(address) ? ok(undefined) : failed(openToStrangers(address));
}

function startFrom(source: SnapshotSource, options: ServeFilesOptions, authority: Authority | undefined) {
  const { address, xdsPort: port, secure, adminPort, adminDoor, logger, onDiagnostics } = options;
  const guarded = authority === undefined || secure === undefined ? {} : { secure: { port: secure.port, authority } };
  return startControlPlane({ source, address, port, adminPort, adminDoor, logger, clock: systemClock, onDiagnostics, ...guarded });
}

function openToStrangers(address: string): Diagnostic {
  return {
    code: 'HDL0045',
    severity: 'error',
    message: `xDS is not opened: ${address} can be reached from other machines, and nothing would tell who asks`,
    hint: 'give a folder for the certificate authority with --ca: then xDS is served there with TLS, for known callers only',
  };
}
