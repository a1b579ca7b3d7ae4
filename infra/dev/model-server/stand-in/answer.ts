import { bareTitle, dateOf, type EvidenceBase, type Evidence, namedInFacts, support } from './evidence.ts';
import { names, terms, words, years } from './language.ts';
import type { Fact } from './notebook.ts';
import type { Question } from './question.ts';

/** An answer, why, and the numbers that a program can check. */
export interface Answer {
  readonly text: string;
  readonly because: readonly Fact[];
  /** Label and number of what was compared or subtracted; empty when nothing was. */
  readonly numbers: readonly { readonly label: string; readonly value: number }[];
  /** How the numbers give the answer. */
  readonly check: 'difference' | 'smallest' | 'largest' | 'none';
}

/** Share of the question's weight that a sentence must speak about before anything is answered from it. */
const leastShare = 0.3;

/** Does this evidence, with its page's context, speak about enough of the question? */
function isRelevant(item: Evidence, question: Question, base: EvidenceBase): boolean {
  const whole = question.terms.reduce((sum, term) => sum + base.weight(term), 0);
  return support(item, question.terms, base.weight) >= leastShare * whole;
}

function yearsBetween(question: Question, base: EvidenceBase): Answer | null {
  const dates = question.sides.map((side) => dateOf(side, base));
  const [from, to] = dates;
  if (from === null || from === undefined || to === null || to === undefined) return null;
  return {
    text: String(Math.abs(to.year - from.year)),
    because: [from.fact, to.fact],
    numbers: [from, to].map(({ year, fact }) => ({ label: fact.title, value: year })),
    check: 'difference',
  };
}

/** Evidence from the page about a name, or from sentences that begin with it. */
function about(name: string, base: EvidenceBase): readonly Evidence[] {
  const wanted = terms(name);
  const own = base.items.filter((item) => {
    const title = terms(bareTitle(item.fact.title));
    return wanted.every((term) => title.includes(term)) || title.every((term) => wanted.includes(term));
  });
  return own.length > 0 ? own : base.items.filter((item) => wanted.every((term) => item.own.has(term)));
}

const earlier = /\b(?:older|oldest|first|earlier|earliest|before)\b/iu;
const later = /\b(?:younger|youngest|later|latest|newer|last|more recent(?:ly)?)\b/iu;
const larger = /\b(?:larger|largest|bigger|taller|tallest|longer|higher|more|most)\b/iu;

function numberOf(items: readonly Evidence[], dated: boolean): { value: number; fact: Fact } | null {
  for (const { fact } of items) {
    const found = dated
      ? years(fact.sentence)[0]?.year
      : Number((/\b\d[\d,]*(?:\.\d+)?\b/u.exec(fact.sentence)?.[0] ?? '').replaceAll(',', '') || Number.NaN);
    if (found !== undefined && !Number.isNaN(found)) return { value: found, fact };
  }
  return null;
}

function choice(question: Question, base: EvidenceBase): Answer | null {
  const dated = earlier.test(question.text) || later.test(question.text);
  const predicate = question.terms.filter((term) => !terms(question.sides.join(' ')).includes(term));
  const said = (item: Evidence): number => predicate.filter((term) => item.own.has(term)).length;
  const options = question.sides.map((label) => ({
    label,
    items: about(label, base).toSorted((left, right) => said(right) - said(left)),
  }));
  if (dated || larger.test(question.text)) {
    const found = options.map(({ label, items }) => ({ label, number: numberOf(items, dated) }));
    const known = found.flatMap(({ label, number }) => (number === null ? [] : [{ label, ...number }]));
    const smallest = earlier.test(question.text);
    const sorted = known.toSorted((left, right) => (smallest ? left.value - right.value : right.value - left.value));
    const [first] = sorted;
    if (first !== undefined && known.length === options.length) {
      const numbers = known.map(({ label, value }) => ({ label, value }));
      return {
        text: first.label,
        because: known.map(({ fact }) => fact),
        numbers,
        check: smallest ? 'smallest' : 'largest',
      };
    }
  }
  const scored = options.map(({ label, items }) => {
    const sorted = items.toSorted((a, b) => support(b, predicate, base.weight) - support(a, predicate, base.weight));
    return { label, best: sorted[0], score: sorted[0] === undefined ? 0 : support(sorted[0], predicate, base.weight) };
  });
  const top = scored.toSorted((left, right) => right.score - left.score)[0];
  if (top?.best === undefined || top.score === 0) return null;
  return { text: top.label, because: [top.best.fact], numbers: [], check: 'none' };
}

/** Places, peoples and callings in a page's opening: what two things can have the same of. */
function traits(items: readonly Evidence[], name: string): Set<string> {
  const given = terms(name);
  const opening = items
    .slice(0, 2)
    .flatMap(({ fact }) => names(fact.sentence))
    .flatMap(terms);
  return new Set(opening.filter((term) => !given.includes(term) && !/^\d/u.test(term)));
}

function yesNo(question: Question, base: EvidenceBase): Answer | null {
  const sides = question.sides.map((name) => ({ name, items: about(name, base) }));
  const [one, two] = sides;
  if (one === undefined || two === undefined || one.items.length === 0 || two.items.length === 0) return null;
  const because = sides.flatMap(({ items }) => items.slice(0, 1).map(({ fact }) => fact));
  const given = terms(question.sides.join(' '));
  if (/\bsame\b/iu.test(question.text)) {
    const other = traits(two.items, two.name);
    const shared = [...traits(one.items, one.name)].some((trait) => other.has(trait));
    return { text: shared ? 'yes' : 'no', because, numbers: [], check: 'none' };
  }
  const predicate = question.terms.filter((term) => !given.includes(term));
  const holds = ({ items }: { items: readonly Evidence[] }): boolean => {
    const found = predicate.filter((term) => items.some((item) => item.own.has(term)));
    return found.length >= Math.max(1, predicate.length / 2);
  };
  return { text: sides.every(holds) ? 'yes' : 'no', because, numbers: [], check: 'none' };
}

function best(question: Question, base: EvidenceBase): Evidence[] {
  const scored = base.items.map((item) => ({ item, score: support(item, question.terms, base.weight) }));
  return scored
    .filter(({ item }) => isRelevant(item, question, base))
    .toSorted((left, right) => right.score - left.score)
    .map(({ item }) => item);
}

function fromPattern(question: Question, base: EvidenceBase): Answer | null {
  const dated = question.kind === 'when' ? dateOf(question.text, base, question.terms) : null;
  if (dated !== null && best(question, base).some(({ fact }) => fact === dated.fact)) {
    return { text: String(dated.year), because: [dated.fact], numbers: [], check: 'none' };
  }
  const given = new Set(words(question.text));
  for (const { fact } of best(question, base)) {
    const found =
      question.kind === 'when'
        ? years(fact.sentence).map(({ year }) => String(year))
        : (fact.sentence.match(/\b\d[\d,]*(?:\.\d+)?(?: (?:million|billion|thousand))?\b/gu) ?? []);
    const fresh = found.find((value) => !given.has(value) && (question.kind === 'when' || years(value).length === 0));
    if (fresh !== undefined) return { text: fresh, because: [fact], numbers: [], check: 'none' };
  }
  return null;
}

function fromNames(question: Question, base: EvidenceBase): Answer | null {
  const fits = (name: string, sentence: string): boolean => {
    if (question.kind === 'who' && terms(name).some((term) => question.terms.includes(term))) return false;
    if (question.kind === 'who')
      return /^\p{Lu}[\p{L}.'’-]+(?: (?:\p{Lu}[\p{L}.'’-]*|de|van|von|of)){1,3}$/u.test(name);
    if (question.kind === 'where')
      return new RegExp(`\\b(?:in|at|near|from|of) (?:the )?${name.replaceAll(/\W/gu, '.')}`, 'u').test(sentence);
    return true;
  };
  const relevant = new Set(best(question, base).map(({ fact }) => fact));
  const named = namedInFacts(question, base).filter(
    ({ name, fact }) => relevant.has(fact) && fits(name, fact.sentence),
  );
  const [top] = named;
  if (top === undefined) return null;
  return { text: top.name, because: [top.fact], numbers: [], check: 'none' };
}

type Answerer = (question: Question, base: EvidenceBase) => Answer | null;

const answerers: Readonly<Record<Question['kind'], Answerer>> = {
  'years-between': yearsBetween,
  choice,
  'yes-no': yesNo,
  when: fromPattern,
  number: fromPattern,
  who: fromNames,
  where: fromNames,
  what: fromNames,
};

/** The answer that the notes support, or null: the stand-in does not guess without a sentence to point to. */
export function answerFrom(question: Question, base: EvidenceBase): Answer | null {
  return answerers[question.kind](question, base);
}
