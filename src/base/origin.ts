// Where something a user wrote stands. Every resource, diagnostic and compiled route carries one, so that a decision can name its line.

/** A place in a user's file, or (from a cluster) a resource and field path. Lines and columns count from 1; 0 means unknown. */
export type Origin = {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  /** `VirtualService istio-system/hello`, where the place lies inside a resource. */
  readonly resource?: string;
  /** `spec.http[0].route[1].weight`, where the place is a field. */
  readonly path?: string;
};

/** `file:line:col`, the form that editors and terminals make clickable; without a line, the file alone. */
export function formatOrigin(origin: Origin): string {
  return origin.line === 0 ? origin.file : `${origin.file}:${origin.line}:${origin.col}`;
}

/** `spec.http[0].name`, from `['spec', 'http', 0, 'name']`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}
