// The local program that stands for a container: its own `command`, or what heddle.yaml says for its image.
import { statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { Container } from '#api/kubernetes/container.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { type ImageCommand, type ImageMap, imageMapFile } from '#runtime/image-map.ts';

export type ContainerCommand = {
  /** Program and arguments with `$(NAME)` still in them. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** The image's variables: what a container's own of the same name replace. */
  readonly env: Readonly<Record<string, string>>;
};

/**
 * Kubernetes' rule (Container.command, Container.args): `command` stands in for the image's whole command, `args` alone follow the
 * image's command. Without an image map, the container runs in the folder of its YAML file. `at` is the place of the image.
 */
export function containerCommand(container: Container, at: Origin, images: readonly ImageMap[]): Result<ContainerCommand, Diagnostic> {
  const mapped = container.image === undefined ? undefined : findImage(container.image, at.file, images);
  const cwd = ownFolder(container.workingDir, at.file) ?? mapped?.cwd ?? resolve(dirname(at.file));
  const env = mapped?.env ?? {};
  if (container.command !== undefined && container.command.length > 0) {
    return ok({ command: [...container.command, ...(container.args ?? [])], cwd, env });
  }
  if (mapped !== undefined) return ok({ command: [...mapped.command, ...(container.args ?? [])], cwd, env });
  return failed(unknownImage(container, at, images));
}

/** A working folder at or below the file's own; others are folders of an image. */
function ownFolder(folder: string | undefined, file: string): string | undefined {
  if (folder === undefined) return undefined;
  const path = resolve(dirname(file), folder);
  if (relative(dirname(file), path).startsWith('..')) return undefined;
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : undefined;
}

/** The entry of the map that stands nearest to the file; of several at the same distance, the first. */
function findImage(image: string, file: string, images: readonly ImageMap[]): ImageCommand | undefined {
  const known = images.filter((map) => map.images.has(image));
  const distance = (map: ImageMap): number => relative(dirname(map.file), dirname(file)).split('/').length;
  const nearest = known.toSorted((a, b) => distance(a) - distance(b))[0];
  return nearest?.images.get(image);
}

function unknownImage(container: Container, at: Origin, images: readonly ImageMap[]): Diagnostic {
  const file = images[0]?.file ?? `${dirname(at.file)}/${imageMapFile}`;
  const lines = ['images:', `  ${JSON.stringify(container.image ?? container.name)}:`, '    command: [program, argument]'];
  return {
    code: 'HDL0402',
    severity: 'error',
    message:
      container.image === undefined
        ? `container ${container.name} has neither an image nor a command`
        : `no local command is known for the image ${container.image} of container ${container.name}`,
    hint: `add to ${file} what shall run for it here:\n${lines.map((line) => `        ${line}`).join('\n')}`,
    at,
  };
}
