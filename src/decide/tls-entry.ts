// TLS settings of listeners and clusters as data: where certificates and roots come from, and what is accepted of a peer.

/** DownstreamTlsContext. Files are read and secrets resolved by proxy/tls. */
export type DownstreamTls = {
  /** One or more, chosen by SNI. */
  readonly certificates: readonly CertificateSource[];
  readonly validation: PeerValidation;
  /** Roots, and whatever else of a validation context, that a secret adds to `validation`. */
  readonly validationSecret?: SecretReference;
  readonly alpn: readonly string[];
  readonly requireClientCertificate: boolean;
  /** False: sessions are not resumed by tickets (disable_stateless_session_resumption). */
  readonly tickets: boolean;
  readonly parameters: TlsSettings;
};

/** TlsParameters. Lists that are empty stand for Envoy's own. */
export type TlsSettings = {
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  /** As Envoy writes them, `[A|B]` for suites of equal preference. */
  readonly cipherSuites: readonly string[];
  readonly curves: readonly string[];
  readonly signatureAlgorithms: readonly string[];
};

/** CertificateValidationContext: what a peer's certificate must be. With nothing set, it is not looked at. */
export type PeerValidation = {
  readonly trustedCa?: DataSourceEntry;
  readonly crl?: DataSourceEntry;
  /** One of them must fit one of the names; empty: any name will do. */
  readonly subjectAltNames: readonly SanMatch[];
  /** SHA-256 of the certificate, hexadecimal in lower case without colons. A certificate must be in this list or the next, where there is one. */
  readonly certificateHashes: readonly string[];
  /** SHA-256 of the public key (SPKI), Base64. */
  readonly keyHashes: readonly string[];
  /** A certificate that the roots do not vouch for is taken, and counts as not verified (ACCEPT_UNTRUSTED). */
  readonly acceptsUntrusted: boolean;
};

/** Where a secret is had: from `static_resources.secrets`, over the aggregated stream, or from the SDS server behind a cluster. */
export type SecretReference = {
  readonly name: string;
  readonly from: 'bootstrap' | 'ads' | 'cluster';
  /** '' unless `from` is 'cluster'. */
  readonly cluster: string;
  readonly mode: 'sotw' | 'delta';
  /** How long a listener or cluster waits for it at first; 0: for ever. */
  readonly fetchTimeoutMs: number;
};

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
export type SanMatch = { readonly type: 'any' | 'dns' | 'uri' | 'email' | 'ip'; readonly text: string; readonly matches: (name: string) => boolean };
export type DataSourceEntry =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'environment'; readonly variable: string };
export type KeyPairSource = { readonly chain: DataSourceEntry; readonly key: DataSourceEntry; readonly ocspStaple?: DataSourceEntry };
export type CertificateSource = { readonly kind: 'secret'; readonly secret: SecretReference } | ({ readonly kind: 'pair' } & KeyPairSource);
