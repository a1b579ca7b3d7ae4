import { gzipSync } from 'node:zlib';

import { type HostileFamily, many, toDocument } from './hostile-document.ts';
import { buildZip } from './zip-builder.ts';

const charsets = [
  'utf-16',
  'utf-16be',
  'utf-32',
  'utf-7',
  'iso-2022-jp',
  'hz-gb-2312',
  'x-user-defined',
  'replacement',
  'gb18030',
  'no-such',
  many('x', 5000),
];

/** Bytes that are not what they are said to be. */
export const hostileEncodings: HostileFamily = (random) => {
  const bytes = Buffer.from(Array.from({ length: 20_000 }, () => random.between(0, 255)));
  const text = Buffer.from(
    Array.from({ length: 20_000 }, () => random.pick([0x1b, 0x24, 0x42, 0x80, 0xff, 0x3c, 0x70, 0x3e, 0x20, 0x41])),
  );
  return [
    ...charsets.flatMap((charset) => [
      toDocument(`encoding: ${charset.slice(0, 20)} in the header`, text, `text/html; charset=${charset}`),
      toDocument(
        `encoding: ${charset.slice(0, 20)} in the page`,
        Buffer.concat([Buffer.from(`<meta charset="${charset}"><p>`), text]),
        'text/html',
      ),
    ]),
    toDocument('encoding: noise', bytes, 'text/html'),
    toDocument('encoding: noise said to be JSON', bytes, 'application/json'),
    toDocument(
      'encoding: UTF-16 of odd length',
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('<p>abc', 'utf16le'), Buffer.from([0x41])]),
      '',
    ),
    toDocument('encoding: lone surrogates', Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x41, 0x00, 0x00, 0xdc]), 'text/html'),
    toDocument(
      'encoding: many byte order marks',
      Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0xef, 0xbb, 0xbf]))),
      'text/plain',
    ),
    toDocument('encoding: overlong UTF-8', Buffer.from(many('c0bce08080f0808080', 3000), 'hex'), 'text/html'),
    toDocument('encoding: XML declaration that never ends', `<?xml encoding="${many('x', 100_000)}`, 'application/xml'),
    toDocument('encoding: NUL', many('\0', 100_000), 'text/html'),
  ];
};

const json = (name: string, content: string) => toDocument(`json: ${name}`, content, 'application/json');

const text = (name: string, content: string, type = 'text/plain') => toDocument(`text: ${name}`, content, type);

/** Text and JSON. */
export const hostileText: HostileFamily = () => {
  return [
    json('brackets', many('[', 1_000_000)),
    json('objects', many('{"a":', 300_000)),
    json('closed brackets', many('[', 200_000) + many(']', 200_000)),
    json('a long number', `[${many('9', 1_000_000)}]`),
    json('a great exponent', '[1e999999999, -1e-999999999]'),
    json('keys of the language', `{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}`),
    json('one key many times', `{${many('"a":1,', 200_000)}"a":1}`),
    json('escapes', `["${many('\\ud800', 200_000)}"]`),
    json('markup', many('<div>', 20_000)),
    text('one line of 10 MB', many('x', 10_000_000)),
    text('a million lines', many('\n', 1_000_000)),
    text('carriage returns', many('\r', 1_000_000)),
    text('terminal escapes', many('\u001b]0;title\u0007\u001b[2J', 50_000)),
    text('bidi controls', many('\u202e\u2066', 200_000)),
    text('almost HTML', many('<!doctype htm', 50_000)),
    text('almost XML', `<?xml ${many('<!', 200_000)}`, 'text/xml'),
    text(
      'laughing entities',
      `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "${many('x', 1000)}">${Array.from({ length: 30 }, (_, index) => `<!ENTITY ${String.fromCodePoint(98 + (index % 24))} "&a;&a;">`).join('')}]><l>&z;</l>`,
      'text/xml',
    ),
    text(
      'a feed of a million items',
      `<?xml version="1.0"?><rss>${many('<item/>', 500_000)}</rss>`,
      'application/rss+xml',
    ),
    text('commas', many(',', 2_000_000), 'text/csv'),
    text('nothing', ''),
  ];
};

const zip = (name: string, bytes: Buffer) => toDocument(`archive: ${name}`, bytes, 'application/zip');

const image = (name: string, bytes: Buffer, type: string) => toDocument(`image: ${name}`, bytes, type);

/** Archives and images, which are named and never opened. */
export const hostileArchives: HostileFamily = (random) => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  const pixels = Buffer.concat([
    Buffer.from('\u0089PNG\r\n\u001a\n\0\0\0\rIHDR', 'latin1'),
    Buffer.from('ffffffffffffffff', 'hex'),
    Buffer.alloc(20),
  ]);
  const honest = buildZip([{ name: 'a.txt', data: 'a' }]);
  return [
    zip(
      'paths that climb',
      buildZip(
        ['../../etc/passwd', '/etc/passwd', 'C:\\windows', '..\\..\\x', 'a\nb\u001b[2J'].map((name) => ({
          name,
          data: 'x',
        })),
      ),
    ),
    zip(
      'ten thousand entries',
      buildZip(Array.from({ length: 12_000 }, (_, index) => ({ name: `f${index}`, data: '', stored: true }))),
    ),
    zip(
      'long names',
      buildZip(Array.from({ length: 50 }, (_, index) => ({ name: many(`n${index}`, 20_000), data: '' }))),
    ),
    zip('a bomb', buildZip([{ name: 'zeros', data: Buffer.alloc(60_000_000) }])),
    zip('a claimed size', buildZip([{ name: 'a', data: 'x', claimedBytes: 4_294_967_295 }])),
    zip('cut', honest.subarray(0, honest.length - 10)),
    zip('only its end', honest.subarray(-22)),
    zip('a directory that points outside', Buffer.concat([honest.subarray(0, -6), Buffer.from('ffffffff0000', 'hex')])),
    ...Array.from({ length: 8 }, (_, index) =>
      zip(`changed at random ${index}`, mutate(honest, random.between(1, 1_000_000))),
    ),
    toDocument('archive: gzip bomb', bomb, 'application/gzip'),
    toDocument('archive: 7z', Buffer.from('377abcaf271c00040000000000000000', 'hex'), 'application/x-7z-compressed'),
    toDocument('archive: rar', Buffer.from('526172211a070100', 'hex'), ''),
    image('four billion pixels', pixels, 'image/png'),
    image('cut GIF', Buffer.from('GIF89a', 'latin1'), 'image/gif'),
    image(
      'JPEG of segments without length',
      Buffer.concat([Buffer.from('ffd8', 'hex'), Buffer.from(many('ffe00000', 50_000), 'hex')]),
      'image/jpeg',
    ),
    image('SVG of groups', Buffer.from(`<svg>${many('<g>', 50_000)}`), 'image/svg+xml'),
  ];
};

/** Changes a few bytes of a document. */
export function mutate(bytes: Buffer, seed: number): Buffer {
  const changed = Buffer.from(bytes);
  let state = seed;
  for (let count = 0; count < 8; count += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    if (changed.length > 0) changed[state % changed.length] = (state >>> 16) & 255;
  }
  return changed;
}
