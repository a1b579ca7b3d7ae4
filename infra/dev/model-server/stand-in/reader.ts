import { plain, sentences, terms, weigh } from './language.ts';

const maxSentences = 8;

interface Asked {
  readonly wanted: string;
  readonly page: string;
}

/** The two sections of the reader prompt; null when one is missing. */
function parsePrompt(prompt: string): Asked | null {
  const [, wanted, page] = /^### Wanted[ \t]*\n([\s\S]*?)^### Page[ \t]*\n([\s\S]*)$/mu.exec(prompt) ?? [];
  return wanted === undefined || page === undefined ? null : { wanted, page };
}

/** The sentences of a page that share most with what is wanted, verbatim and in the page's order; the first one always. */
function chooseSentences(asked: Asked): string[] {
  const all = sentences(asked.page);
  const texts = all.map((sentence) => terms(plain(sentence)));
  const weight = weigh(texts);
  const wanted = [...new Set(terms(asked.wanted))];
  const scored = all.map((sentence, index) => {
    const own = new Set(texts[index]);
    const score = wanted.reduce((sum, term) => sum + (own.has(term) ? weight(term) : 0), 0);
    return { sentence, index, score: score + (index === 0 ? 100 : 0) };
  });
  return scored
    .filter(({ score }) => score > 0)
    .toSorted((left, right) => right.score - left.score || left.index - right.index)
    .slice(0, maxSentences)
    .toSorted((left, right) => left.index - right.index)
    .map(({ sentence }) => sentence);
}

/** Answers a page extraction request. */
export function read(prompt: string): string {
  const asked = parsePrompt(prompt);
  const chosen = asked === null ? [] : chooseSentences(asked);
  if (chosen.length === 0)
    return 'Rule-based stand-in reader: the page has no sentence that shares a word with what is wanted.';
  return ['Rule-based stand-in reader, sentences of the page verbatim:', ...chosen].join('\n');
}
