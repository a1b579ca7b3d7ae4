import { type HashedPlace, rankPlaces } from './rendezvous.ts';

/** A replica as the choice sees it at one moment. */
export interface ReplicaView extends HashedPlace {
  /** May it be asked now: up, breaker closed, not asked to wait, serves the model? */
  readonly usable: boolean;
  /** Takes no new runs. */
  readonly draining: boolean;
  /** What it carries, in the pool's unit: calls, or tokens of resident runs. */
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
 * `moved` replaces a home that cannot be asked · `relieved` replaces a home that is over its bound.
 */
export type ChoiceReason = 'sticky' | 'first' | 'spilled' | 'moved' | 'relieved';

export interface Choice {
  readonly id: string;
  readonly reason: ChoiceReason;
}

/**
 * Bounded-load rendezvous hashing: the same choice on every worker that has the same view.
 *
 * A run stays where its prefix is for as long as that replica can be asked; a replica that comes back gets only runs that have no
 * prefix elsewhere. Null when no replica can be asked.
 *
 * *Source:* Mirrokni, Thorup and Zadimoghaddam, consistent hashing with bounded loads (arXiv 1608.01350).
 */
export function chooseReplica(replicas: readonly ReplicaView[], placement: Placement): Choice | null {
  const askable = replicas.filter(({ id, usable }) => usable && !placement.exclude.has(id));
  const home = askable.find(({ id }) => id === placement.home);
  const mean = meanLoad(askable, placement.size);
  if (home !== undefined && !isOverwhelmed(home, placement, mean)) return { id: home.id, reason: 'sticky' };
  // A pool that is all draining still answers.
  const open = askable.some(({ draining }) => !draining) ? askable.filter(({ draining }) => !draining) : askable;
  const ranked = rankPlaces(placement.key, open);
  const chosen = ranked.find((replica) => isUnderBound(replica, placement, mean)) ?? leastLoaded(ranked);
  if (chosen === undefined) return null;
  if (home !== undefined) return { id: chosen.id, reason: chosen.id === home.id ? 'sticky' : 'relieved' };
  if (placement.home !== null) return { id: chosen.id, reason: 'moved' };
  return { id: chosen.id, reason: chosen === ranked[0] ? 'first' : 'spilled' };
}

/** Load for one unit of weight, this run included. */
function meanLoad(replicas: readonly ReplicaView[], size: number): number {
  const weight = replicas.reduce((sum, replica) => sum + replica.weight, 0);
  return (replicas.reduce((sum, replica) => sum + replica.load, 0) + size) / weight;
}

function isUnderBound(replica: ReplicaView, { size, spillFactor }: Placement, mean: number): boolean {
  // An empty replica takes a run of any size.
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
