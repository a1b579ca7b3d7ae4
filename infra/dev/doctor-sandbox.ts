import { readFileSync } from 'node:fs';
import type { Component } from './doctor-components.ts';
import { findOnPath } from './toolchain/find-on-path.ts';
import { runCommand } from './toolchain/run-command.ts';
import { bubblewrapPackage, toInstallCommand } from './toolchain/system-packages.ts';

/** *Source:* Debian's `nobody`. */
const NOBODY = 65_534;

/** Kernel settings that keep a user who is not root from making namespaces, with the command that lets him. */
const namespaceSettings = [
  { file: '/proc/sys/user/max_user_namespaces', bad: '0', mend: 'sudo sysctl -w user.max_user_namespaces=15000' },
  {
    file: '/proc/sys/kernel/unprivileged_userns_clone',
    bad: '0',
    mend: 'sudo sysctl -w kernel.unprivileged_userns_clone=1',
  },
  {
    file: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    bad: '1',
    mend: 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  },
] as const;

/** Is bubblewrap there? */
export async function checkBubblewrap(env: NodeJS.ProcessEnv): Promise<Component> {
  const part = { name: 'bubblewrap', needed: true };
  const path = findOnPath(bubblewrapPackage.command, env);
  const result = path === null ? null : await runCommand({ command: path, args: ['--version'], env });
  const version = /bubblewrap (\S+)/.exec(result?.output ?? '')?.[1];
  if (version !== undefined) return { ...part, ok: true, version: `${version} (${path})`, mend: null };
  return { ...part, ok: false, version: null, mend: toInstallCommand([bubblewrapPackage]) };
}

/** Can a user who is not root make the namespaces of a sandbox? Tried with a real one that runs `true`. */
export async function checkNamespaces(env: NodeJS.ProcessEnv): Promise<Component> {
  const part = { name: 'user namespaces', needed: true };
  const path = findOnPath(bubblewrapPackage.command, env);
  if (path === null) {
    return { ...part, ok: false, version: 'not tried without bubblewrap', mend: toInstallCommand([bubblewrapPackage]) };
  }
  const isolation = ['--unshare-all', '--unshare-user', '--disable-userns'];
  const result = await runCommand({
    command: path,
    args: [...isolation, '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '/bin/true'],
    cwd: '/',
    env,
    ...(process.getuid?.() === 0 ? { userId: NOBODY } : {}),
  });
  if (result.ok) return { ...part, ok: true, version: 'a user who is not root can make them', mend: null };
  const mend = namespaceSettings.find(({ file, bad }) => readSetting(file) === bad)?.mend;
  return {
    ...part,
    ok: false,
    version: `refused: ${result.output || result.reason}`,
    mend: mend ?? 'let this container make user namespaces (its seccomp or AppArmor profile forbids them)',
  };
}

function readSetting(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
