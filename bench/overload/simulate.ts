import { createAdmission, type PoolCapacity } from '../../domain/pool/admission.ts';
import type { RunShape, Serving, TurnPrompt } from '../../domain/pool/cost-model.ts';
import { placeCall, type ReplicaStanding } from '../../domain/pool/place-call.ts';
import { rankPlaces } from '../../domain/pool/rendezvous.ts';
import { Engine, type EngineCall } from './engine.ts';
import { EventQueue } from './event-queue.ts';
import { FairQueue } from './fair-queue.ts';

/** A run that is submitted. */
export interface Arrival {
  readonly id: string;
  readonly tenant: string;
  readonly at: number;
  /** Turns that it has behind it; 0 for all but those under way at the start. */
  readonly turnsDone: number;
}

/** What serves the runs. */
export interface PoolSetup {
  readonly replicas: number;
  readonly kvTokens: number;
  readonly serving: Serving;
  readonly run: RunShape;
  readonly prompts: readonly TurnPrompt[];
  /** How long a tool takes, in seconds. */
  readonly toolSeconds: number;
  /** Until when turns are counted for the goodput. */
  readonly untilSeconds: number;
  /** Tokens that admission expects a run to hold, over the mean of its prompts. */
  readonly expectedShare: number;
  /** Part of the KV cache that admission does not promise. */
  readonly reserve: number;
}

/** `admitted`: runs enter by the pool's admission and wait in the engine's queue · `direct`: every run begins at once. */
export type Dispatch = 'admitted' | 'direct';

/** A run that has ended. */
export interface EndedRun {
  readonly tenant: string;
  readonly id: string;
  readonly submittedAt: number;
  readonly beganAt: number;
  readonly endedAt: number;
}

/** What came of it. */
export interface OverloadFigures {
  readonly ended: readonly EndedRun[];
  /** Turns ended until `untilSeconds`. */
  readonly turns: number;
  readonly preemptions: number;
  readonly parked: number;
  readonly cachedShare: number;
}

interface LiveRun extends Arrival {
  turn: number;
  home: number | null;
  beganAt: number;
}

type SimulatedEvent =
  | { readonly kind: 'arrives'; readonly run: LiveRun }
  | { readonly kind: 'asks'; readonly run: LiveRun }
  | { readonly kind: 'computes'; readonly replica: number; readonly version: number };

/** A run without room asks again after this long, as the worker's does. */
const parkSeconds = 15;

/** Runs over replicas in simulated time; who enters and where calls go is decided by the code that the worker runs. */
export class OverloadSimulation {
  readonly #setup: PoolSetup;
  readonly #dispatch: Dispatch;
  readonly #engines: readonly Engine[];
  readonly #versions: number[];
  readonly #names: readonly string[];
  readonly #events = new EventQueue<SimulatedEvent>();
  readonly #entry = new FairQueue<LiveRun>();
  readonly #live = new Map<string, LiveRun>();
  readonly #admission;
  readonly #capacity: PoolCapacity;
  readonly #rules;
  readonly #ended: EndedRun[] = [];
  #turns = 0;
  #parked = 0;
  #now = 0;

  constructor(setup: PoolSetup, dispatch: Dispatch) {
    this.#setup = setup;
    this.#dispatch = dispatch;
    const { replicas, kvTokens, serving, prompts } = setup;
    this.#names = Array.from({ length: replicas }, (_, index) => `replica-${index}`);
    this.#engines = this.#names.map(() => new Engine(serving, kvTokens));
    this.#versions = this.#names.map(() => 0);
    const meanTokens = prompts.reduce((sum, { promptTokens }) => sum + promptTokens, 0) / prompts.length;
    const expectedRunTokens = meanTokens * setup.expectedShare;
    this.#rules = { expectedRunTokens, spillFactor: 1.25, moveFactor: 2 };
    this.#admission = createAdmission({ expectedRunTokens, reserve: setup.reserve, idleMs: Number.POSITIVE_INFINITY });
    this.#capacity = {
      replicas: this.#names.map((id) => ({ id, kvTokens })),
      share: 1,
      calls: replicas * serving.hardware.maxBatch,
      isStrained: false,
    };
  }

  run(arrivals: readonly Arrival[]): OverloadFigures {
    for (const arrival of arrivals) {
      const run: LiveRun = { ...arrival, turn: arrival.turnsDone, home: null, beganAt: Number.NaN };
      this.#events.add(arrival.at, { kind: 'arrives', run });
    }
    for (let event = this.#events.next(); event !== null; event = this.#events.next()) {
      this.#now = event.at;
      this.#handle(event.value);
    }
    const sum = (field: 'preemptions' | 'prefillTokens' | 'promptTokens'): number =>
      this.#engines.reduce((total, engine) => total + engine[field], 0);
    return {
      ended: this.#ended,
      turns: this.#turns,
      preemptions: sum('preemptions'),
      parked: this.#parked,
      cachedShare: 1 - sum('prefillTokens') / sum('promptTokens'),
    };
  }

  #handle(event: SimulatedEvent): void {
    if (event.kind === 'computes') {
      if (this.#versions[event.replica] === event.version) this.#compute(event.replica);
      return;
    }
    if (event.kind === 'asks') return this.#ask(event.run);
    if (this.#dispatch === 'direct' || event.run.turnsDone > 0) return this.#begin(event.run);
    this.#entry.add(event.run.tenant, event.run);
    this.#letIn();
  }

  /** New runs come in while there is room, in the order of the engine's queue. */
  #letIn(): void {
    while (this.#entry.size > 0 && this.#admission.roomForRuns(this.#capacity, 0) > 0) {
      const run = this.#entry.next();
      if (run !== null) this.#begin(run);
    }
  }

  #begin(run: LiveRun): void {
    run.beganAt = this.#now;
    this.#live.set(run.id, run);
    this.#ask(run);
  }

  #ask(run: LiveRun): void {
    const prompt = this.#setup.prompts[run.turn];
    if (prompt === undefined) return;
    const at = this.#place(run, prompt);
    if (at === null) {
      this.#parked += 1;
      this.#events.add(this.#now + parkSeconds, { kind: 'asks', run });
      return;
    }
    const moved = run.home !== null && run.home !== at;
    run.home = at;
    const { promptTokens } = prompt;
    this.#admission.begin({ run: run.id, tokens: promptTokens, replica: this.#names[at] ?? '', nowMs: this.#now });
    const sharedTokens = moved || run.turn === 0 ? 0 : prompt.sharedTokens;
    const call: EngineCall = { run: run.id, promptTokens, sharedTokens, replyTokens: this.#setup.run.replyTokens };
    const done = this.#engines[at]?.add(call, this.#now) ?? [];
    for (const ended of done) this.#settle(ended, at);
    this.#schedule(at);
  }

  #place(run: LiveRun, { promptTokens: tokens }: TurnPrompt): number | null {
    if (this.#dispatch === 'direct') {
      const first = rankPlaces(
        run.id,
        this.#names.map((id) => ({ id, weight: 1 })),
      )[0];
      return this.#names.indexOf(first?.id ?? '');
    }
    const home = run.home === null ? null : (this.#names[run.home] ?? null);
    const call = { run: run.id, home, tokens, exclude: new Set<string>() };
    const verdict = placeCall({ admission: this.#admission, rules: this.#rules }, this.#standings(), call);
    if (typeof verdict !== 'string') return this.#names.indexOf(verdict.id);
    this.#admission.park(run.id, this.#now);
    return null;
  }

  #standings(): ReplicaStanding[] {
    const { kvTokens, serving } = this.#setup;
    const standing = { weight: 1, usable: true, draining: false, concurrency: serving.hardware.maxBatch, kvTokens };
    return this.#names.map((id, index) => ({ ...standing, id, calls: this.#engines[index]?.running ?? 0 }));
  }

  #compute(replica: number): void {
    const done = this.#engines[replica]?.advance(this.#now) ?? [];
    for (const call of done) this.#settle(call, replica);
    this.#schedule(replica);
  }

  #schedule(replica: number): void {
    const version = (this.#versions[replica] ?? 0) + 1;
    this.#versions[replica] = version;
    const at = this.#engines[replica]?.nextEnd() ?? Number.POSITIVE_INFINITY;
    if (Number.isFinite(at)) this.#events.add(at, { kind: 'computes', replica, version });
  }

  #settle(call: EngineCall, replica: number): void {
    const run = this.#live.get(call.run);
    if (run === undefined) return;
    if (this.#now <= this.#setup.untilSeconds) this.#turns += 1;
    run.turn += 1;
    const isDone = run.turn >= this.#setup.prompts.length;
    const tokens = call.promptTokens + call.replyTokens;
    const name = this.#names[replica] ?? '';
    this.#admission.end({ run: run.id, tokens, replica: name, nowMs: this.#now, done: isDone });
    if (!isDone) {
      this.#events.add(this.#now + this.#setup.toolSeconds, { kind: 'asks', run });
      return;
    }
    this.#live.delete(run.id);
    const { tenant, id, at: submittedAt, beganAt } = run;
    this.#ended.push({ tenant, id, submittedAt, beganAt, endedAt: this.#now });
    this.#letIn();
  }
}
