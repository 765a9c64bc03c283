// Who a workload is, as Istio writes it: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`. Parsing is strict: what is not of this
// form, letter for letter, is nobody.
import { failed, ok, type Result } from '#base/result.ts';

export type Identity = { readonly trustDomain: string; readonly namespace: string; readonly serviceAccount: string };

/** SPIFFE-ID section 2.1: what a trust domain may hold. Case is significant: `spiffe://A` is not the same as `spiffe://a`. */
const trustDomainForm = /^[a-z0-9._-]{1,255}$/;
/** Names of namespaces and service accounts as Kubernetes allows them, dots for service accounts included. */
const nameForm = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

const longestId = 2048;

/** The error is a sentence that quotes no more than the beginning of what was given. */
export function parseIdentity(text: string): Result<Identity, string> {
  const parts = text.length > longestId ? null : /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(text);
  const [, trustDomain = '', namespace = '', serviceAccount = ''] = parts ?? [];
  if (parts === null) return failed(`'${text.slice(0, 200)}' is not of the form spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`);
  return checkIdentity({ trustDomain, namespace, serviceAccount });
}

/** Whether the parts can be an identity; the error names the part that cannot. */
export function checkIdentity(identity: Identity): Result<Identity, string> {
  const { trustDomain, namespace, serviceAccount } = identity;
  if (!trustDomainForm.test(trustDomain)) return failed(`'${trustDomain.slice(0, 200)}' cannot be a trust domain`);
  if (!nameForm.test(namespace)) return failed(`'${namespace.slice(0, 200)}' cannot be a namespace`);
  if (!nameForm.test(serviceAccount)) return failed(`'${serviceAccount.slice(0, 200)}' cannot be a service account`);
  return ok(identity);
}

export function formatIdentity({ trustDomain, namespace, serviceAccount }: Identity): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
