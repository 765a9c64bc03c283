// A request as the JWT filter sees and changes it: what one provider took away the next does not find. The request itself is left alone; what is
// to be changed comes out as a list.
import { headerFieldsOf, type RequestView } from '#decide/views.ts';

/** First the fields of `removed` go, then those of `added` (name, value, …) come. */
export type HeadChanges = { readonly removed: readonly string[]; readonly added: readonly string[]; readonly path: string | undefined };

export class JwtHead {
  readonly #request: RequestView;
  #removed: string[] = [];
  #added: string[] = [];
  #path: string | undefined = undefined;

  constructor(request: RequestView) {
    this.#request = request;
  }

  get path(): string {
    return this.#path ?? this.#request.path;
  }

  set path(path: string) {
    this.#path = path;
  }

  /** The value of each field of that name. */
  values(name: string): readonly string[] {
    const added = this.#added.flatMap((value, index) => (index % 2 === 1 && this.#added[index - 1] === name ? value : []));
    if (this.#removed.includes(name)) return added;
    const sent = fieldsOf(this.#request, name);
    return added.length === 0 ? sent : [...sent, ...added];
  }

  remove(name: string): void {
    if (this.#added.length > 0) this.#added = withoutField(this.#added, name);
    if (this.#request.header(name) !== undefined && !this.#removed.includes(name)) this.#removed.push(name);
  }

  add(name: string, value: string): void {
    this.#added.push(name, value);
  }

  /** Undefined: none. */
  changes(): HeadChanges | undefined {
    if (this.#removed.length === 0 && this.#added.length === 0 && this.#path === undefined) return undefined;
    return { removed: this.#removed, added: this.#added, path: this.#path };
  }
}

/** Envoy joins the fields of this name as they come in. */
function fieldsOf(request: RequestView, name: string): readonly string[] {
  const joined = name === 'authorization' ? request.header(name) : undefined;
  return joined === undefined ? headerFieldsOf(request, name) : [joined];
}

function withoutField(fields: readonly string[], name: string): string[] {
  return fields.filter((_, index) => fields[index - (index % 2)] !== name);
}

/** The request with the changes made: for deciding what comes behind. */
export function changedRequest(request: RequestView, changes: HeadChanges | undefined, metadata: RequestView['metadata']): RequestView {
  const { removed = [], added = [], path = request.path } = changes ?? {};
  const header = (name: string): string | undefined => {
    const sent = removed.includes(name) ? undefined : request.header(name);
    const more = added.flatMap((value, index) => (index % 2 === 1 && added[index - 1] === name ? value : []));
    return more.length === 0 ? sent : [...(sent === undefined ? [] : [sent]), ...more].join(',');
  };
  return { method: request.method, scheme: request.scheme, authority: request.authority, path, header, metadata };
}
