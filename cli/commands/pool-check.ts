import { exitCodes } from '../exit-codes.ts';
import { toSafeLine } from '../safe-text.ts';
import type { Terminal } from '../terminal.ts';

/** The flags of `pool check`. */
export interface CheckOptions {
  readonly model: string;
  readonly window: number;
  /** Name of the environment variable with the server's key. */
  readonly keyEnv?: string;
  readonly json?: boolean;
}

const limitMs = 10 * 60_000;
const marks = { ok: 'ok      ', warning: 'warning ', failed: 'FAILED  ', unknown: 'unknown ' } as const;

/** Looks at a model server before it is relied on; fails when something is wrong that would change what an agent does. */
export async function poolCheck(terminal: Terminal, url: string, options: CheckOptions): Promise<number> {
  const { checkServer } = await import('../../workers/compose/server-check.ts');
  const findings = await checkServer({
    url,
    model: options.model,
    windowTokens: options.window,
    apiKey: options.keyEnv === undefined ? null : (terminal.env[options.keyEnv] ?? null),
    signal: AbortSignal.timeout(limitMs),
  });
  const ok = findings.every(({ state }) => state !== 'failed');
  if (options.json === true) terminal.print(JSON.stringify({ ok, url, model: options.model, findings }));
  else
    for (const { name, state, detail } of findings)
      terminal.print(toSafeLine(`${marks[state]}${name.padEnd(10)}${detail}`));
  return ok ? exitCodes.ok : exitCodes.other;
}
