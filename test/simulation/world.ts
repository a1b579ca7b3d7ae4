import { fillSlot } from '../../activities/steps/fill-slot.ts';
import { performStep, type StepBody, type StepPlan, type StepWork } from '../../activities/steps/perform-step.ts';
import type { StepLedger, StepPorts } from '../../activities/steps/ports.ts';
import type { RecordedStep, StepDraft } from '../../activities/storage/trajectory-store.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { type LedgerRules, ledgerRules } from '../../domain/ledger.ts';
import { type Effect, effectSchema } from '../../domain/tools.ts';
import { noUsage } from '../../domain/usage.ts';
import { createRandom, type Random } from '../support/random.ts';
import { type Actor, Scheduler } from './scheduler.ts';
import { SimulatedSlot } from './simulated-ledger.ts';

/** What is taken away from the protocol, to see that it is missed. */
export interface Sabotage {
  readonly rules?: Partial<LedgerRules>;
  /** A store that ignores the conditions of writes. */
  readonly ignoresConditions?: boolean;
  /** A ledger between the protocol and the store. */
  readonly ledger?: (ledger: StepLedger) => StepLedger;
}

/** What a seed came to. */
export interface SimulationResult {
  readonly violations: readonly string[];
  readonly crashes: number;
  readonly freezes: number;
  readonly closings: number;
  readonly resets: number;
}

/** One delivery of the step to a worker. */
interface Delivery {
  readonly actor: Actor;
  readonly number: number;
  readonly requestDigest: string;
  /** Was the slot recorded before the delivery was made? */
  readonly cameLate: boolean;
  /** Was it made while an earlier one was alive and had not been frozen: after a reset of the engine? */
  readonly isReset: boolean;
  /** Place of its call among all calls; null until one has left. */
  begun: number | null;
  isDone: boolean;
}

const slot = { tenant: 'default', runId: '01J9ZX5T3QW8RN6Y7BCDEFGHJK', seq: 0 };
const asked = 'a'.repeat(64);
const askedOtherwise = 'b'.repeat(64);

/** Time after which the engine gives the step of a silent worker to another one. Source: `heartbeatTimeout` of the pools. */
const heartbeatMs = 25_000;
const maxSteps = 3_000;

function aWork(text: string, failure: StepWork['failure'] = null): StepWork {
  const status = failure === null ? 'ok' : 'failed';
  const base = { usage: noUsage, costMicroUsd: 0, model: null, tool: null, hold: null, contentTokens: 1 };
  return { ...base, status, failure, contents: { observation: text } };
}

/**
 * One step, the engine that delivers it, the workers that perform it with the real protocol, and everything that goes wrong: crashes at
 * every wait, frozen processes that wake, lost answers of the store, closings, resets, another request for the same slot.
 */
export class World {
  readonly violations: string[] = [];
  readonly effect: Effect;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #sabotage: Sabotage;
  readonly #slot: SimulatedSlot;
  readonly #deliveries: Delivery[] = [];
  readonly #faultRate: number;
  /** Faults that may still come; after them the step must end. */
  #faultsLeft: number;
  #result: RecordedStep | null = null;
  #isClosing = false;
  #diverged = false;
  #steps = 0;
  #begins = 0;
  /** Effects in the world by step key, and calls in all. */
  readonly #effects = new Map<string, number>();
  #calls = 0;
  #crashes = 0;
  #freezes = 0;
  #closings = 0;
  #resets = 0;

  constructor(seed: number, sabotage: Sabotage) {
    this.#random = createRandom(seed);
    this.#scheduler = new Scheduler(this.#random);
    this.#sabotage = sabotage;
    this.effect = this.#random.pick(effectSchema.options);
    this.#faultRate = this.#random.pick([0, 0, 0.05, 0.2]);
    this.#faultsLeft = this.#random.between(0, 8);
    this.#slot = new SimulatedSlot(sabotage.ignoresConditions !== true);
    this.#deliver(1, asked, false);
  }

  get result(): SimulationResult {
    return {
      violations: this.violations,
      crashes: this.#crashes,
      freezes: this.#freezes,
      closings: this.#closings,
      resets: this.#resets,
    };
  }

  /** Lets one thing happen; true when the world has come to its end. */
  step(): boolean {
    this.#steps += 1;
    if (this.#steps > maxSteps) {
      this.#violate('the step never ended');
      return true;
    }
    if (this.#faultsLeft > 0 && this.#random.chance(0.12)) this.#disturb();
    else if (!this.#scheduler.performOne() && !this.#scheduler.advance()) this.#wake();
    this.#dispatch();
    return this.#isOver();
  }

  #violate(what: string): void {
    this.violations.push(`${what} (${this.effect})`);
  }

  get #isRecorded(): boolean {
    return this.#slot.state.type === 'record';
  }

  #current(): Delivery {
    const last = this.#deliveries.at(-1);
    if (last === undefined) throw new Error('nothing was delivered');
    return last;
  }

  #isOver(): boolean {
    const isQuiet = this.#deliveries.every(({ actor, isDone }) => isDone || actor.state === 'gone');
    if (this.#result === null || !isQuiet || this.#isClosing || this.#scheduler.operations.length > 0) return false;
    this.#judgeEnd();
    return true;
  }

  /** Something goes wrong. */
  #disturb(): void {
    this.#faultsLeft -= 1;
    const { actor, isDone } = this.#random.pick(this.#deliveries);
    const kind = this.#random.between(0, 9);
    if (kind <= 3) return isDone ? undefined : this.#crash(actor);
    if (kind <= 6) return isDone ? undefined : this.#freeze(actor);
    if (kind === 7) return this.#close();
    if (kind === 8) return this.#reset();
    this.#diverge();
  }

  #crash(actor: Actor): void {
    if (actor.state === 'gone') return;
    this.#crashes += 1;
    this.#scheduler.kill(actor);
  }

  #freeze(actor: Actor): void {
    if (actor.state !== 'running') return;
    this.#freezes += 1;
    actor.state = 'frozen';
    actor.frozenAtMs = this.#scheduler.nowMs;
  }

  /** Nothing else can happen: time passes over the frozen, and they wake or die. */
  #wake(): void {
    const frozen = this.#deliveries.filter(({ actor }) => actor.state === 'frozen');
    const [first] = frozen;
    if (first === undefined) return;
    this.#scheduler.nowMs = Math.max(this.#scheduler.nowMs, first.actor.frozenAtMs + heartbeatMs + 1);
    const isSuperseded = this.#current() !== first;
    if (isSuperseded || this.#random.chance(0.3)) this.#random.pick(frozen).actor.state = 'running';
  }

  /** The engine gives the step out again when its worker died, failed, or was silent for too long. */
  #dispatch(): void {
    if (this.#result !== null) return;
    const { actor, isDone, number, requestDigest } = this.#current();
    const isSilent = actor.state === 'frozen' && this.#scheduler.nowMs - actor.frozenAtMs > heartbeatMs;
    if (isDone || actor.state === 'gone' || isSilent) this.#deliver(number + 1, requestDigest, false);
  }

  /** The engine goes back in time: the step is given out as if for the first time, and nobody stops who works on it. */
  #reset(): void {
    if (this.#result === null && !this.#isRecorded) return;
    this.#resets += 1;
    this.#result = null;
    this.#deliver(1, asked, true);
  }

  /** Code that was changed under a live run asks for something else at the same slot. */
  #diverge(): void {
    if (!this.#isRecorded || this.#diverged || this.#result === null) return;
    this.#diverged = true;
    this.#deliver(1, askedOtherwise, true);
  }

  #deliver(number: number, requestDigest: string, isReset: boolean): void {
    const actor: Actor = { name: `worker-${this.#deliveries.length}`, state: 'running', frozenAtMs: 0 };
    const delivery: Delivery = {
      actor,
      number,
      requestDigest,
      cameLate: this.#isRecorded,
      isReset,
      begun: null,
      isDone: false,
    };
    this.#deliveries.push(delivery);
    void this.#attempt(delivery);
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { actor, requestDigest } = delivery;
    try {
      const plan: StepPlan = { slot, kind: 'tool', turn: 1, requestDigest, effect: this.effect };
      const recorded = await performStep(this.#portsOf(delivery), plan, this.#bodyOf(delivery));
      delivery.isDone = true;
      this.#takeResult(delivery, recorded);
    } catch (error) {
      delivery.isDone = true;
      this.#takeFailure(delivery, error);
    }
    if (actor.state === 'running' && this.#faultsLeft > 0 && this.#random.chance(0.1)) {
      // The worker dies after its record, before the engine hears of it.
      this.#faultsLeft -= 1;
      this.#crash(actor);
    }
  }

  #takeResult({ actor, requestDigest }: Delivery, recorded: RecordedStep): void {
    if (actor.state === 'gone') return;
    const standing = this.#slot.state;
    if (standing.type !== 'record' || standing.step.digest !== recorded.digest)
      this.#violate('a result that is not the record');
    const isForAnother = recorded.record.requestDigest !== null && recorded.record.requestDigest !== requestDigest;
    if (isForAnother) this.#violate('the answer to another request was taken');
    if (this.#random.chance(0.9)) this.#result ??= recorded;
  }

  #takeFailure({ requestDigest, actor }: Delivery, error: unknown): void {
    const { type } = toAppError(error);
    if (type === 'Internal.Bug') this.#violate(`a bug: ${String(error)}`);
    if (type === 'Ledger.ReplayDivergence' && requestDigest === asked && !this.#diverged)
      this.#violate('a divergence that is none');
    // A code that asks otherwise ends there, and the run's own code goes on.
    if (requestDigest === askedOtherwise && actor.state !== 'gone' && this.#isRecorded && this.#result === null)
      this.#deliver(1, asked, true);
  }

  #portsOf({ actor, number }: Delivery): StepPorts {
    const base = this.#slot.ledgerOf(this.#scheduler, actor, this.#faultRate);
    let nonces = 0;
    return {
      ledger: this.#sabotage.ledger?.(base) ?? base,
      clock: this.#scheduler.clockOf(actor),
      holder: {
        name: actor.name,
        newNonce: () => `${actor.name}#${(nonces += 1)}`,
        isGone: async (name) =>
          this.#deliveries.some((other) => other.actor.name === name && other.actor.state === 'gone'),
      },
      scope: {
        signal: new AbortController().signal,
        delivery: number,
        isLastFault: false,
        reportWaiting: () => {},
      },
      rules: { ...ledgerRules, ...this.#sabotage.rules },
    };
  }

  #bodyOf(delivery: Delivery): StepBody {
    const { actor } = delivery;
    return {
      work: async ({ stepKey, begin, signal }) => {
        await this.#scheduler.call(actor, () => {});
        begin();
        this.#judgeBegin(delivery);
        await this.#scheduler.call(actor, () => this.#takeEffect(stepKey), { survives: true });
        if (this.#random.chance(0.3))
          await this.#scheduler.clockOf(actor).sleep(this.#random.between(1, 40_000), signal);
        if (this.#random.chance(0.1)) throw new AppError('Tool.Unavailable', { what: 'simulated' });
        return aWork(actor.name);
      },
      ...(this.effect === 'unkeyed'
        ? { unknown: () => aWork('unknown', { type: 'Tool.OutcomeUnknown', message: '' }) }
        : {}),
    };
  }

  #takeEffect(stepKey: string): void {
    this.#effects.set(stepKey, (this.#effects.get(stepKey) ?? 0) + 1);
    this.#calls += 1;
  }

  /** A call leaves a process. */
  #judgeBegin(delivery: Delivery): void {
    delivery.begun = this.#begins++;
    if (delivery.cameLate) this.#violate('a recorded step was called again');
    const isOrdinary = this.#resets === 0 && !this.#isClosing && this.#closings === 0 && !this.#diverged;
    if (this.#isRecorded && isOrdinary) this.#violate('a call left after the record stood');
  }

  /** Somebody ends the step without a result of its own: its time is up, or the run is cancelled. */
  #close(): void {
    if (this.#isClosing || this.#result !== null) return;
    this.#closings += 1;
    this.#isClosing = true;
    const actor: Actor = { name: `closer-${this.#closings}`, state: 'running', frozenAtMs: 0 };
    void this.#fill(actor);
  }

  async #fill(actor: Actor): Promise<void> {
    const base = this.#slot.ledgerOf(this.#scheduler, actor, this.#faultRate);
    const ledger = this.#sabotage.ledger?.(base) ?? base;
    for (;;) {
      try {
        const filled = await fillSlot(ledger, slot, (wasCalled) => toClosing(wasCalled));
        const standing = this.#slot.state;
        if (standing.type !== 'record' || standing.step.digest !== filled.digest)
          this.#violate('a closing that is not the record');
        this.#result ??= filled;
        break;
      } catch {
        // The store is away: tried again, as the engine would.
      }
    }
    this.#isClosing = false;
  }

  #judgeEnd(): void {
    const { puts, state } = this.#slot;
    if (new Set(puts.map(({ step }) => step.digest)).size > 1) this.#violate('a record was changed');
    if (state.type !== 'record') return this.#violate('the slot has no record at the end');
    this.#judgeWriter(puts);
    this.#judgeEffects(state.step);
  }

  /** A worker writes nothing once another one has begun the step after it. */
  #judgeWriter(puts: SimulatedSlot['puts']): void {
    if (this.#resets > 0 || this.#diverged) return;
    for (const { by } of puts) {
      const writer = this.#deliveries.find(({ actor }) => actor === by)?.begun ?? null;
      if (writer !== null && this.#deliveries.some(({ begun }) => begun !== null && begun > writer))
        this.#violate('a worker that was superseded wrote the record');
    }
  }

  #judgeEffects({ record }: RecordedStep): void {
    if (this.effect === 'keyed' && this.#effects.size > 1) this.#violate('the step had more than one key');
    if (this.effect !== 'unkeyed') return;
    if (this.#calls > 1) this.#violate('a call that may happen once was made again');
    const isKnown = record.status === 'ok' || record.failure?.type === 'Tool.OutcomeUnknown';
    if (this.#calls === 1 && !isKnown) this.#violate('a call was made, and its record says otherwise');
    if (this.#calls === 0 && record.status === 'ok') this.#violate('a call that never was has a result');
  }
}

function toClosing(wasCalled: boolean): StepDraft {
  const failure = wasCalled ? { type: 'Tool.OutcomeUnknown', message: '' } : { type: 'Step.TimedOut', message: '' };
  const { contents, ...work } = aWork('closed', failure);
  const record: StepDraft['record'] = {
    schemaVersion: 1,
    runId: slot.runId,
    seq: slot.seq,
    kind: 'tool',
    turn: 1,
    attempt: 1,
    requestDigest: null,
    effect: 'read',
    startedAtMs: 0,
    endedAtMs: 0,
    delivery: 1,
    ...work,
  };
  return { record, contents };
}
