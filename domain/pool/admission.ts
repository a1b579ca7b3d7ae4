/** What admission is decided with. */
export interface AdmissionRules {
  /** Tokens that a run holds at its middle: the room that is set aside for each. */
  readonly expectedRunTokens: number;
  /** Part of the KV cache that is never promised, 0 to 1. */
  readonly reserve: number;
  /** A run without a call for this long no longer holds a cache. */
  readonly idleMs: number;
}

/** What the pool can hold at one moment. */
export interface PoolCapacity {
  /** Tokens of KV cache of the replicas that can be asked, or this worker's share of them; null: not known. */
  readonly kvTokens: number | null;
  /** Calls that they take at once, or this worker's share of them. */
  readonly calls: number;
  /** Is a server holding calls back, or throwing running ones out? Then nobody new is let in. */
  readonly isStrained: boolean;
}

/** A run that holds a cache. */
interface Resident {
  tokens: number;
  replica: string | null;
  lastSeenMs: number;
  callsInFlight: number;
  /** Told to wait for room. */
  parked: boolean;
}

/** What a run may do now. */
export type CallVerdict = 'go' | 'park';

/** A resident run as others see it. */
export interface ResidentView {
  readonly run: string;
  readonly tokens: number;
  readonly replica: string | null;
  readonly parked: boolean;
}

/**
 * Decides how many calls and how many new runs a pool takes, so that the contexts of all running trajectories fit into its KV cache.
 *
 * A trajectory holds its cache while its tools run, so that counting calls is not enough: a pool that takes every run that finds a free
 * place throws out the caches of those that will be back in five seconds, and then computes every context anew.
 *
 * *Contract:* no clock of its own, no I/O; the same calls in the same order give the same decisions.
 */
export interface Admission {
  /** How many further new runs may begin now, with `entering` already on their way. */
  readonly roomForRuns: (capacity: PoolCapacity, entering: number) => number;
  /** How many further calls may begin now, with `taken` already begun or on their way. */
  readonly roomForCalls: (capacity: PoolCapacity, taken: number) => number;
  /** A run wants to make a call: may it, or has it to wait because older runs fill the cache? */
  readonly judgeCall: (capacity: PoolCapacity, call: AdmittedCall) => CallVerdict;
  /** A call of a run began. */
  readonly begin: (call: AdmittedCall) => void;
  /** It ended; `done` when it was the run's last one. */
  readonly end: (call: AdmittedCall & { readonly done: boolean }) => void;
  /** Forgets runs that have been away for long. */
  readonly sweep: (nowMs: number) => void;
  readonly residents: () => readonly ResidentView[];
  /** Tokens set aside on a replica: what its runs hold or will hold. */
  readonly committedTokens: (replica: string) => number;
}

export interface AdmittedCall {
  readonly run: string;
  /** Tokens of its prompt, as far as known: the prompt before it, or an estimate. */
  readonly tokens: number;
  readonly replica: string | null;
  readonly nowMs: number;
}

/** Makes the account of a pool's runs. */
export function createAdmission(rules: AdmissionRules): Admission {
  const residents = new Map<string, Resident>();
  const promised = ({ kvTokens }: PoolCapacity): number => (kvTokens ?? Number.POSITIVE_INFINITY) * (1 - rules.reserve);
  const held = (): number => sumTokens(residents.values());
  return {
    roomForRuns: (capacity, entering) => {
      // Runs that wait for room come before those that have not begun.
      if (capacity.isStrained || hasParked(residents) || held() >= promised(capacity)) return 0;
      const places = promised(capacity) / rules.expectedRunTokens - residents.size;
      return Math.max(0, Math.floor(Math.min(places, capacity.calls)) - entering);
    },
    roomForCalls: (capacity, taken) => Math.max(0, capacity.calls - taken),
    judgeCall: (capacity, call) => {
      const resident = residents.get(call.run);
      const tokens = Math.max(call.tokens, resident?.tokens ?? 0);
      const older = olderTokens(residents, call.run, tokens);
      // The furthest run goes on whatever its size: nobody's end would make room for it.
      const fits = older === 0 || older + tokens <= promised(capacity);
      if (resident !== undefined) resident.parked = !fits;
      return fits ? 'go' : 'park';
    },
    begin: ({ run, tokens, replica, nowMs }) => {
      const known = residents.get(run);
      if (known === undefined) {
        residents.set(run, { tokens, replica, lastSeenMs: nowMs, callsInFlight: 1, parked: false });
        return;
      }
      known.tokens = Math.max(known.tokens, tokens);
      known.replica = replica ?? known.replica;
      known.lastSeenMs = nowMs;
      known.callsInFlight += 1;
      known.parked = false;
    },
    end: ({ run, tokens, replica, nowMs, done }) => {
      const known = residents.get(run);
      if (known === undefined) return;
      known.tokens = tokens;
      known.replica = replica ?? known.replica;
      known.lastSeenMs = nowMs;
      known.callsInFlight -= 1;
      if (done) residents.delete(run);
    },
    sweep: (nowMs) => {
      for (const [run, { lastSeenMs, callsInFlight }] of residents) {
        if (callsInFlight === 0 && nowMs - lastSeenMs >= rules.idleMs) residents.delete(run);
      }
    },
    residents: () => [...residents].map(([run, { tokens, replica, parked }]) => ({ run, tokens, replica, parked })),
    committedTokens: (replica) => {
      let sum = 0;
      for (const resident of residents.values()) {
        if (resident.replica === replica) sum += Math.max(resident.tokens, rules.expectedRunTokens);
      }
      return sum;
    },
  };
}

function sumTokens(residents: Iterable<Resident>): number {
  let sum = 0;
  for (const { tokens } of residents) sum += tokens;
  return sum;
}

function hasParked(residents: ReadonlyMap<string, Resident>): boolean {
  for (const { parked } of residents.values()) if (parked) return true;
  return false;
}

/**
 * Tokens of the runs that come before one of `tokens`: those with more context have made more of their way, free more when they end, and
 * would cost more to compute again. Equal ones are ordered by name, so that every worker orders them alike.
 */
function olderTokens(residents: ReadonlyMap<string, Resident>, run: string, tokens: number): number {
  let sum = 0;
  for (const [other, resident] of residents) {
    if (other === run) continue;
    if (resident.tokens > tokens || (resident.tokens === tokens && other < run)) sum += resident.tokens;
  }
  return sum;
}
