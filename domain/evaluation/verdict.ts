import { pythonSpace } from '../agent/text/python-space.ts';

/** What a judge says; `NOT_ATTEMPTED` also where nothing can be read. */
export type Verdict = 'CORRECT' | 'INCORRECT' | 'NOT_ATTEMPTED';

/** Marks that may stand around a plain verdict: white space, bold, quotes, brackets, an end of a sentence. */
const decoration = `[${pythonSpace}*_\`'"“”‘’「」【】()（）\\[\\].。!！]*`;

const plainWord = new RegExp(`^${decoration}(correct|incorrect|正确|错误)${decoration}$`, 'iu');

const plainWords: Readonly<Record<string, Verdict>> = {
  correct: 'CORRECT',
  incorrect: 'INCORRECT',
  正确: 'CORRECT',
  错误: 'INCORRECT',
};

/** The verdict that a reply plainly states, all of it; null where it says anything else. */
export function readPlainWord(reply: string): Verdict | null {
  const word = plainWord.exec(reply)?.[1];
  return word === undefined ? null : (plainWords[word.toLowerCase()] ?? null);
}

const letterVerdicts: Readonly<Record<string, Verdict>> = { A: 'CORRECT', B: 'INCORRECT', C: 'NOT_ATTEMPTED' };

/** The verdict of the first of these letters, in upper case. */
export function readLetter(reply: string, letters: RegExp): Verdict {
  const letter = letters.exec(reply)?.[0];
  return (letter === undefined ? undefined : letterVerdicts[letter]) ?? 'NOT_ATTEMPTED';
}

/** The verdict behind a judge's label `correct:`, wherever it stands; null where there is none. */
export function readYesOrNo(reply: string): Verdict | null {
  const word = new RegExp(`correct:[${pythonSpace}]*(yes|no)`, 'i').exec(reply)?.[1];
  if (word === undefined) return null;
  return word.toLowerCase() === 'yes' ? 'CORRECT' : 'INCORRECT';
}

const chineseVerdicts: Readonly<Record<string, Verdict>> = { 正确: 'CORRECT', 错误: 'INCORRECT' };

/**
 * The verdict behind the Chinese label for "conclusion", as the original reads it: one character between them, and that after
 * colons; what stands between the first two colons is the verdict.
 */
export function readConclusion(reply: string): Verdict | null {
  const match = /结论:*.(?:正确|错误)/u.exec(reply)?.[0];
  if (match === undefined) return null;
  const said = match.includes(':') ? (match.split(':')[1] ?? '').trim() : match;
  return chineseVerdicts[said] ?? null;
}

/** The verdict plainly stated behind the Chinese label for "conclusion": any colon, bold, quotes or line breaks between them. */
export function readPlainConclusion(reply: string): Verdict | null {
  const between = `[${pythonSpace}*_\`'"“”‘’「」【】]*`;
  const word = new RegExp(`结论${between}[:：]+${between}(正确|错误)`, 'u').exec(reply)?.[1];
  return word === undefined ? null : (chineseVerdicts[word] ?? null);
}
