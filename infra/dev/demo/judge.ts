import type { Run } from '../../../cli/api-schemas.ts';
import { toWorkflowId } from '../../../domain/ids.ts';
import { connectClient, loadTemporalConfig } from '../../../workers/compose/temporal.ts';
import type { Stack } from '../stack/stack.ts';
import type { Interruption } from './kill-model.ts';
import { type Records, toRecordedSlot } from './records.ts';
import { readCorpusLog, readModelLog } from './request-logs.ts';
import {
  countInterrupted,
  countRepeated,
  countUnknown,
  type LoggedRequest,
  readStartedAttempts,
  type RecordedSlot,
} from './tally.ts';

/** What a demo has shown; with `--json` the last line of standard output. */
export interface DemoResult {
  readonly outcome: string;
  readonly runId: string;
  readonly stepsRecorded: number;
  /** Requests in the servers' logs whose slot was recorded when they arrived. */
  readonly repeated: number;
  /** Attempts ended by a kill. */
  readonly interruptedAttempts: number;
  /** From SIGKILL to the next request of the same step; null when it cannot be known. */
  readonly resumedMs: number | null;
  readonly answer: string | null;
  readonly sources: readonly { readonly url: string; readonly title: string | null }[];
  readonly costUsd: number | null;
  readonly tokens: number;
  readonly standIn: boolean;
  readonly violations: readonly string[];
  readonly ok: boolean;
}

/** Everything that a demo's result is drawn from. */
export interface DemoEvidence {
  readonly stack: Stack;
  readonly run: Run;
  readonly records: Records;
  readonly interruption: Interruption | null;
  /** The demo's own question with the stand-in: its answer is known. Anybody else may give up honestly. */
  readonly isOwnQuestion: boolean;
}

/** Counts, from the servers' logs, the store and the engine's history, and holds the counts against what is promised. */
export async function judge(evidence: DemoEvidence): Promise<DemoResult> {
  const { stack, run, records, interruption } = evidence;
  const slots = (await records.readAll()).map(toRecordedSlot);
  const requests = await readRequests(stack);
  const repeated = countRepeated(requests, slots);
  const interruptedAttempts = await countFromHistory(stack, run.id);
  const violations = findViolations({ ...evidence, slots, requests, repeated, interruptedAttempts });
  return {
    outcome: run.outcome ?? run.status,
    runId: run.id,
    stepsRecorded: slots.length,
    repeated,
    interruptedAttempts,
    resumedMs: interruption?.resumedMs ?? null,
    answer: run.answer,
    sources: run.sources.map(({ url, title }) => ({ url, title: title ?? null })),
    costUsd: run.cost_usd,
    tokens: (run.usage?.input_tokens ?? 0) + (run.usage?.output_tokens ?? 0),
    standIn: stack.standIn,
    violations,
    ok: violations.length === 0,
  };
}

async function readRequests({ urls }: Stack): Promise<LoggedRequest[]> {
  const model = urls.modelLog === null ? [] : await readModelLog(urls.modelLog);
  const corpus = urls.corpusLog === null ? [] : await readCorpusLog(urls.corpusLog);
  return [...model, ...corpus].map(({ stepKey, at }) => ({ stepKey, atMs: Date.parse(at) }));
}

async function countFromHistory(stack: Stack, publicId: string): Promise<number> {
  const client = connectClient(loadTemporalConfig(stack.temporalEnv));
  try {
    const workflowId = toWorkflowId({ tenant: 'default', runId: publicId.replace(/^rsch_/, '') });
    return countInterrupted(await readStartedAttempts(client, workflowId));
  } finally {
    await client.connection.close();
  }
}

interface Counted extends DemoEvidence {
  readonly slots: readonly RecordedSlot[];
  readonly requests: readonly LoggedRequest[];
  readonly repeated: number;
  readonly interruptedAttempts: number;
}

/** Far above what it takes, and far below the heartbeat time-out that would mend it otherwise. */
const maxResumeMs = 10_000;

/** What is promised, and was not kept. */
function findViolations(counted: Counted): string[] {
  const { stack, run, interruption, slots, repeated, interruptedAttempts, isOwnQuestion } = counted;
  const unknown = countUnknown(counted.requests, slots);
  const rules: readonly (readonly [boolean, string])[] = [
    [run.outcome === null, `the run did not end: its status is ${run.status}`],
    [repeated > 0, `${repeated} requests were sent again though their step was recorded`],
    [unknown > 0, `${unknown} requests belong to no recorded step`],
    [run.progress !== undefined && run.progress.steps !== slots.length, 'the run counts other steps than the store'],
    [interruption === null && isOwnQuestion, 'there was no call to interrupt'],
    [interruption !== null && interruptedAttempts !== 1, `${interruptedAttempts} attempts were interrupted, not 1`],
    [
      interruption !== null && stack.standIn && (interruption.resumedMs ?? Infinity) > maxResumeMs,
      'the interrupted call was not resumed in time',
    ],
    [isOwnQuestion && run.outcome !== 'answered', `the outcome is ${run.outcome ?? 'none'}, not answered`],
    [run.outcome === 'answered' && run.answer === null, 'the run says answered and has no answer'],
    [isOwnQuestion && run.sources.length === 0, 'the answer stands on no source'],
  ];
  return rules.filter(([isBroken]) => isBroken).map(([, rule]) => rule);
}
