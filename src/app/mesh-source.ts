// From snapshots to what each node shall have: builds the mesh, compiles it per proxy on demand, and remembers both until the next
// snapshot. A failure of ours in building or compiling leaves the last good state in force.
import { isMessage } from '@bufbuild/protobuf';
import type { TokenKeyStore } from '#app/token-key-store.ts';
import { untouchedPatches } from '#app/untouched-patches.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import type { Compiled } from '#compile/compiled.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type NameTable, NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import type { ResourceSet, XdsResource } from '#envoy/resource.ts';
import type { TypeUrl } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { proxyFromNode } from '#model/proxy-from-node.ts';
import type { Endpoint } from '#model/service.ts';
import { accountMisfit, mayHaveSecrets } from '#model/workload-claim.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';
import type { NodeSource } from '#xds/node-source.ts';

/** What a node was last given, and from which state of the mesh. */
type NodeState = { readonly node: Node; readonly compiler: MeshCompiler; readonly compiled: Compiled };

export class MeshSource implements NodeSource, Disposable {
  readonly #logger: Logger;
  readonly #memo = new BuildMemo();
  readonly #cache = new CompileCache();
  readonly #proxies = new WeakMap<Node, Result<Proxy, string>>();
  readonly #nodes = new Map<string, NodeState>();
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribe: () => void;
  readonly #tokenKeys: TokenKeyStore | undefined;
  #snapshot: Snapshot;
  #compiler: MeshCompiler;

  /** `tokenKeys` stays the caller's; without it no keys are fetched. */
  constructor(source: SnapshotSource, logger: Logger, tokenKeys?: TokenKeyStore) {
    this.#logger = logger;
    this.#tokenKeys = tokenKeys;
    this.#snapshot = source.current();
    this.#compiler = this.#compilerFor(this.#snapshot);
    const stops = [source.onChange((snapshot) => this.#take(snapshot)), tokenKeys?.onChange(() => this.#takeKeys())];
    this.#unsubscribe = () => {
      for (const stop of stops) stop?.();
    };
  }

  get mesh(): Mesh {
    return this.#compiler.mesh;
  }

  /** What a cluster's own DNS answers. The same object for as long as nothing of it changes. */
  clusterNames(): NameTable {
    const { message } = this.#compiler.clusterNames().resource;
    if (!isMessage(message, NameTableSchema)) throw new Error(`a name table that is a ${message.$typeName}`);
    return message;
  }

  resourcesFor(node: Node): Result<ResourceSet, string> {
    const known = this.#nodes.get(node.id);
    if (known !== undefined && known.node === node && known.compiler === this.#compiler) return ok(known.compiled.resources);
    const proxy = this.#proxyOf(node);
    if (!proxy.ok) return proxy;
    const misfit = accountMisfit(this.mesh, proxy.value);
    if (misfit !== undefined) return failed(misfit);
    try {
      const fresh = this.#compiler.compile(mayHaveSecrets(this.mesh, proxy.value) ? proxy.value : { ...proxy.value, withoutSecrets: true });
      const compiled = known === undefined ? fresh : { ...fresh, resources: keepSameTypes(known.compiled.resources, fresh.resources) };
      this.#nodes.set(node.id, { node, compiler: this.#compiler, compiled });
      return ok(compiled.resources);
    } catch (error) {
      this.#logger.log('error', 'compiling failed, the proxy keeps what it has', { node: node.id, error: describe(error) });
      return known === undefined ? failed(`its configuration could not be made: ${describe(error)}`) : ok(known.compiled.resources);
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a node that was served has, by its id. */
  compiledFor(nodeId: string): Compiled | undefined {
    return this.#nodes.get(nodeId)?.compiled;
  }

  /** A node that left needs no memory. */
  forget(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  /** About the files, the mesh, and what was compiled for the nodes that are served; some may occur several times. */
  diagnostics(): readonly Diagnostic[] {
    const compiled = [...this.#nodes.values()].map((served) => served.compiled);
    return [
      ...this.#snapshot.diagnostics,
      ...this.mesh.diagnostics,
      ...(this.#tokenKeys?.diagnostics(this.mesh) ?? []),
      ...compiled.flatMap((ofNode) => ofNode.diagnostics),
      ...untouchedPatches(compiled),
    ];
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#listeners.clear();
  }

  #take(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    try {
      this.#compiler = this.#compilerFor(snapshot);
    } catch (error) {
      this.#logger.log('error', 'building the mesh failed, the last good state stays in force', { error: describe(error) });
      return;
    }
    for (const listener of this.#listeners) listener();
  }

  /** The same mesh with other keys. */
  #takeKeys(): void {
    this.#compiler = this.#compilerOf(this.mesh);
    for (const listener of this.#listeners) listener();
  }

  #compilerFor(snapshot: Snapshot): MeshCompiler {
    const mesh = buildMesh(snapshot, this.#memo);
    this.#tokenKeys?.follow({ ...mesh, isPlaceholder: (endpoint) => isPlaceholder(endpoint, mesh, snapshot) });
    return this.#compilerOf(mesh);
  }

  #compilerOf(mesh: Mesh): MeshCompiler {
    return new MeshCompiler(mesh, this.#cache, undefined, this.#tokenKeys);
  }

  #proxyOf(node: Node): Result<Proxy, string> {
    let proxy = this.#proxies.get(node);
    if (proxy === undefined) {
      proxy = proxyFromNode(node.id, node.metadata ?? {}, node.locality);
      this.#proxies.set(node, proxy);
    }
    return proxy;
  }
}

/** Whether the address is one that the model made up for a pod that runs nowhere yet. */
function isPlaceholder({ workload: name = '', address }: Endpoint, { workloads }: Mesh, { resources }: Snapshot): boolean {
  const workload = workloads.get(name);
  return workload?.address === address && workload.kind === undefined && resources.Pod.get(name)?.status?.podIP === undefined;
}

/** Types in which every resource is the same object as before keep their map, so that nobody compares them again. */
function keepSameTypes(before: ResourceSet, after: ResourceSet): ResourceSet {
  const types = [...after].map(([typeUrl, resources]): [TypeUrl, ReadonlyMap<string, XdsResource>] => {
    const old = before.get(typeUrl);
    const isSame = old?.size === resources.size && [...resources].every(([name, resource]) => old.get(name) === resource);
    return [typeUrl, isSame && old !== undefined ? old : resources];
  });
  return new Map(types);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
