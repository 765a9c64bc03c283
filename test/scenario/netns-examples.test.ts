// The examples where each pod has an address and a localhost of its own: what holds in loopback mode holds here.
import { bookinfoCases } from '#test/scenario/bookinfo-cases.ts';
import { helloCases } from '#test/scenario/hello-cases.ts';
import { inOwnNetwork } from '#test/scenario/own-network.ts';

for (const { name, run } of helloCases) inOwnNetwork(name, run);
for (const { name, run } of bookinfoCases) inOwnNetwork(name, run, 'each once');
