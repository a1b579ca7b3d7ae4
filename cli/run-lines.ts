import { z } from 'zod';
import type { EventMessage, Run } from './api-schemas.ts';
import type { StepNote } from './step-note.ts';
import { toSafeLine, toSafeText } from './safe-text.ts';

const usageSchema = z.object({ input_tokens: z.number(), output_tokens: z.number() });
const stepDataSchema = z.looseObject({
  kind: z.string().default('tool'),
  seq: z.int(),
  turn: z.int().default(0),
  tool: z.string().optional(),
  purpose: z.string().optional(),
  status: z.string().optional(),
  preview: z.string().default(''),
  usage: usageSchema.optional(),
  cost_micro_usd: z.number().nullish(),
  calls: z.array(z.looseObject({ tool: z.string() })).default([]),
  failure: z.looseObject({ type: z.string(), message: z.string() }).optional(),
});
type StepData = z.infer<typeof stepDataSchema>;

const askedChars = 48;
const previewChars = 60;

/** `12,345`. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

/** `$0.0123`; null is a price that nobody configured, never nothing. */
export function formatCost(costUsd: number | null): string {
  return costUsd === null ? 'cost unknown' : `$${costUsd.toFixed(costUsd < 1 ? 4 : 2)}`;
}

/** The names of the columns of {@link toStepLine}. */
export const stepHeader = `${'step'.padStart(5)} ${'turn'.padStart(5)}  ${'what'.padEnd(24)} ${'tokens in/out'.padStart(15)}  ${'cost'.padStart(8)}  result`;

/** One line for a step that is done; null for events that people need not see. */
export function toStepLine(event: EventMessage, note: StepNote | null = null): string | null {
  if (event.type === 'run.cancel_requested') return 'cancellation was asked for';
  const hold = toHoldLine(event);
  if (hold !== null) return hold;
  if (event.type !== 'step.completed' && event.type !== 'step.failed') return null;
  const parsed = stepDataSchema.safeParse(event.data);
  if (!parsed.success) return null;
  const { seq, turn, usage, cost_micro_usd: costMicroUsd } = parsed.data;
  const hasUsage = usage !== undefined && usage.input_tokens + usage.output_tokens > 0;
  const tokens = hasUsage ? `${formatCount(usage.input_tokens)}/${formatCount(usage.output_tokens)}` : '-';
  const cost = hasUsage ? toCost(costMicroUsd ?? null) : '-';
  const columns = [String(seq).padStart(5), String(turn).padStart(5), ` ${toWhat(parsed.data).padEnd(24)}`];
  return `${columns.join(' ')} ${tokens.padStart(15)}  ${cost.padStart(8)}  ${toResult(parsed.data, note)}`;
}

const holdSchema = z.looseObject({ by: z.string(), why: z.string().default(''), seq: z.int().optional() });

const holdWords: Readonly<Record<string, string>> = {
  'run.paused': 'a pause was asked for',
  'run.resumed': 'the run goes on',
  'run.finalizing': 'the answer was asked for',
  'message.received': 'a message to the model',
  'budget.raised': 'the budget was raised',
  'step.retried': 'retried',
  'step.skipped': 'skipped',
  'step.edited': 'edited',
  'step.approved': 'approved',
  'step.denied': 'denied',
};

/** A line for what a person did; null for every other event. */
function toHoldLine({ type, data }: EventMessage): string | null {
  const words = holdWords[type];
  const hold = holdSchema.safeParse(data);
  if (words === undefined || !hold.success) return null;
  const { by, why, seq } = hold.data;
  const what = seq === undefined ? words : `step ${seq} was ${words}`;
  return toSafeLine(`${what}, by ${by}${why === '' ? '' : `: ${why}`}`);
}

function toCost(costMicroUsd: number | null): string {
  return costMicroUsd === null ? 'no price' : formatCost(costMicroUsd / 1e6);
}

function toWhat({ kind, purpose, tool }: StepData): string {
  if (kind === 'message') return 'message of a person';
  if (kind === 'model') return purpose === 'final' ? 'model: final answer' : 'model';
  return toSafeLine(tool ?? 'tool');
}

function toResult(step: StepData, note: StepNote | null): string {
  if (step.failure !== undefined) return `FAILED ${toSafeLine(`${step.failure.type}: ${step.failure.message}`)}`;
  const failed = step.status === 'failed' ? 'FAILED ' : '';
  if (step.calls.length > 0) return `→ ${toSafeLine(step.calls.map((call) => call.tool).join(', '))}`;
  if (note?.source != null) return `${failed}${toSafeLine(`${note.source.title ?? 'page'}  ${note.source.url}`)}`;
  const asked = note === null || note.asked === '' ? '' : `${shorten(note.asked, askedChars)}  ⇒  `;
  return `${failed}${asked}${shorten(step.preview, previewChars)}`;
}

/** The beginning of a text, on one line and harmless. */
function shorten(text: string, limit: number): string {
  const points = Array.from(text.replaceAll(/\s+/g, ' ').trim());
  const shown = points.length > limit ? `${points.slice(0, limit - 1).join('')}…` : points.join('');
  return toSafeLine(shown);
}

/** How a run ended: answer, sources, tokens, cost; on a terminal, so every text of the model is made harmless. */
export function toEndLines(run: Run): string[] {
  const lines = [`outcome  ${run.outcome ?? run.status}${toReason(run)}`];
  if (run.stand_in === true) lines.push('model    a rule-based stand-in played the model');
  if (run.error !== null) lines.push(`reason   ${toSafeLine(`${run.error.type}: ${run.error.message}`)}`);
  if (run.answer !== null) lines.push(`answer   ${indent(toSafeText(run.answer))}`);
  for (const [index, source] of run.sources.entries()) {
    const label = index === 0 ? 'sources ' : '        ';
    lines.push(`${label} ${index + 1}. ${toSafeLine(`${source.title ?? '(no title)'}  ${source.url}`)}`);
  }
  if (run.usage !== undefined) {
    const tokens = formatCount(run.usage.input_tokens + run.usage.output_tokens);
    lines.push(`used     ${tokens} tokens, ${formatCost(run.cost_usd)}`);
  }
  return lines;
}

function toReason(run: Run): string {
  const reason = run.stop_reason;
  return reason !== null && reason !== run.outcome ? ` (${toSafeLine(reason)})` : '';
}

function indent(text: string): string {
  return text.trimEnd().replaceAll('\n', '\n         ');
}
