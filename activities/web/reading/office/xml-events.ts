import { Parser } from 'htmlparser2';

import { ReadError } from '../read-error.ts';

/** The attributes of an element. */
export type XmlAttributes = Readonly<Record<string, string>>;

/** What is done at the elements and the text of an XML document, in order. Names keep their prefix. */
export interface XmlHandlers {
  readonly open?: Readonly<Record<string, (attributes: XmlAttributes) => void>>;
  readonly close?: Readonly<Record<string, () => void>>;
  readonly text?: (text: string) => void;
  /** Elements that are passed over with all that is in them. */
  readonly skip?: ReadonlySet<string>;
  /** The only elements whose own text is told; all when left out. */
  readonly textIn?: ReadonlySet<string>;
}

const maxDepth = 2000;
const maxXmlBytes = 64 * 1024 * 1024;

/**
 * Reads an XML document as events. No entity is expanded but the five of XML and numbers; a document type is skipped; nothing is fetched.
 *
 * @throws ReadError when it is nested too deep or too large
 */
export function readXml(bytes: Uint8Array | undefined, handlers: XmlHandlers): void {
  if (bytes === undefined) return;
  if (bytes.byteLength > maxXmlBytes) throw new ReadError('a part of the document is too large');
  const { open = {}, close = {}, skip, textIn } = handlers;
  const path: string[] = [];
  let skippedAt = Infinity;
  const parser = new Parser(
    {
      onopentag: (name, attributes) => {
        path.push(name);
        if (path.length > maxDepth) throw new ReadError('the document is nested too deep');
        if (skip?.has(name) === true) skippedAt = Math.min(skippedAt, path.length);
        if (path.length < skippedAt && Object.hasOwn(open, name)) open[name]?.(attributes);
      },
      onclosetag: (name) => {
        if (path.length < skippedAt && Object.hasOwn(close, name)) close[name]?.();
        if (path.length === skippedAt) skippedAt = Infinity;
        path.pop();
      },
      ontext: (text) => {
        if (path.length < skippedAt && (textIn === undefined || textIn.has(path.at(-1) ?? ''))) handlers.text?.(text);
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.write(decodeXml(bytes));
  parser.end();
}

function decodeXml(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  return new TextDecoder().decode(bytes);
}
