import { z } from 'zod';
import { type Limits, limitsSchema, nothingSpent, settle, type Spent, spentSchema } from '../../domain/budget.ts';
import type { HistoryFact } from '../../domain/events.ts';
import { holdSchema } from '../../domain/holds.ts';
import type { RunRef } from '../../domain/ids.ts';
import { tokenUsageSchema } from '../../domain/usage.ts';
import { decodeFirst } from '../events/decode.ts';
import { toHistoryFacts } from '../events/to-history-facts.ts';
import type { EngineEvent, RunEngine } from '../ports.ts';
import type { RunView } from './run-schemas.ts';

/** How far a live run is, from the receipts in its current execution. */
export interface Progress {
  readonly spent: Spent;
  readonly turn: number;
  readonly steps: number;
  readonly phase: RunView['progress']['phase'];
  readonly startedAtMs: number | null;
  readonly end: Extract<HistoryFact, { type: 'ended' }> | null;
  /** Limits as they stand, where people raised them; null while they are those of the manifest. */
  readonly limits: Partial<Limits> | null;
  /** Task queue of each open activity, by its name. */
  readonly queues: ReadonlyMap<string, string>;
}

/** What an execution that continues another was handed; lenient, as an older version may have written it. */
const carriedSchema = z.looseObject({
  carry: z
    .looseObject({
      spent: spentSchema,
      nextSeq: z.int(),
      startedAtMs: z.int(),
      facts: z.looseObject({ limits: limitsSchema }).optional(),
    })
    .nullable(),
});
const inputSchema = z.looseObject({ seq: z.int(), turn: z.int(), purpose: z.string().optional() });
const receiptSchema = z.looseObject({ usage: tokenUsageSchema, costMicroUsd: z.int().nullable() });
const closedSchema = z.looseObject({ model: receiptSchema.nullable(), tool: receiptSchema.nullable() });

const stepActivities: ReadonlySet<string> = new Set(['callModel', 'callTool', 'closeStep', 'recordMessage']);

interface Fold {
  spent: Spent;
  turn: number;
  steps: number;
  startedAtMs: number | null;
  readonly open: Map<number, { readonly activity: string; readonly purpose: string | null; readonly queue: string }>;
  end: Progress['end'];
  hasBegun: boolean;
  limits: Partial<Limits> | null;
}

/** Reads the current execution's history, a few hundred events, and sums it up. */
export async function readProgress(
  engine: RunEngine,
  run: RunRef,
  { executionId, hasPrices }: { readonly executionId: string; readonly hasPrices: boolean },
): Promise<Progress> {
  const free = { inputMicroUsdPerMillion: 0, cachedMicroUsdPerMillion: 0, outputMicroUsdPerMillion: 0 };
  const fold: Fold = {
    spent: nothingSpent(hasPrices ? free : null),
    turn: 0,
    steps: 0,
    startedAtMs: null,
    open: new Map(),
    end: null,
    hasBegun: false,
    limits: null,
  };
  let pageToken: Uint8Array | null = null;
  const { signal } = new AbortController();
  do {
    const page = await engine.readHistory({ run, executionId, pageToken, wait: false, signal });
    for (const event of page.events) takeEvent(fold, event);
    pageToken = page.nextPageToken;
  } while (pageToken !== null);
  const { spent, turn, steps, startedAtMs, end } = fold;
  const queues = new Map([...fold.open.values()].map(({ activity, queue }) => [activity, queue]));
  return { spent, turn, steps, startedAtMs, end, queues, limits: fold.limits, phase: toPhase(fold) };
}

function toPhase(fold: Fold): Progress['phase'] {
  if (fold.end !== null) return 'ended';
  if (!fold.hasBegun) return 'queued';
  const open = [...fold.open.values()];
  if (open.some(({ purpose }) => purpose === 'final')) return 'answering';
  if (open.some(({ activity }) => activity === 'callModel')) return 'thinking';
  return open.some(({ activity }) => activity === 'callTool') ? 'using_tools' : 'deciding';
}

function takeEvent(fold: Fold, event: EngineEvent): void {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started) takeCarry(fold, decodeFirst(started.input));
  const queue = event.activityTaskScheduledEventAttributes?.taskQueue?.name ?? '';
  for (const fact of toHistoryFacts([event])) takeFact(fold, fact, queue);
}

function takeFact(fold: Fold, fact: HistoryFact, queue: string): void {
  if (fact.type === 'activity-scheduled') takeScheduled(fold, fact, queue);
  else if (fact.type === 'activity-completed') takeCompleted(fold, fact);
  else if (fact.type === 'activity-failed') fold.open.delete(fact.scheduledId);
  else if (fact.type === 'ended') fold.end = fact;
  else if (fact.type === 'update-accepted') takeHold(fold, fact.input);
  else if (fact.type === 'started') fold.startedAtMs ??= fact.atMs;
}

function takeCarry(fold: Fold, input: unknown): void {
  const carried = carriedSchema.safeParse(input);
  if (!carried.success || carried.data.carry === null) return;
  const { spent, nextSeq, startedAtMs, facts } = carried.data.carry;
  Object.assign(fold, {
    limits: facts?.limits ?? null,
    spent,
    steps: nextSeq,
    startedAtMs,
    turn: spent.turns,
    hasBegun: true,
  });
}

/** Raised limits, as the run took them. */
function takeHold(fold: Fold, input: unknown): void {
  const hold = holdSchema.safeParse(input);
  if (hold.success && hold.data.type === 'budget') fold.limits = { ...fold.limits, ...toGiven(hold.data.limits) };
}

function toGiven(limits: Readonly<Record<string, unknown>>): Partial<Limits> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

function takeScheduled(fold: Fold, fact: Extract<HistoryFact, { type: 'activity-scheduled' }>, queue: string): void {
  fold.hasBegun = true;
  const input = inputSchema.safeParse(fact.input);
  const purpose = input.success ? (input.data.purpose ?? null) : null;
  fold.open.set(fact.eventId, { activity: fact.activity, purpose, queue });
  if (!input.success) return;
  if (purpose === 'turn') fold.turn = Math.max(fold.turn, input.data.turn);
  if (fact.activity === 'callTool') fold.spent = { ...fold.spent, toolCalls: fold.spent.toolCalls + 1 };
}

function takeCompleted(fold: Fold, fact: Extract<HistoryFact, { type: 'activity-completed' }>): void {
  const activity = fold.open.get(fact.scheduledId)?.activity ?? '';
  fold.open.delete(fact.scheduledId);
  if (!stepActivities.has(activity)) return;
  fold.steps += 1;
  const receipt = activity === 'closeStep' ? toClosedReceipt(fact.result) : receiptSchema.safeParse(fact.result).data;
  if (receipt) fold.spent = settle(fold.spent, receipt);
}

function toClosedReceipt(result: unknown): z.infer<typeof receiptSchema> | null {
  const closed = closedSchema.safeParse(result);
  return closed.success ? (closed.data.model ?? closed.data.tool) : null;
}
