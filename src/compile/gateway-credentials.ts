// Which certificates by name (`credentialName`) can be handed to gateways. A server whose certificate is not among them is left out.

/** `namespace` is the gateway proxy's, where Secrets of its Gateways stand. */
export type GatewayCredentials = { readonly has: (name: string, namespace: string) => boolean };

/** None: secrets are not served to proxies. */
export const noCredentials: GatewayCredentials = { has: () => false };
