import { ApplicationFailure, condition, currentUpdateInfo, defineUpdate, setHandler } from '@temporalio/workflow';
import {
  applyHold,
  type BlockedStep,
  type HeldRun,
  type Hold,
  holdSchema,
  judgeHold,
  type StepDecision,
} from '../domain/holds.ts';
import { type HoldAnswer, holdRefusedType, holdUpdateNames } from './contract.ts';
import { countEvents, noteHeldTime, type RunShell, type WaitingStep } from './run-shell.ts';
import { standingOf, tellStanding } from './status.ts';

/** Lets people take hold of the run. A hold that is refused leaves no trace in the history. */
export function registerHolds(shell: RunShell): void {
  for (const name of holdUpdateNames) {
    setHandler(defineUpdate<HoldAnswer, [Hold]>(name), (hold) => take(shell, hold), {
      validator: (hold) => validate(shell, name, hold),
    });
  }
}

function toHeldRun({ state, waiting, isEnding }: RunShell): HeldRun {
  const pending = state.pending?.calls ?? [];
  return {
    holds: state.holds,
    limits: state.facts.limits,
    pendingSeqs: pending.map((_, index) => state.nextSeq + index),
    blocked: new Map([...waiting].filter(([, step]) => step.decision === null)),
    isEnding,
  };
}

function toUpdateId(): string {
  return currentUpdateInfo()?.id ?? '';
}

/** An update id is known to one execution only; ours remembers it across continue-as-new. */
function isRepeated({ state }: RunShell): boolean {
  return state.holds.updateIds.includes(toUpdateId());
}

function refuse(rule: string, message: string): never {
  throw ApplicationFailure.create({ type: holdRefusedType, message, nonRetryable: true, details: [rule] });
}

function validate(shell: RunShell, name: string, hold: Hold): void {
  const parsed = holdSchema.safeParse(hold);
  if (!parsed.success || parsed.data.type !== name) refuse('invalid', `not a hold of the kind ${name}`);
  if (isRepeated(shell)) return;
  if (name === 'budget' && shell.state.facts.profile === '')
    refuse('starting', 'the run is just starting; try again in a moment');
  const refusal = judgeHold(toHeldRun(shell), hold);
  if (refusal !== null) refuse(refusal.rule, refusal.message);
}

function take(shell: RunShell, hold: Hold): HoldAnswer {
  countEvents(shell, 1);
  if (!isRepeated(shell)) apply(shell, hold);
  return { seq: shell.state.nextSeq, isPaused: shell.state.holds.paused !== null };
}

function apply(shell: RunShell, hold: Hold): void {
  const { holds, limits } = applyHold(toHeldRun(shell), hold, { nowMs: Date.now(), updateId: toUpdateId() });
  shell.state = { ...shell.state, holds, facts: { ...shell.state.facts, limits } };
  const { by, why } = hold;
  if (hold.type === 'step') {
    const step = shell.waiting.get(hold.seq);
    if (step !== undefined) step.decision ??= { by, why, action: hold.action, digest: hold.digest };
  }
  // Whoever asks for the answer now does not want what still waits.
  if (hold.type === 'finalize') skipQuestions(shell, { by, why });
  noteHeldTime(shell);
}

function skipQuestions(shell: RunShell, { by, why }: { readonly by: string; readonly why: string }): void {
  for (const step of shell.waiting.values()) step.decision ??= { by, why, action: 'skip', digest: null };
}

/** The run cannot go on: nobody need answer what its other calls ask. */
export function abandonQuestions(shell: RunShell): void {
  skipQuestions(shell, { by: 'longhaul', why: 'the run cannot go on' });
}

/** What a step waits for. */
interface Question extends BlockedStep {
  readonly seq: number;
  readonly why: string;
}

/** Waits, durably and for as long as it takes, until a person decides of a step. Ends early only by cancellation. */
export async function askPerson(shell: RunShell, { seq, ...asked }: Question): Promise<StepDecision> {
  const waiting: WaitingStep = { ...asked, decision: null };
  shell.waiting.set(seq, waiting);
  noteHeldTime(shell);
  tellStanding(standingOf(shell));
  try {
    await condition(() => waiting.decision !== null);
    return waiting.decision ?? { by: '', why: '', action: 'skip', digest: null };
  } finally {
    shell.waiting.delete(seq);
    noteHeldTime(shell);
    tellStanding(standingOf(shell));
  }
}
