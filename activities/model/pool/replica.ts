import type { Choice } from '../../../domain/pool/choose-replica.ts';
import type { ModelPool } from '../../../domain/pool/pool-config.ts';
import {
  afterCall,
  afterProbe,
  type CallEnd,
  type HealthRules,
  isTrialDue,
  type ReplicaHealth,
  type ReplicaState,
  soundHealth,
  stateOf,
} from '../../../domain/pool/replica-health.ts';
import type { ServerLoad } from '../../../domain/pool/server-metrics.ts';
import type { ModelServer, ReplicaAddress, ServerFacts } from './ports.ts';

/** A call that is under way at a replica. */
export interface CallInFlight {
  readonly choice: Choice;
  readonly startedAtMs: number;
  readonly controller: AbortController;
  firstByteAtMs: number | null;
  lastByteAtMs: number;
}

/** Preemptions that were counted within this time mean that the cache is too small for what runs. */
const strainMs = 30_000;

/** A replica as one worker process knows it. */
export class Replica {
  readonly server: ModelServer;
  readonly #rules: HealthRules;
  readonly #calls = new Set<CallInFlight>();
  address: ReplicaAddress;
  facts: ServerFacts | null = null;
  factsAtMs = Number.NEGATIVE_INFINITY;
  load: ServerLoad | null = null;
  /** True while it is tried out. */
  trying = false;
  /** True once it is no longer among the pool's replicas. */
  gone = false;
  #health: ReplicaHealth = soundHealth;
  #silentSinceMs: number | null = null;
  #preemptedAtMs = Number.NEGATIVE_INFINITY;

  constructor(address: ReplicaAddress, server: ModelServer, pool: Pick<ModelPool, 'health' | 'breaker'>) {
    this.address = address;
    this.server = server;
    this.#rules = toHealthRules(pool);
  }

  get id(): string {
    return this.address.id;
  }

  get health(): ReplicaHealth {
    return this.#health;
  }

  state(nowMs: number): ReplicaState {
    return stateOf(this.#health, this.#rules, nowMs);
  }

  isTrialDue(nowMs: number): boolean {
    return isTrialDue(this.#health, nowMs);
  }

  /** Calls of this worker, or all calls that the server tells of, whichever are more. */
  callsNow(): number {
    return Math.max(this.#calls.size, (this.load?.running ?? 0) + (this.load?.waiting ?? 0));
  }

  isStrained(nowMs: number): boolean {
    return nowMs - this.#preemptedAtMs < strainMs || (this.load?.waiting ?? 0) > 0;
  }

  inFlight(): number {
    return this.#calls.size;
  }

  /** Is the model there, as far as the server says? */
  serves(model: string): boolean {
    const models = this.facts?.models ?? [];
    return models.length === 0 || models.some(({ id }) => id === model);
  }

  begin(choice: Choice, nowMs: number): CallInFlight {
    const call = {
      choice,
      startedAtMs: nowMs,
      controller: new AbortController(),
      firstByteAtMs: null,
      lastByteAtMs: nowMs,
    };
    this.#calls.add(call);
    return call;
  }

  end(call: CallInFlight, end: CallEnd, nowMs: number): void {
    this.forget(call);
    this.note(end, nowMs);
  }

  /** Ends a call that says nothing of the replica. */
  forget(call: CallInFlight): void {
    this.#calls.delete(call);
  }

  /** A call's or trial's end, for the breaker. */
  note(end: CallEnd, nowMs: number): void {
    this.#health = afterCall(this.#health, end, { rules: this.#rules, nowMs });
  }

  /** Calls that have heard nothing since the replica stopped to answer its probes; they will hear nothing more. */
  noteProbe(answered: boolean, nowMs: number): readonly CallInFlight[] {
    this.#health = afterProbe(this.#health, answered);
    this.#silentSinceMs = answered ? null : (this.#silentSinceMs ?? nowMs);
    const since = this.#silentSinceMs;
    if (since === null || this.state(nowMs) !== 'down') return [];
    return [...this.#calls].filter(({ lastByteAtMs }) => lastByteAtMs <= since);
  }

  noteFacts(facts: ServerFacts, nowMs: number): void {
    this.facts = facts;
    this.factsAtMs = nowMs;
  }

  noteLoad(load: ServerLoad | null, nowMs: number): void {
    const before = this.load?.preemptions ?? null;
    if (before !== null && (load?.preemptions ?? 0) > before) this.#preemptedAtMs = nowMs;
    this.load = load;
  }
}

export function toHealthRules({ health, breaker }: Pick<ModelPool, 'health' | 'breaker'>): HealthRules {
  return {
    probeFailures: health.failures,
    callFailures: breaker.failures,
    openMs: breaker.openMs,
    maxOpenMs: breaker.maxOpenMs,
  };
}
