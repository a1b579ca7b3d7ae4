import { z } from 'zod';
import { callFactsSchema } from './facts.ts';
import type { AttemptSettings } from './settings.ts';

/** What a model call is for. */
export const callPurposeSchema = z.enum(['turn', 'final', 'failure-summary']);
export type CallPurpose = z.infer<typeof callPurposeSchema>;

/** Why a record is not, or no longer, part of the history that the model sees. */
export const dropCauseSchema = z.enum([
  /** A try whose reply does not stand. */
  'truncated',
  'repetition',
  'unsupported',
  'failed',
  'empty',
  /** A reply that was taken back, and its results. */
  'malformed',
  'refusal',
  'repeat',
  'bad-result',
  /** The pair that made room for the final answer, by our count or by the server's. */
  'context-full',
  'context-overflow',
  /** The newest observation before the final answer. */
  'popped',
  /** A final answer without a box, tried again. */
  'no-box',
]);
export type DropCause = z.infer<typeof dropCauseSchema>;

/** A record that left the history, by its number. */
export const droppedSchema = z.strictObject({ seq: z.int().min(0), cause: dropCauseSchema });
export type Dropped = z.infer<typeof droppedSchema>;

/** A reply and the records of its results. */
const pairSchema = z.strictObject({ reply: z.int().min(0), results: z.array(z.int().min(0)) });

/** Calls of the last reply that are being made. */
const pendingSchema = z.strictObject({
  reply: z.int().min(0),
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
  calls: z.array(callFactsSchema),
  /** Records of the calls that are done, in order. */
  results: z.array(z.int().min(0)),
  /** Our count of the observations so far. */
  tokens: z.int().min(0),
});

/** What ended the turns. */
export const turnsEndSchema = z.enum([
  'agent',
  'max-turns',
  'max-calls',
  'context-full',
  'context-overflow',
  'stopped',
]);
export type TurnsEnd = z.infer<typeof turnsEndSchema>;

/** How an attempt ended; records are named by their numbers. */
export const attemptEndSchema = z.strictObject({
  answer: z.strictObject({ from: z.enum(['final', 'intermediate']), seq: z.int().min(0) }).nullable(),
  /** The record of the failure summary that the next attempt reads. */
  summary: z.int().min(0).nullable(),
});
export type AttemptEnd = z.infer<typeof attemptEndSchema>;

/**
 * An attempt between two steps: all that its decisions need, and no text.
 *
 * *Contract:* JSON; at most a few tens of KB after 800 model calls. Grows by a hash a call and a number a turn.
 */
export const attemptStateSchema = z.strictObject({
  /** Pass of the loop, from 1. */
  attempt: z.int().min(1),
  /** Number of the attempt's first record. */
  startSeq: z.int().min(0),
  /** Failure summaries that the task is shown with, oldest first. */
  summaries: z.array(z.int().min(0)),
  phase: z.enum(['turns', 'final', 'failure-summary', 'ended']),
  turn: z.int().min(0),
  /** Model calls of turns, rolled back and empty ones included. */
  modelCalls: z.int().min(0),
  /** Rollbacks in a row. */
  rollbacks: z.int().min(0),
  /** The try that comes next. */
  next: z.strictObject({
    number: z.int().min(1),
    maxTokens: z.int().min(1),
    /** What is waited for before it. */
    wait: z.enum(['retry', 'empty-reply']).nullable(),
  }),
  /** Short hashes of calls that were made. */
  seen: z.array(z.string()),
  /** Our counts of the observation messages in the history, oldest first. */
  observations: z.array(z.int().min(0)),
  /** First observation in view at the last call. */
  firstLive: z.int().min(0),
  /** Times that the server refused the next prompt as too long. */
  overflows: z.int().min(0),
  /** The newest pairs of the history: no more than these can leave it. */
  lastPairs: z.array(pairSchema).max(2),
  /** What the history ends with. */
  ending: z.enum(['task', 'reply', 'observation']),
  /** What left the history since the last model record. */
  dropped: z.array(droppedSchema),
  pending: pendingSchema.nullable(),
  /** The last turn's reply with a boxed answer. */
  lastBoxed: z.int().min(0).nullable(),
  turnsEnd: turnsEndSchema.nullable(),
  /** Final answers that were tried. */
  finalTries: z.int().min(0),
  /** A final answer without a box stays in the history, behind the prompt that asked for it. */
  finalReplyStays: z.boolean(),
  end: attemptEndSchema.nullable(),
});
export type AttemptState = z.infer<typeof attemptStateSchema>;

/** An attempt before its first call. */
export function startAttempt(
  settings: Pick<AttemptSettings, 'maxTokens'>,
  begin: Pick<AttemptState, 'attempt' | 'startSeq' | 'summaries'>,
): AttemptState {
  return {
    ...begin,
    phase: 'turns',
    turn: 0,
    modelCalls: 0,
    rollbacks: 0,
    next: { number: 1, maxTokens: settings.maxTokens, wait: null },
    seen: [],
    observations: [],
    firstLive: 0,
    overflows: 0,
    lastPairs: [],
    ending: 'task',
    dropped: [],
    pending: null,
    lastBoxed: null,
    turnsEnd: null,
    finalTries: 0,
    finalReplyStays: false,
    end: null,
  };
}
