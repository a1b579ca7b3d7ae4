import { describe, expect, it } from 'vitest';

import { classify } from '../../../../activities/web/reading/document-kind.ts';
import { buildDocx, buildOdf, buildXlsx, buildZip } from '../../../campaigns/parsers/zip-builder.ts';

const latin = (text: string) => Buffer.from(text, 'latin1');
const utf16 = (text: string) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
const png = latin('\u0089PNG\r\n\u001a\n\u0000\u0000\u0000\rIHDR\u0000\u0000\u0000\u0001\u0000\u0000\u0000\u0001');

describe('what a document is', () => {
  it.each<readonly [string, string, Buffer, string]>([
    ['html', 'text/html', Buffer.from('<p>x'), 'text/html'],
    ['html', 'application/json', Buffer.from('\n <!DOCTYPE html><p>x'), 'text/html'],
    ['html', 'text/plain', Buffer.from('<!-- a --><html><p>x'), 'text/html'],
    ['html', 'application/pdf', Buffer.from('<html>not a PDF'), 'text/html'],
    ['html', 'image/png', Buffer.from('<!doctype html>x'), 'text/html'],
    ['html', '', Buffer.from('<p>x'), 'text/html'],
    ['html', '', utf16('<!doctype html><p>x'), 'text/html'],
    ['html', 'application/octet-stream', Buffer.from('<table><tr>'), 'text/html'],
    ['html', 'text/html', Buffer.from('no markup at all'), 'text/html'],
    ['html', '', Buffer.from('<?xml version="1.0"?><!DOCTYPE html><html xmlns="x">'), 'application/xhtml+xml'],
    ['pdf', 'text/html', latin('%PDF-1.4 x'), 'application/pdf'],
    ['pdf', '', latin('\n\njunk %PDF-1.4 x'), 'application/pdf'],
    ['text', 'text/plain', Buffer.from('a page about %PDF, not one'), 'text/plain'],
    ['text', 'text/plain', Buffer.from('<p>is shown as it is'), 'text/plain'],
    ['text', 'application/vnd.ms-excel', Buffer.from('a,b\n1,2'), 'text/plain'],
    ['text', 'text/csv', Buffer.from('a,b\n1,2'), 'text/csv'],
    ['text', '', Buffer.from('<?xml version="1.0"?><rss/>'), 'application/xml'],
    ['text', '', Buffer.from(''), 'text/plain'],
    ['json', 'text/html', Buffer.from(' {"a": [1]}'), 'application/json'],
    ['json', '', Buffer.from('[1,2]'), 'application/json'],
    ['json', 'application/problem+json', Buffer.from('{"a": 1'), 'application/json'],
    ['json', 'application/json', Buffer.from('"text"'), 'application/json'],
    ['text', '', Buffer.from('[1,2'), 'text/plain'],
    ['image', 'text/html', png, 'image/png'],
    ['image', '', latin('GIF89a\u0001\u0000\u0001\u0000'), 'image/gif'],
    ['image', 'text/plain', Buffer.from('<svg xmlns="x"></svg>'), 'image/svg+xml'],
    ['image', '', Buffer.from('<?xml version="1.0"?><!-- a --><svg></svg>'), 'image/svg+xml'],
    ['archive', 'text/html', buildZip([{ name: 'a', data: 'x' }]), 'application/zip'],
    ['archive', '', Buffer.from('1f8b08000000000000030300000000000000000000', 'hex'), 'application/gzip'],
    [
      'office',
      'text/html',
      buildDocx('<w:p/>'),
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    ],
    [
      'office',
      'application/zip',
      buildXlsx('<x/>'),
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    ],
    ['office', '', buildOdf('<x/>'), 'application/vnd.oasis.opendocument.text'],
    ['office', '', Buffer.from('{\\rtf1 x}'), 'application/rtf'],
    [
      'office',
      'text/html',
      Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]),
      'application/x-cfb',
    ],
    ['other', 'text/html', latin('\u0001\u0002\u0003\u0004'), 'application/octet-stream'],
  ])('%s, declared as %j', async (...[kind, contentType, bytes, mediaType]) => {
    expect(await classify(bytes, contentType)).toEqual({ kind, mediaType });
  });
});
