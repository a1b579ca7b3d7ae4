import { dialectOf } from '../../domain/dialects/for-profile.ts';
import type { Message } from '../../domain/dialects/dialect.ts';
import { digestFields } from '../../domain/digest.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { Purpose } from '../../domain/record.ts';
import { renderPrompt, type RenderedTurn } from '../../domain/render.ts';
import { digestBytes } from '../storage/encoding.ts';
import type { History, HistoryReader, HistoryStep } from '../storage/history-reader.ts';

/** A model call as it is sent, and its names. */
export interface RenderedCall {
  readonly messages: readonly Message[];
  /** Over role and content digest of every message: what exactly was sent. */
  readonly promptDigest: string;
  /** What was asked, without run id, tenant or date: equal for equal runs. */
  readonly requestDigest: string;
}

/** A reply with the tool steps that belong to it. */
interface HistoryTurn {
  readonly model: HistoryStep;
  readonly tools: HistoryStep[];
}

/** Groups records into turns; replies that were thrown away and failed calls have no place in a prompt. */
function toTurns(steps: readonly HistoryStep[]): HistoryTurn[] {
  const turns: HistoryTurn[] = [];
  for (const step of steps) {
    if (step.record.kind === 'tool') turns.at(-1)?.tools.push(step);
    else if (isKept(step)) turns.push({ model: step, tools: [] });
  }
  return turns;
}

function isKept(step: HistoryStep): boolean {
  const { model, status } = step.record;
  return status === 'ok' && model?.purpose === 'turn' && (model.stop === 'calls' || model.stop === 'end');
}

function digestOf(step: HistoryStep): string {
  const name = step.record.kind === 'model' ? 'reply' : 'observation';
  return step.record.contents.find((content) => content.name === name)?.digest ?? '';
}

/** What a prompt is rendered from. */
export interface PromptRequest {
  readonly run: RunRef;
  readonly history: History;
  readonly purpose: Purpose;
  readonly firstLive: number;
}

/** Renders the prompt of a model call from a run's records, loading only the texts that are in view. */
export async function renderCall(reader: HistoryReader, request: PromptRequest): Promise<RenderedCall> {
  const { manifest, steps, trajectory } = request.history;
  const dialect = dialectOf(manifest.profile);
  const rendered: RenderedTurn[] = [];
  const lines: string[] = [`system:${digestBytes(manifest.systemPrompt)}`, `task:${digestBytes(manifest.question)}`];
  let observation = 0;
  for (const turn of toTurns(steps)) {
    const reply = await reader.textOf(request.run, turn.model);
    lines.push(`assistant:${digestOf(turn.model)}`);
    if (turn.tools.length === 0) {
      rendered.push({ reply, observations: [] });
      continue;
    }
    const live = observation >= request.firstLive;
    observation += 1;
    lines.push(`user:${live ? turn.tools.map(digestOf).join(',') : 'omitted'}`);
    if (!live) for (const tool of turn.tools) tool.text = null;
    const observations = live ? await Promise.all(turn.tools.map((tool) => reader.textOf(request.run, tool))) : null;
    rendered.push({ reply, observations });
  }
  lines.push(`purpose:${request.purpose}`);
  const { systemPrompt, question } = manifest;
  return {
    messages: renderPrompt({ systemPrompt, question, turns: rendered, purpose: request.purpose }, dialect),
    promptDigest: digestBytes(lines.join('\n')),
    requestDigest: digestFields(['model', request.purpose, manifest.taskDigest, trajectory, String(request.firstLive)]),
  };
}
