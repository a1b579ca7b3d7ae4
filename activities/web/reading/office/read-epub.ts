import { toDocument } from '../html/html-document.ts';
import { markLeafBlocks } from '../html/leaf-blocks.ts';
import { toMarkdown } from '../html/to-markdown.ts';
import type { Parts } from './read-docx.ts';
import { toPath } from './read-xlsx.ts';
import { readXml, type XmlAttributes } from './xml-events.ts';

/** A book as Markdown: its chapters in the order of its spine. */
export function readEpub(parts: Parts, maxChars: number): string {
  let packagePath = '';
  readXml(parts.get('META-INF/container.xml'), {
    open: { rootfile: (attributes) => (packagePath ||= attributes['full-path'] ?? '') },
  });
  const folder = packagePath.slice(0, packagePath.lastIndexOf('/') + 1);
  const chapters: string[] = [];
  let chars = 0;
  for (const href of readSpine(parts.get(packagePath))) {
    const bytes = parts.get(toPath(folder, href));
    if (bytes === undefined || chars > maxChars) continue;
    const document = toDocument(new TextDecoder().decode(bytes), 'https://book.invalid/');
    for (const element of document.querySelectorAll('script, nav')) element.remove();
    markLeafBlocks(document);
    const text = toMarkdown(document.body);
    chars += text.length;
    if (text !== '') chapters.push(text);
  }
  return chapters.join('\n\n');
}

function readSpine(bytes: Uint8Array | undefined): string[] {
  const items = new Map<string, string>();
  const spine: string[] = [];
  const item = (attributes: XmlAttributes) => items.set(attributes['id'] ?? '', attributes['href'] ?? '');
  const itemref = (attributes: XmlAttributes) => spine.push(attributes['idref'] ?? '');
  readXml(bytes, {
    open: { item, 'opf:item': item, itemref, 'opf:itemref': itemref },
  });
  return spine.map((id) => items.get(id) ?? '').filter((href) => href !== '');
}
