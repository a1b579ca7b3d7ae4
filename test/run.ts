import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { toAppError } from '../domain/errors.ts';
import { ensureBubblewrap } from '../infra/dev/toolchain/system-packages.ts';
import { ensureTemporal } from '../infra/dev/toolchain/temporal.ts';
import { ensureVersitygw } from '../infra/dev/toolchain/versitygw.ts';

/**
 * `npm test`: brings what the tests need (about six minutes the first time, nothing later), runs them all, and ends with the
 * runner's own count. Arguments go to vitest.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const reportFile = `${root}.longhaul/test-report.json`;
const summaryFile = `${root}.longhaul/test-summary`;
const reportSchema = z.looseObject({ numPassedTests: z.int(), numFailedTests: z.int(), numFailedTestSuites: z.int() });

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function bringTools(): Promise<void> {
  const options = { env: process.env, report };
  await ensureBubblewrap(options);
  await ensureTemporal(options);
  await ensureVersitygw(options);
}

function runVitest(args: readonly string[]): Promise<number> {
  const vitest = `${root}node_modules/vitest/vitest.mjs`;
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...args], { cwd: root, stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

/** A suite that could not even be loaded has no tests to count: it counts as one failure. */
function summarise(): string {
  const counts = reportSchema.parse(JSON.parse(readFileSync(reportFile, 'utf8')));
  const failed = counts.numFailedTests === 0 ? counts.numFailedTestSuites : counts.numFailedTests;
  return `${counts.numPassedTests} passed, ${failed} failed`;
}

mkdirSync(`${root}.longhaul`, { recursive: true });
rmSync(reportFile, { force: true });
writeFileSync(summaryFile, '0 passed, 1 failed\n');
try {
  await bringTools();
  const code = await runVitest(process.argv.slice(2));
  const summary = summarise();
  writeFileSync(summaryFile, `${summary}\n`);
  process.stdout.write(`${summary}\n`);
  process.exitCode = code;
} catch (error) {
  report(toAppError(error).message);
  process.exitCode = 1;
}
