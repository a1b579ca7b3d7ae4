import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readHtml } from '../../../../activities/web/reading/html/read-html.ts';
import { demoCorpusFolder } from '../../../../infra/dev/corpus/demo-question.ts';
import { loadPages } from '../../../../infra/dev/corpus/pages.ts';
import { type CorpusServer, startCorpusServer } from '../../../../infra/dev/corpus/server.ts';

const demoPages = join(demoCorpusFolder, 'pages.jsonl');
const open: CorpusServer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function start(file: string): Promise<CorpusServer> {
  const server = await startCorpusServer({ pagesFile: file });
  open.push(server);
  return server;
}

function pagesFile(...lines: string[]): string {
  const file = join(mkdtempSync(join(tmpdir(), 'corpus-')), 'pages.jsonl');
  writeFileSync(file, lines.join('\n'));
  return file;
}

describe('corpus pages', () => {
  it('demo corpus: loaded → about sixty pages of some length, each linked and every link known', () => {
    const pages = loadPages(demoPages, 'h:1');
    const titles = new Set(pages.map((page) => page.title));
    expect(pages.length).toBeGreaterThanOrEqual(60);
    const short = pages.filter((page) => page.text.split(/\s+/u).length < 120 || page.links.length === 0);
    const dangling = pages.flatMap((page) =>
      page.links
        .filter((link) => !titles.has(link) || !page.text.includes(link))
        .map((link) => `${page.title}: ${link}`),
    );
    expect({ short, dangling }).toEqual({ short: [], dangling: [] });
  });

  it('url: missing → the corpus server’s; given → kept', () => {
    const file = pagesFile(
      '{"title":"A/B ü?","text":"x"}',
      '',
      '{"title":"C","text":"y","url":"https://example.org/c"}',
    );
    expect(loadPages(file, '127.0.0.1:80').map((page) => page.url)).toEqual([
      'http://127.0.0.1:80/wiki/A%2FB%20%C3%BC%3F',
      'https://example.org/c',
    ]);
  });

  it.each([
    ['not JSON', 'no', /line 2: is not JSON/u],
    ['no text', '{"title":"B"}', /line 2: text: /u],
    ['unknown key', '{"title":"B","text":"x","colour":1}', /line 2: .*colour/u],
    ['bad url', '{"title":"B","text":"x","url":"ftp://x"}', /line 2: url: /u],
    ['title twice', '{"title":"A","text":"x"}', /line 2: title "A" is taken by line 1/u],
  ])('bad line: %s → error that names file, line and rule', (_name, line, rule) => {
    const file = pagesFile('{"title":"A","text":"x"}', line);
    expect(() => loadPages(file, 'h:1')).toThrow(rule);
    expect(() => loadPages(file, 'h:1')).toThrow(file);
  });

  it('file: absent or empty → error that names it', () => {
    expect(() => loadPages('/nowhere/pages.jsonl', 'h:1')).toThrow('/nowhere/pages.jsonl');
    expect(() => loadPages(pagesFile(''), 'h:1')).toThrow(/no page/u);
  });
});

describe('corpus server', () => {
  it('page: fetched → HTML whose main text the page reader finds, with links, without the footer', async () => {
    const server = await start(demoPages);
    const page = loadPages(demoPages, server.host).find((each) => each.title === 'Skarrow Light')!;
    const response = await fetch(page.url, { headers: { 'idempotency-key': 'step-9' } });
    expect(response.headers.get('content-type')).toContain('text/html');
    const shown = readHtml(await response.text(), page.url);
    expect(shown.title).toBe('Skarrow Light');
    expect(shown.links).toContainEqual({ text: 'Josiah Pell', url: `${server.url}/wiki/Josiah%20Pell` });
    expect(shown.markdown).toContain('first lit on the fifteenth of September 1852');
    expect(shown.markdown).not.toContain('Nothing here is stored');
    expect(server.requests()).toMatchObject([{ url: '/wiki/Skarrow%20Light', stepKey: 'step-9' }]);
  });

  it('unknown or badly encoded path → 404', async () => {
    const server = await start(demoPages);
    for (const path of ['/wiki/Nowhere', '/wiki/%E0%A4%A', '/other']) {
      expect((await fetch(`${server.url}${path}`)).status).toBe(404);
    }
    expect((await fetch(server.url)).status).toBe(200);
  });

  it('text with markup → escaped, and a title inside a longer one is not linked', async () => {
    const file = pagesFile(
      JSON.stringify({ title: 'A', text: '<script>alert(1)</script> "New Port" & Port', links: ['Port', 'New Port'] }),
      JSON.stringify({ title: 'Port', text: 'x' }),
      JSON.stringify({ title: 'New Port', text: 'x' }),
    );
    const server = await start(file);
    const html = await (await fetch(`${server.url}/wiki/A`)).text();
    expect(html).not.toContain('<script>');
    expect(html).toContain('&quot;<a href="/wiki/New%20Port">New Port</a>&quot; &amp; <a href="/wiki/Port">Port</a>');
  });

  it('main: prints host and pages, ends on SIGTERM', async () => {
    const main = new URL('../../../../infra/dev/corpus/main.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [main, '--corpus', demoCorpusFolder, '--port', '0']);
    const [line] = await once(child.stdout, 'data');
    const said = z.object({ listening: z.string(), pages: z.number() }).parse(JSON.parse(String(line)));
    expect(said.pages).toBeGreaterThanOrEqual(60);
    expect((await fetch(`http://${said.listening}/wiki/Halmouth`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
