import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { readDocument } from '../../../../activities/web/reading/read-document.ts';
import { buildZip } from '../../../campaigns/parsers/zip-builder.ts';

const read = (bytes: Buffer | string, contentType = '') =>
  readDocument({ bytes: Buffer.from(bytes), contentType, url: 'https://example.com/a/' });

describe('text', () => {
  it.each<readonly [string, Buffer, string, string]>([
    ['UTF-8 by its looks', Buffer.from('café'), 'text/plain', 'café'],
    ['windows-1252 otherwise', Buffer.from('caf\u00e9', 'latin1'), 'text/plain', 'café'],
    ['the header', Buffer.from('\u00a4', 'latin1'), 'text/plain; charset="ISO-8859-15"', '€'],
    [
      'a byte order mark over the header',
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('é')]),
      'text/plain; charset=latin1',
      'é',
    ],
    ['UTF-16 by the header', Buffer.from('日本', 'utf16le'), 'text/plain; charset=utf-16le', '日本'],
    [
      'an XML declaration',
      Buffer.from('<?xml version="1.0" encoding="ISO-8859-15"?><a>\u00a4</a>', 'latin1'),
      '',
      '<?xml version="1.0" encoding="ISO-8859-15"?><a>€</a>',
    ],
    [
      'a meta of HTML',
      Buffer.concat([Buffer.from('<meta charset=shift_jis><p>'), Buffer.from([0x93, 0xfa, 0x96, 0x7b])]),
      'text/html',
      '日本',
    ],
    [
      'a late meta of HTML',
      Buffer.concat([
        Buffer.from(`<!--${'x'.repeat(3000)}--><meta charset=koi8-r><p>`),
        Buffer.from([0xcd, 0xc9, 0xd2]),
      ]),
      'text/html',
      'мир',
    ],
    ['carriage returns', Buffer.from('a\r\nb'), 'text/plain', 'a\nb'],
    ['NUL', Buffer.from('a\u0000b', 'utf16le'), 'text/plain; charset=utf-16le', 'a\ufffdb'],
  ])('%s', async (...[, bytes, contentType, markdown]) => {
    expect(await read(bytes, contentType)).toMatchObject({ markdown, truncated: false });
  });

  it('JSON: as it is', async () => {
    expect(await read('{"a":\t[1, 2]}', 'application/json')).toMatchObject({
      kind: 'json',
      markdown: '{"a":\t[1, 2]}',
    });
  });

  it('longer than 8 MB: cut between characters, and told', async () => {
    const page = await read(`a${'é'.repeat(4_500_000)}`, 'text/plain');
    expect(page.truncated).toBe(true);
    expect(Buffer.byteLength(page.markdown)).toBe(7_999_999);
    expect(page.markdown.endsWith('é')).toBe(true);
  });
});

describe('what holds no text', () => {
  it('an image: its type and size', async () => {
    const png = Buffer.concat([
      Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
      Buffer.from([0, 0, 2, 128, 0, 0, 1, 224, 8, 2, 0, 0, 0]),
    ]);
    expect((await read(png)).markdown).toContain('image/png, 640 × 480 pixels');
    expect((await read(Buffer.from('474946383961800270', 'hex').subarray(0, 8))).markdown).toContain('image/gif');
  });

  it('an archive: what it says it holds, in one line each', async () => {
    const { kind, markdown } = await read(
      buildZip([
        { name: 'a/b.txt', data: 'four' },
        { name: 'evil\n# Head', data: '' },
      ]),
    );
    expect(kind).toBe('archive');
    expect(markdown.split('\n').slice(2)).toEqual(['- a/b.txt (4 bytes)', '- evil # Head (0 bytes)']);
  });
});

const pdf = (content: Buffer, filter = '') =>
  Buffer.concat([
    Buffer.from(
      `%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n6 0 obj<</Title(Lights)>>endobj\n4 0 obj<</Length ${content.length}${filter}>>stream\n`,
    ),
    content,
    Buffer.from('\nendstream endobj\ntrailer<</Root 1 0 R/Info 6 0 R>>\n%%EOF'),
  ]);

describe('PDF, without a tool of the host', () => {
  const text = Buffer.from('BT /F1 12 Tf 72 720 Td (A lighthouse warns ships.) Tj ET');

  it.each([
    ['plain', pdf(text)],
    ['packed', pdf(deflateSync(text), '/Filter/FlateDecode')],
  ])('%s: its text and title', async (_what, bytes) => {
    expect(await read(bytes)).toMatchObject({ kind: 'pdf', title: 'Lights', markdown: 'A lighthouse warns ships.' });
  });

  it('damaged: refused in words of our own', async () => {
    await expect(read('%PDF-1.4 nothing')).rejects.toThrow('the PDF is damaged');
  });
});
