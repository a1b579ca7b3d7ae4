import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import type { BubblewrapSandbox } from './bubblewrap.ts';
import { boxEnvironment } from './bubblewrap-arguments.ts';
import { probeNames, toProbeSource, type ProbeTargets } from './sandbox-probes.ts';

/** What a self-test that passed had tried. */
export interface SelfTestReport {
  /** Names of the probes, none of which got out. */
  readonly probes: readonly string[];
}

const reportSchema = z.record(z.string(), z.string().nullable());

// What bash and Python set for themselves.
const ownNames = ['PWD', 'OLDPWD', 'SHLVL', '_', 'LC_CTYPE'];

/**
 * Tries to get out of a real box, in every way that {@link probeNames} lists, before the pool takes any work.
 *
 * *Contract:* fails closed: a probe that got out, failed or is missing from the report refuses the start. Each target is
 * first shown to be reachable from the host, so that a probe cannot pass for want of a target. Leaves nothing behind.
 * @throws AppError `Sandbox.Unsafe` naming each probe that got out; `Config.Invalid` when a program is missing.
 */
export async function runSandboxSelfTest(sandbox: BubblewrapSandbox): Promise<SelfTestReport> {
  await sandbox.checkHost();
  const runId = `selftest-${randomBytes(8).toString('hex')}`;
  const canary = `canary-${randomBytes(16).toString('hex')}`;
  const listener = await openListener();
  const bystander = spawn('/bin/sleep', ['300'], { env: { LONGHAUL_CANARY: canary }, stdio: 'ignore' });
  try {
    const otherWorkspace = await plantOtherRun(sandbox, runId);
    await proveReachable({ port: listener.port, otherWorkspace, canary, pid: bystander.pid ?? 0 });
    const reachedBefore = listener.accepted();
    const targets = toTargets(sandbox, { port: listener.port, otherWorkspace, canary });
    const found = await probe(sandbox, { runId, targets });
    const reached = listener.accepted() - reachedBefore;
    if (reached > 0) found.push(`network (${reached} connections reached the host)`);
    if (found.length > 0) throw unsafe(found);
    return { probes: probeNames };
  } finally {
    bystander.kill('SIGKILL');
    listener.server.close();
    await Promise.all([sandbox.destroy(runId), sandbox.destroy(`${runId}-other`)]);
  }
}

type Planted = Pick<ProbeTargets, 'port' | 'otherWorkspace' | 'canary'>;

function toTargets(sandbox: BubblewrapSandbox, planted: Planted): ProbeTargets {
  const { directory, limits } = sandbox.describe();
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
async function probe(sandbox: BubblewrapSandbox, box: { runId: string; targets: ProbeTargets }): Promise<string[]> {
  const ref = { runId: box.runId, sandboxId: 'probe' };
  await sandbox.create(ref);
  const job = { kind: 'python', source: toProbeSource(box.targets), timeoutMs: 60_000, seq: 0 } as const;
  const result = await sandbox.run(ref, job, new AbortController().signal);
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

async function plantOtherRun(sandbox: BubblewrapSandbox, runId: string): Promise<string> {
  const ref = { runId: `${runId}-other`, sandboxId: 'other' };
  await sandbox.create(ref);
  const job = { kind: 'shell', source: 'echo secret > secret', timeoutMs: 30_000, seq: 0 } as const;
  await sandbox.run(ref, job, new AbortController().signal);
  return join(sandbox.describe().directory, ref.runId, ref.sandboxId, 'work', 'secret');
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
