import { decodeTime, encodeTime } from 'ulid';
import pLimit from 'p-limit';
import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { outcomeKindSchema, type RunStatus, runStatusSchema } from '../../domain/outcome.ts';
import type { ListedRun, RunEngine } from '../ports.ts';
import {
  fromPublicId,
  type ListedRunView,
  type RunListView,
  toIso,
  toLinks,
  toPublicId,
  toUsd,
} from './run-schemas.ts';

/** Query of a list; the cursor is a run's id, so it stays good while new runs arrive. */
export const listQuerySchema = z.strictObject({
  after: z.string().optional(),
  before: z.string().optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/u, 'a whole number from 1 to 100')
    .transform(Number)
    .pipe(z.int().min(1).max(100))
    .default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  status: runStatusSchema.optional(),
});
export type ListQuery = z.infer<typeof listQuerySchema>;

/** Below every run id. */
const lowestId = '0'.repeat(26);
/** How far ahead of ours the clock of another process of this installation may be. */
const dayMs = 24 * 3_600_000;
/** First guess at a part that the index can give whole. */
const firstWidthMs = 3_600_000;
/** Rows of one question to the index; its own maximum. */
const maxRuns = 1_000;

/** A cursor's run id. @throws AppError `Input.BadCursor` */
function parseCursor(field: 'after' | 'before', cursor: string): string {
  const runId = fromPublicId(cursor);
  if (runId !== null) return runId;
  throw new AppError('Input.BadCursor', {
    field: `/${field}`,
    what: `/${field}: a cursor is the id of a run, such as first_id or last_id of a page`,
    mend: 'Begin again without a cursor.',
  });
}

/**
 * A page of runs from the engine's index, ordered by id, which is by time of submission.
 *
 * The index follows the runs with a short delay, so a run that was submitted just now may be missing; its id finds it at once.
 */
export async function listRuns(
  { engine, tenant, nowMs }: { readonly engine: RunEngine; readonly tenant: string; readonly nowMs: number },
  query: ListQuery,
): Promise<{ readonly runs: readonly ListedRun[]; readonly hasMore: boolean }> {
  const isDescending = query.order === 'desc';
  const after = query.after === undefined ? null : parseCursor('after', query.after);
  const before = query.before === undefined ? null : parseCursor('before', query.before);
  const range = {
    above: (isDescending ? before : after) ?? lowestId,
    below: (isDescending ? after : before) ?? `${encodeTime(nowMs + dayMs, 10)}${'Z'.repeat(16)}`,
  };
  // `before` alone asks for the page that ends there: the nearest ones, shown in the asked order.
  const isBackward = before !== null && after === null;
  const fromTop = isDescending !== isBackward;
  const found = await collect(
    engine,
    { tenant, status: query.status ?? null, ...range },
    { fromTop, enough: query.limit + 1 },
  );
  const page = found.slice(0, query.limit);
  return { runs: isBackward ? page.toReversed() : page, hasMore: found.length > query.limit };
}

interface Range {
  readonly tenant: string;
  readonly status: string | null;
  readonly above: string;
  readonly below: string;
}

/**
 * The first `enough` runs of a range from one of its ends.
 *
 * The index answers in an order of its own, so only a part that it can give whole can be sorted: the part is halved in time until
 * it is small enough, and widened again while walking on.
 */
async function collect(
  engine: RunEngine,
  range: Range,
  { fromTop, enough }: { readonly fromTop: boolean; readonly enough: number },
): Promise<ListedRun[]> {
  const found: ListedRun[] = [];
  let { above, below } = range;
  let widthMs = Number.POSITIVE_INFINITY;
  while (found.length < enough && above < below) {
    const part = toPart({ above, below }, fromTop, widthMs);
    const { runs, complete } = await engine.list({ ...range, ...part, maxRuns });
    const spanMs = spanOf(part);
    if (!complete && spanMs > 1) {
      widthMs = Math.min(Math.ceil(spanMs / 2), Number.isFinite(widthMs) ? widthMs : firstWidthMs);
      continue;
    }
    found.push(...sort(runs, fromTop));
    if (fromTop) below = justAbove(part.above);
    else above = justBelow(part.below);
    if (part.above === range.above && fromTop) break;
    if (part.below === range.below && !fromTop) break;
    widthMs *= 4;
  }
  return found;
}

function sort(runs: readonly ListedRun[], fromTop: boolean): ListedRun[] {
  const ascending = runs.toSorted((left, right) => (left.runId < right.runId ? -1 : 1));
  return fromTop ? ascending.toReversed() : ascending;
}

function timeOf(id: string): number {
  return decodeTime(id);
}

function spanOf({ above, below }: { readonly above: string; readonly below: string }): number {
  return timeOf(below) - timeOf(above);
}

/** The first id of a millisecond. */
function firstOf(ms: number): string {
  return `${encodeTime(ms, 10)}${'0'.repeat(16)}`;
}

/** The part of a range that is at most `widthMs` long, at its top or bottom. */
function toPart(range: { readonly above: string; readonly below: string }, fromTop: boolean, widthMs: number) {
  if (!Number.isFinite(widthMs) || spanOf(range) <= widthMs) return range;
  return fromTop
    ? { above: firstOf(timeOf(range.below) - widthMs), below: range.below }
    : { above: range.above, below: firstOf(timeOf(range.above) + widthMs) };
}

/** Bounds are exclusive: an id at the edge between two parts belongs to the next one. */
function justAbove(id: string): string {
  return `${id.slice(0, 25)}1`;
}

function justBelow(id: string): string {
  return timeOf(id) === 0 ? id : `${encodeTime(timeOf(id) - 1, 10)}${'Z'.repeat(16)}`;
}

const cutOff: Partial<Record<ListedRun['execution'], RunStatus>> = {
  cancelled: 'cancelled',
  failed: 'failed',
  terminated: 'failed',
  timed_out: 'failed',
};

const liveStatuses: ReadonlySet<RunStatus> = new Set(['queued', 'in_progress', 'requires_action', 'paused']);

function toListedStatus(run: ListedRun): RunStatus {
  const told = runStatusSchema.safeParse(run.status).data ?? 'queued';
  const isLive = liveStatuses.has(told);
  return isLive ? (cutOff[run.execution] ?? told) : told;
}

/** A row of a list. */
function viewListed(run: ListedRun): ListedRunView {
  const isLive = run.execution === 'running';
  return {
    id: toPublicId(run.runId),
    object: 'research',
    status: toListedStatus(run),
    outcome: outcomeKindSchema.safeParse(run.outcome).data ?? null,
    input: run.question,
    profile: run.profile,
    cost_usd: toUsd(run.costMicroUsd),
    waiting_for: isLive ? run.waitingFor : null,
    created_at: new Date(timeOf(run.runId)).toISOString(),
    completed_at: toIso(run.closedAtMs),
    links: toLinks(run.runId),
  };
}

/** Live runs of a page that are looked at at once. */
const looksAtOnce = 8;

/** A page as the door shows it; `explain` says why a live run stands still, null when it goes on. */
export async function toRunList(
  page: { readonly runs: readonly ListedRun[]; readonly hasMore: boolean },
  explain: (runId: string) => Promise<string | null>,
): Promise<RunListView> {
  const limit = pLimit(looksAtOnce);
  const data = await Promise.all(
    page.runs.map((run) =>
      limit(async () => {
        const view = viewListed(run);
        const isUntold = run.execution === 'running' && view.waiting_for === null;
        return isUntold ? { ...view, waiting_for: await explain(run.runId) } : view;
      }),
    ),
  );
  const [first, last] = [data.at(0)?.id ?? null, data.at(-1)?.id ?? null];
  return { object: 'list', data, first_id: first, last_id: last, has_more: page.hasMore };
}
