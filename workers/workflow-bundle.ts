import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Where the workflows' code begins. */
export const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));

/** Bundles the workflows; seconds, so it is done once a supervisor and kept in a file. */
export async function bundleWorkflows(): Promise<string> {
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const quiet = { trace() {}, debug() {}, info() {}, log() {}, warn() {}, error: console.error };
  return (await bundleWorkflowCode({ workflowsPath, logger: quiet })).code;
}

/** The bundle of a file, made first when it is not there yet. */
export async function loadBundle(file: string): Promise<{ readonly code: string }> {
  if (existsSync(file)) return { code: await readFile(file, 'utf8') };
  const code = await bundleWorkflows();
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, code);
  await rename(temporary, file);
  return { code };
}
