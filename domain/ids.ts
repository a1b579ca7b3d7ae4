import { z } from 'zod';

/** A run's id: a ULID, so that ids sort by time and are safe in paths. */
export const runIdSchema = z
  .string()
  .regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'a run id is a ULID: 26 characters of Crockford base 32');

/** A tenant's name; `default` until keys exist. */
export const tenantSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a tenant is 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit');

/** A SHA-256 in lower-case hex. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, 'a digest is 64 lower-case hex digits');

/** Which run, of which tenant. */
export interface RunRef {
  readonly tenant: string;
  readonly runId: string;
}

/** The workflow id of a run; derived, so that a run can be found without an index. */
export function toWorkflowId(run: RunRef): string {
  return `research/${run.tenant}/${run.runId}`;
}

/** The inverse of {@link toWorkflowId}; null for any other text. */
export function fromWorkflowId(workflowId: string): RunRef | null {
  const [kind, tenant, runId, ...rest] = workflowId.split('/');
  if (kind !== 'research' || rest.length > 0) return null;
  if (!tenantSchema.safeParse(tenant).success || !runIdSchema.safeParse(runId).success) return null;
  return { tenant: tenant ?? '', runId: runId ?? '' };
}
