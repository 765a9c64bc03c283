// `node bench/generation-row.ts INPUT sidecar|router TYPE,… [--quick]`: measures one input of the generation bench and prints what it found as JSON. A
// process of its own, as what the engine learns from one input, and the garbage that it leaves, make the next one cost half as much again; istiod's
// figures know nothing of the kind.
import { allTypes, changeOne, generate, proxyOf, readResources, type TypeName } from '#bench/generation-mesh.ts';
import { costOfRun, type RunCost } from '#bench/rounds.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

export type Row = {
  readonly resources: number;
  readonly bytes: number;
  readonly cost: RunCost;
  /** Milliseconds of processor time after a change of one VirtualService; undefined where there is none. */
  readonly changed?: number | undefined;
};

const [input = '', type, types = ''] = process.argv.slice(2);
process.stdout.write(JSON.stringify(measure(input, type === 'router' ? 'router' : 'sidecar', types.split(','), process.argv.includes('--quick'))));

function measure(name: string, proxyType: 'router' | 'sidecar', names: readonly string[], quick: boolean): Row {
  const resources = readResources(name);
  const proxy = proxyOf(proxyType);
  const encoded: readonly TypeName[] = allTypes.filter((one) => names.includes(one));
  const mesh = buildMesh(nextSnapshot(undefined, resources, []));
  const cost = costOfRun(quick, () => generate(mesh, proxy, new CompileCache(), encoded));
  const size = generate(mesh, proxy, new CompileCache(), allTypes);
  return { ...size, cost, changed: changeOne(resources, proxy, quick ? 2 : 20) };
}
