/** Words of English too common to find anything by; left out unless nothing else is asked. */
const commonWords = new Set(
  (
    'a an and are as at be been but by can could did do does for from had has have he her his how i if in into is it its me of on or our ' +
    'she so than that the their them then there these they this to was we were what when where which who whom whose why will with would you your'
  ).split(' '),
);

const maxTerms = 48;
const cjk = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\u30fc\\u3005';
const cjkRun = new RegExp(`[${cjk}]+`, 'gu');
const word = new RegExp(`[${cjk}]+|[\\p{L}\\p{N}\\p{Co}]+`, 'gu');
const isCjk = new RegExp(`^[${cjk}]`, 'u');

/**
 * Text as it is indexed: compatibility forms unified, and every run of Chinese, Japanese or Korean characters, which no blanks divide,
 * written as its overlapping pairs and its last character. A run of the query then matches as a phrase of pairs, one character as the
 * beginning of a pair.
 */
export function toIndexedText(text: string): string {
  return text.normalize('NFKC').replaceAll(cjkRun, (run) => ` ${toPairs(run).join(' ')} `);
}

/** A query in the language of the index. */
export interface CorpusQuery {
  /** Every part must be found. Null when the query has no words. */
  readonly strict: string | null;
  /** Any word may be found. */
  readonly loose: string | null;
  /** The words, lower case, a run as its pairs; for the snippet. */
  readonly words: readonly string[];
}

/** Reads any text as a query; nothing in it is an operator but a pair of quotes. Never throws. */
export function toCorpusQuery(text: string): CorpusQuery {
  const unified = text.normalize('NFKC').toLowerCase();
  const all = unified.match(word) ?? [];
  const rare = all.filter((term) => !commonWords.has(term));
  const words = [...new Set(rare.length === 0 ? all : rare)].slice(0, maxTerms);
  if (words.length === 0) return { strict: null, loose: null, words };
  const pieces = [...new Set(words.flatMap(toPieces))].slice(0, maxTerms);
  const phrases = [...unified.matchAll(/"([^"]+)"/g)]
    .map((match) => toPhrase(match[1] ?? ''))
    .filter((phrase) => phrase !== '');
  const terms = words.map(toTerm);
  return {
    strict: [...new Set([...terms, ...phrases])].slice(0, maxTerms).join(' AND '),
    loose: pieces.map(toTerm).join(' OR '),
    words: pieces,
  };
}

function toTerm(term: string): string {
  if (!isCjk.test(term)) return quote(term);
  const chars = Array.from(term);
  return chars.length === 1 ? `${quote(term)} *` : quote(toPairs(term).slice(0, -1).join(' '));
}

/** A long run is a sentence more often than a word: its pairs may be found apart. */
function toPieces(term: string): string[] {
  return isCjk.test(term) && Array.from(term).length > 2 ? toPairs(term).slice(0, -1) : [term];
}

/** Words side by side; empty when the quotes hold fewer than two, or a run, which is a phrase anyway. */
function toPhrase(text: string): string {
  const words = text.match(word) ?? [];
  if (words.length < 2 || words.some((term) => isCjk.test(term))) return '';
  return quote(words.slice(0, maxTerms).join(' '));
}

function toPairs(run: string): string[] {
  const chars = Array.from(run);
  return chars.map((char, index) => char + (chars[index + 1] ?? ''));
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
