import { describe, expect, it } from 'vitest';
import { applyFailure } from '../../../../domain/agent/attempt/apply-failure.ts';
import { applyReply } from '../../../../domain/agent/attempt/apply-reply.ts';
import { applyResults } from '../../../../domain/agent/attempt/apply-results.ts';
import type { CallFacts, ReplyFacts, ResultFacts } from '../../../../domain/agent/attempt/facts.ts';
import { buildHistory, type HistoryRecord } from '../../../../domain/agent/attempt/history.ts';
import { type AttemptAction, nextAction } from '../../../../domain/agent/attempt/next-action.ts';
import { type AttemptSettings, attemptSettingsSchema } from '../../../../domain/agent/attempt/settings.ts';
import { type AttemptState, attemptStateSchema, startAttempt } from '../../../../domain/agent/attempt/state.ts';
import { type AttemptView, attemptViewSchema } from '../../../../domain/agent/attempt/view.ts';
import { paperRules } from '../../../../domain/agent/rules.ts';
import { settingsOf } from '../../../support/attempts.ts';
import { createRandom, type Random } from '../../../support/random.ts';

const ok: ResultFacts = { status: 'ok', asksRollback: false, tokens: 1_000 };

const aCall = (key: string | null, more: Partial<CallFacts> = {}): CallFacts => ({
  server: 's',
  tool: 't',
  key,
  executable: true,
  ...more,
});

const aReply = (calls: readonly CallFacts[], more: Partial<ReplyFacts> = {}): ReplyFacts => ({
  finish: 'stop',
  empty: false,
  repeats: false,
  saysOverflow: false,
  protocolTag: calls.length > 0,
  refusal: false,
  boxed: false,
  calls: [...calls],
  promptTokens: 1_000,
  completionTokens: 100,
  ...more,
});

const begin = (settings: AttemptSettings) => startAttempt(settings, { attempt: 1, startSeq: 0, summaries: [] });

/** Random facts, as a model and tools of any mood would give them. */
function randomReply(random: Random): ReplyFacts {
  const calls = Array.from({ length: random.pick([0, 1, 1, 1, 1, 2, 3]) }, () =>
    aCall(random.pick([null, 'k1', 'k2', String(random.between(0, 1e6))]), { executable: random.chance(0.9) }),
  );
  return aReply(calls, {
    finish: random.pick(['stop', 'stop', 'stop', 'stop', 'length', 'other']),
    empty: random.chance(0.05),
    repeats: random.chance(0.03),
    refusal: random.chance(0.03),
    boxed: random.chance(0.1),
    saysOverflow: random.chance(0.01),
    promptTokens: random.between(0, 90_000),
  });
}

const randomResult = (random: Random): ResultFacts => ({
  status: random.pick(['ok', 'ok', 'ok', 'failed', 'provider-failed']),
  asksRollback: random.chance(0.1),
  tokens: random.between(0, 20_000),
});

interface Step {
  readonly action: AttemptAction;
  readonly state: AttemptState;
  readonly records: readonly HistoryRecord[];
}

/** Plays an attempt of random facts, through JSON at every step as a workflow's state would go. */
function playRandom(settings: AttemptSettings, random: Random, failing: number): Step[] {
  const steps: Step[] = [];
  const records: HistoryRecord[] = [];
  let state = begin(settings);
  for (;;) {
    state = attemptStateSchema.parse(JSON.parse(JSON.stringify(state)));
    const action = nextAction(settings, state);
    steps.push({ action, state, records: [...records] });
    if (action.type === 'end') return steps;
    const seq = records.length;
    if (action.type === 'run-calls') {
      const results = action.due.map((_, index) => ({ seq: seq + index, facts: randomResult(random) }));
      for (const result of results) records.push({ seq: result.seq, kind: 'tool', reply: action.reply });
      state = applyResults(settings, state, { results, messageTokens: null });
      continue;
    }
    records.push({ seq, kind: 'model', purpose: action.purpose, dropped: action.view.dropped });
    state = random.chance(failing)
      ? applyFailure(settings, state, { seq, cause: random.pick(['failed', 'failed', 'overflow']) })
      : applyReply(settings, state, { seq, facts: randomReply(random) });
  }
}

const randomSettings = (random: Random): AttemptSettings =>
  settingsOf({
    ...(random.chance(0.4) ? { rules: paperRules } : {}),
    maxTurns: random.between(1, 25),
    keep: random.pick([-1, 0, 1, 5]),
    batch: random.pick([0, 0, 3]),
    restarts: random.pick([0, 5]),
    retryWithSummary: random.chance(0.5),
    overflow: random.pick(['finish', 'shrink']),
  });

describe('any attempt', () => {
  it('ends, within its turns and calls, and says how', () => {
    const random = createRandom(43);
    for (let round = 0; round < 400; round += 1) {
      const settings = attemptSettingsSchema.parse(randomSettings(random));
      const steps = playRandom(settings, random, 0.05);
      const last = steps.at(-1);
      expect(last?.action).toMatchObject({ type: 'end' });
      expect(last?.state.turn).toBeLessThanOrEqual(settings.maxTurns);
      expect(last?.state.modelCalls).toBeLessThanOrEqual(settings.maxTurns + settings.rules.extraModelCalls);
      expect(last?.state.turnsEnd).not.toBeNull();
    }
  });

  it('the next action: follows from the state alone, and asking changes nothing', () => {
    const random = createRandom(47);
    for (let round = 0; round < 60; round += 1) {
      const settings = randomSettings(random);
      for (const { action, state } of playRandom(settings, random, 0.05))
        expect(nextAction(settings, state)).toEqual(action);
    }
  });

  it('every prompt: can be rebuilt later from records and its view, and is whole', () => {
    const random = createRandom(53);
    for (let round = 0; round < 150; round += 1) {
      const settings = randomSettings(random);
      const steps = playRandom(settings, random, 0.03);
      const all = steps.at(-1)?.records ?? [];
      for (const { action, state, records } of steps) {
        if (action.type !== 'call-model') continue;
        const view = attemptViewSchema.parse(JSON.parse(JSON.stringify(action.view)));
        const history = buildHistory(records, view);
        expect(buildHistory(all.slice(0, records.length), view)).toEqual(history);
        const observations = history.filter((message) => message.type === 'observation');
        expect(observations).toHaveLength(state.observations.length);
        // Replies and observations take turns, and no message of either kind stands alone.
        const kinds = history.map(({ type }) => type);
        expect(kinds.some((kind, index) => kind === 'observation' && kinds[index - 1] !== 'reply')).toBe(false);
        expect(kinds.some((kind, index) => kind === 'reply' && kinds[index - 1] === 'reply')).toBe(false);
        const live = observations.filter((message) => message.type === 'observation' && !message.masked).length;
        const most = settings.keep < 0 ? observations.length : settings.keep + settings.batch;
        expect(live).toBeLessThanOrEqual(most);
      }
    }
  });
});

describe('the state of an attempt', () => {
  it('600 turns with 800 model calls: under 32 KB of JSON, and without a text', () => {
    const settings = settingsOf({ maxTurns: 600, keep: 5, maxContext: 10_000_000 });
    let state = begin(settings);
    let seq = 0;
    for (let call = 0; call < 800; call += 1) {
      const facts =
        call % 4 === 3 ? aReply([], { protocolTag: true }) : aReply([aCall(call.toString(16).padStart(12, '0'))]);
      state = applyReply(settings, state, { seq, facts });
      seq += 1;
      if (state.pending === null) continue;
      state = applyResults(settings, state, { results: [{ seq, facts: ok }], messageTokens: null });
      seq += 1;
    }
    expect(state.turn).toBe(600);
    expect(state.modelCalls).toBe(799);
    expect(JSON.stringify(state).length).toBeLessThan(20_000);
    expect(state.dropped.length).toBeLessThan(4);
  });
});

const wavesOf = (rules: AttemptSettings['rules'], calls: readonly CallFacts[]) => {
  const settings = settingsOf({ rules });
  const waves: string[] = [];
  let state = applyReply(settings, begin(settings), { seq: 0, facts: aReply(calls) });
  let seq = 1;
  for (let action = nextAction(settings, state); action.type === 'run-calls'; action = nextAction(settings, state)) {
    waves.push(action.due.map(({ index, mode }) => `${index}${mode === 'execute' ? '' : mode[0]}`).join());
    const results = action.due.map(() => ({ seq: (seq += 1), facts: ok }));
    state = applyResults(settings, state, { results, messageTokens: null });
  }
  return waves;
};

describe('calls side by side', () => {
  const { rules: later } = settingsOf();

  it('paper: all at once, but one with the key of another waits for it', () => {
    expect(wavesOf(paperRules, [aCall('a'), aCall(null), aCall('b')])).toEqual(['0,1,2']);
    expect(wavesOf(paperRules, [aCall('a'), aCall('a'), aCall('b')])).toEqual(['0', '1n,2']);
  });

  it('later: the first alone, since it may take the reply back, then the rest', () => {
    expect(wavesOf(later, [aCall('a'), aCall(null), aCall('b')])).toEqual(['0', '1,2']);
    expect(wavesOf(later, [aCall('a'), aCall('b'), aCall('a')])).toEqual(['0', '1,2n']);
  });

  it('a tool that no server has: refused', () => {
    expect(wavesOf(later, [aCall(null, { executable: false })])).toEqual(['0r']);
  });
});

const overflowing = (settings: AttemptSettings, times: number) => {
  let state = begin(settings);
  let seq = 0;
  for (let turn = 0; turn < 4; turn += 1) {
    state = applyReply(settings, state, { seq, facts: aReply([aCall(null)]) });
    state = applyResults(settings, state, { results: [{ seq: seq + 1, facts: ok }], messageTokens: null });
    seq += 2;
  }
  const views = [nextAction(settings, state)];
  for (let time = 0; time < times; time += 1) {
    state = applyFailure(settings, state, { seq: (seq += 1), cause: 'overflow' });
    views.push(nextAction(settings, state));
  }
  return { state, views: views.map((action) => (action.type === 'call-model' ? action : null)) };
};

const shown = (views: ReturnType<typeof overflowing>['views']) =>
  views.map((action) => [action?.purpose, action?.view.firstLive, action?.view.newestLimit]);

describe('a prompt that the server refuses as too long', () => {
  it('faithful: the last pair goes, and the answer is asked for', () => {
    const { state, views } = overflowing(settingsOf({ keep: 2 }), 1);
    expect(shown(views)).toEqual([
      ['turn', 2, null],
      ['final', 1, null],
    ]);
    expect(state.turnsEnd).toBe('context-overflow');
    expect(state.dropped.map(({ cause }) => cause)).toEqual([
      'context-overflow',
      'context-overflow',
      'context-overflow',
      'popped',
    ]);
  });

  it('others: three smaller views, none of them twice, then the same', () => {
    const { views } = overflowing(settingsOf({ keep: 2, batch: 3, overflow: 'shrink' }), 4);
    expect(shown(views)).toEqual([
      ['turn', 0, null],
      ['turn', 2, null],
      ['turn', 2, 25_000],
      ['turn', 2, 6_250],
      ['final', 1, 6_250],
    ]);
  });

  it('others with exact K: the newest observation is cut at once', () => {
    const { views } = overflowing(settingsOf({ keep: 2, overflow: 'shrink' }), 1);
    expect(shown(views)[1]).toEqual(['turn', 2, 25_000]);
  });
});

const filled = (settings: AttemptSettings, promptTokens: number) => {
  let state = begin(settings);
  for (let turn = 0; turn < 6; turn += 1) {
    const facts = aReply([aCall(null)], { promptTokens: turn === 5 ? promptTokens : 1_000 });
    state = applyReply(settings, state, { seq: 2 * turn, facts });
    state = applyResults(settings, state, { results: [{ seq: 2 * turn + 1, facts: ok }], messageTokens: null });
  }
  return state;
};

describe('batched retention and the context check', () => {
  // Four of six observations, 1,000 tokens each, leave the view when it is cut to K.
  const settings = settingsOf({ keep: 2, batch: 4 });
  const room = settings.maxContext - 1_000 - 1_000 - 100 - 1_500 - 450;

  it('room enough: the view may grow', () => {
    expect(filled(settings, room - 1)).toMatchObject({ phase: 'turns', firstLive: 0 });
  });

  it('none: cut to K first, and asked again', () => {
    const state = filled(settings, room + 3_999);
    expect(state).toMatchObject({ phase: 'turns', firstLive: 4, turnsEnd: null });
    expect(nextAction(settings, state)).toMatchObject({ view: { firstLive: 4 } });
  });

  it('none then either: the pair goes', () => {
    expect(filled(settings, room + 4_000)).toMatchObject({ phase: 'final', turnsEnd: 'context-full' });
    expect(filled({ ...settings, batch: 0 }, room)).toMatchObject({ phase: 'final', turnsEnd: 'context-full' });
  });
});

describe('steering messages', () => {
  it('stand where they came, and take no place in view', () => {
    const view: AttemptView = {
      purpose: 'turn',
      attemptStart: 1,
      summaries: [],
      firstLive: 1,
      dropped: [],
      newestLimit: null,
    };
    const records: HistoryRecord[] = [
      { seq: 0, kind: 'model', purpose: 'turn', dropped: [] },
      { seq: 1, kind: 'model', purpose: 'turn', dropped: [] },
      { seq: 2, kind: 'tool', reply: 1 },
      { seq: 3, kind: 'steering' },
      { seq: 4, kind: 'tool', reply: 1 },
      { seq: 5, kind: 'model', purpose: 'turn', dropped: [] },
      { seq: 6, kind: 'tool', reply: 5 },
    ];
    expect(buildHistory(records, view)).toEqual([
      { type: 'reply', seq: 1 },
      { type: 'observation', seqs: [2, 4], masked: true },
      { type: 'steering', seq: 3 },
      { type: 'reply', seq: 5 },
      { type: 'observation', seqs: [6], masked: false },
    ]);
  });
});
