// Kubernetes' quantities as numbers: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/

const factors: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** `500m` is 0.5, `128Mi` 134217728, `1e3` 1000; undefined for what is none. */
export function readQuantity(text: string | number): number | undefined {
  const parts = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]i?|Ki))?$/.exec(String(text));
  if (parts === null) return undefined;
  const factor = parts[2] === undefined ? factors[parts[3] ?? ''] : 10 ** Number(parts[2]);
  return factor === undefined ? undefined : Number(parts[1]) * factor;
}
