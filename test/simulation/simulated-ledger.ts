import type { PutStep, RecordedStep, SlotState, StepDraft } from '../../activities/storage/trajectory-store.ts';
import type { StepLedger } from '../../activities/steps/ports.ts';
import type { Claim } from '../../domain/ledger.ts';
import type { Actor, Scheduler } from './scheduler.ts';

/** The store of one slot, with its conditional writes; `conditional: false` makes it one that ignores their conditions. */
export class SimulatedSlot {
  state: SlotState = { type: 'empty' };
  /** Every record that was ever put, with the process that put it. */
  readonly puts: { readonly step: RecordedStep; readonly by: Actor; readonly atMs: number }[] = [];
  readonly #conditional: boolean;
  #version = 0;

  constructor(conditional: boolean) {
    this.#conditional = conditional;
  }

  /** The store as a process reaches it: each call is done when the scheduler says so, and may go wrong. */
  ledgerOf(scheduler: Scheduler, actor: Actor, faultRate: number): StepLedger {
    const faults = { lostAnswer: faultRate, refused: faultRate };
    return {
      readSlot: () => scheduler.call(actor, () => this.state, { faults }),
      putClaim: (_slot, claim, tag) =>
        scheduler.call(actor, () => this.#putClaim(claim, tag), { faults, survives: true }),
      putStep: (_slot, draft, tag = null) =>
        scheduler.call(actor, () => this.#putStep(draft, tag, { by: actor, atMs: scheduler.nowMs }), {
          faults,
          survives: true,
        }),
    };
  }

  #isAsExpected(tag: string | null): boolean {
    if (!this.#conditional) return true;
    if (tag === null) return this.state.type === 'empty';
    return this.state.type === 'claim' && this.state.tag === tag;
  }

  #putClaim(claim: Claim, tag: string | null): string | null {
    if (!this.#isAsExpected(tag)) return null;
    this.#version += 1;
    this.state = { type: 'claim', claim, tag: String(this.#version) };
    return this.state.tag;
  }

  #putStep(draft: StepDraft, tag: string | null, put: { readonly by: Actor; readonly atMs: number }): PutStep {
    if (!this.#isAsExpected(tag)) return { won: false, standing: this.state };
    const inline = Object.fromEntries(Object.entries(draft.contents).map(([name, text]) => [name, String(text)]));
    const step = { digest: `${put.by.name}@${put.atMs}`, record: { ...draft.record, contents: [] }, inline };
    this.state = { type: 'record', step };
    this.puts.push({ step, ...put });
    return { won: true, step };
  }
}
