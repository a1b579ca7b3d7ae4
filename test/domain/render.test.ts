import { describe, expect, it } from 'vitest';
import { mcpXml } from '../../domain/dialects/mcp-xml.ts';
import type { Message } from '../../domain/dialects/dialect.ts';
import { type HistoryItem, renderPrompt } from '../../domain/render.ts';
import { firstLiveObservation } from '../../domain/retention.ts';

const base = { systemPrompt: 'Rules.', question: 'How tall?' };

const prompt = (items: readonly HistoryItem[], purpose: 'turn' | 'final' = 'turn') =>
  renderPrompt({ ...base, items, purpose }, mcpXml);

const reply = (text: string): HistoryItem => ({ type: 'reply', text });
const observations = (...texts: string[]): HistoryItem => ({ type: 'observations', texts });
const masked: HistoryItem = { type: 'observations', texts: null };

/** Turns of a run so far, masked as retention with `keep` says. */
function turnsOf(count: number, keep: number, slots = 0): HistoryItem[] {
  const first = firstLiveObservation(count, keep, slots);
  return Array.from({ length: count }, (_, index) => [
    reply(`reply ${index}`),
    index < first ? masked : observations(`observation ${index}a`, `observation ${index}b`),
  ]).flat();
}

const isMasked = (message: Message | undefined) => message?.content === mcpXml.omitted;

describe('a prompt', () => {
  it('no turn yet: rules and task', () => {
    expect(prompt([])).toEqual([
      { role: 'system', content: 'Rules.' },
      { role: 'user', content: mcpXml.taskMessage('How tall?') },
    ]);
  });

  it('turns: replies and observations in turn, several observations joined', () => {
    expect(prompt([reply('a'), observations('1', '2'), reply('b'), masked]).slice(2)).toEqual([
      { role: 'assistant', content: 'a' },
      { role: 'user', content: '1\n2' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: mcpXml.omitted },
    ]);
  });

  it('a person’s message: a user message where it was said', () => {
    const said = prompt([reply('a'), observations('1'), { type: 'message', text: 'Look at the north.' }]);
    expect(said.slice(-2)).toEqual([
      { role: 'user', content: '1' },
      { role: 'user', content: 'Look at the north.' },
    ]);
  });

  it('a reply without calls, then the final request: no empty message between', () => {
    const messages = prompt([reply('done')], 'final');
    expect(messages.slice(2)).toEqual([
      { role: 'assistant', content: 'done' },
      { role: 'user', content: mcpXml.finalPrompt('How tall?') },
    ]);
  });

  it.each([5, -1, 0, 1])('600 turns with K = %i: each extends the one before outside what was masked since', (keep) => {
    for (let turn = 1; turn <= 600; turn += 1) {
      const before = prompt(turnsOf(turn - 1, keep));
      const now = prompt(turnsOf(turn, keep));
      expect(now.length).toBe(before.length + 2);
      const changed = before.flatMap((message, index) => (now[index]?.content === message.content ? [] : [index]));
      // At most one message changes: the observation that left the view, which was whole before.
      expect(changed.length).toBeLessThanOrEqual(1);
      for (const index of changed) expect([isMasked(now[index]), isMasked(before[index])]).toEqual([true, false]);
      const live = now.filter((message) => message.content.startsWith('observation'));
      expect(live.length).toBe(keep < 0 ? turn : Math.min(turn, keep));
    }
  });

  it('the final prompt at turn 600: shows one observation less, and changes nothing else', () => {
    const turn = prompt(turnsOf(600, 5));
    const final = prompt(turnsOf(600, 5, 1), 'final');
    expect(final.length).toBe(turn.length + 1);
    expect(turn.filter((message, index) => message.content !== final[index]?.content)).toHaveLength(1);
  });

  it('the same parts: the same bytes', () => {
    expect(JSON.stringify(prompt(turnsOf(30, 5)))).toBe(JSON.stringify(prompt(turnsOf(30, 5))));
  });
});
