import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { CorpusPage } from '../../../../activities/web/adapters/corpus-index.ts';
import { createCorpusSearch } from '../../../../activities/web/adapters/corpus-search.ts';
import { aCall, failureOf } from '../local-server.ts';

function aPage(title: string, text: string, url = `http://corpus.example/${encodeURIComponent(title)}`): CorpusPage {
  return { title, text, url };
}

const pages = [
  aPage('Fresnel lens', 'A lens of rings, made by Augustin Fresnel for lighthouses. It bends light into a beam.'),
  aPage('Lighthouse', 'A tower that guides ships at night. The lamp stands behind a lens.'),
  aPage('Pharos', 'The lighthouse of Alexandria was one of the seven wonders. Its towers burned wood.'),
  aPage('Bread', 'Flour, water and salt.'),
  aPage('灯台', '灯台は夜に船を導く塔である。東京湾にもある。'),
  aPage('北京', '北京是中华人民共和国的首都。长城在北京的北面。'),
  aPage('등대', '등대는 밤에 배를 인도하는 탑이다.'),
];
const search = createCorpusSearch({ pages });
const titles = async (q: string, rest: { num?: number; page?: number } = {}): Promise<string[]> =>
  (await search.search({ q, ...rest }, aCall())).organic.map(({ title }) => title);

async function linksOf(given: readonly CorpusPage[], q: string): Promise<string[]> {
  const one = createCorpusSearch({ pages: given });
  const { organic } = await one.search({ q }, aCall());
  one.close();
  return organic.map(({ link }) => link);
}

describe('corpus search', () => {
  it('all words: those pages first, those with any of them after', async () => {
    expect(await titles('lighthouse wonders')).toEqual(['Pharos', 'Lighthouse', 'Fresnel lens']);
  });

  it('a word in the title: outweighs the same word in the text', async () => {
    expect((await titles('lens'))[0]).toBe('Fresnel lens');
  });

  it('another form of a word, accents, capitals, full width: found', async () => {
    expect(await titles('BURNING')).toEqual(['Pharos']);
    expect(await titles('frésnel')).toEqual(['Fresnel lens']);
    expect(await titles('ｂｒｅａｄ')).toEqual(['Bread']);
  });

  it('a question in plain words: common words do not drown the others', async () => {
    expect((await titles('What is the capital of the beam that was made by Fresnel?'))[0]).toBe('Fresnel lens');
    expect(await titles('what is the')).not.toEqual([]);
  });

  it('a phrase in quotes: its page first', async () => {
    expect((await titles('"seven wonders" lighthouse'))[0]).toBe('Pharos');
  });

  it.each([
    ['东京', []], // the other script's form of its second character
    ['東京', ['灯台']],
    ['北京', ['北京']],
    ['首都', ['北京']],
    ['城', ['北京']],
    ['船を導く', ['灯台']],
    ['北京的首都在哪里', ['北京']],
    ['등대', ['등대']],
    ['배를 인도', ['등대']],
  ])('a query without blanks, %s: finds by the characters', async (q, expected) => {
    expect(await titles(q)).toEqual(expected);
  });

  it('hit: title, link, snippet around the words, position', async () => {
    const { organic, searchParameters } = await search.search({ q: 'capital beam' }, aCall());
    expect(organic).toEqual([
      {
        title: 'Fresnel lens',
        link: 'http://corpus.example/Fresnel%20lens',
        snippet: expect.stringContaining('beam'),
        position: 1,
      },
    ]);
    expect(searchParameters).toEqual({ q: 'capital beam', num: 10, page: 1, type: 'search', engine: 'corpus' });
  });

  it('a long text: the snippet is the part with most of the words, at most 250 characters', async () => {
    const filler = 'Nothing of interest happens here, on and on. '.repeat(100);
    const long = createCorpusSearch({
      pages: [aPage('Long', `${filler}A harbour. ${filler}The harbour pilot wrote a ballad. ${filler}`)],
    });
    const { organic } = await long.search({ q: 'harbour pilot ballad' }, aCall());
    expect(organic[0]?.snippet).toContain('harbour pilot wrote a ballad');
    expect(organic[0]?.snippet?.length).toBeLessThanOrEqual(250);
    long.close();
  });

  it('num and page: windows of one order, without gaps or repeats', async () => {
    const many = createCorpusSearch({
      pages: Array.from({ length: 35 }, (_, index) => aPage(`Page ${index}`, 'the same text about tides')),
    });
    const read = async (num: number | undefined, page: number): Promise<string[]> =>
      (await many.search({ q: 'tides', num, page }, aCall())).organic.map(({ link }) => link);
    const all = await read(100, 1);
    expect(all.length).toBe(35);
    expect([
      ...(await read(undefined, 1)),
      ...(await read(undefined, 2)),
      ...(await read(10, 3)),
      ...(await read(10, 4)),
    ]).toEqual(all);
    expect(await read(10, 5)).toEqual([]);
    expect((await read(0, 0)).length).toBe(1);
    expect((await read(Number.NaN, -3)).length).toBe(1);
    many.close();
  });

  it('equal ranks: by address, whatever the order in which the pages were given', async () => {
    const twins = ['c', 'a', 'b'].map((name) => aPage('Twin', 'same words', `http://corpus.example/${name}`));
    expect(await linksOf(twins, 'same')).toEqual([
      'http://corpus.example/a',
      'http://corpus.example/b',
      'http://corpus.example/c',
    ]);
    expect(await linksOf(twins.toReversed(), 'same')).toEqual(await linksOf(twins, 'same'));
  });

  it('two pages of one address: the first stands', async () => {
    const one = createCorpusSearch({
      pages: [aPage('First', 'tide', 'http://corpus.example/x'), aPage('Second', 'tide', 'http://corpus.example/x')],
    });
    expect((await one.search({ q: 'tide' }, aCall())).organic.map(({ title }) => title)).toEqual(['First']);
    one.close();
  });

  it.each([
    '',
    ' ',
    '"',
    '""',
    '"""',
    '*',
    'a*',
    '* OR *',
    'AND',
    'OR NOT',
    'NEAR(a b)',
    'title:lens',
    'lens -tower',
    '(((',
    "'; DROP TABLE page; --",
    '\u0000',
    '\ud800',
    '😀',
    '^lens',
    '{a}',
    'lens" OR "x',
    '\u0301',
    'a'.repeat(100_000),
    'x '.repeat(50_000),
  ])('junk query %#: answers, never throws', async (q) => {
    expect(Array.isArray(await titles(q))).toBe(true);
  });

  it('property: no string makes it throw', async () => {
    const parts = [
      'lens',
      '"',
      "'",
      '*',
      '(',
      ')',
      ':',
      '-',
      '+',
      '^',
      'AND',
      'OR',
      'NOT',
      'NEAR',
      '{',
      '}',
      '灯',
      '台',
      '\u0000',
      '\ud800',
      '\udc00',
      '😀',
      ' ',
      '\n',
      '\\',
      ';',
      '%',
      '_',
      'é',
      '\u200b',
      '/',
      ',',
    ];
    let seed = 11;
    for (let round = 0; round < 1500; round += 1) {
      let q = '';
      for (let length = round % 17; length > 0; length -= 1) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        q += parts[(seed >> 8) % parts.length] ?? '';
      }
      await expect(titles(q)).resolves.toBeInstanceOf(Array);
    }
  });

  it('an empty corpus: finds nothing', async () => {
    const empty = createCorpusSearch({ pages: [] });
    expect((await empty.search({ q: 'lens' }, aCall())).organic).toEqual([]);
    empty.close();
  });

  it('cancelled: rejects with the reason', async () => {
    const reason = new Error('cancelled by the test');
    expect(await failureOf(search.search({ q: 'lens' }, aCall(AbortSignal.abort(reason))))).toBe(reason);
  });

  it('an index in a file: used again while the pages are the same, built anew when they change', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longhaul-corpus-'));
    try {
      const databaseFile = join(folder, 'index.sqlite');
      const find = async (given: readonly CorpusPage[], q: string): Promise<string[]> => {
        const one = createCorpusSearch({ pages: given, databaseFile });
        const { organic } = await one.search({ q }, aCall());
        one.close();
        return organic.map(({ title }) => title);
      };
      expect(await find(pages, 'flour')).toEqual(['Bread']);
      const before = statSync(databaseFile).mtimeMs;
      expect(await find(pages, 'flour')).toEqual(['Bread']);
      expect(statSync(databaseFile).mtimeMs).toBe(before);
      expect(await find([aPage('Cake', 'Flour and sugar.')], 'flour')).toEqual(['Cake']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
