import { AppError } from '../../domain/errors.ts';
import { createSandboxSchema, runCommandSchema, runPythonSchema } from '../../domain/tool-catalog.ts';
import { runActivity } from '../steps/run-activity.ts';
import { parseArguments } from '../steps/tool-arguments.ts';
import type { ToolContext, ToolHandler, ToolResult } from '../steps/tool-step.ts';
import type { SandboxActivities } from './contract.ts';
import type { SandboxJob, SandboxPort, SandboxResult } from './ports.ts';
import { createTreeHistory, type TreeHistory } from './tree-history.ts';

/** Wall limits of a job in milliseconds. Source: E2B defaults of the original: 60 s a command, 300 s a code block. */
const timeoutMs = { shell: 60_000, python: 300_000 } as const;

/** Longest result in code points, and the note at a cut. Source: MiroThinker protocol §4.3. */
const maxResultChars = 20_000;
const truncationNote = ' [Result truncated due to length limit]';

/** Beside the tools: what the workflow calls at a run's end. */
export function createSandboxActivities(sandbox: SandboxPort): SandboxActivities {
  return { destroySandboxes: (run) => runActivity({ maxFaults: 3 }, () => sandbox.destroy(run)) };
}

/** The tools of the sandbox pool. */
export function createSandboxTools(sandbox: SandboxPort): Readonly<Record<string, ToolHandler>> {
  const parts = { sandbox, history: createTreeHistory() };
  return {
    create_sandbox: async (args, context) => {
      parseArguments('create_sandbox', createSandboxSchema, args);
      // Named by its slot: the same in every run of the task, and again after a retry. It is made when it is first used.
      const id = `sbx_${String(context.seq).padStart(4, '0')}`;
      return { text: `Sandbox created with sandbox_id: ${id}`, sandbox: { id, treeDigest: null } };
    },
    run_command: async (args, context) => {
      const { command, sandbox_id } = parseArguments('run_command', runCommandSchema, args);
      return runJob(parts, context, { sandboxId: sandbox_id, kind: 'shell', source: command });
    },
    run_python_code: async (args, context) => {
      const { code_block, sandbox_id } = parseArguments('run_python_code', runPythonSchema, args);
      return runJob(parts, context, { sandboxId: sandbox_id, kind: 'python', source: code_block });
    },
  };
}

interface Parts {
  readonly sandbox: SandboxPort;
  readonly history: TreeHistory;
}

interface AskedJob extends Pick<SandboxJob, 'kind' | 'source'> {
  readonly sandboxId: string;
}

async function runJob({ sandbox, history }: Parts, context: ToolContext, asked: AskedJob): Promise<ToolResult> {
  const { sandboxId, kind, source } = asked;
  const before = (await history.before(context)).get(sandboxId);
  if (before === undefined) {
    throw new AppError('Tool.BadArguments', {
      field: 'sandbox_id',
      what: `there is no sandbox ${JSON.stringify(sandboxId.slice(0, 64))} in this run`,
      mend: 'Call create_sandbox first and use the sandbox_id that it returns.',
    });
  }
  const { tenant, runId, signal, around } = context;
  const job = { kind, source, timeoutMs: timeoutMs[kind], before };
  const result = await sandbox.run({ tenant, runId, sandboxId }, job, { signal, reportWaiting: around.reportWaiting });
  return { text: cut(toText(result, job)), sandbox: { id: sandboxId, treeDigest: result.treeDigest } };
}

function toText(result: SandboxResult, job: SandboxJob): string {
  const error = result.timedOut ? `timed out after ${job.timeoutMs / 1_000} s, everything it started was ended` : '';
  return `CommandResult(stderr=${JSON.stringify(result.stderr)}, stdout=${JSON.stringify(result.stdout)}, exit_code=${result.exitCode ?? 'null'}, error=${JSON.stringify(error)})`;
}

function cut(text: string): string {
  if (text.length <= maxResultChars) return text;
  const points = Array.from(text);
  return points.length <= maxResultChars ? text : points.slice(0, maxResultChars).join('') + truncationNote;
}
