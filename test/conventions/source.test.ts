import { describe, expect, it } from 'vitest';
import { failures } from '../../domain/errors.ts';
import { listFiles, readSource, withoutTexts } from '../support/repository.ts';

const files = listFiles();
const sources = files
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .map((path) => ({ path, text: readSource(path) }));
const code = sources.map(({ path, text }) => ({ path, text: withoutTexts(text) }));

/** Files that hold generated or recorded data, not prose or code. */
const recorded = /^(?:package-lock\.json|.*go\.sum|.*\.jsonl|test\/replay\/history\.json)$/u;

/** The files whose text matches. */
const matching = (from: readonly { path: string; text: string }[], pattern: RegExp) =>
  from.filter(({ text }) => pattern.test(text)).map(({ path }) => path);

const anyType = /(?:[:<|&(,=]|\bas)\s*any\b(?!\s*[:(])|\bany\[\]/u;

// Put together from parts, or this file would hold what it forbids.
const machinePaths = new RegExp(`${['/', 'work/'].join('')}|${['/', 'root/'].join('')}`, 'u');
const registryHosts = new RegExp(
  [
    ['artifac', 'tory'],
    ['registry', '\\.npmjs'],
    ['npmjs', '\\.org'],
    ['pypi', '\\.org/simple'],
    ['goproxy', '\\.'],
    ['proxy', '\\.golang'],
  ]
    .map((parts) => parts.join(''))
    .join('|'),
  'iu',
);
const forbiddenWords = new RegExp(
  [
    ['sub', 'agent'],
    ['agent ', 'session'],
    ['chat', 'gpt'],
    ['clau', 'de'],
    ['\\bissue ', '\\d'],
    ['\\bshared/', 'reference'],
    ['co-', 'pilot'],
  ]
    .map((parts) => parts.join(''))
    .join('|'),
  'iu',
);

const most = (path: string) => (path.startsWith('test/') ? 600 : 400);

describe('the source', () => {
  it('enough of it is there to check', () => {
    expect(sources.length).toBeGreaterThan(150);
    expect(sources.map(({ path }) => path)).toContain('domain/errors.ts');
  });

  it('what is looked for: found when it is there', () => {
    expect(withoutTexts("const a = 'x: any'; // y: any\n/* z: any */ const b: number = 1;")).not.toMatch(anyType);
    for (const bad of ['let a: any;', 'x as any', 'Array<any>', 'any[]', '(a: string | any) => 1'])
      expect(bad).toMatch(anyType);
    expect(['/', 'work/main'].join('')).toMatch(machinePaths);
    expect(['https://registry', '.npmjs', '.org/x'].join('')).toMatch(registryHosts);
    expect(['an agent ', 'session'].join('')).toMatch(forbiddenWords);
  });

  it('`any`: nowhere', () => {
    expect(matching(code, anyType)).toEqual([]);
  });

  it('default exports: in the configuration of the test runner only', () => {
    expect(matching(code, /^export\s+default\b|^export\s*\{[^}]*\bas default\b/mu)).toEqual(['vitest.config.ts']);
  });

  it('enums, namespaces and parameter properties: nowhere, since types are only stripped', () => {
    expect(
      matching(
        code,
        /^(?:export )?(?:const )?enum\s|^(?:export )?namespace\s|constructor\([^)]*\b(?:private|public|protected|readonly)\s/mu,
      ),
    ).toEqual([]);
  });

  it('a file over 400 lines, or 600 of a test: nowhere', () => {
    const long = sources.filter(({ path, text }) => text.split('\n').length - 1 > most(path));
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it('file names: kebab-case', () => {
    const named = sources.filter(
      ({ path }) => !/^[a-z0-9]+(?:[-.][a-z0-9]+)*\.ts$/u.test(path.split('/').at(-1) ?? ''),
    );
    expect(named.map(({ path }) => path)).toEqual([]);
  });

  it('sleeps in unit tests’ place of a condition, and module mocks: nowhere', () => {
    expect(matching(code, /\bvi\.(?:mock|doMock)\(/u)).toEqual([]);
  });
});

describe('every committed text', () => {
  const texts = files
    .filter((path) => /\.(?:ts|md|json|jsonl|yaml|yml|mod|sum)$|^bin\/|^\.ci\/|^\.[a-z]+rc$/u.test(path))
    .map((path) => ({ path, text: readSource(path) }));

  it('machine paths and registry hosts: nowhere', () => {
    expect(texts.length).toBeGreaterThan(sources.length);
    expect(matching(texts, machinePaths)).toEqual([]);
    expect(matching(texts, registryHosts)).toEqual([]);
  });

  it('words about how this is written: nowhere', () => {
    expect(
      matching(
        texts.filter(({ path }) => !recorded.test(path)),
        forbiddenWords,
      ),
    ).toEqual([]);
  });
});

describe('every failure type', () => {
  const types = Object.keys(failures);
  const elsewhere = sources.filter(({ path }) => path !== 'domain/errors.ts' && !path.startsWith('test/'));

  it('is thrown or told somewhere in the code', () => {
    const unused = types.filter((type) => !elsewhere.some(({ text }) => text.includes(`'${type}'`)));
    expect(types.length).toBeGreaterThan(30);
    expect(unused).toEqual([]);
  });

  it('that is thrown: is one of the table', () => {
    const thrown = elsewhere.flatMap(({ text }) =>
      [...text.matchAll(/new AppError\(\s*'([^']+)'/gu)].map(([, type]) => type),
    );
    expect(thrown.length).toBeGreaterThan(50);
    expect(thrown.filter((type) => !types.includes(type ?? ''))).toEqual([]);
  });
});
