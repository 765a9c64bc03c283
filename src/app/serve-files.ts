// The control plane on its own: files and folders in, xDS out, until it is told to stop. Nothing is printed here.
import type { AdminDoor } from '#admin/door.ts';
import { type ControlPlane, startControlPlane } from '#app/control-plane.ts';
import { systemClock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { openFileSource } from '#sources/file/file-source.ts';

export type ServeFilesOptions = {
  /** Files and folders with YAML; changes in them are followed. */
  readonly paths: readonly string[];
  readonly address: string;
  readonly xdsPort: number;
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
  const { address, xdsPort: port, adminPort, adminDoor, logger, onDiagnostics } = options;
  const started = await startControlPlane({ source, address, port, adminPort, adminDoor, logger, clock: systemClock, onDiagnostics });
  if (!started.ok) {
    await source[Symbol.asyncDispose]();
    return started;
  }
  const close = async () => {
    await started.value.close();
    await source[Symbol.asyncDispose]();
  };
  return ok({ ...started.value, close, [Symbol.asyncDispose]: close });
}
