import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { checkBubblewrap, checkNamespaces } from './doctor-sandbox.ts';
import { checkSandboxStrength } from './doctor-strength.ts';
import { findOnPath, isExecutable } from './toolchain/find-on-path.ts';
import type { ToolSearch } from './toolchain/find-tool.ts';
import { formatBytes, freeBytesAt } from './toolchain/free-disk.ts';
import { findGo, minimumGoVersion } from './toolchain/go-toolchain.ts';
import { runCommand } from './toolchain/run-command.ts';
import { toInstallCommand } from './toolchain/system-packages.ts';
import { findTemporal, temporalRecipe } from './toolchain/temporal.ts';
import { cacheRoot } from './toolchain/tool-cache.ts';
import { compareVersions } from './toolchain/tool.ts';
import { findVersitygw, versitygwRecipe } from './toolchain/versitygw.ts';

const minimumNode = '24';
const minimumNpm = '9';
/** Room for a database, an object store and a cache that work at all. */
const RUN_BYTES = 1e9;
const CONNECT_MS = 5_000;

/** One line of the report. */
export interface Component {
  readonly name: string;
  readonly ok: boolean;
  /** Is Longhaul of no use without it, as it is set up here? */
  readonly needed: boolean;
  /** Version and where it is, or what was found instead; null when there is nothing. */
  readonly version: string | null;
  /** What to do about it; null when there is nothing to do. */
  readonly mend: string | null;
}

export interface CheckOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string;
}

/** Looks at every component. *Contract:* never throws; changes nothing. */
export async function checkComponents({ env, directory }: CheckOptions): Promise<readonly Component[]> {
  const external = env.TEMPORAL_ADDRESS !== undefined && env.TEMPORAL_ADDRESS !== '';
  const temporal = await checkTemporal(env, external);
  const building = !temporal.ok && !external;
  const bubblewrap = await checkBubblewrap(env);
  return [
    checkNode(),
    await checkNpm(env),
    temporal,
    ...(external ? [await checkAddress(env)] : []),
    await checkGo(env, building),
    bubblewrap,
    await checkNamespaces(env),
    await checkPython(env),
    ...(await checkSandboxStrength(env)),
    await checkVersitygw(env),
    await checkDisk(directory, RUN_BYTES),
    ...(building ? [await checkDisk(cacheRoot(env), temporalRecipe.buildBytes)] : []),
    await checkWritable(directory),
  ];
}

function checkNode(): Component {
  const version = process.versions.node;
  const ok = compareVersions(version, minimumNode) >= 0;
  return { name: 'node', ok, needed: true, version, mend: ok ? null : 'npm ci --include=optional (brings Node 24)' };
}

async function checkNpm(env: NodeJS.ProcessEnv): Promise<Component> {
  const path = findOnPath('npm', env);
  const result = path === null ? null : await runCommand({ command: path, args: ['--version'], env });
  const version = result?.ok === true ? result.output : null;
  const ok = version !== null && compareVersions(version, minimumNpm) >= 0;
  return {
    name: 'npm',
    ok,
    needed: true,
    version,
    mend: ok ? null : toInstallCommand([{ command: 'npm', package: 'npm' }]),
  };
}

async function checkTemporal(env: NodeJS.ProcessEnv, external: boolean): Promise<Component> {
  return toToolComponent({
    name: 'temporal',
    needed: !external,
    search: () => findTemporal(env),
    mend: `npm run demo (fetches it, or builds it in about 5 min), or set ${temporalRecipe.variable} to a temporal executable`,
  });
}

async function checkVersitygw(env: NodeJS.ProcessEnv): Promise<Component> {
  return toToolComponent({
    name: 'versitygw',
    needed: false,
    search: () => findVersitygw(env),
    mend: `npm test (builds it in about 45 s; only tests use it), or set ${versitygwRecipe.variable}`,
  });
}

async function toToolComponent(options: {
  readonly name: string;
  readonly needed: boolean;
  readonly search: () => Promise<ToolSearch>;
  readonly mend: string;
}): Promise<Component> {
  const { name, needed, mend } = options;
  try {
    const { tool } = await options.search();
    if (tool === null) return { name, ok: false, needed, version: null, mend };
    return { name, ok: true, needed, version: `${tool.version} (${tool.source}: ${tool.path})`, mend: null };
  } catch (error) {
    return { name, ok: false, needed, version: toMessage(error), mend };
  }
}

/** Is the server that `TEMPORAL_ADDRESS` names there, with the TLS and API key settings of this environment? */
async function checkAddress(env: NodeJS.ProcessEnv): Promise<Component> {
  const address = env.TEMPORAL_ADDRESS ?? '';
  const part = { name: 'temporal address', needed: true };
  try {
    const defined = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const { connectionOptions } = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(defined) });
    const connection = await Connection.connect({ ...connectionOptions, connectTimeout: CONNECT_MS });
    const serverVersion = await askVersion(connection);
    return { ...part, ok: true, version: `${serverVersion} at ${address}`, mend: null };
  } catch (error) {
    const mend = 'start that server, mend TEMPORAL_ADDRESS, or unset it to use the embedded server';
    return { ...part, ok: false, version: `no answer from ${address}: ${toMessage(error)}`, mend };
  }
}

async function askVersion(connection: Connection): Promise<string> {
  try {
    const ask = () => connection.workflowService.getSystemInfo({});
    return (await connection.withDeadline(Date.now() + CONNECT_MS, ask)).serverVersion;
  } finally {
    await connection.close();
  }
}

async function checkGo(env: NodeJS.ProcessEnv, building: boolean): Promise<Component> {
  const { go, reason } = await findGo(env);
  const part = { name: 'go', needed: building };
  if (go !== null) return { ...part, ok: true, version: `${go.version} (${go.path})`, mend: null };
  return { ...part, ok: false, version: building ? reason : null, mend: building ? toGoMend() : null };
}

function toGoMend(): string {
  return `install Go ${minimumGoVersion} or newer (https://go.dev/dl/), or put a temporal executable on PATH`;
}

/** The sandbox shows the system's folders only, so that a Python elsewhere is of no use to it. */
async function checkPython(env: NodeJS.ProcessEnv): Promise<Component> {
  const path = '/usr/bin/python3';
  const part = { name: 'python3', needed: true };
  const result = isExecutable(path) ? await runCommand({ command: path, args: ['--version'], env }) : null;
  if (result?.ok === true)
    return { ...part, ok: true, version: `${result.output.replace('Python ', '')} (${path})`, mend: null };
  return { ...part, ok: false, version: null, mend: toInstallCommand([{ command: 'python3', package: 'python3' }]) };
}

async function checkDisk(folder: string, bytes: number): Promise<Component> {
  const free = await freeBytesAt(folder);
  const version = `${formatBytes(free)} at ${folder}`;
  const mend = free >= bytes ? null : `free at least ${formatBytes(bytes)} at ${folder}`;
  return { name: 'free disk', ok: mend === null, needed: true, version, mend };
}

async function checkWritable(folder: string): Promise<Component> {
  const part = { name: 'object store', needed: true };
  const existing = await findExisting(folder);
  try {
    await access(existing, constants.W_OK);
    return { ...part, ok: true, version: folder, mend: null };
  } catch {
    return { ...part, ok: false, version: `${existing} is not writable`, mend: `sudo chown "$USER" ${existing}` };
  }
}

/** The folder itself, or the nearest one above in which it would be made. */
async function findExisting(folder: string): Promise<string> {
  try {
    await access(folder);
    return folder;
  } catch {
    return dirname(folder) === folder ? folder : findExisting(dirname(folder));
  }
}

function toMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
