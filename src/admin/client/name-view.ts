// What the mesh's name servers say of a name, and why: as the admin API and `heddle dns query` show it.

export type NameQuestion = {
  /** As an app writes it: `reviews`, `reviews.shop`, a whole name, or with a dot at the end so that nothing is put behind it. */
  readonly name: string;
  /** `A`, `AAAA`, `SRV`, `PTR`, … */
  readonly type: string;
  /** Who asks: a pod, or what its pods' names begin with. */
  readonly workload: string;
  readonly namespace: string;
};

/** A name that the app's resolver asks for on the way, and what becomes of it. */
export type NameStep = {
  readonly name: string;
  /** `outside`: nobody in the mesh knows it; name servers outside are asked, where that is allowed. */
  readonly result: 'found' | 'no such name' | 'outside';
  /** The name server beside the app, or the one of the node behind it, which stands for the cluster's. */
  readonly by: 'proxy' | 'node';
};

export type NameReport = {
  /** `namespace/name` of the pod that asks. */
  readonly workload: string;
  readonly question: { readonly name: string; readonly type: string };
  /** Where it ends; the last of `steps`. */
  readonly result: NameStep['result'];
  readonly answers: readonly { readonly name: string; readonly ttlSeconds: number; readonly type: string; readonly data: string }[];
  /** Which host of the mesh answers, and by which of its names. */
  readonly host?: {
    readonly name: string;
    readonly match: 'exact' | 'short' | 'wildcard' | 'port' | 'address';
    /** The CNAME that spares the resolver its other search domains. */
    readonly expandedFrom?: string;
    /** `Service shop/reviews`, and where it is written, `file:line:col`. */
    readonly resource?: string;
    readonly at?: string;
    /** Its address was given by the mesh, not written. */
    readonly automatic?: boolean;
  };
  readonly steps: readonly NameStep[];
  /** A sentence, where the answer is not what one may expect. */
  readonly note?: string;
};
