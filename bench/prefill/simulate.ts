import { createAdmission, type PoolCapacity } from '../../domain/pool/admission.ts';
import { prefillFlops, type TurnPrompt } from '../../domain/pool/cost-model.ts';
import type { ModelShape } from '../../domain/pool/gpu-facts.ts';
import { placeCall, type ReplicaStanding } from '../../domain/pool/place-call.ts';
import { lcg } from '../../infra/dev/model-server/w600.ts';
import { CachedReplica, type CacheSize } from './cached-replica.ts';

/** What is simulated. */
export interface Fleet {
  readonly replicas: number;
  readonly cache: CacheSize;
  readonly model: ModelShape;
  /** Runs, and the rounds over which their starts are spread. */
  readonly runs: number;
  readonly startRounds: number;
  readonly replyTokens: number;
  /** Tokens at the beginning that all runs share. */
  readonly commonTokens: number;
  readonly seed: number;
}

/** Where a run's turns go: where the pool's own choice puts the run, or anywhere. */
export type Routing = 'affine' | 'random';

/** What all runs together cost. */
export interface PrefillFigures {
  readonly turns: number;
  readonly promptTokens: number;
  readonly prefillTokens: number;
  readonly prefillFlops: number;
  readonly cachedShare: number;
  readonly contextTokens: number;
  /** Blocks that the caches took from conversations. */
  readonly evictedBlocks: number;
  /** Turns that waited for room. */
  readonly parked: number;
}

/** The prompts of a run, turn by turn. */
type Prompts = readonly TurnPrompt[];

interface SimulatedRun {
  readonly id: string;
  readonly startRound: number;
  turn: number;
  home: string | null;
  began: boolean;
}

/** Fisher–Yates: runs take their turns in another order in every round. */
function shuffle<T>(items: T[], random: () => number): T[] {
  for (let index = items.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    const [left, right] = [items[index], items[other]];
    if (left !== undefined && right !== undefined) [items[index], items[other]] = [right, left];
  }
  return items;
}

/**
 * Runs turn by turn over replicas with block caches; who enters and where it goes is decided by the pool's own admission and choice.
 *
 * Time is rounds: in each, every run that has begun makes one call. Caches are exact, GPU time is not simulated here.
 */
export class FleetSimulation {
  readonly #fleet: Fleet;
  readonly #routing: Routing;
  readonly #prompts: Prompts;
  readonly #random: () => number;
  readonly #replicas: readonly CachedReplica[];
  readonly #names: readonly string[];
  readonly #admission;
  readonly #capacity: PoolCapacity;
  readonly #standings: readonly ReplicaStanding[];
  readonly #expectedTokens: number;
  #figures = { turns: 0, promptTokens: 0, prefillTokens: 0, prefillFlops: 0, parked: 0 };

  constructor(fleet: Fleet, prompts: Prompts, routing: Routing) {
    this.#fleet = fleet;
    this.#prompts = prompts;
    this.#routing = routing;
    this.#random = lcg(fleet.seed);
    this.#names = Array.from({ length: fleet.replicas }, (_, index) => `replica-${index}`);
    this.#replicas = this.#names.map(() => new CachedReplica(fleet.cache, fleet.commonTokens));
    this.#expectedTokens = prompts.reduce((sum, prompt) => sum + prompt.promptTokens, 0) / prompts.length;
    this.#admission = createAdmission({ expectedRunTokens: this.#expectedTokens, reserve: 0, idleMs: Infinity });
    const replicas = this.#names.map((id) => ({ id, kvTokens: fleet.cache.tokens }));
    const standing = { weight: 1, usable: true, draining: false, calls: 0, concurrency: fleet.runs };
    this.#standings = replicas.map((replica) => ({ ...standing, ...replica }));
    this.#capacity = { replicas, share: 1, calls: fleet.runs, isStrained: false };
  }

  /** All runs to their end. */
  run(): PrefillFigures {
    const runs = this.#makeRuns();
    for (let round = 0; runs.some(({ turn }) => turn < this.#prompts.length); round += 1) {
      const due = runs.filter(({ startRound, turn }) => startRound <= round && turn < this.#prompts.length);
      for (const run of shuffle(due, this.#random)) this.#takeTurn(run, round);
    }
    const { turns, promptTokens, prefillTokens } = this.#figures;
    return {
      ...this.#figures,
      cachedShare: 1 - prefillTokens / promptTokens,
      contextTokens: promptTokens / turns,
      evictedBlocks: this.#replicas.reduce((sum, { cache }) => sum + cache.evicted, 0),
    };
  }

  #makeRuns(): SimulatedRun[] {
    return Array.from({ length: this.#fleet.runs }, (_, index) => ({
      id: `run-${this.#fleet.seed}-${index}`,
      startRound: Math.floor(this.#random() * this.#fleet.startRounds),
      turn: 0,
      home: null,
      began: false,
    }));
  }

  /** Where the run's next turn goes; null when it has to wait. */
  #choose(run: SimulatedRun, round: number): number | null {
    if (!run.began && this.#admission.roomForRuns(this.#capacity, 0) === 0) return null;
    if (this.#routing === 'random') return Math.floor(this.#random() * this.#replicas.length);
    const tokens = this.#prompts[run.turn]?.promptTokens ?? 0;
    const rules = { expectedRunTokens: this.#expectedTokens, spillFactor: 1.25, moveFactor: 2 };
    const call = { run: run.id, home: run.home, tokens, exclude: new Set<string>() };
    const verdict = placeCall({ admission: this.#admission, rules }, this.#standings, call);
    if (typeof verdict !== 'string') return this.#names.indexOf(verdict.id);
    this.#admission.park(run.id, round);
    return null;
  }

  #takeTurn(run: SimulatedRun, round: number): void {
    const prompt = this.#prompts[run.turn];
    const at = this.#choose(run, round);
    const replica = at === null ? undefined : this.#replicas[at];
    if (prompt === undefined || at === null || replica === undefined) {
      this.#figures.parked += 1;
      return;
    }
    run.home = this.#names[at] ?? null;
    run.began = true;
    run.turn += 1;
    const { replyTokens, model } = this.#fleet;
    const call = { run: run.id, tokens: prompt.promptTokens + replyTokens, replica: run.home, nowMs: round };
    this.#admission.begin(call);
    for (const each of this.#replicas) each.note(run.id, prompt);
    const { hitTokens, freshTokens } = replica.call(run.id, prompt, replyTokens);
    this.#admission.end({ ...call, done: run.turn === this.#prompts.length });
    this.#figures.turns += 1;
    this.#figures.promptTokens += prompt.promptTokens;
    this.#figures.prefillTokens += freshTokens;
    this.#figures.prefillFlops += prefillFlops(model, freshTokens, hitTokens);
  }
}
