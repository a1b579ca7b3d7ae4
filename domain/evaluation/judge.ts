import { readStructuredVerdict } from './hle-verdict.ts';
import { type ItemCounts, readItemVerdict } from './item-verdict.ts';
import type { JudgeKind, JudgeRelease } from './judge-kinds.ts';
import { isGaiaCorrect } from './score-gaia.ts';
import {
  readConclusion,
  readLetter,
  readPlainConclusion,
  readPlainWord,
  readYesOrNo,
  type Verdict,
} from './verdict.ts';

/** What a judge is asked about. */
export interface Judged {
  readonly kind: JudgeKind;
  readonly release: JudgeRelease;
  readonly target: string;
  readonly answer: string | null;
}

/** A judge model's reply to one request: its text, none, or that the request failed. */
export type JudgeReply = { readonly text: string | null } | { readonly failed: true };

/** A verdict, by which judge, and what it counted. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly by: JudgeKind | 'exact-match' | null;
  readonly details: ItemCounts | null;
}

/** What follows the replies so far: one more request, or the verdict. */
export type JudgeStep = { readonly type: 'ask' } | { readonly type: 'done'; readonly judgement: Judgement };

/** Requests whose verdict could not be read, after which it stands; and failures in a row that one of them may have. */
const maxUnread = 10;
const maxFailures = 10;

interface Reading {
  readonly verdict: Verdict;
  readonly details: ItemCounts | null;
}

type Reader = (text: string) => Verdict;

const orUnread = (verdict: Verdict | null): Verdict => verdict ?? 'NOT_ATTEMPTED';

/** What cannot be read counted as wrong when the paper's scores were made. */
const orWrong = (verdict: Verdict | null): Verdict => verdict ?? 'INCORRECT';

const readAnyLetter: Reader = (text) => readLetter(text, /[ABC]/);

/** Readings of the paper's evaluation, to the letter: its scores are comparable with no others. */
const paperReaders: Readonly<Partial<Record<JudgeKind, Reader>>> = {
  text: (text) => (text === 'Correct' ? 'CORRECT' : 'INCORRECT'),
  browsecomp: (text) => orWrong(readYesOrNo(text)),
  simpleqa: readAnyLetter,
  xbench: (text) => orWrong(readConclusion(text)),
};

/** Readings of the later line: what a reply plainly states, else as the original reads it. */
const laterReaders: Readonly<Partial<Record<JudgeKind, Reader>>> = {
  text: (text) => orUnread(readPlainWord(text)),
  browsecomp: (text) => readPlainWord(text) ?? readLetter(text, /[AB]/),
  'browsecomp-zh': (text) => readPlainWord(text) ?? readLetter(text, /[AB]/),
  simpleqa: (text) => readPlainWord(text) ?? readAnyLetter(text),
  xbench: (text) => orUnread(readPlainConclusion(text) ?? readConclusion(text)),
};

function read({ kind, release }: Judged, reply: JudgeReply): Reading {
  const unread: Reading = { verdict: 'NOT_ATTEMPTED', details: null };
  if ('failed' in reply || reply.text === null) return unread;
  if (kind === 'deepsearchqa') return readItemVerdict(reply.text);
  if (kind === 'hle') return { ...unread, verdict: readStructuredVerdict(reply.text) };
  const readers = release === 'paper' ? paperReaders : laterReaders;
  return { ...unread, verdict: readers[kind]?.(reply.text) ?? 'NOT_ATTEMPTED' };
}

/** A verdict that needs no judge model; null where it does. */
function judgeByRule({ kind, target, answer }: Judged): Judgement | null {
  if (kind !== 'deepsearchqa' && answer === target) return { verdict: 'CORRECT', by: 'exact-match', details: null };
  if (kind !== 'gaia-scorer') return null;
  return { verdict: isGaiaCorrect(target, answer) ? 'CORRECT' : 'INCORRECT', by: kind, details: null };
}

const unattempted: JudgeStep = { type: 'done', judgement: { verdict: 'NOT_ATTEMPTED', by: null, details: null } };

/**
 * Judges an answer one request at a time: given the judge model's replies so far, whether it is asked once more, or the verdict.
 *
 * A verdict that cannot be read is asked for again, ten times in all; a failed request of the text judge does not count among
 * them. A failure is never a wrong answer. Source: MiroThinker protocol §9.4.
 *
 * *Contract:* pure, never throws.
 */
export function nextJudgeStep(judged: Judged, replies: readonly JudgeReply[]): JudgeStep {
  const ruled = judgeByRule(judged);
  if (ruled !== null) return { type: 'done', judgement: ruled };
  let unread = 0;
  let failures = 0;
  for (const reply of replies) {
    const retriesInside = judged.kind === 'text' && 'failed' in reply;
    failures = retriesInside ? failures + 1 : 0;
    if (retriesInside && failures < maxFailures) continue;
    const { verdict, details } = read(judged, reply);
    if (verdict !== 'NOT_ATTEMPTED') return { type: 'done', judgement: { verdict, by: judged.kind, details } };
    unread += 1;
    if (unread >= maxUnread || retriesInside) return unattempted;
  }
  return { type: 'ask' };
}
