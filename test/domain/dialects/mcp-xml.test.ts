import { describe, expect, it } from 'vitest';
import { dialectOf } from '../../../domain/dialects/for-profile.ts';
import { mcpXml, truncateCodePoints } from '../../../domain/dialects/mcp-xml.ts';
import { createRandom } from '../../support/random.ts';
import { echoTool } from '../../support/facts.ts';

const block = (tool: string, args = '{"q":"x"}', server = 'test') =>
  `<use_mcp_tool>\n<server_name>${server}</server_name>\n<tool_name>${tool}</tool_name>\n<arguments>\n${args}\n</arguments>\n</use_mcp_tool>`;
const call = (tool: string) => ({ server: 'test', tool, arguments: { q: 'x' }, argumentsError: null });

describe('parsing a reply', () => {
  it.each([
    ['no call', 'I know: \\boxed{5}', [], false],
    ['a call at the end', `Let me see.\n\n${block('echo')}`, [call('echo')], false],
    ['a call in the middle', `First ${block('echo')} and then more text`, [call('echo')], false],
    ['in a thought', `<think>${block('echo')}</think>`, [call('echo')], false],
    ['several', `${block('a')}\n${block('b')} ${block('c')}`, [call('a'), call('b'), call('c')], false],
    ['on one line', block('echo').replaceAll('\n', ''), [call('echo')], false],
    ['spaces in the tags', block(' echo '), [call('echo')], false],
    ['one unreadable block and one call', `<use_mcp_tool>no</use_mcp_tool>${block('b')}`, [call('b')], false],
    ['an unclosed block', block('echo').replace('</use_mcp_tool>', ''), [], true],
    ['a block without a tool', block('echo').replace(/<tool_name>.*<\/tool_name>/u, ''), [], true],
    ['only a closing tag', 'done </use_mcp_tool>', [], true],
    ['only arguments', '<arguments>{}</arguments>', [], true],
    ['tags of another protocol', '<tool_call>{}</tool_call>', [], false],
    ['empty', '', [], false],
  ])('%s → calls and whether it is malformed', (_, text, ...[calls, malformed]) => {
    expect(mcpXml.parseReply(text)).toEqual({ calls, malformed });
  });

  it.each([
    ['single quotes', "{'q': 1}"],
    ['cut off', '{"q": "x'],
    ['empty', ''],
    ['text', 'search for it'],
  ])('arguments that are no JSON, %s: the call stays, with the reason', (_, source) => {
    const [parsed] = mcpXml.parseReply(block('echo', source)).calls;
    expect(parsed).toMatchObject({ tool: 'echo', arguments: source });
    expect(parsed?.argumentsError).toContain('not valid JSON');
  });

  it('arguments nested beyond any use: refused with a reason, and what is kept can be written as JSON', () => {
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);
    const [parsed] = mcpXml.parseReply(block('echo', `{"q":${deep}}`)).calls;
    expect(parsed?.argumentsError).toContain('nested');
    expect(() => JSON.stringify(parsed)).not.toThrow();
  });

  it('brackets in a text: no nesting', () => {
    const [parsed] = mcpXml.parseReply(block('echo', JSON.stringify({ q: '[{'.repeat(5_000) }))).calls;
    expect(parsed?.argumentsError).toBeNull();
  });

  it.each([
    '<use_mcp_tool>',
    '<use_mcp_tool><server_name>',
    '</use_mcp_tool>',
    '<arguments>',
    '<use_mcp_tool>{</use_mcp_tool>',
  ])('a megabyte of %j: no call, malformed, and back at once', (part) => {
    const text = part.repeat(Math.ceil(1_000_000 / part.length));
    expect(mcpXml.parseReply(text)).toEqual({ calls: [], malformed: true });
  });

  it('any text, half characters included: never throws, and what it gives can be stored', () => {
    const random = createRandom(23);
    const parts = [
      '<use_mcp_tool>',
      '</use_mcp_tool>',
      '<server_name>',
      '</server_name>',
      '<tool_name>',
      '</tool_name>',
    ];
    const more = [
      '<arguments>',
      '</arguments>',
      '{',
      '}',
      '"',
      '\\',
      '{"a":1}',
      '\ud800',
      '\udc00',
      '😀',
      '\0',
      ' ',
      'x',
    ];
    for (let round = 0; round < 3_000; round += 1) {
      const text = Array.from({ length: random.between(0, 40) }, () => random.pick([...parts, ...more])).join('');
      const { calls, malformed } = mcpXml.parseReply(text);
      expect(malformed && calls.length > 0).toBe(false);
      // Half a character survives JSON as an escape, so what is stored is what was parsed.
      expect(JSON.parse(JSON.stringify(calls))).toEqual(calls);
    }
  });
});

describe('cutting by code points', () => {
  it.each([
    ['shorter', 'abc', 3, 'abc'],
    ['longer', 'abcd', 3, 'abc…'],
    ['wide characters within the limit', '😀😀😀', 3, '😀😀😀'],
    ['wide characters beyond it', '😀😀😀😀', 3, '😀😀😀…'],
    ['half characters count as one', '\ud800\ud800\ud800', 2, '\ud800\ud800…'],
    ['nothing left', 'abc', 0, '…'],
  ])('%s → cut between characters', (_, text, ...[limit, cut]) => {
    expect(truncateCodePoints(text, limit, '…')).toBe(cut);
  });
});

describe('an observation', () => {
  const asked = { server: 'test', tool: 'echo' };
  it.each([
    ['a text', { status: 'ok', text: 'hello' } as const, 'hello'],
    ['an empty text', { status: 'ok', text: '' } as const, 'Tool call to echo on test finished without output.'],
    [
      'a failure',
      { status: 'failed', message: 'no route' } as const,
      'Tool call to echo on test failed. Error: no route',
    ],
  ])('%s → what the model is shown', (_, outcome, shown) => {
    expect(mcpXml.formatObservation(asked, outcome)).toBe(shown);
  });

  it('100,000 code points: whole; one more: cut with a note', () => {
    const whole = '😀'.repeat(100_000);
    expect(mcpXml.formatObservation(asked, { status: 'ok', text: whole })).toBe(whole);
    expect(mcpXml.formatObservation(asked, { status: 'ok', text: `${whole}x` })).toBe(
      `${whole}\n... [Result truncated]`,
    );
  });
});

describe('the prompts', () => {
  it('system prompt: names date, servers, tools and schemas', () => {
    const other = { ...echoTool, server: 'another', name: 'other' };
    const prompt = mcpXml.systemPrompt({
      tools: [echoTool, other, { ...echoTool, name: 'third' }],
      date: '2026-03-01',
    });
    expect(prompt).toContain('Today is: 2026-03-01');
    expect(prompt.match(/^## Server name: .*$/gmu)).toEqual(['## Server name: test', '## Server name: another']);
    expect(prompt.match(/^### Tool name: .*$/gmu)).toHaveLength(3);
    expect(prompt).toContain('Input JSON schema: {"type":"object"}');
  });

  it('task and final prompt: hold the question as it is', () => {
    const question = 'A $& "question" \\boxed{?}';
    expect(mcpXml.taskMessage(question).startsWith(`${question}\n`)).toBe(true);
    expect(mcpXml.finalPrompt(question)).toContain(`"${question}"`);
  });

  it('a profile → its dialect', () => {
    expect(dialectOf({ dialect: 'mcp-xml' })).toBe(mcpXml);
  });
});
