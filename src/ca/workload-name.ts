// What telemetry calls a workload, as its proxy says it when it asks for a certificate: `workload;namespace;canonical name;revision;cluster`, perhaps
// `;app;version` behind it. It goes into the certificate, so that whoever is called knows it of every connection by mutual TLS, and no header has to
// carry it. Nothing is decided by it; who the caller is says the certificate's URI.
import type { Identity } from '#ca/identity.ts';

/** The key in the metadata of a certificate request (IstioCertificateRequest.metadata). */
export const workloadNameField = 'heddle.dev/workload';

const longest = 1_000;

/** Whether it may stand in the certificate of `identity`: short, plain, and of its namespace. */
export function isWorkloadName(text: string, { namespace }: Identity): boolean {
  const parts = text.split(';');
  return (
    text.length <= longest &&
    /^[\x21-\x7e]*$/.test(text) &&
    !/[,"\\]/.test(text) &&
    (parts.length === 5 || parts.length === 7) &&
    parts[1] === namespace
  );
}
