import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../domain/agent/arguments/json-value.ts';
import { isBlockedUrl } from '../../../domain/agent/blocked-url.ts';
import { decodeUrls } from '../../../domain/agent/decode-urls.ts';
import { toDedupKey } from '../../../domain/agent/dedup-key.ts';
import { cutSandboxText, formatObservation, joinObservations } from '../../../domain/agent/observation.ts';
import { readResult } from '../../../domain/agent/read-result.ts';
import { sendsTurnBack } from '../../../domain/agent/rollback-result.ts';
import { laterRules, paperRules } from '../../../domain/agent/rules.ts';
import { nextSearchStep } from '../../../domain/agent/search-result.ts';

describe('feature 12, keys of repeats', () => {
  it.each([
    ['google_search by q alone', 'google_search', { q: 'a', page: 2 }, 'google_search_a', 'google_search_a'],
    ['scrape_website by url', 'scrape_website', { url: 'u' }, 'scrape_website_u', 'scrape_website_u'],
    [
      'search_and_browse by subtask',
      'search_and_browse',
      { subtask: 's' },
      'search_and_browse_s',
      'search_and_browse_s',
    ],
    [
      'the reader by url and question, later only',
      'scrape_and_extract_info',
      { url: 'u', info_to_extract: 'i' },
      null,
      'scrape_and_extract_info_u_i',
    ],
    ['the reader without a question', 'scrape_and_extract_info', { url: 'u' }, null, 'scrape_and_extract_info_u_'],
    ['sogou by a name that it has not', 'sogou_search', { Query: 'a' }, null, 'sogou_search_a'],
    ['its misspelt name, paper only', 'sougou_search', { Query: 'a' }, 'sougou_search_a', null],
    ['any other tool', 'run_command', { command: 'ls' }, null, null],
    ['a missing field', 'google_search', {}, null, null],
    ['an empty field', 'google_search', { q: '' }, null, null],
    ['a field that is no text', 'google_search', { q: 5 }, null, null],
    ['arguments that are no object', 'google_search', 'q', null, null],
    ['a name that every object has', 'toString', { q: 'a' }, null, null],
  ])('%s', (...[, tool, args, paper, later]) => {
    expect(toDedupKey(paperRules, tool, args)).toBe(paper);
    expect(toDedupKey(laterRules, tool, args)).toBe(later);
  });
});

const factsOf = (answer: { result?: string; error?: string }) =>
  readResult(laterRules, { tool: 'google_search', tokens: 7, ...answer });

describe('feature 13, results that send the turn back', () => {
  it.each<[string, string, JsonValue | undefined, string | undefined, boolean]>([
    ['an unknown tool', 'x', 'Unknown tool: x', undefined, true],
    ['refused arguments', 'x', 'Error executing tool x: bad', undefined, true],
    ['the same as an error', 'x', undefined, 'Unknown tool: x', true],
    ['the same in the middle', 'x', 'y Unknown tool: x', undefined, false],
    ['an empty search', 'google_search', '{"organic": []}', undefined, true],
    ['an empty search that came as an object', 'google_search', { organic: [] }, undefined, true],
    ['hits that are an empty text', 'google_search', '{"organic": ""}', undefined, true],
    ['no hits at all', 'google_search', '{"searchParameters": {}}', undefined, true],
    ['hits that are null', 'google_search', '{"organic": null}', undefined, false],
    ['hits', 'google_search', '{"organic": [{}]}', undefined, false],
    ['a failed search', 'google_search', '{"success": false, "error": "quota", "results": []}', undefined, false],
    ['another tool’s empty list', 'x', '{"organic": []}', undefined, false],
    ['no JSON', 'google_search', 'oops', undefined, false],
    ['a list', 'google_search', '[]', undefined, false],
    ['an error', 'google_search', undefined, '{"organic": []}', false],
    ['nothing', 'google_search', undefined, undefined, false],
  ])('%s: %s', (...[, tool, result, error, back]) => {
    expect(sendsTurnBack(tool, { result, error })).toBe(back);
  });

  it('facts: a failed search is told from an empty one and from an error', () => {
    expect(factsOf({ result: '{"organic": []}' })).toEqual({ status: 'ok', asksRollback: true, tokens: 7 });
    expect(factsOf({ result: '{"success": false}' })).toEqual({
      status: 'provider-failed',
      asksRollback: false,
      tokens: 7,
    });
    expect(factsOf({ error: 'down' })).toEqual({ status: 'failed', asksRollback: false, tokens: 7 });
    expect(readResult(paperRules, { tool: 't', tokens: 1, result: 'Unknown tool: t' }).asksRollback).toBe(false);
  });
});

describe('features 9 and 23, observations', () => {
  const call = { server: 's', tool: 't' };

  it('an error, a result, nothing: each in its form', () => {
    expect(formatObservation({ ...call, error: 'down', result: 'x' }, '-')).toBe(
      'Tool call to t on s failed. Error: down',
    );
    expect(formatObservation({ ...call, result: '' }, '-')).toBe('');
    expect(formatObservation(call, '-')).toBe('-');
    expect(joinObservations(['a', '', 'b'])).toBe('a\n\nb');
  });

  it('a result that is no text: its JSON', () => {
    expect(formatObservation({ ...call, result: null }, '-')).toBe('null');
    expect(formatObservation({ ...call, result: { a: [1] } }, '-')).toBe('{"a":[1]}');
  });

  it('100,000 and 20,000 code points: whole; one more is cut with its note', () => {
    for (const character of ['a', '𠮷']) {
      expect(formatObservation({ ...call, result: character.repeat(100_000) }, '-')).toBe(character.repeat(100_000));
      expect(formatObservation({ ...call, result: character.repeat(100_001) }, '-')).toBe(
        `${character.repeat(100_000)}\n... [Result truncated]`,
      );
      expect(cutSandboxText(character.repeat(20_000))).toBe(character.repeat(20_000));
      expect(cutSandboxText(character.repeat(20_001))).toBe(
        `${character.repeat(20_000)} [Result truncated due to length limit]`,
      );
    }
  });
});

describe('feature 38, the leak block', () => {
  it.each([
    ['https://huggingface.co/datasets/a', true, true],
    ['huggingface.co/spaces/a', true, true],
    ['https://huggingface.co/papers/1', false, false],
    ['https://huggingface.co/models?x=/datasets', false, false],
    ['https://example.org/datasets/a', false, false],
    ['https://xhuggingface.co:443/datasets', false, false],
    ['https://HuggingFace.co./Datasets/a', false, true],
    ['http://user:pw@huggingface.co:443//%64atasets', false, true],
    ['https://r.jina.ai/https://HuggingFace.co/datasets/a', false, true],
    ['hf-mirror.com/datasets', false, true],
    ['datasets-server.huggingface.co', false, true],
    ['https://huggingface.co/%zz', false, false],
    ['', false, false],
    [null, false, false],
  ])('%j: in a search %j, by a reader %j', (url, search, reader) => {
    expect(isBlockedUrl(paperRules, url, 'search')).toBe(search);
    for (const use of ['scrape', 'scrape_website', 'scrape_and_extract_info'] as const) {
      expect(isBlockedUrl(paperRules, url, use)).toBe(reader);
    }
    expect(isBlockedUrl({ ...paperRules, bansOtherSpellings: true }, url, 'search')).toBe(reader);
  });

  it('unifuncs: in a search of the later line, by a reader of any', () => {
    const url = 'https://api.unifuncs.com/x';
    expect(isBlockedUrl(paperRules, url, 'search')).toBe(false);
    expect(isBlockedUrl(laterRules, url, 'search')).toBe(true);
    expect(isBlockedUrl(paperRules, url, 'scrape')).toBe(true);
  });
});

const hit = (link: JsonValue): JsonObject => ({ link, title: 't' });
const done = (args: JsonObject, ...bodies: JsonValue[]) =>
  nextSearchStep(
    laterRules,
    args,
    bodies.map((body) => ({ body })),
  );

describe('feature 32, google_search', () => {
  it.each<[JsonValue, JsonValue, JsonValue]>([
    ['http://e.org/%C3%A9%2Fx', 'http://e.org/é%2Fx', 'http://e.org/é%2Fx'],
    ['http://e.org/%2f%3d%2b%3D', 'http://e.org/%2F=+%3D', 'http://e.org/%2f%3d%2b%3D'],
    ['http %28%22%7E', 'http ("~', 'http %28"~'],
    ['%27 no link', "' no link", '%27 no link'],
    ['http%FF%E4%2F%B8', 'http%2F', 'http\ufffd\ufffd%2F\ufffd'],
    ['http%zz%4%u4e2d', 'http%zz%4%u4e2d', 'http%zz%4%u4e2d'],
    [{ 'http%41': ['http%41', null, 5] }, { 'http%41': ['httpA', null, 5] }, { 'http%41': ['httpA', null, 5] }],
  ])('decoding %j', (value, paper, later) => {
    expect(decodeUrls(paperRules, value)).toEqual(paper);
    expect(decodeUrls(laterRules, value)).toEqual(later);
  });

  it('the payload: defaults, and optional arguments only where given', () => {
    expect(done({ q: ' a ' })).toEqual({ type: 'request', payload: { q: 'a', gl: 'us', hl: 'en', num: 10 } });
    expect(done({ q: 'a', gl: 'cn', num: 0, page: 1, tbs: '', location: '', autocorrect: false })).toEqual({
      type: 'request',
      payload: { q: 'a', gl: 'cn', hl: 'en', num: 0, page: 1, autocorrect: false },
    });
  });

  it('hits: filtered and decoded, nothing else of the reply kept', () => {
    const body = {
      organic: [hit('http://e.org/%41'), hit('https://huggingface.co/datasets/a'), {}],
      knowledgeGraph: {},
    };
    expect(done({ q: 'a' }, body)).toEqual({
      type: 'done',
      result: { organic: [hit('http://e.org/A'), {}], searchParameters: {} },
    });
  });

  it('quotes and no hits: asked once more without them, never a third time', () => {
    expect(done({ q: '"a b" c' }, {})).toMatchObject({ type: 'request', payload: { q: 'a b c' } });
    expect(done({ q: '"a b" c' }, {}, {})).toEqual({ type: 'done', result: { organic: [], searchParameters: {} } });
    expect(done({ q: '" "' }, {})).toMatchObject({ type: 'done' });
    expect(done({ q: '“a”' }, {})).toMatchObject({ type: 'done' });
  });

  it.each<[string, JsonObject, JsonValue[]]>([
    ['a blank query', { q: ' \u3000' }, []],
    ['no query', {}, []],
    ['hits that are null', { q: 'a' }, [{ organic: null }]],
    ['hits that are a number', { q: 'a' }, [{ organic: 5 }]],
    ['a hit that is null', { q: 'a' }, [{ organic: [null] }]],
    ['a link that is a number', { q: 'a' }, [{ organic: [hit(5)] }]],
    ['a reply that is a list', { q: 'a' }, [[]]],
  ])('%s: a failed search', (_, args, bodies) => {
    expect(done(args, ...bodies)).toMatchObject({ type: 'done', result: { success: false, results: [] } });
  });

  it('a request that failed for good: a failed search', () => {
    expect(nextSearchStep(laterRules, { q: 'a' }, [{ failure: 'HTTP 429' }])).toMatchObject({
      type: 'done',
      result: { success: false },
    });
  });
});
