import { lcg } from '../../infra/dev/model-server/w600.ts';
import type { Arrival } from './simulate.ts';

/** The three tenants and their parts of the offered load: one to one to eight. */
export const tenantShares = { small: 0.1, other: 0.1, crowd: 0.8 } as const;

/** Runs that were under way when the watch began; they belong to nobody who is counted. */
export const underWay = 'under-way';

/** What is offered. */
export interface OfferedLoad {
  /** Runs a second. */
  readonly perSecond: number;
  readonly forSeconds: number;
  /** Runs that are under way at the start, at turns of their own. */
  readonly underWay: number;
  readonly turns: number;
  readonly seed: number;
}

/** Run ids grow with the order of submission, as real ones do. */
function toId(index: number): string {
  return `run-${String(index).padStart(6, '0')}`;
}

function drawTenant(draw: number): string {
  let sum = 0;
  for (const [tenant, share] of Object.entries(tenantShares)) {
    sum += share;
    if (draw < sum) return tenant;
  }
  return 'crowd';
}

/** Runs as they are submitted: one at a random moment of each equal part of the time, by tenants in their parts. The same seed gives the same runs. */
export function offer({ perSecond, forSeconds, underWay: begun, turns, seed }: OfferedLoad): Arrival[] {
  const random = lcg(seed);
  const behind = Array.from({ length: begun }, () => 1 + Math.floor(random() * (turns - 2)));
  const first = behind
    .toSorted((left, right) => right - left)
    .map((turnsDone, index) => ({ id: toId(index), tenant: underWay, at: 0, turnsDone }));
  const count = Math.round(perSecond * forSeconds);
  const then = Array.from({ length: count }, (_, index) => ({
    id: toId(begun + index),
    at: ((index + random()) / count) * forSeconds,
    tenant: drawTenant(random()),
    turnsDone: 0,
  }));
  return [...first, ...then];
}
