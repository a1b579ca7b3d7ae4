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
  /** The replicas that can be asked, each with the tokens of its KV cache; null: not known. */
  readonly replicas: readonly { readonly id: string; readonly kvTokens: number | null }[];
  /** This worker's part of the pool, 0 to 1: others let runs in, too. */
  readonly share: number;
  /** Calls that the replicas take at once from this worker. */
  readonly calls: number;
  /** Is every server holding calls back, or throwing running ones out? Then nobody new is let in. */
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
  /** Is there room for a run at a replica, among the runs there that are further on than it? Null: its cache's size is not known. */
  readonly fits: (call: Pick<AdmittedCall, 'run' | 'tokens' | 'replica'>, kvTokens: number | null) => boolean;
  /** A run was told to wait until there is room; it asks again every now and then, or it has been given up. */
  readonly park: (run: string, nowMs: number) => void;
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

/** A run that waits for room and has not asked for this long, in milliseconds, has been given up. */
const parkedIdleMs = 60_000;

/** Makes the account of a pool's runs. */
export function createAdmission(rules: AdmissionRules): Admission {
  const residents = new Map<string, Resident>();
  const stepTokens = rules.expectedRunTokens / stepsOfExpected;
  const committedTokens = (replica: string) => sumCommitted(residents, replica, rules.expectedRunTokens);
  /** Runs that still fit at a replica, each with the room that it will come to need. */
  const placesAt = ({ id, kvTokens }: PoolCapacity['replicas'][number]): number => {
    if (kvTokens === null) return Number.POSITIVE_INFINITY;
    const committed = committedTokens(id);
    const places = Math.floor((kvTokens * (1 - rules.reserve) - committed) / rules.expectedRunTokens);
    // An empty replica takes one run, however large runs are.
    return Math.max(committed === 0 ? 1 : 0, places);
  };
  return {
    roomForRuns: (capacity, entering) => {
      // Runs that wait for room come before those that have not begun.
      if (capacity.isStrained || hasParked(residents)) return 0;
      const places = capacity.replicas.reduce((sum, replica) => sum + placesAt(replica), 0);
      return Math.max(0, Math.min(Math.ceil(places * capacity.share), capacity.calls) - entering);
    },
    roomForCalls: (capacity, taken) => Math.max(0, capacity.calls - taken),
    fits: ({ run, tokens, replica }, kvTokens) => {
      if (kvTokens === null || replica === null) return true;
      const held = Math.max(tokens, residents.get(run)?.tokens ?? 0);
      const before = tokensBefore(residents, { run, tokens: held, replica }, stepTokens);
      // The furthest run goes on whatever its size: nobody's end would make room for it.
      return before === 0 || before + held <= kvTokens * (1 - rules.reserve);
    },
    park: (run, nowMs) => {
      const resident = residents.get(run);
      if (resident === undefined) return;
      resident.parked = true;
      resident.lastSeenMs = nowMs;
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
      for (const [run, { lastSeenMs, callsInFlight, parked }] of residents) {
        const limitMs = parked ? Math.min(parkedIdleMs, rules.idleMs) : rules.idleMs;
        if (callsInFlight === 0 && nowMs - lastSeenMs >= limitMs) residents.delete(run);
      }
    },
    residents: () => [...residents].map(([run, { tokens, replica, parked }]) => ({ run, tokens, replica, parked })),
    committedTokens,
  };
}

/** What the runs at a replica hold, or will come to hold. */
function sumCommitted(residents: ReadonlyMap<string, Resident>, replica: string, expectedTokens: number): number {
  let sum = 0;
  for (const resident of residents.values()) {
    if (resident.replica === replica) sum += Math.max(resident.tokens, expectedTokens);
  }
  return sum;
}

function hasParked(residents: ReadonlyMap<string, Resident>): boolean {
  for (const { parked } of residents.values()) if (parked) return true;
  return false;
}

/** Steps of context in which runs are ordered, for a run of the expected size: runs that are nearly as far do not change places all the time. */
const stepsOfExpected = 2;

/**
 * Tokens of the runs at a replica that come before one: those with more context have made more of their way, free more when they end, and
 * would cost more to compute again. Equal ones are ordered by name, so that every worker orders them alike.
 */
function tokensBefore(
  residents: ReadonlyMap<string, Resident>,
  { run, tokens, replica }: { readonly run: string; readonly tokens: number; readonly replica: string },
  stepTokens: number,
): number {
  const step = Math.floor(tokens / stepTokens);
  let sum = 0;
  for (const [other, resident] of residents) {
    if (other === run || resident.replica !== replica) continue;
    const otherStep = Math.floor(resident.tokens / stepTokens);
    if (otherStep > step || (otherStep === step && other < run)) sum += resident.tokens;
  }
  return sum;
}
