import { dialectOf } from '../../domain/dialects/for-profile.ts';
import type { Dialect, Message } from '../../domain/dialects/dialect.ts';
import { digestFields } from '../../domain/digest.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { Purpose, StepRecord } from '../../domain/record.ts';
import { type HistoryItem, renderPrompt } from '../../domain/render.ts';
import { digestBytes } from '../storage/encoding.ts';
import { type History, type HistoryReader, type HistoryStep, textNames } from '../storage/history-reader.ts';

/** A model call as it is sent, and its names. */
export interface RenderedCall {
  readonly messages: readonly Message[];
  /** Over role and content digest of every message: what exactly was sent. */
  readonly promptDigest: string;
  /** What was asked, without run id, tenant or date: equal for equal runs. */
  readonly requestDigest: string;
}

/** Steps that are shown together: a reply, a person's message, or the results of one reply's calls. */
interface Group {
  readonly kind: StepRecord['kind'];
  readonly steps: HistoryStep[];
}

/** Groups records in order; replies that were thrown away and failed calls have no place in a prompt. */
function toGroups(steps: readonly HistoryStep[]): Group[] {
  const groups: Group[] = [];
  for (const step of steps) {
    const { kind } = step.record;
    const last = groups.at(-1);
    if (kind === 'tool' && last?.kind === 'tool') last.steps.push(step);
    else if (kind !== 'model' || isKept(step)) groups.push({ kind, steps: [step] });
  }
  return groups;
}

function isKept(step: HistoryStep): boolean {
  const { model, status } = step.record;
  return status === 'ok' && model?.purpose === 'turn' && (model.stop === 'calls' || model.stop === 'end');
}

function digestOf({ record }: HistoryStep): string {
  return record.contents.find((content) => content.name === textNames[record.kind])?.digest ?? '';
}

/** What a prompt is rendered from. */
export interface PromptRequest {
  readonly run: RunRef;
  readonly history: History;
  readonly purpose: Purpose;
  readonly firstLive: number;
}

/** A group as the prompt shows it, with the line that stands for it in the prompt's digest. */
async function toItem(
  load: (step: HistoryStep) => Promise<string>,
  { kind, steps }: Group,
  isLive: boolean,
): Promise<{ readonly item: HistoryItem; readonly line: string }> {
  const [first] = steps;
  if (kind !== 'tool' && first !== undefined) {
    const type = kind === 'model' ? ('reply' as const) : ('message' as const);
    return {
      item: { type, text: await load(first) },
      line: `${kind === 'model' ? 'assistant' : 'user'}:${digestOf(first)}`,
    };
  }
  if (!isLive) {
    // What is out of view is not kept in memory either.
    for (const step of steps) step.text = null;
    return { item: { type: 'observations', texts: null }, line: 'user:omitted' };
  }
  const texts = await Promise.all(steps.map(load));
  return { item: { type: 'observations', texts }, line: `user:${steps.map(digestOf).join(',')}` };
}

/** The dialect's own words around a history: when they change, yesterday's prompts are no longer what today's code renders. */
function toTemplateDigest(dialect: Dialect): string {
  return digestFields([
    dialect.taskMessage('…'),
    dialect.finalPrompt('…'),
    dialect.joinObservations(['…', '…']),
    dialect.omitted,
  ]);
}

/** Renders the prompt of a model call from a run's records, loading only the texts that are in view. */
export async function renderCall(reader: HistoryReader, request: PromptRequest): Promise<RenderedCall> {
  const { run, purpose, firstLive } = request;
  const { manifest, steps, trajectory } = request.history;
  const { systemPrompt, question } = manifest;
  const items: HistoryItem[] = [];
  const dialect = dialectOf(manifest.profile);
  const lines: string[] = [
    `template:${toTemplateDigest(dialect)}`,
    `system:${digestBytes(systemPrompt)}`,
    `task:${digestBytes(question)}`,
  ];
  let observation = 0;
  for (const group of toGroups(steps)) {
    const isLive = group.kind !== 'tool' || observation >= firstLive;
    if (group.kind === 'tool') observation += 1;
    const { item, line } = await toItem((step) => reader.textOf(run, step), group, isLive);
    items.push(item);
    lines.push(line);
  }
  lines.push(`purpose:${purpose}`);
  return {
    messages: renderPrompt({ systemPrompt, question, items, purpose }, dialect),
    promptDigest: digestBytes(lines.join('\n')),
    requestDigest: digestFields(['model', purpose, manifest.taskDigest, trajectory, String(firstLive)]),
  };
}
