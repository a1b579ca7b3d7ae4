import { describe, expect, it } from 'vitest';
import { parseCalls } from '../../../domain/agent/parse-calls.ts';
import { createRandom } from '../../support/random.ts';

const call = (body: string) =>
  `<use_mcp_tool>\n<server_name>s</server_name>\n<tool_name>t</tool_name>\n<arguments>\n${body}\n</arguments>\n</use_mcp_tool>`;

/** White space of Python. */
const s = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*`;

/** The original's own pattern, with its lazy groups; too slow for hostile texts. */
const pattern = new RegExp(
  `<use_mcp_tool>${s}<server_name>(.*?)</server_name>${s}<tool_name>(.*?)</tool_name>${s}<arguments>${s}([^]*?)${s}</arguments>${s}</use_mcp_tool>`,
  'gs',
);

describe('feature 6, XML call parsing', () => {
  it.each([
    ['none', 'just words', []],
    ['one', `a ${call('{"q": 1}')} b`, [{ server: 's', tool: 't', arguments: { q: 1 } }]],
    [
      'several, also in a thought',
      `<think>${call('{}')}</think>${call('[]')}`,
      [
        { server: 's', tool: 't', arguments: {} },
        { server: 's', tool: 't', arguments: [] },
      ],
    ],
    [
      'members that are null: left out at the top only',
      call('{"a": null, "b": {"c": null}}'),
      [{ server: 's', tool: 't', arguments: { b: { c: null } } }],
    ],
    ['arguments that are no object', call('"x"'), [{ server: 's', tool: 't', arguments: 'x' }]],
    [
      'unreadable arguments',
      call('ls'),
      [{ server: 's', tool: 't', arguments: { error: 'Failed to parse arguments', raw: 'ls' } }],
    ],
    ['an unclosed call', call('{}').replace('</use_mcp_tool>', ''), []],
    ['white space that Python does not know between tags', call('{}').replace('\n<tool', '\ufeff<tool'), []],
  ])('%s', (_, text, calls) => {
    expect(parseCalls(text).calls).toEqual(calls);
  });

  it('shown text: what precedes the first opening tag, trimmed', () => {
    expect(parseCalls(` \x1cLook.\n${call('{}')}`).shownText).toBe('Look.');
    expect(parseCalls('\ufeff a ').shownText).toBe('\ufeff a');
  });

  it('random mixtures of tags: the calls that the pattern finds, and no others', () => {
    const random = createRandom(17);
    const parts = [
      '<use_mcp_tool>',
      '</use_mcp_tool>',
      '<server_name>',
      '</server_name>',
      '<tool_name>',
      '</tool_name>',
    ];
    parts.push('<arguments>', '</arguments>', ' ', '\n', '\u3000', 'a', '{}', '1');
    const whole = call('{"a": 1}').split(/(?<=>)|(?=<)/);
    for (let round = 0; round < 6_000; round += 1) {
      const text = Array.from({ length: random.between(1, 40) }, () =>
        random.chance(0.15) ? whole.filter(() => random.chance(0.9)).join('') : random.pick(parts),
      ).join('');
      const expected = [...text.matchAll(pattern)].map((match) => `${match[1]?.trim()}|${match[2]?.trim()}`);
      expect(parseCalls(text).calls.map(({ server, tool }) => `${server}|${tool}`)).toEqual(expected);
    }
  });

  it.each([
    '<use_mcp_tool><server_name>',
    '<use_mcp_tool> ',
    '</server_name><tool_name>',
    '</arguments> ',
    '<',
    ' ',
    '<use_mcp_tool><server_name>a</server_name><tool_name>b</tool_name><arguments>',
  ])('100,000 times %j: read in one walk, never thrown', (part) => {
    expect(() => parseCalls(part.repeat(100_000))).not.toThrow();
  });
});
