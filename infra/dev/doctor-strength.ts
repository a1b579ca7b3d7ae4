import { existsSync } from 'node:fs';
import { findGroupVersion } from '../../activities/sandbox/adapters/cgroups.ts';
import { hostArchitecture } from '../../activities/sandbox/adapters/seccomp/seccomp-policy.ts';
import type { Component } from './doctor-components.ts';
import { runCommand } from './toolchain/run-command.ts';
import { toInstallCommand } from './toolchain/system-packages.ts';

/** Modules that code of a model expects, and the Debian package of each. */
const pythonModules: Readonly<Record<string, string>> = {
  numpy: 'python3-numpy',
  pandas: 'python3-pandas',
  scipy: 'python3-scipy',
  sympy: 'python3-sympy',
  matplotlib: 'python3-matplotlib',
  sklearn: 'python3-sklearn',
  networkx: 'python3-networkx',
  openpyxl: 'python3-openpyxl',
  bs4: 'python3-bs4',
  lxml: 'python3-lxml',
  requests: 'python3-requests',
  PIL: 'python3-pil',
  pypdf: 'python3-pypdf',
};

const systemPython = '/usr/bin/python3';

/** How strong the sandboxes of this host are, and what is in them; nothing here is needed. */
export async function checkSandboxStrength(env: NodeJS.ProcessEnv): Promise<readonly Component[]> {
  return [checkUsers(), checkFilter(), checkGroups(), await checkModules(env)];
}

function checkUsers(): Component {
  const isRoot = process.getuid?.() === 0;
  return {
    name: 'sandbox users',
    needed: false,
    ok: isRoot,
    version: isRoot
      ? 'a user of its own for each sandbox'
      : 'weaker: sandboxes share this user, and only namespaces keep them from its files and processes',
    mend: isRoot ? null : 'run the sandbox pool as root, in a container of its own',
  };
}

function checkFilter(): Component {
  const architecture = hostArchitecture();
  return {
    name: 'sandbox filter',
    needed: false,
    ok: architecture !== null,
    version:
      architecture === null
        ? `weaker: no table of system calls for ${process.arch}`
        : `system calls by an allow-list (${architecture})`,
    mend: architecture === null ? 'run the sandbox pool on x86-64 or arm64' : null,
  };
}

function checkGroups(): Component {
  const version = findGroupVersion();
  return {
    name: 'sandbox groups',
    needed: false,
    ok: version !== null,
    version:
      version === null
        ? 'weaker: no control group can be made; memory is bounded for each process, processor time by the clock only'
        : `memory, processes and processor time by control groups (version ${version})`,
    mend: version === null ? 'run as root, or as a systemd service with Delegate=yes' : null,
  };
}

async function checkModules(env: NodeJS.ProcessEnv): Promise<Component> {
  const part = { name: 'sandbox Python', needed: false };
  const names = Object.keys(pythonModules);
  if (!existsSync(systemPython)) return { ...part, ok: false, version: null, mend: null };
  const source = `import importlib.util as u; print(*[n for n in ${JSON.stringify(names)} if u.find_spec(n) is None])`;
  const result = await runCommand({ command: systemPython, args: ['-I', '-c', source], cwd: '/', env });
  const missing = result.ok ? result.output.split(/\s+/).filter((name) => name in pythonModules) : names;
  const there = names.filter((name) => !missing.includes(name));
  const packages = missing.map((name) => ({ command: name, package: pythonModules[name] ?? name }));
  return {
    ...part,
    ok: missing.length === 0,
    version: `${there.length} of ${names.length} common modules${missing.length === 0 ? '' : `; not there: ${missing.join(', ')}`}`,
    mend: missing.length === 0 ? null : toInstallCommand(packages),
  };
}
