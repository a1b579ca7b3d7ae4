import { formatCost, formatCount } from '../../../cli/run-lines.ts';
import { toSafeLine, toSafeText } from '../../../cli/safe-text.ts';
import type { Stack } from '../stack/stack.ts';
import type { DemoResult } from './judge.ts';

/** What a person should know before the run begins. */
export function toOpening(stack: Stack, question: string, runId: string): string[] {
  return [
    '',
    stack.standIn
      ? 'model     a rule-based STAND-IN, no language model (OPENAI_BASE_URL and LONGHAUL_MODEL name a real one)'
      : `model     ${toSafeLine(stack.urls.model)}`,
    `pages     ${stack.urls.corpus ?? 'the web'}`,
    `allowed   ${stack.fetchAllow.join(', ') || 'nothing'} is all of this machine that pages may be fetched from`,
    `run       ${runId}`,
    `question  ${toSafeText(question)}`,
    '',
  ];
}

/** How it ended, and the counts that matter. */
export function toClosing(result: DemoResult): string[] {
  const { stepsRecorded, repeated, interruptedAttempts } = result;
  const attempts = interruptedAttempts === 1 ? 'attempt' : 'attempts';
  return [
    '',
    result.answer === null ? `outcome   ${result.outcome}` : `answer    ${toSafeText(result.answer)}`,
    ...result.sources.map(
      ({ url, title }, index) =>
        `${index === 0 ? 'sources' : '       '}   ${index + 1}. ${toSafeLine(`${title ?? '(no title)'}  ${url}`)}`,
    ),
    `used      ${formatCount(result.tokens)} tokens, ${formatCost(result.costUsd)}${result.costUsd === null ? ' (no prices are configured)' : ''}`,
    ...result.violations.map((violation) => `BROKEN    ${violation}`),
    '',
    `${stepsRecorded} steps recorded, ${repeated} repeated, ${interruptedAttempts} interrupted ${attempts}`,
    ...(result.standIn ? [] : ['(a real model keeps no log for us: repeated counts the page server alone)']),
  ];
}
