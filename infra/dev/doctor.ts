import { join } from 'node:path';
import { type Component, checkComponents } from './doctor-components.ts';

export interface DoctorOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Takes the report, one line at a time, each with its line end. */
  readonly write: (text: string) => void;
  /** One JSON line instead of lines for a person. */
  readonly json?: boolean;
  /** Folder of the local object store and of the server's database. Absent: `.longhaul` in the working directory. */
  readonly directory?: string;
}

/**
 * Checks every component, without fetching, building or installing anything, and says how to mend what is missing.
 *
 * *Contract:* false when something needed is missing; never throws for a missing component.
 */
export async function runDoctor(options: DoctorOptions): Promise<boolean> {
  const directory = options.directory ?? join(process.cwd(), '.longhaul');
  const components = await checkComponents({ env: options.env, directory });
  const ok = components.every((component) => component.ok || !component.needed);
  if (options.json === true) {
    options.write(`${JSON.stringify({ components, ok })}\n`);
    return ok;
  }
  const width = Math.max(...components.map((component) => component.name.length));
  for (const component of components) options.write(`${toLine(component, width)}\n`);
  options.write(ok ? 'Everything needed is there.\n' : 'Something needed is missing: see the lines marked MISSING.\n');
  return ok;
}

function toLine(component: Component, width: number): string {
  const state = component.ok ? 'ok     ' : component.needed ? 'MISSING' : 'absent ';
  const mend = component.mend === null ? '' : ` -> ${component.mend}`;
  return `${state} ${component.name.padEnd(width)} ${component.version ?? '-'}${mend}`;
}

if (import.meta.main) {
  const json = process.argv.includes('--json');
  const ok = await runDoctor({ env: process.env, write: (text) => process.stdout.write(text), json });
  process.exitCode = ok ? 0 : 1;
}
