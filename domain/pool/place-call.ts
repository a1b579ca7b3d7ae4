import type { Admission } from './admission.ts';
import { chooseReplica, type Verdict } from './choose-replica.ts';

/** A replica as it stands before a call is placed. */
export interface ReplicaStanding {
  readonly id: string;
  /** Share of new runs, relative to the others. */
  readonly weight: number;
  /** May it be asked now? */
  readonly usable: boolean;
  /** Takes no new runs. */
  readonly draining: boolean;
  /** Calls that it has. */
  readonly calls: number;
  /** Calls that it takes at once. */
  readonly concurrency: number;
  /** Tokens of its KV cache; null: not known. */
  readonly kvTokens: number | null;
}

/** How calls are placed. */
export interface PlacementRules {
  readonly expectedRunTokens: number;
  readonly spillFactor: number;
  readonly moveFactor: number;
}

/** A call to be placed. */
export interface CallToPlace {
  readonly run: string;
  /** Where its prefix is; null for a run that has none. */
  readonly home: string | null;
  /** Tokens of its prompt, roughly. */
  readonly tokens: number;
  /** Replicas that have refused it. */
  readonly exclude: ReadonlySet<string>;
}

/**
 * Where a call goes: the pool's account of its runs and the choice of a replica, put together. Pure but for reading `admission`.
 *
 * Where the sizes of all caches are known, replicas carry tokens, and each run is judged by its own; else they carry calls.
 */
export function placeCall(
  { admission, rules }: { readonly admission: Admission; readonly rules: PlacementRules },
  replicas: readonly ReplicaStanding[],
  { run, home, tokens, exclude }: CallToPlace,
): Verdict {
  const byTokens = replicas.length > 0 && replicas.every(({ kvTokens }) => kvTokens !== null);
  const views = replicas.map(({ id, weight, usable, draining, calls, concurrency, kvTokens }) => ({
    id,
    weight,
    usable,
    draining,
    load: byTokens ? admission.committedTokens(id) : calls,
    capacity: byTokens ? (kvTokens ?? 0) : concurrency,
  }));
  const atHome = replicas.find(({ id }) => id === home);
  return chooseReplica(views, {
    key: run,
    home,
    fitsAtHome: admission.fits({ run, tokens, replica: home }, atHome?.kvTokens ?? null),
    size: byTokens ? Math.max(tokens, rules.expectedRunTokens) : 1,
    exclude,
    spillFactor: rules.spillFactor,
    // Tokens are judged run by run, which is exact; calls only by how many there are.
    moveFactor: byTokens ? Number.POSITIVE_INFINITY : rules.moveFactor,
  });
}
