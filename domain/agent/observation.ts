import type { JsonValue } from './arguments/json-value.ts';
import { cutCodePoints } from './text/code-points.ts';

/** Longest text of one observation in code points, and the note at its cut. Source: MiroThinker protocol §3.4. */
const maxObservationChars = 100_000;
const observationNote = '\n... [Result truncated]';

/** Longest result of a command or of code, and the note at its cut. Source: MiroThinker protocol §4.3. */
const maxSandboxChars = 20_000;
const sandboxNote = ' [Result truncated due to length limit]';

/** A call, and what it gave: a result, an error, or neither. */
export interface CallAnswer {
  readonly server: string;
  readonly tool: string;
  readonly result?: JsonValue | undefined;
  readonly error?: string | undefined;
}

/** Cuts what a command or code printed. */
export function cutSandboxText(text: string): string {
  return cutCodePoints(text, maxSandboxChars, sandboxNote);
}

/** What the model is shown of one call; a result that is no text is shown as JSON. `noOutput` stands for a call that gave nothing. */
export function formatObservation(answer: CallAnswer, noOutput: string): string {
  const { server, tool, result, error } = answer;
  if (error !== undefined) return `Tool call to ${tool} on ${server} failed. Error: ${error}`;
  if (result === undefined) return noOutput;
  const text = typeof result === 'string' ? result : JSON.stringify(result);
  return cutCodePoints(text, maxObservationChars, observationNote);
}

/** The one user message that follows a reply's calls. */
export function joinObservations(observations: readonly string[]): string {
  return observations.join('\n');
}
