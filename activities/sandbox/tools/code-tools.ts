import { createSandboxSchema, runCommandSchema, runPythonSchema } from '../../../domain/tool-catalog.ts';
import { parseArguments } from '../../steps/tool-arguments.ts';
import type { ToolContext, ToolHandler, ToolResult } from '../../steps/tool-step.ts';
import { isMadeUp } from './refused-ids.ts';
import { toCommandText, toExecutionText } from './results.ts';
import { requireSandbox, runIn, type SandboxToolParts, toSandboxFacts } from './sandbox-of.ts';

/** Wall limits of a job in milliseconds. Source: E2B defaults of the original: 60 s a command, 300 s a code block. */
const timeoutMs = { shell: 60_000, python: 300_000 } as const;

/** Models that do without an id leave it out as well. */
const lenientPythonSchema = runPythonSchema.extend({ sandbox_id: runPythonSchema.shape.sandbox_id.default('') });

/** The tools that make a sandbox and run code in it. */
export function createCodeTools(parts: SandboxToolParts): Readonly<Record<string, ToolHandler>> {
  return {
    create_sandbox: async (args, context) => {
      parseArguments('create_sandbox', createSandboxSchema, args);
      // Named by its slot: the same in every run of the task, and again after a retry. It is made when it is first used.
      const id = `sbx_${String(context.seq).padStart(4, '0')}`;
      return { text: `Sandbox created with sandbox_id: ${id}`, sandbox: { id, treeDigest: null } };
    },
    run_command: async (args, context) => {
      const { command, sandbox_id } = parseArguments('run_command', runCommandSchema, args);
      const known = await requireSandbox(parts, context, sandbox_id);
      const job = { kind: 'shell', source: command, timeoutMs: timeoutMs.shell } as const;
      const result = await runIn(parts, context, { ...known, ...job });
      return { text: toCommandText(result, job), sandbox: toSandboxFacts(known, result.treeDigest) };
    },
    run_python_code: async (args, context) => {
      const { code_block, sandbox_id } = parseArguments('run_python_code', lenientPythonSchema, args);
      const isStateless = context.manifest.profile.madeUpSandbox === 'stateless' && isMadeUp(sandbox_id);
      if (isStateless) return runStateless(parts, context, code_block);
      const known = await requireSandbox(parts, context, sandbox_id);
      const job = { kind: 'python', source: code_block, timeoutMs: timeoutMs.python } as const;
      const result = await runIn(parts, context, { ...known, ...job });
      return { text: toExecutionText(result, job), sandbox: toSandboxFacts(known, result.treeDigest) };
    },
  };
}

/** In a sandbox of its own, of which the run knows nothing. */
async function runStateless({ sandbox }: SandboxToolParts, context: ToolContext, source: string): Promise<ToolResult> {
  const { tenant, runId, seq, signal, around } = context;
  const ref = { tenant, runId, sandboxId: `once_${seq}` };
  const job = { kind: 'python', source, timeoutMs: timeoutMs.python, before: null } as const;
  const result = await sandbox.runOnce(ref, job, { signal, reportWaiting: around.reportWaiting });
  return { text: toExecutionText(result, job) };
}
