import { rulesByRelease } from '../../domain/agent/rules.ts';
import { AppError } from '../../domain/errors.ts';
import { answerLine } from '../decide/answer-line.ts';
import type { DecideContext } from '../decide/decision.ts';
import { functionNames, loadDecision } from '../decide/functions.ts';
import { readLines } from '../decide/lines.ts';
import { exitCodes } from '../exit-codes.ts';

/** The flags of `decide`. */
export interface DecideOptions {
  readonly profile: string;
  readonly function: string;
}

/** Where cases come from, and where answers go. */
export interface DecideStreams {
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolves once the text is out: many answers would otherwise pile up, and be lost when the process ends. */
  readonly write: (text: string) => Promise<void>;
}

/** v1.5 decides as v1.7; they differ in configuration only. */
const releases: Readonly<Record<string, DecideContext['release']>> = { 'v1.0': 'v1.0', 'v1.5': 'v1.7', 'v1.7': 'v1.7' };

function fail(what: string, known: readonly string[]): AppError {
  return new AppError('Config.Invalid', { what, mend: `Known: ${known.join(', ')}.` });
}

/**
 * Answers single decisions of the agent, one JSON object a line.
 *
 * @throws AppError `Config.Invalid` for an unknown profile or function
 */
export async function decide(options: DecideOptions, streams: DecideStreams): Promise<number> {
  const release = releases[options.profile];
  if (release === undefined)
    throw fail(`there is no profile ${JSON.stringify(options.profile)}`, Object.keys(releases));
  const decision = await loadDecision(options.function);
  if (decision === undefined) throw fail(`there is no function ${JSON.stringify(options.function)}`, functionNames);
  if (decision.laterOnly && release !== 'v1.7') {
    throw new AppError('Config.Invalid', { what: `${options.function} exists for profile v1.7 only` });
  }
  const context: DecideContext = { release, rules: rulesByRelease[release] };
  for await (const lines of readLines(streams.input)) {
    const answers = lines.filter((line) => line.trim() !== '').map((line) => answerLine(decision, context, line));
    if (answers.length > 0) await streams.write(`${answers.join('\n')}\n`);
  }
  return exitCodes.ok;
}
