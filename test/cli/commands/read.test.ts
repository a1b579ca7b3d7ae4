import { mkdtempSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFile } from '../../../cli/commands/read.ts';

let directory: string;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'longhaul-read-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function read(content: string | Buffer, contentType = '') {
  const path = join(directory, 'file');
  writeFileSync(path, content);
  return readPath(path, contentType);
}

async function readPath(path: string, contentType = '') {
  const lines: string[] = [];
  const code = await readFile(path, (line) => lines.push(line), { contentType, json: true });
  expect(lines).toHaveLength(1);
  const answer: unknown = JSON.parse(lines[0] ?? '');
  return { code, answer };
}

describe('read', () => {
  it('a page: exactly the fields that are promised', async () => {
    const { code, answer } = await read('<title>T</title><p>hello <a href="/x">there</a>', 'text/html');
    expect(code).toBe(0);
    expect(answer).toEqual({
      kind: 'html',
      title: 'T',
      markdown: 'hello there',
      bytes: 47,
      ms: expect.any(Number),
      truncated: false,
    });
  });

  it('nothing is left behind, and nothing is written beside the file', async () => {
    await read('%PDF-1.4 broken', 'application/pdf');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it.each([
    ['a document that is refused', () => read('<div>'.repeat(2000), 'text/html'), 'Tool.Failed', 10_000],
    ['a damaged PDF', () => read('%PDF-1.4 broken'), 'Tool.Failed', 15],
    ['no file', () => readPath(join(directory, 'none')), 'Input.NotFound', 0],
    ['a folder', () => readPath(directory), 'Input.Invalid', 0],
    ['a device', () => readPath('/dev/zero'), 'Input.Invalid', 0],
  ])('%s: exit code 1, the type, the size of the input', async (...[, act, type, bytes]) => {
    const { code, answer } = await act();
    expect(code).toBe(1);
    expect(answer).toEqual({ error: { type, message: expect.any(String) }, bytes, ms: expect.any(Number) });
  });

  it('a link to a file: followed', async () => {
    writeFileSync(join(directory, 'target'), 'plain');
    symlinkSync(join(directory, 'target'), join(directory, 'link'));
    expect((await readPath(join(directory, 'link'))).answer).toMatchObject({ kind: 'text', markdown: 'plain' });
  });

  it('a text of 300 MB: its beginning, truncated; a PDF of 300 MB: refused', async () => {
    const path = join(directory, 'large');
    writeFileSync(path, 'text ');
    truncateSync(path, 300_000_000);
    expect((await readPath(path, 'text/plain')).answer).toMatchObject({ bytes: 300_000_000, truncated: true });
    writeFileSync(path, '%PDF-1.7 ');
    truncateSync(path, 300_000_000);
    expect((await readPath(path)).answer).toMatchObject({ error: { message: expect.stringContaining('larger than') } });
  });
});
