import { AppError } from '../../../domain/errors.ts';
import { findOnPath } from './find-on-path.ts';
import { withProgress } from './progress.ts';
import { runCommand } from './run-command.ts';
import type { ToolOptions } from './tool.ts';

/** A command, and the Debian package that brings it. */
export interface SystemPackage {
  readonly command: string;
  readonly package: string;
}

export interface SystemPackagesOptions extends ToolOptions {
  readonly packages: readonly SystemPackage[];
  /** Whose rights are used. Absent: this process's user. */
  readonly userId?: number;
}

/** The command that this user types to install these packages; root needs no sudo, and a bare machine has none. */
export function toInstallCommand(packages: readonly SystemPackage[], userId = process.getuid?.()): string {
  const sudo = userId === 0 ? '' : 'sudo ';
  const names = packages.map((entry) => entry.package).join(' ');
  return `${sudo}apt-get update && ${sudo}apt-get install -y ${names}`;
}

/**
 * Sees to it that every command is on PATH: with apt-get where root, else it names the exact command.
 *
 * *Contract:* idempotent; touches nothing when all are there.
 * @throws AppError `Config.Invalid` with the command to type.
 */
export async function ensureSystemPackages(options: SystemPackagesOptions): Promise<void> {
  const missing = options.packages.filter((entry) => findOnPath(entry.command, options.env) === null);
  if (missing.length === 0) return;
  const userId = options.userId ?? process.getuid?.();
  const aptGet = findOnPath('apt-get', options.env);
  if (userId !== 0 || aptGet === null)
    throw toMissingError({ missing, userId }, aptGet === null ? 'apt-get is not there' : 'this user is not root');
  await install(aptGet, missing, options);
  const still = missing.filter((entry) => findOnPath(entry.command, options.env) === null);
  if (still.length > 0)
    throw toMissingError(
      { missing: still, userId },
      'apt-get installed the packages, but the commands are not on PATH',
    );
}

/** Sees to it that bubblewrap is there: the sandbox runs nothing without it. @throws AppError `Config.Invalid` */
export async function ensureBubblewrap(
  options: Omit<SystemPackagesOptions, 'packages'>,
): Promise<{ readonly path: string; readonly version: string }> {
  const packages = [bubblewrapPackage];
  await ensureSystemPackages({ ...options, packages });
  const path = findOnPath(bubblewrapPackage.command, options.env);
  if (path === null) throw toMissingError({ missing: packages, userId: options.userId }, 'it went away');
  const result = await runCommand({ command: path, args: ['--version'], env: options.env });
  const version = /bubblewrap (\S+)/.exec(result.output)?.[1];
  if (version === undefined)
    throw toMissingError({ missing: packages, userId: options.userId }, `${path} --version failed (${result.reason})`);
  return { path, version };
}

export const bubblewrapPackage: SystemPackage = { command: 'bwrap', package: 'bubblewrap' };

async function install(
  aptGet: string,
  missing: readonly SystemPackage[],
  options: SystemPackagesOptions,
): Promise<void> {
  const names = missing.map((entry) => entry.package);
  const env = { ...options.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const title = `installing ${names.join(', ')} with apt-get`;
  options.report(`${title}: under a minute`);
  await withProgress({ title, expectedMs: 30_000, report: options.report }, async (progress) => {
    const apt = (args: readonly string[]) =>
      runCommand({ command: aptGet, args: ['-o', 'DPkg::Lock::Timeout=120', ...args], env, onLine: progress.at });
    // A failed update is no reason to stop: the packages may be known from before, and if not, the install says so.
    const updated = await apt(['update', '-q']);
    const installed = await apt(['install', '-y', '-q', '--no-install-recommends', ...names]);
    if (installed.ok) return;
    const output = [...(updated.ok ? [] : [updated.output]), installed.output].join('\n');
    throw toMissingError(
      { missing, userId: options.userId },
      `apt-get install failed (${installed.reason}): ${output.split('\n').slice(-3).join(' | ')}`,
    );
  });
}

function toMissingError(
  { missing, userId }: { readonly missing: readonly SystemPackage[]; readonly userId: number | undefined },
  reason: string,
): AppError {
  return new AppError('Config.Invalid', {
    what: `${missing.map((entry) => entry.command).join(', ')} not found, and ${reason}`,
    mend: `Run: ${toInstallCommand(missing, userId)}`,
  });
}
