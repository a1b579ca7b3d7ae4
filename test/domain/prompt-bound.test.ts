import { describe, expect, it } from 'vitest';
import { mcpXml } from '../../domain/dialects/mcp-xml.ts';
import { boundPrompt, reserveModelCall, viewOf } from '../../domain/prompt-bound.ts';
import { type HistoryItem, renderPrompt } from '../../domain/render.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import { createRandom } from '../support/random.ts';
import { aCarry } from '../support/facts.ts';

describe('an estimate of tokens', () => {
  it.each([
    ['empty', '', 0],
    ['four letters', 'abcd', 1],
    ['five letters', 'abcde', 2],
    ['other scripts', '灯台', 2],
    ['both', '灯台abcd', 3],
  ])('%s → leans upward', (_, text, tokens) => {
    expect(estimateTokens(text)).toBe(tokens);
  });

  it('characters of two units: at least one each', () => {
    expect(estimateTokens('😀😀')).toBeGreaterThanOrEqual(2);
  });
});

const sum = (values: readonly string[]) => values.reduce((total, text) => total + estimateTokens(text), 0);

describe('the bound of a prompt', () => {
  it('any history under any retention: not under what is rendered, by the same estimate and a frame of 8 a message', () => {
    const random = createRandom(5);
    for (let round = 0; round < 300; round += 1) {
      const texts = Array.from({ length: random.between(0, 30) }, () => ({
        reply: 'r'.repeat(random.between(1, 400)),
        observations: Array.from({ length: random.between(1, 16) }, () => 'o'.repeat(random.between(0, 200))),
      }));
      const parts = { systemPrompt: 's'.repeat(random.between(1, 900)), question: 'q'.repeat(random.between(1, 300)) };
      const state = aCarry(
        {
          thoughtTokens: sum(texts.map((turn) => turn.reply)),
          observationTokens: texts.map((turn) => sum(turn.observations)),
        },
        {
          keep: random.pick([-1, 0, 1, 5]),
          baseTokens: estimateTokens(parts.systemPrompt) + estimateTokens(mcpXml.taskMessage(parts.question)),
          finalTokens: estimateTokens(mcpXml.finalPrompt(parts.question)),
        },
      );
      const purpose = random.pick(['turn', 'final'] as const);
      const firstLive = viewOf(state, purpose);
      const items = texts.flatMap(({ reply, observations }, index): HistoryItem[] => [
        { type: 'reply', text: reply },
        { type: 'observations', texts: index < firstLive ? null : observations },
      ]);
      const messages = renderPrompt({ ...parts, items, purpose }, mcpXml);
      const frames = 8 * messages.length;
      expect(boundPrompt(state, purpose)).toBeGreaterThanOrEqual(
        sum(messages.map((message) => message.content)) + frames,
      );
    }
  });

  it('a scale seen before: every later bound grows with it', () => {
    const once = boundPrompt(aCarry(), 'turn');
    expect(boundPrompt(aCarry({ promptScale: 1_500 }), 'turn')).toBe(Math.ceil(once * 1.5));
  });

  it('a reservation: the bound and the longest completion', () => {
    expect(reserveModelCall(aCarry(), 'final')).toEqual({
      promptTokens: boundPrompt(aCarry(), 'final'),
      completionTokens: 16_384,
    });
  });
});
