// What `heddle authz check` prints for people: policies, ports with their rules in order, and the verdict about a call.
import type { AuthzReport } from '#app/authz-check.ts';
import type { PortPolicies } from '#app/authz-ports.ts';
import type { Verdict } from '#app/authz-verdict.ts';
import type { Paint } from '#cli/style.ts';

/** Lines without a newline at the end. */
export function authzLines(report: AuthzReport, paint: Paint): string {
  const { workload, proxy, others, policies, ports, verdict } = report;
  const beside = others.length === 0 ? '' : paint.dim(` (and ${others.length} more of that name)`);
  const lines = [`${paint.strong(workload)}, ${proxy === 'router' ? 'a gateway' : 'a sidecar'}${beside}`];
  if (policies.length === 0) lines.push('  no AuthorizationPolicy is for it: everybody is let in');
  for (const { action, policy, provider, dryRun, at } of policies) {
    const more = `${provider === undefined ? '' : ` asks ${provider}`}${dryRun ? ' (dry-run)' : ''}`;
    lines.push(`  ${action.padEnd(6)} ${policy}${more}  ${paint.dim(at)}`);
  }
  if (policies.length > 0) for (const port of ports) lines.push('', ...portLines(port, paint));
  if (verdict !== undefined) lines.push('', ...verdictLines(verdict, paint));
  return lines.join('\n');
}

function portLines({ port, carries, rules }: PortPolicies, paint: Paint): readonly string[] {
  const title = `port ${port}, ${carries === 'http' ? 'HTTP' : 'bytes'}`;
  const permits = rules.some(({ action }) => action === 'ALLOW');
  return [
    paint.strong(title),
    ...rules.map(({ action, policy, rule, inForce, at }, index) => {
      const note = inForce ? '' : paint.warn(' never lets anybody in here: it asks for HTTP');
      return `  ${String(index + 1).padStart(2)}. ${action.padEnd(6)} ${policy} rule ${rule}  ${paint.dim(at)}${note}`;
    }),
    paint.dim(permits ? '  what no ALLOW rule lets in is denied' : '  what is not denied is let in'),
  ];
}

const words = { allowed: 'let in', denied: 'denied', asked: 'let in if the provider agrees', 'not reached': 'not even decided' } as const;

function verdictLines({ call, result, by, because, passedBy }: Verdict, paint: Paint): readonly string[] {
  const colour = result === 'allowed' ? paint.good : result === 'asked' ? paint.warn : paint.bad;
  const rule = by === undefined ? '' : ` by ${by.policy} rule ${by.rule}  ${paint.dim(by.at)}`;
  return [
    `${call}: ${colour(words[result])}${rule}`,
    `  ${because}`,
    ...passedBy.map(({ policy, rule: number, because: missed }) => `  ${paint.dim('not matched:')} ${policy} rule ${number}: ${missed}`),
  ];
}
