// What `heddle dns query -f` does: files in, what a name comes to for an app in them out.
import type { NameQuestion, NameReport } from '#admin/client/name-view.ts';
import { readMeshFiles, withReadErrors } from '#app/mesh-files.ts';
import { queryName } from '#app/name-query.ts';
import { failed, type Result } from '#base/result.ts';

/** The error is a sentence, followed by what could not be read. */
export async function queryNameInFiles(question: NameQuestion, paths: readonly string[]): Promise<Result<NameReport, string>> {
  const files = await readMeshFiles(paths);
  const report = queryName(files.mesh, question);
  return report.ok ? report : failed(withReadErrors(report.error, files));
}
