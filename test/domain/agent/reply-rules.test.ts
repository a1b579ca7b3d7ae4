import { describe, expect, it } from 'vitest';
import { findBoxed } from '../../../domain/agent/boxed-answer.ts';
import { extractFailureSummary } from '../../../domain/agent/failure-text.ts';
import { fixArguments } from '../../../domain/agent/fix-arguments.ts';
import { fixNames } from '../../../domain/agent/fix-names.ts';
import { findMarkers } from '../../../domain/agent/markers.ts';
import { judgeNoCall } from '../../../domain/agent/no-call.ts';
import { readReply, toHistoryText } from '../../../domain/agent/read-reply.ts';
import { laterRules, paperRules } from '../../../domain/agent/rules.ts';
import { createRandom } from '../../support/random.ts';

const table = [
  { server: 'tool-python', tools: ['create_sandbox', 'run_python_code'] },
  { server: 'search_and_scrape_webpage', tools: ['google_search'] },
  { server: 'jina_scrape_llm_summary', tools: ['scrape_and_extract_info'] },
];
const tags = (server: string, tool: string) => `<server_name>${server}</server_name>\n<tool_name>${tool}</tool_name>`;

describe('feature 8, server, tool and argument repairs', () => {
  it.each([
    ['the Python tool by another name', tags('tool-python', 'python'), tags('tool-python', 'run_python_code')],
    ['both names wrong', tags('x', 'python_code'), tags('tool-python', 'run_python_code')],
    ['a wrong server', tags('x', 'google_search'), tags('search_and_scrape_webpage', 'google_search')],
    [
      'a wrong server of the reader',
      tags('x', 'scrape_and_extract_info'),
      tags('jina_scrape_llm_summary', 'scrape_and_extract_info'),
    ],
    ['another tool', tags('x', 'create_sandbox'), tags('x', 'create_sandbox')],
    ['another case', tags('x', 'Python'), tags('x', 'Python')],
    ['no server at all', tags('', 'google_search'), tags('', 'google_search')],
    [
      'a right server anywhere in the text',
      `${tags('x', 'google_search')} <server_name>search_and_scrape_webpage</server_name>`,
      `${tags('x', 'google_search')} <server_name>search_and_scrape_webpage</server_name>`,
    ],
  ])('%s', (_, text, fixed) => {
    expect(fixNames(text, table)).toBe(fixed);
    expect(fixNames(fixed, table)).toBe(fixed);
  });

  it('two runs with different tool tables: each repairs by its own', () => {
    const other = [{ server: 'mine', tools: ['google_search'] }];
    expect(fixNames(tags('x', 'google_search'), other)).toBe(tags('mine', 'google_search'));
    expect(fixNames(tags('x', 'python'), other)).toBe(tags('x', 'python'));
    expect(fixNames(tags('x', 'google_search'), [])).toBe(tags('x', 'google_search'));
    expect(fixNames(tags('x', 'google_search'), [...table, ...other])).toBe(tags('mine', 'google_search'));
  });

  it.each([
    [
      String.raw`py\1x`,
      `<server_name>py\n<tool_name>google_search</tool_name>x</server_name>\n<tool_name>google_search</tool_name>`,
    ],
    [String.raw`a\\b\n$1`, '<server_name>a\\b\n$1</server_name>\n<tool_name>google_search</tool_name>'],
  ])('a server named %j: its backslashes are read as in a replacement of Python', (server, fixed) => {
    expect(fixNames(tags('x', 'google_search'), [{ server, tools: ['google_search'] }])).toBe(fixed);
  });

  it.each([
    ['scrape_and_extract_info', { description: 'a' }, { info_to_extract: 'a' }],
    ['scrape_and_extract_info', { introduction: null }, { info_to_extract: null }],
    ['scrape_and_extract_info', { introduction: 'a', description: 'b' }, { introduction: 'a', info_to_extract: 'b' }],
    ['scrape_and_extract_info', { description: 'a', info_to_extract: '' }, { description: 'a', info_to_extract: '' }],
    ['run_python_code', { code: '1' }, { code_block: '1', sandbox_id: 'default' }],
    [
      'run_python_code',
      { code: '1', code_block: '2', sandbox_id: 'x' },
      { code: '1', code_block: '2', sandbox_id: 'x' },
    ],
    ['run_command', { code: '1' }, { code: '1' }],
    ['run_python_code', ['sandbox_id'], ['sandbox_id']],
    ['run_python_code', 'text', 'text'],
  ])('%s with %j: %j', (tool, args, fixed) => {
    expect(fixArguments(tool, args)).toEqual(fixed);
  });
});

describe('features 10 and 11, markers', () => {
  it.each(['<use_mcp_tool>', '</use_mcp_tool>', '<server_name>', '</server_name>', '<arguments>', '</arguments>'])(
    '%s: a protocol tag',
    (tag) => {
      expect(findMarkers(`a ${tag} b`)).toEqual({ protocolTag: true, refusal: false });
    },
  );

  it.each(['under a time constraint', 'I’m sorry, but I can’t do it', "I'm sorry, I cannot solve it"])(
    '%j: a refusal',
    (text) => {
      expect(findMarkers(text)).toEqual({ protocolTag: false, refusal: true });
    },
  );

  it.each(['<tool_name>', '<USE_MCP_TOOL>', "I'm sorry, but I can't", 'I’m sorry, I cannot solve', 'Time constraint'])(
    '%j: neither',
    (text) => {
      expect(findMarkers(text)).toEqual({ protocolTag: false, refusal: false });
    },
  );

  it('rollbacks: four take effect later, any number in the paper', () => {
    const tagged = { protocolTag: true, refusal: false };
    expect(judgeNoCall(laterRules, tagged, 3)).toBe('resample');
    expect(judgeNoCall(laterRules, tagged, 4)).toBe('end');
    expect(judgeNoCall(paperRules, tagged, 999)).toBe('resample');
    expect(judgeNoCall(paperRules, { protocolTag: false, refusal: false }, 0)).toBe('end');
  });
});

describe('feature 25, box extraction', () => {
  it.each([
    ['none', 'the answer is 5', ''],
    ['the last of several', '\\boxed{1} then \\boxed{2}', '2'],
    ['nested braces', '\\boxed{\\frac{1}{2}}', '\\frac{1}{2}'],
    ['a box in a box', '\\boxed{\\boxed{5}}', '\\boxed{5}'],
    ['an escaped brace', '\\boxed{a\\}b}', 'a\\}b'],
    ['unclosed', 'so \\boxed{the end ', 'the end'],
    ['white space of Python before the brace', '\\boxed\x1c\u3000{5}', '5'],
    ['no white space of Python before the brace', '\\boxed\ufeff{5}', ''],
    ['another word', '\\boxedé{1} \\boxed_{2} \\boxed3{3}', ''],
    ['trimmed as Python does', '\\boxed{\x85 5 \ufeff}', '5 \ufeff'],
    ['in a thought', '<think>\\boxed{7}</think>', '7'],
    ['the word None', '\\boxed{None}', 'None'],
  ])('%s', (_, text, boxed) => {
    expect(findBoxed(laterRules, text)).toBe(boxed);
    expect(findBoxed(paperRules, text)).toBe(boxed);
  });

  it.each(['?', '??', '???', '？', '……', '…', '...', 'unknown', ' Unknown '])(
    '%j: blank, but not in the paper',
    (blank) => {
      expect(findBoxed(laterRules, `\\boxed{42} \\boxed{${blank}}`)).toBe('');
      expect(findBoxed(paperRules, `\\boxed{42} \\boxed{${blank}}`)).toBe(blank.trim());
    },
  );

  it('hostile texts: one walk, never thrown', () => {
    for (const part of ['\\boxed{', '\\boxed ', '\\', '{', '}', '\\boxed{}']) {
      expect(() => findBoxed(laterRules, part.repeat(200_000))).not.toThrow();
    }
  });
});

describe('feature 27, the text of a failure summary', () => {
  it.each([
    ['behind the thought, before a call', '<think>t</think>\n\nBlocked.<use_mcp_tool>x', 'Blocked.'],
    ['the thought where nothing follows', '<think> t </think>\n<use_mcp_tool>x', 't'],
    ['without a thought', ' Blocked. ', 'Blocked.'],
    ['a thought that is not closed', '<think>t Blocked.', '<think>t Blocked.'],
    ['tags in the wrong order', 'a</think>b<think>', 'a</think>b<think>'],
    ['behind the first of several ends', '<think>a</think>b</think>c', 'b</think>c'],
  ])('%s', (_, text, summary) => {
    expect(extractFailureSummary(text)).toBe(summary);
  });
});

describe('reading a reply', () => {
  const written = `<use_mcp_tool>\n${tags('x', 'google_search')}\n<arguments>\n{"q": "a"}\n</arguments>\n</use_mcp_tool>`;

  it('later rules: names repaired in the history, arguments in the calls, facts without text', () => {
    const read = readReply(laterRules, table, { text: `so \\boxed{4} ${written}`, finish: 'stop' });
    expect(read.historyText).toContain('<server_name>search_and_scrape_webpage</server_name>');
    expect(read.calls[0]).toEqual({
      server: 'search_and_scrape_webpage',
      tool: 'google_search',
      arguments: { q: 'a' },
    });
    expect(read.facts).toMatchObject({ boxed: true, protocolTag: true, empty: false, finish: 'stop' });
    expect(read.facts.calls[0]).toMatchObject({ executable: true, key: expect.stringMatching(/^[0-9a-f]{12}$/) });
    expect(JSON.stringify(read.facts)).not.toContain('boxed{');
  });

  it('paper rules: nothing repaired', () => {
    const read = readReply(paperRules, table, { text: written, finish: 'stop' });
    expect(read.historyText).toBe(written);
    expect(read.facts.calls[0]?.executable).toBe(false);
  });

  it('arguments that are no object: nothing runs', () => {
    const text = written.replace('{"q": "a"}', '"a"');
    const read = readReply(laterRules, table, { text, finish: 'stop' });
    expect(read.facts.calls[0]).toMatchObject({ tool: 'google_search', executable: false, key: null });
  });

  it('cut before its first character: never without a word in the history', () => {
    expect(toHistoryText(laterRules, table, { text: '', finish: 'length' })).toBe('LLM response is empty.');
    expect(toHistoryText(laterRules, table, { text: '', finish: 'stop' })).toBe('');
  });

  it('any text: never thrown, and its facts are those of the same text again', () => {
    const random = createRandom(29);
    const parts = [
      written,
      '<use_mcp_tool>',
      '</arguments>',
      '\\boxed{',
      '}',
      'time constraint',
      '\ud83e',
      '{"a": ',
      '\0',
      '\u2028',
    ];
    for (let round = 0; round < 1_000; round += 1) {
      const text = Array.from({ length: random.between(0, 12) }, () => random.pick(parts)).join('');
      for (const rules of [paperRules, laterRules]) {
        const read = readReply(rules, table, { text, finish: 'stop' });
        expect(readReply(rules, table, { text: read.historyText, finish: 'stop' }).facts).toEqual({
          ...read.facts,
          repeats: expect.any(Boolean),
        });
      }
    }
  });
});
