import { names, terms } from './language.ts';

/** What kind of answer is asked for. */
export type AnswerKind = 'years-between' | 'choice' | 'yes-no' | 'who' | 'where' | 'when' | 'number' | 'what';

/** A question as the stand-in understands it. */
export interface Question {
  readonly text: string;
  readonly kind: AnswerKind;
  /** Stems, each once. */
  readonly terms: readonly string[];
  /** Names that the question gives. */
  readonly names: readonly string[];
  /** The two events of `years-between`, the two options of `choice` and `yes-no`; otherwise empty. */
  readonly sides: readonly string[];
}

const between = /\bhow many years\b.*?\bbetween\s+(.+?)\s+and\s+(.+?)[?.]*$/iu;
const afterwards = /\bhow many years (?:after|before)\s+(.+?),?\s+(?:was|were|did|is)\s+(.+?)[?.]*$/iu;
const isYesNo = /^(?:are|is|was|were|do|does|did|has|have|had|can)\b(?!.*\b(?:which|what|who|whom|when|where)\b)/isu;

function sidesOf(text: string): { kind: AnswerKind; sides: string[] } | null {
  const events = between.exec(text) ?? afterwards.exec(text);
  if (events?.[1] !== undefined && events[2] !== undefined) {
    return { kind: 'years-between', sides: [events[1], events[2]] };
  }
  if (isYesNo.test(text)) {
    const given = names(text.replace(/^\S+\s+/u, ''));
    const joined = given.flatMap((name) => name.split(/\s+and\s+/u));
    return { kind: 'yes-no', sides: joined.slice(0, 2) };
  }
  const options = /(\p{Lu}[^,?]*?)\s+or\s+(?:the\s+)?(\p{Lu}[^?]*?)\s*\??$/u.exec(text);
  if (options === null) return null;
  return { kind: 'choice', sides: [names(options[1] ?? '').at(-1) ?? '', names(options[2] ?? '')[0] ?? ''] };
}

const kinds: readonly (readonly [RegExp, AnswerKind])[] = [
  [/\b(?:how many|how much|population|number of)\b/iu, 'number'],
  [/\b(?:when|what year|which year|what date)\b/iu, 'when'],
  [/\b(?:where|what city|which city|what country|what state|located in what|based in what)\b/iu, 'where'],
  [/\b(?:who|whom|whose|which (?:actor|actress|author|singer|director|person|player))\b/iu, 'who'],
];

/** Reads a question. Pure. */
export function analyse(text: string): Question {
  const tidy = text.replaceAll(/\s+/gu, ' ').trim();
  const two = sidesOf(tidy);
  const isPaired = two !== null && two.sides.length === 2 && two.sides.every((side) => side !== '');
  const kind = isPaired ? two.kind : (kinds.find(([pattern]) => pattern.test(tidy))?.[1] ?? 'what');
  const given = names(
    tidy.replace(/^(?:The|A|An|In|On|At|Which|What|Who|When|Where|How|Are|Is|Was|Were|Do|Does|Did)\b/u, ''),
  );
  return {
    text: tidy,
    kind,
    terms: [...new Set(terms(tidy))],
    names: given,
    sides: isPaired ? two.sides : [],
  };
}
