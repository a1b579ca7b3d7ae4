import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const repository = join(import.meta.dirname, '..', '..');
const CTRL_C = '\x03';
let root: string;
const started: ChildProcess[] = [];

/** The Node that the host has, of whatever age: not the one of our dependencies. */
const hostNode = findHostNode();

function findHostNode(): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder.includes('node_modules')) continue;
    const candidate = join(folder, 'node');
    try {
      accessSync(candidate);
      return candidate;
    } catch {
      continue;
    }
  }
  throw new Error('no host Node on PATH outside of node_modules');
}

/** A checkout with the real launcher and a command line that shows how it was started. */
async function makeCheckout(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-bin-'));
  await cp(join(repository, 'bin'), join(folder, 'bin'), { recursive: true });
  for (const part of ['cli', 'node_modules/.bin']) await mkdir(join(folder, part), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await symlink(process.execPath, join(folder, 'node_modules', '.bin', 'node'));
  return folder;
}

const writeMain = (code: string): Promise<void> => writeFile(join(root, 'cli', 'main.ts'), code);
const launcher = (): string => join(root, 'bin', 'longhaul');

beforeEach(async () => void (root = await makeCheckout()));
afterEach(async () => {
  // SIGTERM, so that a launcher takes its command line with it, and a terminal hangs up on both.
  for (const child of started.splice(0)) child.kill();
  await rm(root, { recursive: true, force: true });
});

const showStart = `
const facts: Record<string, unknown> = { major: Number.parseInt(process.versions.node, 10), args: process.argv.slice(2), cwd: process.cwd() };
console.log(JSON.stringify(facts));
process.exitCode = 3;`;

describe('bin/longhaul', () => {
  it('host Node, through a symbolic link, from another folder: cli/main.ts runs on Node 24 with its arguments and exit code', async () => {
    await writeMain(showStart);
    const [elsewhere, linked] = [join(root, 'elsewhere'), join(root, 'linked')];
    await mkdir(elsewhere);
    await symlink(launcher(), linked);
    const result = spawnSync(hostNode, [linked, 'show', '--json', 'a b'], { cwd: elsewhere, encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout)).toMatchObject({ args: ['show', '--json', 'a b'], cwd: elsewhere });
    expect(result.stdout).toMatch(/"major":(2[4-9]|[3-9]\d)/);
    expect(result.status).toBe(3);
  });

  it('SIGTERM to the launcher: reaches the command line, whose exit code is kept', async () => {
    await writeMain(`process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('ready');`);
    const child = await startReady();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  it('SIGINT to the launcher alone: forwarded once', async () => {
    await writeMain(`
      let count = 0;
      process.on('SIGINT', () => { count += 1; console.log('int ' + count); });
      process.on('SIGTERM', () => process.exit(count));
      setInterval(() => {}, 1000); console.log('ready');`);
    const child = await startReady();
    child.kill('SIGINT');
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([1, null]);
  });

  it('Ctrl-C in a terminal: the command line gets exactly one SIGINT', async () => {
    await writeMain(`
      let count = 0;
      process.on('SIGINT', () => { count += 1; setTimeout(() => { console.log('count ' + count); process.exit(0); }, 500); });
      setInterval(() => {}, 1000); console.log('ready');`);
    const terminal = spawn('script', ['-qec', `"${hostNode}" "${launcher()}"`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    started.push(terminal);
    let shown = '';
    terminal.stdout.on('data', (chunk: Buffer) => {
      if (!shown.includes('ready') && chunk.includes('ready')) terminal.stdin.write(CTRL_C);
      shown += chunk.toString();
    });
    await once(terminal, 'exit');
    expect(shown).toContain('count 1');
  });

  it('the command line dies by a signal: so does the launcher', async () => {
    await writeMain(`process.kill(process.pid, 'SIGKILL');`);
    const result = spawnSync(hostNode, [launcher()]);
    expect(result.signal).toBe('SIGKILL');
  });

  it('no Node 24 anywhere: exit 2, and the command that brings it', async () => {
    await writeMain(showStart);
    await rm(join(root, 'node_modules', '.bin', 'node'));
    const old = join(root, 'old.cjs');
    await writeFile(old, `Object.defineProperty(process.versions, 'node', { value: '18.20.0' });`);
    const result = spawnSync(hostNode, ['--require', old, launcher()], { encoding: 'utf8' });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('this is 18.20.0');
    expect(result.stderr).toContain('npm ci --include=optional');
  });

  it('dependencies not installed: exit 2, and npm ci is named', async () => {
    await writeMain(showStart);
    await rm(join(root, 'node_modules'), { recursive: true });
    const result = spawnSync(hostNode, [launcher()], { encoding: 'utf8' });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('npm ci');
  });
});

async function startReady(): Promise<ChildProcess> {
  const child = spawn(hostNode, [launcher()], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  await once(child.stdout, 'data');
  return child;
}
