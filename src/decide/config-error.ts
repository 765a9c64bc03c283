// What is wrong with a resource of Envoy's API, by field path: the text of a NACK and of `heddle proxy -c`. Collected, never thrown.

/** `field` is a path in Envoy's own spelling, `virtual_hosts[0].routes[2].match.safe_regex`; '' for the resource as a whole. */
export type ConfigError = { readonly resource: string; readonly field: string; readonly message: string };

/** `resource: field: message`, without the parts that are empty. */
export function formatConfigError(error: ConfigError): string {
  return [error.resource, error.field, error.message].filter((part) => part !== '').join(': ');
}

/** Collects the errors of one resource while it is compiled. */
export class Problems {
  readonly resource: string;
  readonly errors: ConfigError[] = [];

  constructor(resource: string) {
    this.resource = resource;
  }

  report(field: string, message: string): void {
    this.errors.push({ resource: this.resource, field, message });
  }
}
