import { describe, expect, it } from 'vitest';

import { isDateFormat, toDateText } from '../../../../../activities/web/reading/office/excel-dates.ts';
import { readOffice } from '../../../../../activities/web/reading/office/read-office.ts';
import { buildDocx, buildOdf, buildXlsx, buildZip } from '../../../../campaigns/parsers/zip-builder.ts';

const types = {
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  odf: 'application/vnd.oasis.opendocument.text',
  epub: 'application/epub+zip',
  rtf: 'application/rtf',
} as const;
const markdownOf = (bytes: Buffer, type: keyof typeof types) => readOffice(bytes, types[type], 1_000_000).markdown;
const paragraph = (text: string, properties = '') =>
  `<w:p><w:pPr>${properties}</w:pPr><w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;

describe('Word', () => {
  it('headings by the names of their styles, lists, tables, breaks; deleted text and second forms left out', () => {
    const body = [
      paragraph('Bericht', '<w:pStyle w:val="berschrift1"/>'),
      paragraph('first', '<w:numPr><w:ilvl w:val="0"/></w:numPr>'),
      paragraph('deeper', '<w:numPr><w:ilvl w:val="1"/></w:numPr>'),
      '<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b &amp; c</w:t><w:br/><w:t>d</w:t></w:r><w:del><w:r><w:t>gone</w:t></w:r></w:del></w:p>',
      `<w:tbl><w:tr><w:tc>${paragraph('h1')}</w:tc><w:tc>${paragraph('h2')}</w:tc></w:tr><w:tr><w:tc>${paragraph('1')}${paragraph('more')}</w:tc><w:tc>${paragraph('a|b')}</w:tc></w:tr></w:tbl>`,
      `<w:p><mc:AlternateContent><mc:Choice><w:r><w:t>once</w:t></w:r></mc:Choice><mc:Fallback><w:r><w:t>twice</w:t></w:r></mc:Fallback></mc:AlternateContent></w:p>`,
    ].join('');
    const styles = '<w:styles><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style></w:styles>';
    const notes = `<w:footnotes>${paragraph('a note')}</w:footnotes>`;
    const bytes = buildDocx(`<w:document><w:body>${body}</w:body></w:document>`, [
      { name: 'word/styles.xml', data: styles },
      { name: 'word/footnotes.xml', data: notes },
      { name: 'docProps/core.xml', data: '<x><dc:title> The  title </dc:title></x>' },
    ]);
    expect(readOffice(bytes, types.docx, 1_000_000)).toEqual({
      title: 'The title',
      markdown: [
        '# Bericht',
        '- first\n  - deeper',
        'a\tb & c\nd',
        '| h1 | h2 |\n| --- | --- |\n| 1 more | a\\|b |',
        'once',
        'a note',
      ].join('\n\n'),
    });
  });
});

describe('Excel', () => {
  it('a table a sheet: shared and inline texts, dates, truth values, numbers as shown, gaps; formulas by their value', () => {
    const cells = [
      '<row><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>when</t></is></c><c r="D1" t="str"><f>A1</f><v>sum</v></c></row>',
      '<row><c r="A2"><v>0.1000000000000000055</v></c><c r="B2" s="1"><v>45418</v></c><c r="D2" t="b"><v>1</v></c></row>',
      '<row><c r="A3"/></row>',
    ].join('');
    const bytes = buildXlsx(`<worksheet><sheetData>${cells}</sheetData></worksheet>`, [
      { name: 'xl/sharedStrings.xml', data: '<sst><si><r><t>na</t></r><r><t>me</t></r><rPh><t>x</t></rPh></si></sst>' },
      {
        name: 'xl/styles.xml',
        data: '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>',
      },
    ]);
    expect(markdownOf(bytes, 'xlsx')).toBe(
      '## S\n\n| name | when |  | sum |\n| --- | --- | --- | --- |\n| 0.1 | 2024-05-06 |  | TRUE |',
    );
  });

  it.each([
    [45418, '2024-05-06'],
    [45418.75, '2024-05-06 18:00:00'],
    [0.5, '12:00:00'],
    [-1, null],
    [Number.NaN, null],
    [1e9, null],
  ])('serial %d → %s', (serial, text) => {
    expect(toDateText(serial, false)).toBe(text);
  });

  it.each([
    [14, undefined, true],
    [0, undefined, false],
    [164, 'yyyy\\-mm\\-dd', true],
    [164, '[h]:mm:ss', true],
    [164, '0.00 "m"', false],
    [164, '#,##0', false],
    [164, 'General', false],
  ])('format %i %j: a date? %s', (id, code, isDate) => {
    expect(isDateFormat(id, code)).toBe(isDate);
  });
});

const shape = (type: string, text: string) =>
  `<p:sp><p:nvSpPr><p:ph type="${type}"/></p:nvSpPr><a:p><a:r><a:t>${text}</a:t></a:r></a:p></p:sp>`;

describe('PowerPoint', () => {
  it('a section a slide, in the order of the presentation, with notes and tables', () => {
    const table =
      '<a:tbl><a:tr><a:tc><a:p><a:r><a:t>x</a:t></a:r></a:p></a:tc><a:tc><a:p><a:r><a:t>y</a:t></a:r></a:p></a:tc></a:tr></a:tbl>';
    const bytes = buildZip([
      { name: '[Content_Types].xml', data: '' },
      { name: 'ppt/presentation.xml', data: '<p><p:sldId r:id="b"/><p:sldId r:id="a"/></p>' },
      {
        name: 'ppt/_rels/presentation.xml.rels',
        data: '<R><Relationship Id="a" Target="slides/one.xml"/><Relationship Id="b" Target="/ppt/slides/two.xml"/></R>',
      },
      {
        name: 'ppt/slides/one.xml',
        data: `<s>${shape('title', 'One')}${shape('body', 'point')}${shape('sldNum', '7')}${table}</s>`,
      },
      { name: 'ppt/slides/two.xml', data: `<s>${shape('ctrTitle', 'Two')}</s>` },
      { name: 'ppt/slides/_rels/one.xml.rels', data: '<R><Relationship Id="n" Target="../notesSlides/n.xml"/></R>' },
      { name: 'ppt/notesSlides/n.xml', data: `<s>${shape('body', 'say this')}</s>` },
    ]);
    expect(markdownOf(bytes, 'pptx')).toBe(
      '## Slide 1: Two\n\n## Slide 2: One\n\n- point\n\n| x | y |\n| --- | --- |\n\nNotes: say this',
    );
  });
});

describe('OpenDocument, EPUB and RTF', () => {
  it('a text: headings, lists, blanks, tables with repeated cells; comments left out', () => {
    const content = `<office:body><text:h text:outline-level="2">Head</text:h><text:p>a<text:s text:c="2"/>b<office:annotation><text:p>no</text:p></office:annotation></text:p>
      <text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>two</text:p></text:list-item></text:list></text:list-item></text:list>
      <table:table table:name="T"><table:table-row><table:table-cell table:number-columns-repeated="2"><text:p>x</text:p></table:table-cell><table:table-cell table:number-columns-repeated="16000"/></table:table-row></table:table></office:body>`;
    expect(markdownOf(buildOdf(content), 'odf')).toBe(
      '## Head\n\na  b\n\n- one\n  - two\n\n## T\n\n| x | x |\n| --- | --- |',
    );
  });

  it('a book: its chapters in the order of the spine', () => {
    const bytes = buildZip([
      { name: 'mimetype', data: 'application/epub+zip', stored: true },
      { name: 'META-INF/container.xml', data: '<c><rootfile full-path="OEBPS/a.opf"/></c>' },
      {
        name: 'OEBPS/a.opf',
        data: '<p><dc:title>Book</dc:title><item id="1" href="one.xhtml"/><item id="2" href="two%20b.xhtml"/><itemref idref="2"/><itemref idref="1"/></p>',
      },
      { name: 'OEBPS/one.xhtml', data: '<html><body><h1>One</h1><p>first</p></body></html>' },
      { name: 'OEBPS/two b.xhtml', data: '<html><body><p>second</p></body></html>' },
    ]);
    expect(readOffice(bytes, types.epub, 1_000_000)).toEqual({ title: 'Book', markdown: 'second\n\n# One\n\nfirst' });
  });

  it('RTF: paragraphs, characters in every notation; fonts, pictures and fields left out', () => {
    const rtf = String.raw`{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times;}}{\info{\title no}}caf\'e9 \u8364 ?\par {\b bold} \{x\}{\*\generator no;}{\pict 00ff}\par\uc2\u26085 ??\u26412 ??end}`;
    expect(markdownOf(Buffer.from(rtf), 'rtf')).toBe('café €\n\nbold {x}\n\n日本end');
  });
});

describe('what cannot be read', () => {
  it.each([
    ['the old binary kind', Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'application/x-cfb', 'old binary kind'],
    ['no directory', Buffer.from('PK\u0003\u0004'), types.docx, 'no directory'],
    [
      'a claimed size',
      buildDocx('x', [{ name: 'word/a.xml', data: 'x', claimedBytes: 4_000_000_000 }]),
      types.docx,
      'far larger',
    ],
    ['a bomb', buildDocx(Buffer.alloc(20_000_000)), types.docx, 'far larger'],
    [
      'damaged data',
      buildDocx('x', [{ name: 'word/a.xml', data: 'x', packed: Buffer.from('ffffff', 'hex') }]),
      types.docx,
      'damaged',
    ],
    ['nesting', buildDocx('<w:p>'.repeat(3000)), types.docx, 'nested too deep'],
  ])('%s: refused, saying %3$s', (...[, bytes, type, why]) => {
    expect(() => readOffice(bytes, type, 1000)).toThrow(why);
  });
});
