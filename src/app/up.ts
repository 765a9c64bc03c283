// `heddle up`, up to the moment when everything has been started: what an earlier start left is ended, the files are read and planned, the
// ports checked; what cannot work is said before anything runs. Nothing is printed here.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { findEnvoy } from '#agent/binary.ts';
import { UpConfiguration } from '#app/up/configuration.ts';
import { UpMesh } from '#app/up/mesh.ts';
import type { UpOptions } from '#app/up/options.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { endLeftovers, isRunning } from '#runtime/leftovers.ts';
import { readState, removeState } from '#runtime/state.ts';

/** Why nothing was started. `exitCode` is the command's: 1 for findings in what was read, 2 for what could not be read or used. */
export type UpFailure = { readonly message: string; readonly hint?: string; readonly diagnostics: readonly Diagnostic[]; readonly exitCode: 1 | 2 };

/** Starts the mesh. Resolves when everything was begun; the event `mesh ready` tells when it serves. */
export async function startMesh(options: UpOptions): Promise<Result<UpMesh, UpFailure>> {
  const stateFolder = resolve(options.stateFolder);
  const amongManifests = stateAmongManifests(stateFolder, options);
  if (amongManifests !== undefined) return failed(amongManifests);
  const earlier = endEarlier(stateFolder, options);
  if (earlier !== undefined) return failed(earlier);
  const envoy = options.dataPlane === 'envoy' ? findEnvoy(options.environment) : undefined;
  if (envoy !== undefined && !envoy.ok) return failed({ message: envoy.error, diagnostics: [], exitCode: 2 });

  const configuration = await UpConfiguration.open(options.paths, options.clock, shortPath(join(stateFolder, 'applied')), options.place);
  const refuse = async (failure: UpFailure): Promise<Result<UpMesh, UpFailure>> => {
    await configuration[Symbol.asyncDispose]();
    return failed(failure);
  };
  const unusable = judge(configuration, options.paths);
  if (unusable !== undefined) return refuse(unusable);
  const taken = await checkPorts(configuration, options);
  if (taken !== undefined) return refuse(taken);

  emptyLogFolder(join(stateFolder, 'logs'));
  const mesh = new UpMesh({ ...options, stateFolder, configuration, ...(envoy !== undefined && { envoyBinary: envoy.value }) });
  const begun = await mesh.start();
  if (begun.ok) return ok(mesh);
  await mesh.kill();
  const { message, hint } = begun.error;
  return refuse({ message, diagnostics: [], exitCode: 2, ...(hint !== undefined && { hint }) });
}

/** As it is shown: from here, where that is shorter. */
function shortPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}

/** State in a folder that is read as YAML would be read as YAML; names that begin with a dot are not. */
function stateAmongManifests(stateFolder: string, { paths, stateFolder: asGiven }: UpOptions): UpFailure | undefined {
  const holder = paths.find((path) => {
    const way = relative(resolve(path), stateFolder);
    return !way.startsWith('..') && !way.split(sep).some((part) => part.startsWith('.'));
  });
  if (holder === undefined) return undefined;
  const hint = 'put it elsewhere, or give it a name that begins with a dot: --state-dir .heddle';
  return { message: `the state folder ${asGiven} lies in ${holder}, where everything is read as YAML`, hint, diagnostics: [], exitCode: 2 };
}

function endEarlier(stateFolder: string, { onEvent, stateFolder: asGiven }: UpOptions): UpFailure | undefined {
  const state = readState(stateFolder);
  if (state === undefined) return undefined;
  if (isRunning(state)) {
    const hint = `end that one first (kill ${state.pid}), or use another folder: --state-dir FOLDER`;
    return { message: `a mesh already runs with its state in ${asGiven} (pid ${state.pid})`, hint, diagnostics: [], exitCode: 2 };
  }
  const names = endLeftovers(state);
  removeState(stateFolder);
  if (names.length > 0) onEvent({ kind: 'leftovers ended', names });
  return undefined;
}

/** What makes a start pointless: a path that cannot be read, an image without a command, nothing to run. */
function judge(configuration: UpConfiguration, paths: readonly string[]): UpFailure | undefined {
  const { diagnostics } = configuration.snapshot;
  const unreadable = diagnostics.filter(({ code, at }) => code === 'HDL0002' && at !== undefined && paths.includes(at.file));
  if (unreadable.length > 0) return { message: 'some of the given paths cannot be read', diagnostics: unreadable, exitCode: 2 };
  const { plan } = configuration;
  if (plan.diagnostics.some(({ severity }) => severity === 'error')) {
    return { message: 'nothing was started: some containers cannot run here', diagnostics: plan.diagnostics, exitCode: 1 };
  }
  if ([...plan.pods.values()].every(({ isGateway }) => isGateway)) {
    const hint = 'needed: a Pod, Deployment, ReplicaSet, StatefulSet, DaemonSet or Job';
    return { message: `there is nothing to run in ${paths.join(', ')}`, hint, diagnostics, exitCode: 2 };
  }
  return undefined;
}

async function checkPorts(configuration: UpConfiguration, { gatewayPort, adminPort, place }: UpOptions): Promise<UpFailure | undefined> {
  const hasGateway = [...configuration.plan.pods.values()].some(({ isGateway }) => isGateway);
  const wanted = [
    ...(hasGateway && gatewayPort !== 0 ? [{ port: gatewayPort, use: 'the gateway', option: '--gateway-port' }] : []),
    ...(adminPort === 0 ? [] : [{ port: adminPort, use: 'the admin interface', option: '--admin-port' }]),
  ];
  for (const { port, use, option } of wanted) {
    const taken = await place.whyTaken(port);
    if (taken === undefined) continue;
    const message = `port ${port}, for ${use}, is taken${taken.holder === undefined ? '' : ` by ${taken.holder}`}`;
    return { message, hint: `choose another one: ${option} 0 takes any free port`, diagnostics: [], exitCode: 2 };
  }
  return undefined;
}

function emptyLogFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (/\.log(?:\.starts)?$/.test(name)) rmSync(join(folder, name));
}
