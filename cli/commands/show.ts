import { AppError } from '../../domain/errors.ts';
import { recordedCallsSchema, type Run, type TrajectoryStep } from '../api-schemas.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatCost, formatCount, toEndLines } from '../run-lines.ts';
import { toSafeLine, toSafeText } from '../safe-text.ts';
import { toWaitLine } from './watch.ts';

/** The flags of `show`. */
export interface ShowOptions {
  readonly step?: number;
}

/** Characters of a text that the overview of all steps shows. */
const overviewChars = 400;

/** A step with what it was asked: a tool's arguments stand in the record of the model that called it. */
interface ShownStep {
  readonly step: TrajectoryStep;
  readonly request: unknown;
}

/** How a run stands, then each recorded step's request and observation. */
export async function showRun(context: CommandContext, id: string, options: ShowOptions): Promise<number> {
  const run = await context.client.read(id);
  const steps = await readSteps(context, id, options.step ?? null);
  if (options.step !== undefined && steps.length === 0) {
    throw new AppError('Input.NotFound', {
      what: `run ${id} has no recorded step ${options.step}`,
      mend: `Its recorded steps: longhaul show ${id}`,
    });
  }
  if (context.json) {
    context.printJson({ run, steps: steps.map(({ step, request }) => ({ ...step, request })) });
    return exitCodes.ok;
  }
  const { print } = context.terminal;
  for (const line of options.step === undefined ? toOverview(run, steps) : toDetails(steps)) print(line);
  return exitCodes.ok;
}

function toOverview(run: Run, steps: readonly ShownStep[]): string[] {
  const lines = [...toRunLines(run), ...steps.flatMap((shown) => toStepLines(shown, overviewChars))];
  return steps.length === 0 ? lines : [...lines, '', `all of a step: longhaul show ${toSafeLine(run.id)} --step N`];
}

function toDetails(steps: readonly ShownStep[]): string[] {
  return steps.flatMap((shown) => toStepLines(shown, Number.POSITIVE_INFINITY));
}

async function readSteps(context: CommandContext, id: string, only: number | null): Promise<ShownStep[]> {
  const calls = new Map<number, readonly { readonly tool: string; readonly arguments: unknown }[]>();
  const steps: ShownStep[] = [];
  for await (const line of context.client.trajectory(id)) {
    if (line.type !== 'step') continue;
    const asked = contentOf(line, 'calls');
    if (asked !== null) calls.set(line.seq, recordedCallsSchema.parse(JSON.parse(asked)));
    if (only === null || line.seq === only) steps.push({ step: line, request: toRequest(line, calls) });
    if (line.seq === only) break;
  }
  return steps;
}

function toRequest(
  step: TrajectoryStep,
  calls: ReadonlyMap<number, readonly { readonly tool: string; readonly arguments: unknown }[]>,
): unknown {
  const edited = contentOf(step, 'arguments');
  if (edited !== null) return JSON.parse(edited);
  if (step.tool === null) return step.model === null ? null : { purpose: step.model.purpose, model: step.model.model };
  return calls.get(step.tool.modelSeq)?.[step.tool.callIndex]?.arguments ?? null;
}

function contentOf(step: TrajectoryStep, name: string): string | null {
  return step.contents.find((content) => content.name === name)?.text ?? null;
}

function toRunLines(run: Run): string[] {
  const wait = toWaitLine(run);
  const { progress } = run;
  return [
    `run      ${toSafeLine(run.id)}`,
    `question ${toSafeText(run.input ?? '(not at hand)').replaceAll('\n', '\n         ')}`,
    ...(progress === undefined
      ? []
      : [`progress turn ${progress.turn}, ${progress.tool_calls} tool calls, ${progress.steps} steps`]),
    ...(run.outcome === null ? [`status   ${toSafeLine(run.status)}`] : toEndLines(run)),
    ...(wait === null ? [] : [wait]),
    ...(run.parent === null ? [] : [`forked   from ${toSafeLine(run.parent.run)} at step ${run.parent.step}`]),
    ...(run.forks.length === 0 ? [] : [`forks    ${run.forks.map(toSafeLine).join(' ')}`]),
    ...((run.extra_attempts ?? 0) === 0 ? [] : [`attempts ${run.extra_attempts} beside the recorded ones`]),
  ];
}

function toStepLines({ step, request }: ShownStep, limit: number): string[] {
  const label = ({ model: 'reply', tool: 'observation', message: 'message' } as const)[step.kind];
  const said = contentOf(step, label);
  const { source } = step.tool ?? { source: null };
  return [
    '',
    toHead(step).join('  '),
    ...toBlock('request', JSON.stringify(request), limit),
    ...(source === null ? [] : [`  source       ${toSafeLine(source.url)}`]),
    ...(step.hold === null
      ? []
      : [
          `  ${step.hold.action.padEnd(12)} by ${toSafeLine(step.hold.by)}${step.hold.why === '' ? '' : `: ${toSafeLine(step.hold.why)}`}`,
        ]),
    ...(step.failure === null ? [] : toBlock('failure', `${step.failure.type}: ${step.failure.message}`, limit)),
    ...(said === null ? [] : toBlock(label, said, limit)),
  ];
}

function toHead(step: TrajectoryStep): string[] {
  if (step.kind === 'message') return [`step ${step.seq}`, `turn ${step.turn}`, 'message of a person'];
  const name = step.tool?.tool ?? (step.model?.purpose === 'final' ? 'model, final answer' : 'model');
  const took = `${((step.endedAtMs - step.startedAtMs) / 1_000).toFixed(1)} s`;
  const head = [`step ${step.seq}`, `turn ${step.turn}`, toSafeLine(name), step.status, took];
  const { inputTokens, outputTokens } = step.usage;
  if (inputTokens + outputTokens > 0) {
    head.push(`${formatCount(inputTokens)}/${formatCount(outputTokens)} tokens`);
    head.push(formatCost(step.costMicroUsd === null ? null : step.costMicroUsd / 1e6));
  }
  if (step.delivery > 1) head.push(`delivery ${step.delivery}, the earlier ones were ended`);
  return head;
}

/** A text under its name, harmless, and cut when it is longer than the limit. */
function toBlock(label: string, text: string, limit: number): string[] {
  const points = Array.from(text);
  const shown =
    points.length > limit ? `${points.slice(0, limit).join('')}… (${formatCount(points.length)} characters)` : text;
  const [first = '', ...rest] = toSafeText(shown).trimEnd().split('\n');
  return [`  ${label.padEnd(12)} ${first}`, ...rest.map((line) => `${' '.repeat(15)}${line}`)];
}
