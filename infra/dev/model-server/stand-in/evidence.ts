import { names, stem, terms, weigh, words, years } from './language.ts';
import type { Fact, Notebook } from './notebook.ts';
import type { Question } from './question.ts';

/** A fact with what can be counted in it. */
export interface Evidence {
  readonly fact: Fact;
  readonly own: ReadonlySet<string>;
  /** Stems of the page's title, of its first sentence, and of the sentences elsewhere that name the page. */
  readonly context: ReadonlySet<string>;
}

/** All facts, counted, with the weight of a term among them. */
export interface EvidenceBase {
  readonly items: readonly Evidence[];
  readonly weight: (term: string) => number;
}

/** Counts the notebook's facts. */
export function gather(book: Notebook): EvidenceBase {
  const texts = book.facts.map((fact) => terms(fact.sentence));
  const contexts = new Map<string, Set<string>>();
  for (const title of new Set(book.facts.map((fact) => fact.title))) {
    const first = book.facts.find((fact) => fact.title === title)?.sentence ?? '';
    const mentions = book.facts.filter((fact) => fact.title !== title && fact.sentence.includes(bareTitle(title)));
    const near = mentions.map((fact) => around(fact.sentence, bareTitle(title)));
    contexts.set(title, new Set(terms([title, first, ...near].join(' '))));
  }
  const items = book.facts.map((fact, index) => ({
    fact,
    own: new Set(texts[index]),
    context: contexts.get(fact.title) ?? new Set<string>(),
  }));
  return { items, weight: weigh(texts) };
}

/** A title without the part in brackets that tells it from others. */
export function bareTitle(title: string): string {
  return title.replace(/\s*\([^)]*\)\s*$/u, '');
}

/** The words of a sentence near a name: ten before, six after. */
function around(sentence: string, name: string): string {
  const at = sentence.indexOf(name);
  if (at < 0) return sentence;
  const before = words(sentence.slice(0, at)).slice(-10);
  const after = words(sentence.slice(at + name.length)).slice(0, 6);
  return [...before, ...after].join(' ');
}

/** How well evidence speaks about some terms: fully in the sentence, a good half in its page's context. */
export function support(item: Evidence, wanted: readonly string[], weight: (term: string) => number): number {
  return wanted.reduce((sum, term) => {
    if (item.own.has(term)) return sum + weight(term);
    return item.context.has(term) ? sum + 0.6 * weight(term) : sum;
  }, 0);
}

/** A year, and the fact that gives it. */
export interface Dated {
  readonly year: number;
  readonly fact: Fact;
  readonly score: number;
}

/** The year of an event such as "the first lighting of that lighthouse": its head words must stand near the year, outside names. */
export function dateOf(event: string, base: EvidenceBase, headTerms?: readonly string[]): Dated | null {
  const head = new Set(headTerms ?? terms(event.split(/\b(?:of|in|at|by)\b/u)[0] ?? event));
  const wanted = [...new Set(terms(event))];
  const dated = base.items.flatMap((item): Dated[] => {
    const { sentence } = item.fact;
    const places = [...sentence.matchAll(/\p{Ll}+/gu)].filter(
      (match) => head.has(stem(match[0])) && !/\p{Lu}/u.test(sentence[match.index - 1] ?? ' '),
    );
    const hits = new Set(places.map((match) => stem(match[0]))).size;
    const [nearest] = years(sentence)
      .map(({ year, index }) => ({ year, distance: Math.min(...places.map((place) => Math.abs(place.index - index))) }))
      .toSorted((left, right) => left.distance - right.distance);
    if (nearest === undefined || hits === 0) return [];
    const score = support(item, wanted, base.weight) + hits * 3 - nearest.distance / 20;
    return [{ year: nearest.year, fact: item.fact, score }];
  });
  return dated.toSorted((left, right) => right.score - left.score)[0] ?? null;
}

/** The names in a fact; a sentence that begins with a pronoun speaks of its page's subject. */
function namesIn(fact: Fact): string[] {
  const found = names(fact.sentence);
  return /^(?:He|She|It|They)\b/u.test(fact.sentence) ? [bareTitle(fact.title), ...found] : found;
}

/** Names of the facts that the question does not give, with how closely they stand to the question's words. */
export function namedInFacts(question: Question, base: EvidenceBase): { name: string; score: number; fact: Fact }[] {
  const given = new Set(question.terms);
  const best = new Map<string, { name: string; score: number; fact: Fact }>();
  for (const item of base.items) {
    for (const name of namesIn(item.fact)) {
      if (terms(name).every((term) => given.has(term)) || /^\p{N}/u.test(name)) continue;
      const near = new Set(terms(around(item.fact.sentence, name)));
      const close = question.terms.reduce((sum, term) => sum + (near.has(term) ? base.weight(term) : 0), 0);
      const score = close + 0.25 * support(item, question.terms, base.weight);
      if (score > (best.get(name)?.score ?? 0)) best.set(name, { name, score, fact: item.fact });
    }
  }
  return [...best.values()].toSorted((left, right) => right.score - left.score);
}
