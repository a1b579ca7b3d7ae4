import { describe, expect, it } from 'vitest';
import { toChatBody } from '../../../activities/model/adapters/chat-body.ts';
import type { Message } from '../../../domain/dialects/dialect.ts';
import { dialectOf } from '../../../domain/dialects/for-profile.ts';
import { promptsOf } from '../../../domain/pool/cost-model.ts';
import { findSpoiledMessage, sharedPrefixChars } from '../../../domain/pool/prefix.ts';
import { nextFirstLive } from '../../../domain/pool/trim.ts';
import { type HistoryItem, renderPrompt } from '../../../domain/render.ts';
import { renderMcpCall } from '../../../infra/dev/model-server/mind.ts';
import { text } from '../../../infra/dev/model-server/w600.ts';
import { renderTemplate } from '../../support/chat-template.ts';
import { aManifest } from '../../support/facts.ts';

const turns = 600;
const manifest = aManifest();
const dialect = dialectOf(manifest.profile);
const call = renderMcpCall({ server: 'test', tool: 'echo', arguments: { i: 1 } });
const replyOf = (turn: number) => `<think>\n${text(turn, 1_200)}\n</think>\n\nI look further.\n\n${call}`;
/** With what pages carry: marks that end messages, other alphabets, characters of two units. */
const observationOf = (turn: number) => `${text(1_000_000 + turn, 15_900)} <|im_end|> 漢字 😀 ${turn}`;
const replies = Array.from({ length: turns }, (_, turn) => replyOf(turn));
const observations = Array.from({ length: turns }, (_, turn) => observationOf(turn));

/** The messages as they go out before turn `turn`, from 1, with observations before `firstLive` masked. */
function messagesOf(turn: number, firstLive: number): Message[] {
  const items = Array.from({ length: turn - 1 }, (_, index): HistoryItem[] => [
    { type: 'reply', text: replies[index] ?? '' },
    { type: 'observations', texts: index < firstLive ? null : [observations[index] ?? ''] },
  ]).flat();
  const { systemPrompt, question, profile } = manifest;
  const messages = renderPrompt({ systemPrompt, question, items, purpose: 'turn' }, dialect);
  const request = {
    model: profile.model,
    messages,
    stepKey: 'k',
    sessionId: 's',
    tenant: 't',
    home: null,
    begin: () => {},
    priorityKey: 3,
    isLast: false,
  };
  const habits = {
    engine: 'vllm',
    send: { sessionId: true, cacheSalt: true, priority: false, idSlot: true },
    refused: new Set<string>(),
    slot: null,
  } as const;
  return toChatBody(request, 'm', habits).messages.map(({ role, content }) => ({
    role: role === 'system' || role === 'assistant' ? role : 'user',
    content: typeof content === 'string' ? content : '',
  }));
}

/** Characters of 600 prompts, and how many of them the cache of the prompt and reply before would have served. */
function measure(keep: number, batch: number) {
  let [firstLive, prompts, reused, spoiled, before] = [0, 0, 0, 0, ''];
  let previous: Message[] = [];
  for (let turn = 1; turn <= turns; turn += 1) {
    firstLive = nextFirstLive(
      { keep, batch, pressureTokens: null },
      { observations: turn - 1, firstLive, promptTokens: 0 },
    );
    const messages = messagesOf(turn, firstLive);
    if (findSpoiledMessage(previous, messages) !== null) spoiled += 1;
    previous = messages;
    const prompt = renderTemplate(messages);
    prompts += prompt.length;
    reused += sharedPrefixChars(before, prompt);
    before = `${prompt}${replies[turn - 1]}<|im_end|>\n`;
  }
  return { spoiled, reusedShare: reused / prompts, prefilled: prompts - reused };
}

/** What the formulas say of the same run, its lengths taken from the real messages. */
function expectedPrefill(keep: number, batch: number): number {
  const frame = '<|im_start|>user\n<|im_end|>\n'.length;
  const run = {
    systemTokens: renderTemplate(messagesOf(1, 0)).length,
    replyTokens: replyOf(1).length + frame + '<|im_start|>assistant\n'.length - '<|im_start|>user\n'.length,
    observationTokens: messagesOf(2, 0).at(-1)!.content.length + frame,
    placeholderTokens: dialect.omitted.length + frame,
    turns,
  };
  let prefilled = 0;
  for (const { promptTokens, sharedTokens } of promptsOf(run, { keep, batch, pressureTokens: null }, null)) {
    prefilled += promptTokens - sharedTokens;
  }
  return prefilled;
}

describe('prompts of 600 turns', () => {
  it.each([
    // K, B → part of all prompts that a cache of the turn before serves
    [5, 1, 0.79],
    [5, 12, 0.95],
    [5, 8, 0.945],
  ])(
    'K = %i, B = %s: the reusable prefix is what the formulas say, and no message but masked ones changes',
    (keep, batch, share) => {
      const { spoiled, reusedShare, prefilled } = measure(keep, batch);
      expect(spoiled).toBe(0);
      expect(reusedShare).toBeGreaterThan(share);
      const expected = expectedPrefill(keep, batch);
      expect(Math.abs(prefilled / expected - 1)).toBeLessThan(0.005);
    },
  );

  it('K = 5 against batches of 12: more than three times as much to compute', () => {
    expect(measure(5, 1).prefilled / measure(5, 12).prefilled).toBeGreaterThan(3);
  });

  it('the date of another day in the prompt: the prefix is gone, which is why it is frozen', () => {
    const [today, tomorrow] = ['2026-03-01', '2026-03-02'].map((day) => {
      const { systemPrompt } = aManifest({ now: new Date(`${day}T12:00:00.000Z`) });
      return renderTemplate([{ role: 'system', content: systemPrompt }, ...messagesOf(50, 40).slice(1)]);
    });
    expect(sharedPrefixChars(today ?? '', tomorrow ?? '')).toBeLessThan(1_000);
    expect(aManifest().date).toBe('2026-03-01');
  });
});

describe('a changed message', () => {
  const base: Message[] = [
    { role: 'system', content: 'Rules.' },
    { role: 'user', content: 'x'.repeat(500) },
    { role: 'assistant', content: 'a reply' },
  ];
  const change = (index: number, content: string) =>
    base.map((message, at) => (at === index ? { ...message, content } : message));

  it.each([
    ['nothing', base, null],
    ['one more', [...base, { role: 'user', content: 'y' } as const], null],
    ['an observation masked', change(1, 'omitted'), null],
    ['the rules', change(0, 'Rules of another day.'), 0],
    ['an observation rewritten', change(1, 'y'.repeat(500)), 1],
    ['a reply', change(2, 'another reply'), 2],
    ['a turn fewer', [base[0]!, base[2]!], 1],
    ['another attempt, from its first prompt', base.slice(0, 2), null],
  ])('%s: → %s', (_, after, spoiled) => {
    expect(findSpoiledMessage(base, after)).toBe(spoiled);
  });
});
