// Envoy's request statistics of one HTTP connection manager and of the clusters it sends to, counted from the record of each request.
import type { AccessLog } from '#telemetry/access-log.ts';
import type { AccessRecord } from '#telemetry/access-record.ts';
import type { Cell, Counters } from '#telemetry/counters.ts';

type StatusCells = { readonly total: Cell; readonly classes: readonly Cell[] };

/** An access log that counts, then hands on to `next`. `prefix`: `http.<stat_prefix>`. */
export function countRequests(counters: Counters, prefix: string, next: AccessLog | undefined): AccessLog {
  const downstream = statusCells(counters, `${prefix}.downstream_rq`);
  const clusters = new Map<string, StatusCells>();
  return {
    write: (record) => {
      count(downstream, record);
      if (record.upstreamCluster !== '') {
        let cells = clusters.get(record.upstreamCluster);
        if (cells === undefined) {
          cells = statusCells(counters, `cluster.${record.upstreamCluster}.upstream_rq`);
          clusters.set(record.upstreamCluster, cells);
        }
        count(cells, record);
      }
      next?.write(record);
    },
  };
}

function statusCells(counters: Counters, prefix: string): StatusCells {
  return { total: counters.cell(`${prefix}_total`), classes: [1, 2, 3, 4, 5].map((first) => counters.cell(`${prefix}_${first}xx`)) };
}

function count(cells: StatusCells, record: AccessRecord): void {
  cells.total.value++;
  const cell = cells.classes[Math.floor(record.responseCode / 100) - 1];
  if (cell !== undefined) cell.value++;
}
