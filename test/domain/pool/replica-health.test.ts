import { describe, expect, it } from 'vitest';
import {
  afterCall,
  afterProbe,
  type CallEnd,
  isTrialDue,
  readyAtMs,
  type ReplicaHealth,
  soundHealth,
  stateOf,
} from '../../../domain/pool/replica-health.ts';

const rules = { probeFailures: 3, callFailures: 3, openMs: 5_000, maxOpenMs: 60_000 };
const broke: CallEnd = { kind: 'broke' };
const worked: CallEnd = { kind: 'worked' };
const calls = (ends: readonly CallEnd[], nowMs = 1_000, health: ReplicaHealth = soundHealth) =>
  ends.reduce((state, end) => afterCall(state, end, { rules, nowMs }), health);

describe('health by probe', () => {
  it('one or two missed: still asked; three: down; one answered: up', () => {
    let health = afterProbe(afterProbe(soundHealth, false), false);
    expect(stateOf(health, rules, 0)).toBe('up');
    health = afterProbe(health, false);
    expect(stateOf(health, rules, 0)).toBe('down');
    expect(readyAtMs(health, rules)).toBeNull();
    expect(stateOf(afterProbe(health, true), rules, 0)).toBe('up');
  });
});

describe('health by outcome', () => {
  it('three broken calls: no further one; a success between them: asked on', () => {
    expect(stateOf(calls([broke, broke]), rules, 1_000)).toBe('up');
    expect(stateOf(calls([broke, broke, broke]), rules, 1_000)).toBe('broken');
    expect(stateOf(calls([broke, broke, worked, broke, broke]), rules, 1_000)).toBe('up');
  });

  it('a probe that answers: does not close the breaker, since it says nothing about generation', () => {
    const health = afterProbe(calls([broke, broke, broke]), true);
    expect(stateOf(health, rules, 1_000_000)).toBe('broken');
  });

  it('the pause is over: a trial is due, its success closes, its failure doubles the pause up to the limit', () => {
    let health = calls([broke, broke, broke], 1_000);
    expect([isTrialDue(health, 5_999), isTrialDue(health, 6_000)]).toEqual([false, true]);
    expect(stateOf(calls([worked], 6_000, health), rules, 6_000)).toBe('up');
    const pauses: number[] = [];
    for (let nowMs = 6_000, round = 0; round < 6; round += 1) {
      health = calls([broke], nowMs, health);
      pauses.push((health.openUntilMs ?? 0) - nowMs);
      nowMs = health.openUntilMs ?? nowMs;
    }
    expect(pauses).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  });

  it('calls that break after the breaker opened: do not prolong the pause', () => {
    const health = calls([broke, broke, broke], 1_000);
    expect(calls([broke, broke], 2_000, health).openUntilMs).toBe(health.openUntilMs);
  });

  it('a refusal with a hint: waits that long, and is no break', () => {
    const health = calls([{ kind: 'refused', waitMs: 7_000 }], 1_000);
    expect([stateOf(health, rules, 7_999), stateOf(health, rules, 8_000)]).toEqual(['waiting', 'up']);
    expect(readyAtMs(health, rules)).toBe(8_000);
    expect(health.failedCalls).toBe(0);
  });

  it('a refusal without a hint, or with one of a day: a second, five minutes', () => {
    expect(calls([{ kind: 'refused', waitMs: null }], 0).waitUntilMs).toBe(1_000);
    expect(calls([{ kind: 'refused', waitMs: 86_400_000 }], 0).waitUntilMs).toBe(300_000);
  });
});
