import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import type { RunRef } from '../../../domain/ids.ts';
import type { JobEnd } from '../driver.ts';
import type { SandboxJob, SandboxRef } from '../ports.ts';
import type { BubblewrapDriver } from './bubblewrap.ts';
import { boxEnvironment } from './bubblewrap-arguments.ts';
import { probeNames, toProbeSource, type ProbeTargets } from './sandbox-probes.ts';

/** What a self-test that passed had tried. */
export interface SelfTestReport {
  /** Names of the probes, none of which got out. */
  readonly probes: readonly string[];
}

const reportSchema = z.record(z.string(), z.string().nullable());

/** No run of a tenant can have the name of a self-test's: those are ULIDs. */
const tenant = 'self-test';

/** Is this the sandbox of a self-test whose process died before it could remove it? Null when it is none of a self-test. */
export function isSelfTestOver(run: RunRef): boolean | null {
  if (run.tenant !== tenant) return null;
  return !existsSync(`/proc/${run.runId.split('-', 1)[0] ?? ''}`);
}

// What bash and Python set for themselves.
const ownNames = ['PWD', 'OLDPWD', 'SHLVL', '_', 'LC_CTYPE'];

/**
 * Tries to get out of a real box, in every way that {@link probeNames} lists, before the pool takes any work.
 *
 * *Contract:* fails closed: a probe that got out, failed or is missing from the report refuses the start. Each target is
 * first shown to be reachable from the host, so that a probe cannot pass for want of a target. Leaves nothing behind.
 * @throws AppError `Sandbox.Unsafe` naming each probe that got out; `Config.Invalid` when a program is missing.
 */
export async function runSandboxSelfTest(driver: BubblewrapDriver): Promise<SelfTestReport> {
  await driver.checkHost();
  const runId = `${process.pid}-${randomBytes(8).toString('hex')}`;
  const canary = `canary-${randomBytes(16).toString('hex')}`;
  const listener = await openListener();
  const bystander = spawn('/bin/sleep', ['300'], { env: { LONGHAUL_CANARY: canary }, stdio: 'ignore' });
  try {
    const otherWorkspace = await plantOtherRun(driver, runId);
    await proveReachable({ port: listener.port, otherWorkspace, canary, pid: bystander.pid ?? 0 });
    const reachedBefore = listener.accepted();
    const targets = toTargets(driver, { port: listener.port, otherWorkspace, canary });
    const found = await probe(driver, { runId, targets });
    const reached = listener.accepted() - reachedBefore;
    if (reached > 0) found.push(`network (${reached} connections reached the host)`);
    if (found.length > 0) throw unsafe(found);
    return { probes: probeNames };
  } finally {
    bystander.kill('SIGKILL');
    listener.server.close();
    await Promise.all([runId, `${runId}-other`].map(async (id) => driver.destroy({ tenant, runId: id })));
  }
}

type Planted = Pick<ProbeTargets, 'port' | 'otherWorkspace' | 'canary'>;

function toTargets(driver: BubblewrapDriver, planted: Planted): ProbeTargets {
  const { directory, limits } = driver.describe();
  return {
    ...planted,
    hostPaths: ['/etc/shadow', '/etc/hostname', '/root', '/var', '/sys', process.cwd(), directory],
    environment: [...Object.keys(boxEnvironment), ...ownNames],
    processes: limits.processes,
    memoryBytes: limits.memoryBytes,
    tmpBytes: Math.max(limits.tmpBytes, limits.shmBytes),
  };
}

/** The probes that got out, each with how. */
async function probe(driver: BubblewrapDriver, box: { runId: string; targets: ProbeTargets }): Promise<string[]> {
  const ref = { tenant, runId: box.runId, sandboxId: 'probe' };
  const { result } = await runOnce(driver, ref, { kind: 'python', source: toProbeSource(box.targets) });
  const report = reportSchema.safeParse(parseJson(result.stdout));
  if (!report.success) {
    return [`the probes gave no report (exit ${String(result.exitCode)}: ${result.stderr.slice(-300).trim()})`];
  }
  return probeNames.flatMap((name) => {
    const how = report.data[name];
    if (how === null) return [];
    return [how === undefined ? `${name} (not tried)` : `${name} (${how})`];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function plantOtherRun(driver: BubblewrapDriver, runId: string): Promise<string> {
  const ref = { tenant, runId: `${runId}-other`, sandboxId: 'other' };
  const { epochName } = await runOnce(driver, ref, { kind: 'shell', source: 'echo secret > secret' });
  const { directory } = driver.describe();
  return join(directory, `${ref.tenant}.${ref.runId}`, ref.sandboxId, epochName, 'work', 'secret');
}

/** Opens a sandbox that nothing is kept of, and runs one job in it. */
async function runOnce(
  driver: BubblewrapDriver,
  ref: SandboxRef,
  job: Pick<SandboxJob, 'kind' | 'source'>,
): Promise<{ result: JobEnd; epochName: string }> {
  const nonce = randomBytes(6).toString('hex');
  const lease = { schemaVersion: 1, epoch: 1, nonce, holder: 'self-test', takenAtMs: 0 } as const;
  const { workspace } = await driver.open(ref, lease, null);
  const asked = { ...job, timeoutMs: 60_000, before: null };
  return { result: await workspace.run(asked, new AbortController().signal), epochName: `1.${nonce}` };
}

/** A probe for something that is not there would pass and prove nothing. */
async function proveReachable(planted: Planted & { pid: number }): Promise<void> {
  const socket = connect(planted.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  const environ = await readFile(`/proc/${planted.pid}/environ`, 'utf8').catch(() => '');
  const secret = await readFile(planted.otherWorkspace, 'utf8').catch(() => '');
  if (environ.includes(planted.canary) && secret.includes('secret')) return;
  throw unsafe(['the self-test could not plant its own targets, so it would prove nothing']);
}

function unsafe(found: readonly string[]): AppError {
  return new AppError('Sandbox.Unsafe', {
    what: `code in the sandbox got out: ${found.join('; ')}`,
    mend: 'The sandbox pool does not start. Run npm run doctor, and see docs on the sandbox host.',
  });
}

async function openListener(): Promise<{ server: Server; port: number; accepted: () => number }> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw unsafe(['the canary listener has no port']);
  return { server, port: address.port, accepted: () => count };
}
