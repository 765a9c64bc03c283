// Who a workload is, in one line for telemetry: what the other side of a call puts into its labels. In endpoint metadata (`istio.workload`), in the
// certificate of the workload, and in what a proxy says of itself.

export type PeerFacts = {
  /** Of the controller, or of the pod where it has none. */
  readonly name: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
};

/**
 * Istio's compact form, `workload;namespace;canonical name;canonical revision;cluster`; the revision `latest`, which stands for none, is left out of it.
 * Where the labels `app` and `version` say something else than the canonical ones, `;app;version` follows.
 */
export function peerText({ name: known, namespace, cluster, labels }: PeerFacts): string {
  const name = labels['service.istio.io/workload-name'] ?? known;
  const { app, version } = labels;
  const canonicalName = labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? app ?? name;
  const revision = labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? version ?? '';
  const shown = revision === 'latest' ? '' : revision;
  const more = canonicalName === (app ?? '') && shown === (version ?? '') ? [] : [app ?? '', version ?? ''];
  return [name, namespace, canonicalName, shown, cluster, ...more].map(plain).join(';');
}

/** The separator stands in no name of Kubernetes; a cluster may be called anything. */
function plain(text: string): string {
  return text.replaceAll(/[^\x21-\x3a\x3c-\x7e]/g, '_');
}
