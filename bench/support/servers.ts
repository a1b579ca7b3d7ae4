import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ScenarioInput } from '../../infra/dev/model-server/scenario.ts';
import { type Part, startPart, waitForPart } from '../../infra/dev/stack/part.ts';
import { toServerEnv } from '../../infra/dev/stack/part-env.ts';
import { ensureTemporal } from '../../infra/dev/toolchain/temporal.ts';
import { startTemporalServer, type TemporalServer } from '../../infra/dev/toolchain/temporal-server.ts';
import type { BenchContext } from './bench-context.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const readyMs = 90_000;
const stopMs = 8_000;
/** The SDK says so of every worker that serves workflows or activities only. */
const expectedWarnings = /not polling for (workflow|activity) tasks/u;
const listeningSchema = z.looseObject({ listening: z.string() });

/** A server that a bench started, and its end. */
export interface Served {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** How a process of a bench is started. */
export interface BenchPart {
  readonly name: string;
  /** TypeScript file under the repository, with its arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a process that ends with this one. Its warnings and errors are reported, the rest of its log is not. */
export function startBenchPart(context: BenchContext, { name, args, env }: BenchPart): Promise<Part> {
  const [file = '', ...rest] = args;
  const report = (line: string): void => {
    if (/│ (ERROR|warning)/u.test(line) && !expectedWarnings.test(line)) context.report(line);
  };
  const all = { ...env, TMPDIR: context.directory };
  return startPart({ name, args: [join(root, file), ...rest], env: all, guard: context.guard, report });
}

/** Starts a server whose first line says where it listens. */
export async function startServer(
  context: BenchContext,
  part: Omit<BenchPart, 'env'>,
): Promise<Served & { readonly firstLine: unknown }> {
  const started = await startBenchPart(context, { ...part, env: toServerEnv(process.env) });
  const firstLine = await waitForPart(started, started.firstLine, readyMs);
  const { listening } = listeningSchema.parse(firstLine);
  return { url: listening, firstLine, stop: () => started.stop(stopMs) };
}

/** A scripted model server, as its own process; it logs digests and lengths of requests, no bodies. */
export async function startModel(context: BenchContext, name: string, scenario: ScenarioInput): Promise<Served> {
  const file = join(context.directory, `${name}.scenario.json`);
  await writeFile(file, JSON.stringify(scenario));
  const args = ['infra/dev/model-server/main.ts', '--mode', 'scripted', '--scenario', file];
  return startServer(context, { name, args });
}

/** The tool server, as its own process. */
export function startTools(context: BenchContext): Promise<Served> {
  return startServer(context, { name: 'tool-server', args: ['infra/dev/tool-server/main.ts'] });
}

/** A Temporal server on a database file of its own. */
export async function startTemporal(context: BenchContext, databaseFile: string): Promise<TemporalServer> {
  const tool = await ensureTemporal({ env: process.env, report: context.report });
  return startTemporalServer({ binary: tool.path, databaseFile, uiPort: null });
}

/** Arguments of a tool that takes one integer. */
function integerArgument(name: string): object {
  return { type: 'object', properties: { [name]: { type: 'integer' } }, required: [name] };
}

/** Tools of the tool server as the `tools` pool is told of them. */
export async function writeToolsFile(context: BenchContext, toolServerUrl: string): Promise<string> {
  const define = (name: string, argument: string) => ({
    server: 'bench',
    name,
    description: `The tool ${name} of the benches.`,
    inputSchema: integerArgument(argument),
    effect: 'keyed',
    url: `${toolServerUrl}/tools/${name}`,
  });
  const file = join(context.directory, 'tools.json');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ tools: [define('bench', 'i'), define('slow', 'ms')] }));
  return file;
}
