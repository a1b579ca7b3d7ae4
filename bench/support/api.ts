import { waitForPart } from '../../infra/dev/stack/part.ts';
import type { BenchContext } from './bench-context.ts';
import { startBenchPart } from './servers.ts';

const readyMs = 120_000;
const stopMs = 9_000;

/** An API process. */
export interface RunningApi {
  readonly url: string;
  readonly pid: number;
  readonly exited: Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Starts the API on a port and waits until it answers. */
export async function startApi(
  context: Pick<BenchContext, 'directory' | 'guard' | 'report' | 'signal'>,
  env: Readonly<Record<string, string>>,
  port: number,
): Promise<RunningApi> {
  const ownEnv = { ...env, LONGHAUL_API_PORT: String(port) };
  const whole = { ...context, profileDirectory: null };
  const part = await startBenchPart(whole, { name: 'api', args: ['api/main.ts'], env: ownEnv });
  await waitForPart(part, part.firstLine, readyMs);
  return { url: `http://127.0.0.1:${port}`, pid: part.pid, exited: part.exited, stop: () => part.stop(stopMs) };
}
