// Rolling restarts in loopback mode.
import { rolloutCases } from '#test/scenario/rollout-cases.ts';
import { onBothDataPlanes, startUp } from '#test/scenario/up.ts';

for (const { name, run } of rolloutCases) onBothDataPlanes(name, (dataPlane) => run((options) => startUp(dataPlane, options), dataPlane));
