import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  createPageParser,
  type PageParser,
  type PageParserOptions,
  type ParseRequest,
} from '../../../../activities/web/adapters/page-parser.ts';
import { failureOf } from '../local-server.ts';

const opened: PageParser[] = [];
afterEach(() => {
  for (const parser of opened.splice(0)) parser.close();
});

function aParser(options: PageParserOptions = {}): PageParser {
  const parser = createPageParser(options);
  opened.push(parser);
  return parser;
}

function aPage(html: string, contentType = 'text/html'): ParseRequest {
  return { bytes: new TextEncoder().encode(html), contentType, url: 'https://example.com/a/b' };
}

const signal = new AbortController().signal;

/** Keeps the converters busy for minutes, in little text and without nesting. */
const endless = `<a ${Array.from({ length: 150_000 }, (_, index) => `a${index}=1`).join(' ')}>`;

describe('page parser', { timeout: 60_000 }, () => {
  it('several pages at once: each gets its own text', async () => {
    const parser = aParser();
    const pages = await Promise.all(
      Array.from({ length: 8 }, (_, index) => parser.parse(aPage(`<p>page ${index}`), signal)),
    );
    expect(pages.map(({ markdown }) => markdown)).toEqual(Array.from({ length: 8 }, (_, index) => `page ${index}`));
  });

  it('a page past the deadline: fails alone, the next is read by a fresh process', async () => {
    const parser = aParser({ deadlineMs: 1500 });
    await parser.parse(aPage('<p>warm'), signal);
    const hostile = parser.parse(aPage(endless), signal);
    const next = parser.parse(aPage('<p>next'), signal);
    expect(await failureOf(hostile)).toMatchObject({ type: 'Tool.Failed' });
    expect((await failureOf(hostile)).message).toContain('1500 ms');
    expect((await next).markdown).toBe('next');
  });

  it('a page that eats the heap: fails alone', async () => {
    const parser = aParser({ maxHeapMegabytes: 48, deadlineMs: 20_000 });
    expect((await failureOf(parser.parse(aPage('<'.repeat(1_000_000)), signal))).message).toContain('memory');
    expect((await parser.parse(aPage('<p>next'), signal)).markdown).toBe('next');
  });

  it.each([
    ['divs', '<div>'.repeat(5000)],
    ['tables', '<table><tr><td>'.repeat(2000)],
    ['inline elements', '<b><i>'.repeat(3000)],
  ])('%s nested thousands deep: fails with the limit, without the deadline', async (_what, html) => {
    const parser = aParser();
    expect((await failureOf(parser.parse(aPage(html), signal))).message).toContain('nested deeper than 512');
    expect((await parser.parse(aPage('<p>next'), signal)).markdown).toBe('next');
  });

  it('while a hostile page is parsed: the parent goes on', async () => {
    const parser = aParser({ deadlineMs: 1000 });
    await parser.parse(aPage('<p>warm'), signal);
    let turns = 0;
    const counter = setInterval(() => (turns += 1), 10);
    await failureOf(parser.parse(aPage(endless), signal));
    clearInterval(counter);
    expect(turns).toBeGreaterThan(20);
  });

  it('cancelled while waiting or working: rejects with the reason, and the parser stays usable', async () => {
    const parser = aParser({ deadlineMs: 1000 });
    const controller = new AbortController();
    const reason = new Error('cancelled by the test');
    const working = parser.parse(aPage(endless), controller.signal);
    const waiting = parser.parse(aPage('<p>x'), controller.signal);
    controller.abort(reason);
    expect(await failureOf(working)).toBe(reason);
    expect(await failureOf(waiting)).toBe(reason);
    expect((await parser.parse(aPage('<p>next'), signal)).markdown).toBe('next');
  });

  it('closed: later pages are refused', async () => {
    const parser = aParser();
    parser.close();
    expect(await failureOf(parser.parse(aPage('<p>x'), signal))).toMatchObject({ type: 'Worker.Drained' });
  });

  it('charset: byte order mark, header, meta, UTF-8 by its looks, windows-1252 otherwise', async () => {
    const parser = aParser();
    const parse = async (bytes: Uint8Array, contentType: string): Promise<string> =>
      (await parser.parse({ bytes, contentType, url: 'https://example.com/' }, signal)).markdown;
    const latin = Buffer.from('<p>caf\u00e9', 'latin1');
    expect(await parse(latin, 'text/html')).toBe('café');
    expect(await parse(Buffer.from('<p>café'), 'text/html')).toBe('café');
    expect(await parse(Buffer.from('<p>caf\u00e9 \u00a4', 'latin1'), 'text/html; charset=ISO-8859-15')).toBe('café €');
    expect(
      await parse(Buffer.from([0xff, 0xfe, ...Buffer.from('<p>日本', 'utf16le')]), 'text/html; charset=latin1'),
    ).toBe('日本');
    const shiftJis = Buffer.concat([
      Buffer.from('<meta charset="shift_jis"><p>'),
      Buffer.from([0x93, 0xfa, 0x96, 0x7b]),
    ]);
    expect(await parse(shiftJis, 'text/html')).toBe('日本');
    expect(await parse(Buffer.from('<p>ok'), 'text/html; charset=no-such-thing')).toBe('ok');
  });
});

describe('page parser process', { timeout: 60_000 }, () => {
  it.runIf(process.platform === 'linux')(
    'has no environment, and ends with its parent even in the middle of a page',
    async () => {
      const script = `
      import { readFileSync } from 'node:fs';
      import { createPageParser } from ${JSON.stringify(new URL('../../../../activities/web/adapters/page-parser.ts', import.meta.url).href)};
      const parser = createPageParser({ deadlineMs: 60_000 });
      const signal = new AbortController().signal;
      const page = (html) => ({ bytes: new TextEncoder().encode(html), contentType: 'text/html', url: 'https://example.com/' });
      await parser.parse(page('<p>warm'), signal);
      console.log(readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim());
      await parser.parse(page(${JSON.stringify('<a ')} + Array.from({ length: 150_000 }, (_, i) => 'a' + i + '=1').join(' ') + '>'), signal);
    `;
      const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
        env: { PLANTED_SECRET: 'planted' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const line = await new Promise<string>((resolve) => {
          createInterface({ input: parent.stdout }).once('line', resolve);
        });
        const child = Number(line);
        expect(isRunning(child)).toBe(true);
        expect(readFileSync(`/proc/${child}/environ`, 'utf8')).not.toContain('planted');
        const before = cpuTicks(child);
        await vi.waitFor(() => expect(cpuTicks(child) - before).toBeGreaterThan(40), { timeout: 10_000, interval: 50 });
        parent.kill('SIGKILL');
        await vi.waitFor(() => expect(isRunning(child)).toBe(false), { timeout: 10_000, interval: 50 });
      } finally {
        parent.kill('SIGKILL');
      }
    },
  );
});

/** CPU time of a process, in hundredths of a second: tells that it is busy with the page. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]);
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
