// A running mesh as people see it: a table of workloads, and the addresses of its gateway and admin interface.
import Table from 'cli-table3';
import type { MeshState } from '#app/mesh-state.ts';
import type { Paint } from '#cli/style.ts';

const plainBorder = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
};

/** Lines without a newline at the end. */
export function meshTable(state: MeshState, paint: Paint): string {
  const table = new Table({
    head: ['WORKLOAD', 'VERSION', 'READY', 'ADDRESS'].map((title) => paint.dim(title)),
    chars: plainBorder,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const workload of state.workloads) {
    const name = `${workload.name}.${workload.namespace}`;
    table.push([
      paint.strong(name),
      workload.version === '' ? '-' : workload.version,
      readiness(workload, paint),
      workload.address === '' ? '-' : workload.address,
    ]);
  }
  const lines = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  lines.push('');
  if (state.gatewayUrl !== undefined) lines.push(`gateway  ${paint.strong(state.gatewayUrl)}`);
  for (const [index, { protocol, address, port }] of (state.gatewayPorts ?? []).entries()) {
    const title = index === 0 && state.gatewayUrl === undefined ? 'gateway' : '';
    lines.push(`${title.padEnd(9)}${paint.strong(`${protocol}://${address}`)} ${paint.dim(`(port ${port})`)}`);
  }
  if (state.adminUrl !== undefined) lines.push(`admin    ${state.adminUrl}`);
  return lines.join('\n');
}

function readiness({ ready, phase, reason, restarts }: MeshState['workloads'][number], paint: Paint): string {
  const again = restarts === 0 ? '' : ` (restarts: ${restarts})`;
  if (ready) return paint.good('yes') + again;
  if (phase === 'Succeeded') return paint.good('completed');
  if (phase === 'Failed') return paint.bad('failed') + again;
  return paint.bad('no') + again + (reason === '' ? '' : paint.dim(` ${reason}`));
}
