import { z } from 'zod';
import type { SandboxJob, SandboxResult } from '../ports.ts';
import { pythonList, pythonRepr } from './python-repr.ts';

/** Longest result in code points, and the note at a cut. Source: MiroThinker protocol §4.3. */
const maxResultChars = 20_000;
const truncationNote = ' [Result truncated due to length limit]';

/** What the runner of Python code says of a run. Written by code of a model, so every field is bounded. */
const reportSchema = z.object({
  results: z.array(z.string().max(maxResultChars)).max(16),
  error: z
    .object({
      name: z.string().max(200),
      value: z.string().max(maxResultChars),
      traceback: z.string().max(maxResultChars),
    })
    .nullable(),
});
type Report = z.infer<typeof reportSchema>;

/** *Source:* the shell's exit status for a command that it did not find. */
const commandNotFound = 127;
const notInstalled = 'not installed here, and nothing can be installed: the sandbox has no network\n';

/** The result of a shell command as the original shows it: always the code and both streams, however it ended. */
export function toCommandText(result: SandboxResult, job: Pick<SandboxJob, 'timeoutMs'>): string {
  const { stdout, timedOut, exitCode } = result;
  const stderr = exitCode === commandNotFound ? result.stderr + notInstalled : result.stderr;
  const error = timedOut ? timeoutText(job) : exitCode === 0 ? '' : `exit status ${exitCode ?? -1}`;
  const fields = `stderr=${pythonRepr(stderr)}, stdout=${pythonRepr(stdout)}, exit_code=${exitCode ?? -1}`;
  return cut(`CommandResult(${fields}, error=${pythonRepr(error)})`);
}

/** The result of Python code in the shape of the original's `Execution`. */
export function toExecutionText(result: SandboxResult, job: Pick<SandboxJob, 'timeoutMs'>): string {
  const report = parseReport(result.report);
  const results = report.results.map((text) => `Result(${text})`).join(', ');
  const logs = `Logs(stdout: ${toLog(result.stdout)}, stderr: ${toLog(result.stderr)})`;
  return cut(`Execution(Results: [${results}], Logs: ${logs}, Error: ${toErrorText(result, report, job)})`);
}

function toErrorText(result: SandboxResult, report: Report, job: Pick<SandboxJob, 'timeoutMs'>): string {
  if (result.timedOut) return toError({ name: 'TimeoutError', value: timeoutText(job), traceback: '' });
  if (report.error !== null) return toError(report.error);
  if (result.report !== null && result.exitCode === 0) return 'None';
  const value = `the interpreter ended with exit code ${result.exitCode ?? -1} before the code did; variables are as they were before it`;
  return toError({ name: 'InterpreterDied', value, traceback: '' });
}

function toError({ name, value, traceback }: NonNullable<Report['error']>): string {
  const fields = `name=${pythonRepr(name)}, value=${pythonRepr(value)}, traceback=${pythonRepr(traceback)}`;
  return `ExecutionError(${fields})`;
}

function parseReport(text: string | null): Report {
  const empty = { results: [], error: null };
  if (text === null) return empty;
  try {
    return reportSchema.safeParse(JSON.parse(text)).data ?? empty;
  } catch {
    return empty;
  }
}

/** One entry a stream, none for an empty one. */
function toLog(text: string): string {
  return pythonList(text === '' ? [] : [text]);
}

function timeoutText({ timeoutMs }: Pick<SandboxJob, 'timeoutMs'>): string {
  return `timed out after ${timeoutMs / 1_000} s, the limit of one call; everything it started was ended`;
}

function cut(text: string): string {
  if (text.length <= maxResultChars) return text;
  const points = Array.from(text);
  return points.length <= maxResultChars ? text : points.slice(0, maxResultChars).join('') + truncationNote;
}
