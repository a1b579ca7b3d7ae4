import { z } from 'zod';
import { type Limits, limitsSchema } from './budget.ts';
import { digestSchema } from './ids.ts';
import { limitHitSchema } from './outcome.ts';

/** Who takes hold of a run, in one line. */
export const actorSchema = z.string().trim().min(1).max(100);

/** Why, in a few words; it is kept with the run for audit. */
export const reasonSchema = z.string().trim().max(300);

/** What every hold carries: who, and why. */
const holder = { by: actorSchema, why: reasonSchema } as const;

/** What a person may do to a step that waits for a decision, or that has not begun while the run is paused. */
export const stepActionSchema = z.enum(['retry', 'skip', 'edit', 'approve', 'deny']);
export type StepAction = z.infer<typeof stepActionSchema>;

/** Steering messages that may wait for the next turn. */
const maxQueuedMessages = 16;

/** Longest steering message, in bytes of UTF-8. */
export const maxMessageBytes = 32 * 1024;

/** Update ids that are remembered across continue-as-new, so that a repeated request is one request. */
const maxRemembered = 64;

/**
 * Every hold that a person has on a live run. Cancel is not among them: it is the engine's own request and needs no worker.
 *
 * Texts (a message, edited arguments) are blobs before they are named here: no text enters the engine's history.
 */
export const holdSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('pause'), ...holder }),
  z.strictObject({ type: z.literal('resume'), ...holder }),
  z.strictObject({ type: z.literal('finalize'), ...holder }),
  z.strictObject({ type: z.literal('steer'), ...holder, digest: digestSchema, tokens: z.int().min(1) }),
  z.strictObject({
    type: z.literal('budget'),
    ...holder,
    limits: limitsSchema.omit({ onExceed: true }).partial(),
  }),
  z.strictObject({
    type: z.literal('step'),
    ...holder,
    seq: z.int().min(0),
    action: stepActionSchema,
    /** The edited arguments; null for every other action. */
    digest: digestSchema.nullable(),
  }),
]);
export type Hold = z.infer<typeof holdSchema>;

/** Why a run stands still until a person does something. */
export const pauseSchema = z.strictObject({
  /** `person` asked for it · `budget`: a limit was reached and the profile pauses there. */
  cause: z.enum(['person', 'budget']),
  ...holder,
  sinceMs: z.int().min(0),
  limitHit: limitHitSchema.nullable(),
});
export type Pause = z.infer<typeof pauseSchema>;

/** A message that the model is shown with its next turn. */
export const queuedMessageSchema = z.strictObject({ ...holder, digest: digestSchema, tokens: z.int().min(1) });
export type QueuedMessage = z.infer<typeof queuedMessageSchema>;

/** What a person decided of a step. */
export const stepDecisionSchema = z.strictObject({
  ...holder,
  action: stepActionSchema,
  digest: digestSchema.nullable(),
});
export type StepDecision = z.infer<typeof stepDecisionSchema>;

/** The holds of a run between two steps; bounded, and carried through continue-as-new. */
export const holdsSchema = z.strictObject({
  paused: pauseSchema.nullable(),
  /** Time that the run has stood still for people, in milliseconds; it does not count against its wall limit. */
  heldMs: z.int().min(0),
  /** Since when it stands still now; null while it goes on. */
  heldSinceMs: z.int().min(0).nullable(),
  messages: z.array(queuedMessageSchema).max(maxQueuedMessages),
  /** Decisions of steps that have not begun, by their slot. */
  decisions: z.record(z.string().regex(/^\d+$/), stepDecisionSchema),
  finalize: z.strictObject(holder).nullable(),
  updateIds: z.array(z.string()).max(maxRemembered),
});
export type Holds = z.infer<typeof holdsSchema>;

/** No hold at all. */
export const noHolds: Holds = {
  paused: null,
  heldMs: 0,
  heldSinceMs: null,
  messages: [],
  decisions: {},
  finalize: null,
  updateIds: [],
};

/** A step that cannot go on without a person. */
export interface BlockedStep {
  readonly kind: 'model' | 'tool';
  /** `failed`: its attempts ran out · `approval`: it may not run before somebody says so. */
  readonly cause: 'failed' | 'approval';
}

/** What a hold is judged against: the run's state, as far as holds need it. */
export interface HeldRun {
  readonly holds: Holds;
  readonly limits: Limits;
  /** Slots of the tool calls that wait to be run, in order. */
  readonly pendingSeqs: readonly number[];
  readonly blocked: ReadonlyMap<number, BlockedStep>;
  /** Is the run in its last call, or past it? */
  readonly isEnding: boolean;
}

/** Why a hold is refused: the rule, and what to do instead. */
export interface Refusal {
  readonly rule: string;
  readonly message: string;
}

const limitNames = ['maxTurns', 'maxToolCalls', 'maxTokens', 'maxWallMs', 'maxCostMicroUsd'] as const;

/**
 * May this hold be taken? Null when it may.
 *
 * Pure, so that a validator refuses before anything is written. What repeats a state that is there already is no error: holds are
 * idempotent.
 */
export function judgeHold(run: HeldRun, hold: Hold): Refusal | null {
  if (hold.type === 'step') return judgeStep(run, hold);
  if (hold.type === 'budget') return judgeBudget(run.limits, hold.limits);
  if (hold.type === 'steer') return judgeSteer(run);
  if (hold.type === 'resume') return judgeResume(run);
  if (hold.type === 'finalize' || !run.isEnding) return null;
  return refuse('run_ending', 'the run is giving its final answer; there is nothing left to pause');
}

function refuse(rule: string, message: string): Refusal {
  return { rule, message };
}

function judgeResume({ holds }: HeldRun): Refusal | null {
  if (holds.paused?.cause !== 'budget') return null;
  return refuse(
    'budget_reached',
    `the run is paused at its limit (${holds.paused.limitHit ?? 'budget'}); raise the budget, finalize or cancel it`,
  );
}

function judgeSteer(run: HeldRun): Refusal | null {
  if (run.isEnding) return refuse('run_ending', 'the run is giving its final answer; fork it to steer it differently');
  if (run.holds.messages.length < maxQueuedMessages) return null;
  return refuse('too_many_messages', `${maxQueuedMessages} messages wait already; the next turn takes them all`);
}

function judgeBudget(limits: Limits, raised: Extract<Hold, { type: 'budget' }>['limits']): Refusal | null {
  const named = limitNames.filter((name) => raised[name] !== undefined);
  if (named.length === 0) return refuse('no_limit', 'name at least one limit to raise');
  for (const name of named) {
    const [now, next] = [limits[name], raised[name] ?? null];
    if (now !== null && next !== null && next < now)
      return refuse('lower', `${name} is ${now} now; a limit is raised, never lowered, while the run goes on`);
  }
  return null;
}

function judgeStep(run: HeldRun, hold: Extract<Hold, { type: 'step' }>): Refusal | null {
  if ((hold.digest !== null) !== (hold.action === 'edit'))
    return refuse('arguments', 'arguments come with edit, and with nothing else');
  const blocked = run.blocked.get(hold.seq);
  if (blocked !== undefined) return judgeBlocked(hold, blocked);
  if (run.holds.decisions[String(hold.seq)] !== undefined) return null;
  const isPending = run.pendingSeqs.includes(hold.seq);
  if (run.holds.paused === null || !isPending) {
    const open = [...run.blocked.keys()].toSorted((left, right) => left - right);
    const waiting = open.length === 0 ? 'no step waits for a decision now' : `steps that wait: ${open.join(', ')}`;
    return refuse(
      'step_not_waiting',
      `step ${hold.seq} does not wait for a decision (${waiting}); pause the run to change its next calls`,
    );
  }
  if (hold.action === 'skip' || hold.action === 'edit') return null;
  return refuse('step_not_begun', `step ${hold.seq} has not begun: skip or edit it, or resume the run`);
}

function judgeBlocked(hold: Extract<Hold, { type: 'step' }>, blocked: BlockedStep): Refusal | null {
  const allowed: readonly StepAction[] =
    blocked.cause === 'approval'
      ? ['approve', 'deny']
      : blocked.kind === 'model'
        ? ['retry']
        : ['retry', 'skip', 'edit'];
  if (allowed.includes(hold.action)) return null;
  const what = blocked.cause === 'approval' ? 'waits for approval' : `is a ${blocked.kind} step whose attempts ran out`;
  return refuse('wrong_action', `step ${hold.seq} ${what}: it takes ${allowed.join(' or ')}`);
}

/** What a hold changes of the state between two steps; a decision of a blocked step changes nothing here. */
export interface HoldEffect {
  readonly holds: Holds;
  readonly limits: Limits;
}

/** Takes a hold that {@link judgeHold} allowed. `nowMs` in milliseconds since the epoch. */
export function applyHold(
  run: HeldRun,
  hold: Hold,
  at: { readonly nowMs: number; readonly updateId: string },
): HoldEffect {
  const updateIds = [...run.holds.updateIds, at.updateId].slice(-maxRemembered);
  const limits = hold.type === 'budget' ? raise(run.limits, hold.limits) : run.limits;
  return { limits, holds: { ...run.holds, ...changeOf(run, hold, at.nowMs), updateIds } };
}

/** The part of the holds that this one changes. */
function changeOf({ holds, blocked }: HeldRun, hold: Hold, nowMs: number): Partial<Holds> {
  const { by, why } = hold;
  if (hold.type === 'pause')
    return { paused: holds.paused ?? { cause: 'person', by, why, sinceMs: nowMs, limitHit: null } };
  if (hold.type === 'resume') return { paused: null };
  if (hold.type === 'finalize') return { paused: null, finalize: holds.finalize ?? { by, why } };
  if (hold.type === 'steer')
    return { messages: [...holds.messages, { by, why, digest: hold.digest, tokens: hold.tokens }] };
  if (hold.type === 'budget') return { paused: holds.paused?.cause === 'budget' ? null : holds.paused };
  if (blocked.has(hold.seq)) return {};
  const { action, digest } = hold;
  return { decisions: { ...holds.decisions, [hold.seq]: { by, why, action, digest } } };
}

function raise(limits: Limits, raised: Extract<Hold, { type: 'budget' }>['limits']): Limits {
  const next: Limits = { ...limits };
  for (const name of limitNames) {
    const value = raised[name];
    if (value !== undefined) Object.assign(next, { [name]: value });
  }
  return next;
}

/**
 * Keeps the time that a run stands still for people: paused, or with a step that waits for a decision.
 *
 * *Contract:* called whenever one of the two may have changed; `nowMs` never goes back.
 */
export function keepHeldTime(holds: Holds, blockedSteps: number, nowMs: number): Holds {
  const isHeld = holds.paused !== null || blockedSteps > 0;
  if (isHeld === (holds.heldSinceMs !== null)) return holds;
  if (isHeld) return { ...holds, heldSinceMs: nowMs };
  return { ...holds, heldSinceMs: null, heldMs: holds.heldMs + Math.max(0, nowMs - (holds.heldSinceMs ?? nowMs)) };
}
