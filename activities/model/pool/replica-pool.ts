import { LRUCache } from 'lru-cache';
import type { Message } from '../../../domain/dialects/dialect.ts';
import { AppError } from '../../../domain/errors.ts';
import { type Admission, createAdmission, type PoolCapacity } from '../../../domain/pool/admission.ts';
import type { Choice } from '../../../domain/pool/choose-replica.ts';
import { placeCall, type ReplicaStanding } from '../../../domain/pool/place-call.ts';
import type { ModelPool, ModelPoolName, ServedModel } from '../../../domain/pool/pool-config.ts';
import { findSpoiledMessage } from '../../../domain/pool/prefix.ts';
import { type ReplicaState, readyAtMs } from '../../../domain/pool/replica-health.ts';
import type { PoolObserver } from './observer.ts';
import { createPromptTokens } from './prompt-tokens.ts';
import type { OpenServer, ReplicaDiscovery } from './ports.ts';
import { Replica, toHealthRules } from './replica.ts';

/** What a pool stands on. */
export interface PoolPorts {
  readonly name: ModelPoolName;
  readonly pool: ModelPool;
  readonly discovery: ReplicaDiscovery;
  readonly openServer: OpenServer;
  readonly observer: PoolObserver;
  readonly now: () => number;
}

/** A replica that was chosen for a call. */
export interface Chosen {
  readonly replica: Replica;
  readonly choice: Choice;
  readonly served: ServedModel | null;
}

/** What a call is placed by. */
export interface PlacedCall {
  readonly run: string;
  readonly model: string;
  /** Where the run's prefix is, by its record. */
  readonly home: string | null;
  /** Tokens of its prompt, roughly. */
  readonly tokens: number;
  readonly exclude: ReadonlySet<string>;
}

/** What a server says of itself is asked again after this long, in milliseconds. */
const factsMs = 60_000;

/** Runs whose last prompt is kept, to be compared with the next one. */
const watchedPrompts = 100;

/** Shortest and longest wait before a pool that cannot be asked is asked again, in milliseconds. */
const shortestWaitMs = 1_000;
const longestWaitMs = 30_000;

/** The replicas of one pool: which there are, how they fare, and which is asked next. */
export class ReplicaPool {
  readonly ports: PoolPorts;
  readonly admission: Admission;
  readonly promptTokens = createPromptTokens();
  readonly #replicas = new Map<string, Replica>();
  readonly #places: LRUCache<string, string>;
  readonly #prompts = new LRUCache<string, readonly Message[]>({ max: watchedPrompts });
  readonly #closing = new AbortController();
  #ready: Promise<void> | null = null;

  constructor(ports: PoolPorts) {
    this.ports = ports;
    this.#places = new LRUCache({ max: ports.pool.routing.stickyRuns });
    this.admission = createAdmission(ports.pool.admission);
  }

  get replicas(): readonly Replica[] {
    return [...this.#replicas.values()];
  }

  /** Finds the replicas and looks at each once; later looks come by themselves. Safe to call again. */
  start(): Promise<void> {
    this.#ready ??= this.#begin();
    return this.#ready;
  }

  close(): void {
    this.#closing.abort();
  }

  /** The replica for a call; or that its home has no room for it, or that nobody can be asked. */
  choose({ run, model, home, tokens, exclude }: PlacedCall): Chosen | 'full' | 'nobody' {
    const { models, routing, admission: rules } = this.ports.pool;
    const served = models.find(({ name }) => name === model) ?? null;
    const call = { run, home: home ?? this.placeOf(run), tokens, exclude };
    const standings = this.#standings(served?.served ?? model);
    const verdict = placeCall({ admission: this.admission, rules: { ...routing, ...rules } }, standings, call);
    if (typeof verdict === 'string') return verdict;
    const replica = this.#replicas.get(verdict.id);
    return replica === undefined ? 'nobody' : { replica, choice: verdict, served };
  }

  /** Where a run's prefix is now. */
  placed(run: string, replica: string): void {
    this.#places.set(run, replica);
  }

  placeOf(run: string): string | null {
    return this.#places.get(run) ?? null;
  }

  /** Compares a prompt with the one before it: whatever changed it in the middle costs a prefill at every turn, and must be seen. */
  watchPrompt(run: string, messages: readonly Message[]): void {
    const message = findSpoiledMessage(this.#prompts.get(run) ?? [], messages);
    this.#prompts.set(run, messages);
    if (message !== null) this.ports.observer.spoiled({ run, message });
  }

  /** What this worker may put on the pool now. */
  capacity(): PoolCapacity {
    const { concurrency, admission } = this.ports.pool;
    const nowMs = this.ports.now();
    const usable = this.#usable(nowMs);
    return {
      replicas: usable
        .filter(({ address }) => !address.drain)
        .map((replica) => ({ id: replica.id, kvTokens: this.#kvOf(replica) })),
      share: 1 / admission.workers,
      // One task is always taken, so that a run learns what it waits for.
      calls: Math.max(1, Math.ceil((concurrency * usable.length) / admission.workers)),
      isStrained: usable.length > 0 && usable.every((replica) => replica.isStrained(nowMs)),
    };
  }

  /** The failure for a call that nobody can be asked for now, with when to come again; `first` is what the first one asked has said. */
  toRefusal(model: string, first: AppError | null): AppError {
    const nowMs = this.ports.now();
    const { name, pool } = this.ports;
    const served = pool.models.find((each) => each.name === model)?.served ?? model;
    const up = this.#usable(nowMs);
    if (up.length > 0 && up.every((replica) => !replica.serves(served))) {
      return new AppError('Model.Refused', {
        what: `no replica of pool ${name} serves the model ${served}`,
        mend: 'Compare the names in the pools file with /v1/models of the servers.',
      });
    }
    const rules = toHealthRules(pool);
    const times = this.replicas.map((replica) => readyAtMs(replica.health, rules) ?? nowMs + pool.health.everyMs);
    const waitMs = Math.min(...times, nowMs + longestWaitMs) - nowMs;
    const states = this.replicas.map((replica) => `${replica.id} ${replica.state(nowMs)}`).join(', ');
    return new AppError(first?.type ?? 'Model.Unavailable', {
      what: `no replica of pool ${name} can be asked now (${states === '' ? 'none was found' : states})`,
      retryAfterMs: Math.max(shortestWaitMs, waitMs),
      ...(first === null ? {} : { cause: first }),
    });
  }

  #usable(nowMs: number): Replica[] {
    return this.replicas.filter((replica) => !replica.gone && replica.state(nowMs) === 'up');
  }

  #kvOf(replica: Replica): number | null {
    return this.ports.pool.kv?.tokens ?? replica.load?.kvTokens ?? null;
  }

  #standings(model: string): ReplicaStanding[] {
    const nowMs = this.ports.now();
    return this.replicas.map((replica) => ({
      id: replica.id,
      weight: replica.address.weight,
      usable: !replica.gone && replica.state(nowMs) === 'up' && replica.serves(model),
      draining: replica.address.drain,
      calls: replica.callsNow(),
      concurrency: this.ports.pool.concurrency,
      kvTokens: this.#kvOf(replica),
    }));
  }

  async #begin(): Promise<void> {
    const { discovery, pool } = this.ports;
    await this.refresh();
    await this.look();
    if (discovery.refreshMs !== null) this.#repeat(() => this.refresh(), discovery.refreshMs);
    this.#repeat(() => this.look(), pool.health.everyMs);
  }

  /** Repeats with a pause between the end of one and the start of the next; never keeps the process alive. */
  #repeat(work: () => Promise<void>, everyMs: number): void {
    const again = (): void => {
      const timer = setTimeout(() => {
        if (this.#closing.signal.aborted) return;
        void work().then(again);
      }, everyMs);
      timer.unref();
    };
    again();
  }

  /** Takes up replicas that were added, and lets go of those that are no more. Keeps what it has when nothing can be found out. */
  async refresh(): Promise<void> {
    const { discovery, openServer, pool, observer } = this.ports;
    let found;
    try {
      found = await discovery.find(this.#limit(pool.health.timeoutMs * 3));
    } catch {
      return;
    }
    const ids = new Set(found.map(({ id }) => id));
    for (const address of found) {
      const known = this.#replicas.get(address.id);
      if (known === undefined) this.#replicas.set(address.id, new Replica(address, openServer(address), pool));
      else known.address = address;
    }
    for (const [id, replica] of this.#replicas) {
      if (ids.has(id)) continue;
      replica.gone = true;
      this.#replicas.delete(id);
      observer.changed({ replica: id, state: 'gone' });
    }
  }

  /** Looks at every replica: health, load, and whether a broken one generates again. */
  async look(): Promise<void> {
    this.admission.sweep(this.ports.now());
    await Promise.all(this.replicas.map((replica) => this.#lookAt(replica)));
  }

  async #lookAt(replica: Replica): Promise<void> {
    const { pool, now, observer } = this.ports;
    const before = replica.state(now());
    const answered = await replica.server.probe(this.#limit(pool.health.timeoutMs));
    const silent = replica.noteProbe(answered, now());
    for (const call of silent) call.controller.abort();
    if (answered) await this.#ask(replica, before);
    const state = replica.state(now());
    if (state !== before) observer.changed({ replica: replica.id, state });
  }

  async #ask(replica: Replica, before: ReplicaState): Promise<void> {
    const { pool, now } = this.ports;
    const { server } = replica;
    // A server that was away may have come back as another.
    if (before === 'down' || now() - replica.factsAtMs >= factsMs) {
      const facts = await server.describe(this.#limit(pool.health.timeoutMs)).catch(() => null);
      if (facts !== null) replica.noteFacts(facts, now());
    }
    replica.noteLoad(await server.readLoad(this.#limit(pool.health.timeoutMs)), now());
    if (replica.isTrialDue(now()) && !replica.trying) void this.#tryOut(replica);
  }

  /** One token from a broken replica: no run has to find out whether it works again. */
  async #tryOut(replica: Replica): Promise<void> {
    const { pool, now, observer } = this.ports;
    replica.trying = true;
    const generates = await replica.server.tryOut(this.#limit(pool.timeouts.firstTokenMs));
    replica.trying = false;
    replica.note(generates ? { kind: 'worked' } : { kind: 'broke' }, now());
    if (generates) observer.changed({ replica: replica.id, state: replica.state(now()) });
  }

  #limit(ms: number): AbortSignal {
    return AbortSignal.any([this.#closing.signal, AbortSignal.timeout(ms)]);
  }
}
