import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Carry } from '../domain/carry.ts';
import type { RunStatus } from '../domain/outcome.ts';
import { searchAttributes } from './search-attributes.ts';
import type { RunShell } from './run-shell.ts';

/** Longest text of the index, in UTF-16 units; SQL stores allow 255. */
const maxWaitingChars = 200;

/** How a run stands, for the live index. */
export interface Standing {
  readonly status: RunStatus;
  /** What a person has to do; null while the run goes on. */
  readonly waitingFor: string | null;
}

/** How the run stands now: it waits for a step's decision, is paused, or goes on. */
export function standingOf({ state, waiting }: RunShell): Standing {
  for (const [seq, step] of waiting) {
    if (step.decision !== null) continue;
    const reason = step.cause === 'approval' ? 'approval' : 'decision';
    return { status: 'requires_action', waitingFor: `${reason} of step ${seq}: ${step.why}` };
  }
  const { paused } = state.holds;
  if (paused === null) return { status: 'in_progress', waitingFor: null };
  const who = paused.cause === 'budget' ? `budget: ${paused.why}` : `paused by ${paused.by}`;
  const why = paused.cause === 'budget' || paused.why === '' ? '' : `: ${paused.why}`;
  return { status: 'paused', waitingFor: `${who}${why}` };
}

/** Tells the live index; seldom, as each time is an event of the history. */
export function tellStanding({ status, waitingFor }: Standing): void {
  upsertSearchAttributes([
    { key: searchAttributes.status, value: status },
    { key: searchAttributes.waitingFor, value: waitingFor?.slice(0, maxWaitingChars).toWellFormed() ?? null },
  ]);
}

/** What the engine's own page shows of a live run; costs no event. */
export function describe(state: Carry): void {
  const { turns, toolCalls, inputTokens, outputTokens } = state.spent;
  setCurrentDetails(
    `**${state.facts.question}**\n\nturn ${turns} · ${toolCalls} tool calls · ${inputTokens + outputTokens} tokens · step ${state.nextSeq}`,
  );
}

/** The cost so far as an attribute; none while a price is unknown. */
export function costAttribute(state: Carry) {
  const { costMicroUsd } = state.spent;
  return costMicroUsd === null ? [] : [{ key: searchAttributes.costMicroUsd, value: costMicroUsd }];
}
