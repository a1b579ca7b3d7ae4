/** How a call at a replica ended, as far as the replica is concerned. */
export type CallEnd =
  /** It generated a reply, or refused a request that was wrong: it works. */
  | { readonly kind: 'worked' }
  /** It asked to wait (503, 429), or did not say for how long. */
  | { readonly kind: 'refused'; readonly waitMs: number | null }
  /** It broke: no connection, a cut or silent stream, a server error. */
  | { readonly kind: 'broke' };

/** When probes and calls take a replica out of service. */
export interface HealthRules {
  /** Probes that fail in a row before it is down. */
  readonly probeFailures: number;
  /** Calls that break in a row before its breaker opens. */
  readonly callFailures: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** What is known of a replica's health; two kinds of evidence, since a server that answers its probe may still generate nothing. */
export interface ReplicaHealth {
  readonly failedProbes: number;
  readonly failedCalls: number;
  /** Null: the breaker is closed. Past: a trial is due, and only its success closes the breaker. */
  readonly openUntilMs: number | null;
  /** The next pause after a failed trial. */
  readonly nextOpenMs: number;
  /** Until when it asked not to be asked; 0 when it did not. */
  readonly waitUntilMs: number;
}

/** Without evidence a replica is taken to be well. */
export const soundHealth: ReplicaHealth = {
  failedProbes: 0,
  failedCalls: 0,
  openUntilMs: null,
  nextOpenMs: 0,
  waitUntilMs: 0,
};

/** Shortest wait after a refusal that names none, in milliseconds. */
const unhintedWaitMs = 1_000;

/** A server's hint is believed up to this, in milliseconds. */
const maxHintMs = 5 * 60_000;

/** Health after a probe. A probe says nothing about generation, so that it never closes the breaker. */
export function afterProbe(health: ReplicaHealth, answered: boolean): ReplicaHealth {
  return { ...health, failedProbes: answered ? 0 : health.failedProbes + 1 };
}

/** Health after a call, or after a trial of a replica whose breaker is open. */
export function afterCall(
  health: ReplicaHealth,
  end: CallEnd,
  { rules, nowMs }: { readonly rules: HealthRules; readonly nowMs: number },
): ReplicaHealth {
  if (end.kind === 'worked') {
    return { ...health, failedCalls: 0, openUntilMs: null, nextOpenMs: 0, waitUntilMs: 0 };
  }
  if (end.kind === 'refused') {
    const waitMs = Math.min(end.waitMs ?? unhintedWaitMs, maxHintMs);
    return { ...health, waitUntilMs: Math.max(health.waitUntilMs, nowMs + waitMs) };
  }
  const failedCalls = health.failedCalls + 1;
  if (health.openUntilMs === null && failedCalls < rules.callFailures) return { ...health, failedCalls };
  // Calls that were under way when the breaker opened say nothing new.
  if (health.openUntilMs !== null && nowMs < health.openUntilMs) return { ...health, failedCalls };
  const pauseMs = Math.min(Math.max(health.nextOpenMs, rules.openMs), rules.maxOpenMs);
  return { ...health, failedCalls, openUntilMs: nowMs + pauseMs, nextOpenMs: pauseMs * 2 };
}

export type ReplicaState = 'up' | 'down' | 'broken' | 'waiting';

/** What a replica's health means for the next call: only `up` is asked. */
export function stateOf(health: ReplicaHealth, rules: HealthRules, nowMs: number): ReplicaState {
  if (health.failedProbes >= rules.probeFailures) return 'down';
  if (health.openUntilMs !== null) return 'broken';
  return nowMs < health.waitUntilMs ? 'waiting' : 'up';
}

/** Is it time to try whether a broken replica generates again? */
export function isTrialDue(health: ReplicaHealth, nowMs: number): boolean {
  return health.openUntilMs !== null && nowMs >= health.openUntilMs;
}

/** When a replica may be asked again, as far as is known; null when that depends on a probe or a trial. */
export function readyAtMs(health: ReplicaHealth, rules: HealthRules): number | null {
  if (health.failedProbes >= rules.probeFailures) return null;
  return health.openUntilMs ?? health.waitUntilMs;
}
