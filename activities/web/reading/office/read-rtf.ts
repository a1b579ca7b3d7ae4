/** Groups that hold no text of the document. */
const foreignGroups = new Set(
  (
    'fonttbl colortbl stylesheet info pict object header footer headerl headerr headerf footerl footerr footerf themedata datastore ' +
    'listtable listoverridetable revtbl rsidtbl generator xmlnstbl latentstyles fldinst bkmkstart bkmkend'
  ).split(' '),
);
const breaks: Readonly<Record<string, string>> = {
  par: '\n\n',
  line: '\n',
  sect: '\n\n',
  page: '\n\n',
  row: '\n',
  tab: '\t',
  cell: ' | ',
  emdash: '—',
  endash: '–',
  lquote: '‘',
  rquote: '’',
  ldblquote: '“',
  rdblquote: '”',
  bullet: '•',
};
const maxDepth = 1000;

interface Group {
  readonly isForeign: boolean;
  /** How many characters stand for one of Unicode in readers that do not know it. */
  readonly substitutes: number;
}

/** The text of an RTF document: paragraphs, without its styles. Linear in its length, never throws. */
export function readRtf(bytes: Uint8Array): string {
  const source = Buffer.from(bytes).toString('latin1');
  const reader = createRtfReader(new TextDecoder(toEncoding(source)));
  const tokens = /\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|([^\\{}\r\n]+)|[\r\n]+/gi;
  for (const [, word, number, hex, symbol, brace, text] of source.matchAll(tokens)) {
    if (brace !== undefined) reader.brace(brace);
    else if (word !== undefined) reader.word(word, Number(number ?? 1));
    else if (symbol !== undefined) reader.symbol(symbol);
    else if (hex !== undefined) reader.text(String.fromCodePoint(Number.parseInt(hex, 16)));
    else if (text !== undefined) reader.text(text);
  }
  return reader
    .toString()
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}

function createRtfReader(ansi: InstanceType<typeof TextDecoder>) {
  const root: Group = { isForeign: false, substitutes: 1 };
  const groups: Group[] = [root];
  const out: string[] = [];
  let toSkip = 0;
  const current = (): Group => groups.at(-1) ?? root;
  const change = (to: Partial<Group>): void => {
    groups[Math.max(0, groups.length - 1)] = { ...current(), ...to };
  };
  const write = (text: string): void => {
    if (!current().isForeign) out.push(text);
  };
  return {
    brace: (brace: string): void => {
      if (brace === '}') groups.pop();
      else if (groups.length < maxDepth) groups.push({ ...current() });
    },
    word: (word: string, number: number): void => {
      if (foreignGroups.has(word)) change({ isForeign: true });
      else if (word === 'uc') change({ substitutes: number });
      else if (word === 'u') {
        write(String.fromCharCode((number + 65_536) % 65_536));
        toSkip = current().substitutes;
      } else if (Object.hasOwn(breaks, word)) write(breaks[word] ?? '');
    },
    symbol: (symbol: string): void => {
      if (symbol === '*') change({ isForeign: true });
      else if (symbol === '~') write(' ');
      else if (/[\\{}]/.test(symbol)) write(symbol);
    },
    /** Bytes of the document's own encoding, less those that only stand in for a character of Unicode. */
    text: (bytes: string): void => {
      write(ansi.decode(Buffer.from(bytes.slice(toSkip), 'latin1')));
      toSkip = Math.max(0, toSkip - bytes.length);
    },
    toString: () => out.join(''),
  };
}

function toEncoding(source: string): string {
  const page = /\\ansicpg(\d{3,5})/.exec(source.slice(0, 1000))?.[1] ?? '1252';
  const name = { 932: 'shift_jis', 936: 'gbk', 949: 'euc-kr', 950: 'big5', 65001: 'utf-8' }[Number(page)];
  return name ?? (/^125[0-8]$/.test(page) ? `windows-${page}` : 'windows-1252');
}
