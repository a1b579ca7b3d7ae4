import { advise, type AdviceRequest, type PoolAdvice, type RetentionAdvice } from '../../domain/pool/advice.ts';
import { h200, modelShapes } from '../../domain/pool/gpu-facts.ts';
import { AppError } from '../../domain/errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

/** The flags of `pool advise`; all have defaults. */
export interface AdviseOptions {
  readonly replicas: number;
  readonly window: number;
  readonly maxTokens: number;
  readonly keep: number;
  readonly turns: number;
  readonly reply: number;
  readonly observation: number;
  readonly system: number;
  readonly tool: number;
  readonly model: string;
  readonly kvGib?: number;
  readonly json?: boolean;
}

const gib = 1_024 ** 3;
const placeholderTokens = 15;

function toRequest(options: AdviseOptions): AdviceRequest {
  const model = Object.entries(modelShapes).find(([name]) => name === options.model)?.[1];
  if (model === undefined) {
    throw new AppError('Config.Invalid', {
      what: `--model ${options.model}: no such shape`,
      mend: `Known: ${Object.keys(modelShapes).join(', ')}.`,
    });
  }
  const kvBytes = options.kvGib === undefined ? h200.kvBytes : options.kvGib * gib;
  return {
    replicas: options.replicas,
    windowTokens: options.window,
    maxTokens: options.maxTokens,
    keep: options.keep,
    toolSeconds: options.tool,
    run: {
      systemTokens: options.system,
      replyTokens: options.reply,
      observationTokens: options.observation,
      placeholderTokens,
      turns: options.turns,
    },
    serving: { model, hardware: { ...h200, kvBytes } },
  };
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');

function toRow(row: RetentionAdvice, best: number): string {
  const name = row.batch === null ? 'pressure' : `B = ${row.batch}`;
  const columns = [
    name.padEnd(9),
    whole(row.turns).padStart(6),
    (row.prefillTokens / 1e6).toFixed(2).padStart(8),
    `${(100 * row.cachedShare).toFixed(1)} %`.padStart(8),
    whole(row.contextTokens).padStart(9),
    whole(row.gpuSeconds).padStart(7),
  ];
  return `${columns.join('  ')}${row.batch === best ? '   ← least GPU time' : ''}`;
}

function toLines(request: AdviceRequest, advice: PoolAdvice): string[] {
  const { model } = request.serving;
  const isShort = advice.longestRun < request.run.turns;
  return [
    `${request.replicas} replicas of ${model.name}, window ${whole(request.windowTokens)}: ${whole(advice.usableTokens)} prompt tokens usable`,
    '',
    `keep ${request.keep}, then   turns   Mtok prefill  cached   context  GPU-s a run`,
    ...advice.table.map((row) => toRow(row, advice.batch)),
    '',
    `retention    batch ${advice.batch}, ${advice.batchByFormula.toFixed(1)} by the formula (grow to ${request.keep + advice.batch} observations, trim to ${request.keep}); ${request.keep} without batches where published scores are reproduced`,
    `longest run  ${whole(advice.longestRun)} turns before thoughts alone fill the window${isShort ? `: fewer than ${request.run.turns}, so shorten thoughts or restart` : ''}`,
    `resident     ${advice.runsPerReplica} runs a replica, ${advice.runs} in the pool; more wait in the queue`,
    `pace         ${advice.turnsPerSecond.toFixed(2)} turns a second, ${advice.turnSeconds.toFixed(0)} s a turn`,
    `a move       ${advice.moveSeconds.toFixed(1)} GPU-s of cold prefill: affinity first, batches with it`,
    '',
    'In the pools file:',
    `  kv: { tokens: ${advice.kvTokens} }`,
    `  admission: { expectedRunTokens: ${Math.round(tableContext(advice))} }`,
    '',
    'All seconds are the cost model’s, none was measured: calibrate before relying on them.',
  ];
}

function tableContext({ table, batch }: PoolAdvice): number {
  return table.find((row) => row.batch === batch)?.contextTokens ?? 0;
}

/** Prints what the cost model advises for a pool. */
export function poolAdvise(terminal: Terminal, options: AdviseOptions): number {
  const request = toRequest(options);
  const advice = advise(request);
  if (options.json === true) terminal.print(JSON.stringify({ modelled: true, ...advice }));
  else for (const line of toLines(request, advice)) terminal.print(line);
  return exitCodes.ok;
}
