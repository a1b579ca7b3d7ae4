import { crc32, deflateRawSync } from 'node:zlib';

/** One entry of a zip file that is built, honest unless told to lie. */
export interface ZipPart {
  readonly name: string;
  readonly data: Buffer | string;
  readonly stored?: boolean;
  /** Size that the directory claims. */
  readonly claimedBytes?: number;
  /** Packed bytes to use in place of the data's own. */
  readonly packed?: Buffer;
}

/** Builds a zip file, byte by byte, so that it can be wrong where a library's would not be. */
export function buildZip(parts: readonly ZipPart[]): Buffer {
  const local: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const data = Buffer.from(part.data);
    const packed = part.packed ?? (part.stored === true ? data : deflateRawSync(data));
    const name = Buffer.from(part.name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(part.stored === true ? 0 : 8, 4);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(part.claimedBytes ?? data.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const entry = Buffer.concat([Buffer.from('PK\u0003\u0004'), fields, name, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\0'), fields, tail, name]));
    local.push(entry);
    offset += entry.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(Math.min(parts.length, 65_535), 8);
  end.writeUInt16LE(Math.min(parts.length, 65_535), 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, central, end]);
}

const contentTypes = { name: '[Content_Types].xml', data: '<Types/>' };

/** A Word file with this body. */
export function buildDocx(body: string | Buffer, more: readonly ZipPart[] = []): Buffer {
  return buildZip([contentTypes, { name: 'word/document.xml', data: body }, ...more]);
}

/** A workbook whose first sheet is this XML. */
export function buildXlsx(sheet: string, more: readonly ZipPart[] = []): Buffer {
  return buildZip([
    contentTypes,
    { name: 'xl/workbook.xml', data: '<workbook><sheets><sheet name="S" r:id="r1"/></sheets></workbook>' },
    {
      name: 'xl/_rels/workbook.xml.rels',
      data: '<Relationships><Relationship Id="r1" Target="worksheets/a.xml"/></Relationships>',
    },
    { name: 'xl/worksheets/a.xml', data: sheet },
    ...more,
  ]);
}

/** An OpenDocument file with this content. */
export function buildOdf(content: string, type = 'text'): Buffer {
  return buildZip([
    { name: 'mimetype', data: `application/vnd.oasis.opendocument.${type}`, stored: true },
    { name: 'content.xml', data: content },
  ]);
}
