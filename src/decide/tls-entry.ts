// TLS settings of listeners and clusters as data: where certificates and roots come from, and which names are accepted.

/** DownstreamTlsContext. Files are read and secrets resolved by proxy/tls. */
export type DownstreamTls = {
  /** One or more, chosen by SNI. */
  readonly certificates: readonly CertificateSource[];
  readonly trustedCa?: DataSourceEntry;
  readonly trustedCaSecret?: string;
  readonly subjectAltNames: readonly SanMatch[];
  readonly alpn: readonly string[];
  readonly requireClientCertificate: boolean;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  readonly cipherSuites: readonly string[];
};

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
export type SanMatch = { readonly type: 'any' | 'dns' | 'uri' | 'email' | 'ip'; readonly text: string; readonly matches: (name: string) => boolean };
export type DataSourceEntry =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'environment'; readonly variable: string };
export type CertificateSource =
  | { readonly kind: 'secret'; readonly name: string }
  | { readonly kind: 'pair'; readonly chain: DataSourceEntry; readonly key: DataSourceEntry };
