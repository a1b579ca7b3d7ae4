import { type HashedPlace, rankPlaces } from './rendezvous.ts';

/** A replica as the choice sees it at one moment. */
export interface ReplicaView extends HashedPlace {
  /** May it be asked now: up, breaker closed, not asked to wait, serves the model? */
  readonly usable: boolean;
  /** Takes no new runs. */
  readonly draining: boolean;
  /** What it carries, in the pool's unit: calls, or tokens of the runs that are there. */
  readonly load: number;
  /** What it carries without making anybody wait, in the same unit. */
  readonly capacity: number;
}

/** What is placed. */
export interface Placement {
  /** Run id: never the text, whose beginning all runs share. */
  readonly key: string;
  /** Where the run's prefix is; null for one that has none. */
  readonly home: string | null;
  /** Is there room for it at home, among the runs that come before it? */
  readonly fitsAtHome: boolean;
  /** What the run adds to a replica's load. */
  readonly size: number;
  /** Replicas that have refused this very call. */
  readonly exclude: ReadonlySet<string>;
  /** A new run goes past a replica over this many times the mean load. */
  readonly spillFactor: number;
  /** A run with a prefix leaves a replica over its capacity and over this many times the mean load. */
  readonly moveFactor: number;
}

/**
 * Why a replica was chosen.
 *
 * `sticky` holds the run's prefix · `first` is the run's own first choice · `spilled` stands for a first choice that is over its bound ·
 * `moved` replaces a home that cannot be asked · `relieved` replaces a home that has no room.
 */
export type ChoiceReason = 'sticky' | 'first' | 'spilled' | 'moved' | 'relieved';

/** A replica for a call. */
export interface Choice {
  readonly id: string;
  readonly reason: ChoiceReason;
}

/** `full`: the run's home has no room for it and nobody else has · `nobody`: no replica can be asked. */
export type Verdict = Choice | 'full' | 'nobody';

/**
 * Bounded-load rendezvous hashing: the same choice on every worker that has the same view.
 *
 * A run stays where its prefix is for as long as that replica can be asked and has room; a replica that comes back gets only runs that
 * have no prefix elsewhere.
 *
 * *Source:* Mirrokni, Thorup and Zadimoghaddam, consistent hashing with bounded loads (arXiv 1608.01350).
 */
export function chooseReplica(replicas: readonly ReplicaView[], placement: Placement): Verdict {
  const askable = replicas.filter(({ id, usable }) => usable && !placement.exclude.has(id));
  const home = askable.find(({ id }) => id === placement.home);
  const mean = meanLoad(askable, placement.size);
  if (home === undefined) return place(askable, placement, mean);
  if (placement.fitsAtHome && !isOverwhelmed(home, placement, mean)) return { id: home.id, reason: 'sticky' };
  const others = askable.filter((replica) => replica !== home && !replica.draining && hasRoom(replica, placement));
  const relief = rankPlaces(placement.key, others)[0];
  if (relief !== undefined) return { id: relief.id, reason: 'relieved' };
  return placement.fitsAtHome ? { id: home.id, reason: 'sticky' } : 'full';
}

/** A place for a run that has none, or whose place cannot be asked. */
function place(askable: readonly ReplicaView[], placement: Placement, mean: number): Verdict {
  // A pool that is all draining still answers.
  const open = askable.some(({ draining }) => !draining) ? askable.filter(({ draining }) => !draining) : askable;
  const ranked = rankPlaces(placement.key, open);
  const roomy = ranked.filter((replica) => hasRoom(replica, placement));
  const chosen =
    roomy.find((replica) => isUnderBound(replica, placement, mean)) ?? leastLoaded(roomy) ?? leastLoaded(ranked);
  if (chosen === undefined) return 'nobody';
  if (placement.home !== null) return { id: chosen.id, reason: 'moved' };
  return { id: chosen.id, reason: chosen === ranked[0] ? 'first' : 'spilled' };
}

/** Load for one unit of weight, this run included. */
function meanLoad(replicas: readonly ReplicaView[], size: number): number {
  const weight = replicas.reduce((sum, replica) => sum + replica.weight, 0);
  return (replicas.reduce((sum, replica) => sum + replica.load, 0) + size) / weight;
}

/** An empty replica takes a run of any size. */
function hasRoom({ load, capacity }: ReplicaView, { size }: Placement): boolean {
  return load === 0 || load + size <= capacity;
}

function isUnderBound(replica: ReplicaView, { size, spillFactor }: Placement, mean: number): boolean {
  return replica.load === 0 || replica.load + size <= Math.max(size, spillFactor * mean * replica.weight);
}

/** Moving costs a cold prefill of the whole context, so that being a little fuller than others is no reason. */
function isOverwhelmed(home: ReplicaView, { moveFactor }: Placement, mean: number): boolean {
  return home.load > home.capacity && home.load > moveFactor * mean * home.weight;
}

function leastLoaded(ranked: readonly ReplicaView[]): ReplicaView | undefined {
  return ranked.reduce<ReplicaView | undefined>(
    (best, replica) => (best === undefined || replica.load / replica.weight < best.load / best.weight ? replica : best),
    undefined,
  );
}
