import type { AttemptView } from './view.ts';
import type { CallPurpose, Dropped } from './state.ts';

/** What a record is to the history, without its text. */
export type HistoryRecord =
  | {
      readonly seq: number;
      readonly kind: 'model';
      readonly purpose: CallPurpose;
      readonly dropped: readonly Dropped[];
    }
  | { readonly seq: number; readonly kind: 'tool'; readonly reply: number }
  | { readonly seq: number; readonly kind: 'steering' };

/** A message of a prompt behind the system prompt and the task, by where its text is. */
export type HistoryMessage =
  | { readonly type: 'reply'; readonly seq: number }
  /** The results of one reply's calls; masked ones are shown as omitted. */
  | { readonly type: 'observation'; readonly seqs: readonly number[]; readonly masked: boolean }
  | { readonly type: 'steering'; readonly seq: number }
  /** A prompt of ours that asks for an answer; it takes a place in view, and can be masked as any other user message. */
  | { readonly type: 'prompt'; readonly purpose: 'final' | 'failure-summary'; readonly masked: boolean }
  /** The words that a failure summary begins with. */
  | { readonly type: 'prefill' };

interface Drafting {
  readonly messages: HistoryMessage[];
  readonly firstLive: number;
  /** User messages behind the task so far. */
  users: number;
  /** The reply whose results the newest observation holds, and where that is. */
  newest: { readonly reply: number; readonly at: number } | null;
}

/** Is the next user message masked? Counts it. */
function countUser(drafting: Drafting): boolean {
  drafting.users += 1;
  return drafting.users <= drafting.firstLive;
}

function addPrompt(drafting: Drafting, purpose: CallPurpose): void {
  if (purpose !== 'turn') drafting.messages.push({ type: 'prompt', purpose, masked: countUser(drafting) });
  if (purpose === 'failure-summary') drafting.messages.push({ type: 'prefill' });
}

function addResult(drafting: Drafting, record: HistoryRecord & { kind: 'tool' }): void {
  const { messages, newest } = drafting;
  const { seq, reply } = record;
  const open = newest?.reply === reply ? messages[newest.at] : undefined;
  if (newest !== null && open?.type === 'observation') {
    messages[newest.at] = { ...open, seqs: [...open.seqs, seq] };
    return;
  }
  drafting.newest = { reply, at: messages.length };
  messages.push({ type: 'observation', seqs: [seq], masked: countUser(drafting) });
}

/**
 * The messages of a call's prompt behind the task, from the attempt's records before it and its view.
 *
 * Holds no policy: what is gone is named by the views, what is masked by `firstLive`. Pure, linear.
 */
export function buildHistory(records: readonly HistoryRecord[], view: AttemptView): HistoryMessage[] {
  const own = records.filter(({ seq }) => seq >= view.attemptStart);
  const views = own.flatMap((record) => (record.kind === 'model' ? record.dropped : []));
  const gone = new Set([...views, ...view.dropped].map(({ seq }) => seq));
  const drafting: Drafting = { messages: [], firstLive: view.firstLive, users: 0, newest: null };
  for (const record of own) {
    if (gone.has(record.seq)) continue;
    if (record.kind === 'tool') addResult(drafting, record);
    else if (record.kind === 'steering') drafting.messages.push({ type: 'steering', seq: record.seq });
    else {
      addPrompt(drafting, record.purpose);
      drafting.messages.push({ type: 'reply', seq: record.seq });
    }
  }
  addPrompt(drafting, view.purpose);
  return drafting.messages;
}
