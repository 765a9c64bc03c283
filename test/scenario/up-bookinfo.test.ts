// Bookinfo in loopback mode.
import { bookinfoCases } from '#test/scenario/bookinfo-cases.ts';
import { onBothDataPlanes, startUp } from '#test/scenario/up.ts';

for (const { name, run } of bookinfoCases) onBothDataPlanes(name, (dataPlane) => run((options) => startUp(dataPlane, options), dataPlane));
