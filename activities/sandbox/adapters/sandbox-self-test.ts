import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../domain/errors.ts';
import type { RunRef } from '../../../domain/ids.ts';
import type { JobEnd } from '../driver.ts';
import type { SandboxJob, SandboxRef } from '../ports.ts';
import type { HostDriver } from './host-driver.ts';
import { boxEnvironment } from './box-layout.ts';
import { plantTargets, type PlantedTargets } from './probes/probe-targets.ts';
import { leastProbes, parseProbeReport, type ProbeTargets, toProbeSource } from './probes/sandbox-probes.ts';

/** What a self-test that passed had tried. */
export interface SelfTestReport {
  /** Ways out that were tried, all in vain. */
  readonly probes: number;
}

/** No run of a tenant can have the name of a self-test's: those are ULIDs. */
const tenant = 'self-test';

/** Is this the sandbox of a self-test whose process died before it could remove it? Null when it is none of a self-test. */
export function isSelfTestOver(run: RunRef): boolean | null {
  if (run.tenant !== tenant) return null;
  return !existsSync(`/proc/${run.runId.split('-', 1)[0] ?? ''}`);
}

// What bash and Python set for themselves.
const ownNames = ['PWD', 'OLDPWD', 'SHLVL', '_', 'LC_CTYPE'];

/** A uid that is in no range of ours. */
const foreignUid = 70_000;

/**
 * Tries to get out of a real box, in every way that `probes/probes.py` has, before the pool takes any work.
 *
 * *Contract:* fails closed: a probe that got out or failed, and a report that is cut short, refuse the start. The targets are first
 * shown to be reachable from the host, so that a probe cannot pass for want of a target. Leaves nothing behind.
 * @throws AppError `Sandbox.Unsafe` naming each probe that got out; `Config.Invalid` when a program is missing.
 */
export async function runSandboxSelfTest(driver: HostDriver): Promise<SelfTestReport> {
  await driver.checkHost();
  const runId = `${process.pid}-${randomBytes(8).toString('hex')}`;
  await using planted = await plantTargets();
  try {
    const otherWorkspace = await plantOtherRun(driver, runId);
    const secret = await readFile(otherWorkspace, 'utf8').catch(() => '');
    if (!(await planted.isReachable()) || !secret.includes('secret')) {
      throw unsafe(['the self-test could not plant its own targets, so it would prove nothing']);
    }
    const targets = await toProbeTargets(driver, { ...planted.targets, otherWorkspace });
    const { probes, found } = await probe(driver, { runId, targets });
    found.push(...(await whatTheHostSaw(planted)));
    if (found.length > 0) throw unsafe(found);
    return { probes };
  } finally {
    await Promise.all([runId, `${runId}-other`].map(async (id) => driver.destroy({ tenant, runId: id })));
  }
}

async function whatTheHostSaw(planted: PlantedTargets): Promise<string[]> {
  const accepted = planted.takeAccepted();
  return [
    ...(accepted > 0 ? [`${accepted} connections reached the host`] : []),
    ...((await planted.isUntouched()) ? [] : ['a file of the host was changed']),
  ];
}

/** The targets of the probes in a box of this driver. */
export async function toProbeTargets(
  driver: HostDriver,
  planted: PlantedTargets['targets'] & Pick<ProbeTargets, 'otherWorkspace'>,
): Promise<ProbeTargets> {
  const { directory, limits, driver: runtime, virtual } = await driver.describe();
  return {
    ...planted,
    hostPaths: ['/etc/shadow', '/etc/hostname', '/root', '/var', '/boot', planted.hostFile, process.cwd(), directory],
    otherUid: foreignUid,
    environment: [...Object.keys(boxEnvironment), ...ownNames],
    processes: limits.processes,
    memoryBytes: limits.memoryBytes,
    tmpBytes: Math.max(limits.tmpBytes, limits.shmBytes),
    fileBytes: limits.fileBytes,
    openFiles: limits.openFiles,
    isExact: runtime === 'bubblewrap',
    virtual: Object.keys(virtual),
    isUnboxed: false,
  };
}

/** How many were tried, and those that got out, each with how. */
async function probe(
  driver: HostDriver,
  box: { readonly runId: string; readonly targets: ProbeTargets },
): Promise<{ probes: number; found: string[] }> {
  const ref = { tenant, runId: box.runId, sandboxId: 'probe' };
  const { result } = await runOnce(driver, ref, { kind: 'python', source: toProbeSource(box.targets) });
  const report = parseProbeReport(result.stdout);
  if (report === null) {
    const end = `exit ${String(result.exitCode)}: ${result.stderr.slice(-300).trim()}`;
    return { probes: 0, found: [`the probes gave no report (${end})`] };
  }
  const found = Object.entries(report.out).map(([name, how]) => `${name} (${how})`);
  if (report.tried < leastProbes) found.push(`only ${report.tried} of the probes were tried`);
  return { probes: report.tried, found };
}

async function plantOtherRun(driver: HostDriver, runId: string): Promise<string> {
  const ref = { tenant, runId: `${runId}-other`, sandboxId: 'other' };
  const { epochName } = await runOnce(driver, ref, { kind: 'shell', source: 'echo secret > secret' });
  const { directory } = await driver.describe();
  return join(directory, `${ref.tenant}.${ref.runId}`, ref.sandboxId, epochName, 'work', 'secret');
}

/** Opens a sandbox that nothing is kept of, and runs one job in it. */
async function runOnce(
  driver: HostDriver,
  ref: SandboxRef,
  job: Pick<SandboxJob, 'kind' | 'source'>,
): Promise<{ result: JobEnd; epochName: string }> {
  const nonce = randomBytes(6).toString('hex');
  const lease = { schemaVersion: 1, epoch: 1, nonce, holder: 'self-test', takenAtMs: 0 } as const;
  const { workspace } = await driver.open(ref, lease, null);
  const asked = { ...job, timeoutMs: 60_000, before: null };
  return { result: await workspace.run(asked, new AbortController().signal), epochName: `1.${nonce}` };
}

function unsafe(found: readonly string[]): AppError {
  return new AppError('Sandbox.Unsafe', {
    what: `code in the sandbox got out: ${found.join('; ')}`,
    mend: 'The sandbox pool does not start. Run npm run doctor, and see docs/sandbox.md.',
  });
}
