import { spawn, spawnSync } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ensureTool } from '../../../../infra/dev/toolchain/ensure-tool.ts';
import { cacheFolder } from '../../../../infra/dev/toolchain/tool-cache.ts';
import type { ToolRecipe } from '../../../../infra/dev/toolchain/tool.ts';
import { type FakeMachine, makeMachine, writeGo, writeScript, writeTool } from './fake-tools.ts';

let machine: FakeMachine;
beforeEach(async () => void (machine = await makeMachine()));
afterEach(() => rm(machine.root, { recursive: true, force: true }));

const download: ToolRecipe['download'] = async ({ target }) => void (await writeTool(target, '4.0'));
const ensure = (recipe: ToolRecipe, env = machine.env) => ensureTool(recipe, { env, report: machine.report });

describe('ensureTool order', () => {
  it('each source there: the variable, then PATH, then the cache, then the download, then the build', async () => {
    const named = await writeTool(join(machine.root, 'named'), '1.0');
    const onPath = await writeTool(join(machine.bin, 'fake'), '2.0');
    const folder = await cacheFolder(machine.recipe, machine.env);
    await mkdir(folder, { recursive: true });
    const cached = await writeTool(join(folder, 'fake'), '3.0');
    await writeGo(machine);
    const recipe = { ...machine.recipe, download };

    const first = await ensure(recipe, { ...machine.env, FAKE_TOOL: named });
    expect(first).toEqual({ path: named, version: '1.0', source: 'env' });
    expect(await ensure(recipe)).toEqual({ path: onPath, version: '2.0', source: 'path' });
    await rm(onPath);
    expect(await ensure(recipe)).toEqual({ path: cached, version: '3.0', source: 'cache' });
    await rm(cached);
    expect(await ensure(recipe)).toEqual({ path: cached, version: '4.0', source: 'download' });
    await rm(cached);
    expect(await ensure(machine.recipe)).toEqual({ path: cached, version: '5.0', source: 'build' });
    expect(await ensure(machine.recipe)).toEqual({ path: cached, version: '5.0', source: 'cache' });
    expect(await machine.countBuilds()).toBe(1);
  });

  it('the variable names nothing that runs: refused, though PATH has one', async () => {
    await writeTool(join(machine.bin, 'fake'), '2.0');
    const attempt = ensure(machine.recipe, { ...machine.env, FAKE_TOOL: '/nonexistent/fake' });
    await expect(attempt).rejects.toMatchObject({ type: 'Config.Invalid', facts: { field: 'FAKE_TOOL' } });
  });

  it('PATH has one that is too old, and the cache one that is broken: the next source serves', async () => {
    await writeTool(join(machine.bin, 'fake'), '1.9');
    const folder = await cacheFolder(machine.recipe, machine.env);
    await mkdir(folder, { recursive: true });
    await writeScript(join(folder, 'fake'), 'exit 1');
    await writeGo(machine);
    expect(await ensure(machine.recipe)).toMatchObject({ version: '5.0', source: 'build' });
  });

  it('the download fails: built, and the reason reported', async () => {
    await writeGo(machine);
    const failing = { ...machine.recipe, download: () => Promise.reject(new Error('site is away')) };
    expect(await ensure(failing)).toMatchObject({ source: 'build' });
    expect(machine.lines.join('\n')).toContain('site is away');
  });

  it('a pin changes: another cache entry, so that it is built anew', async () => {
    await writeGo(machine);
    const before = await ensure(machine.recipe);
    await writeFile(join(machine.recipe.moduleDirectory, 'go.sum'), 'fake v2 h1:y\n');
    const after = await ensure(machine.recipe);
    expect(after.source).toBe('build');
    expect(after.path).not.toBe(before.path);
  });
});

describe('ensureTool with nothing that works', () => {
  it('all fail: one error with every source, its reason and the mends', async () => {
    await writeGo(machine, { beforeBuild: 'echo "no such module" >&2; exit 3' });
    const failing = { ...machine.recipe, download: () => Promise.reject(new Error('site is away')) };
    const error: unknown = await ensure(failing).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ type: 'Config.Invalid' });
    const text = String(error);
    for (const part of [
      'FAKE_TOOL: not set',
      'PATH: no fake',
      'cache: no ',
      'download: site is away',
      'exit code 3',
      'no such module',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).toContain('set FAKE_TOOL');
    expect(await readdir(await cacheFolder(failing, machine.env))).toEqual([]);
  });

  it('Go older than 1.21: the version is named', async () => {
    await writeGo(machine, { version: '1.19.8' });
    await expect(ensure(machine.recipe)).rejects.toThrow(/Go 1\.19\.8, and 1\.21 or newer is needed/);
  });

  it('disk too full: refused before the build, with the numbers', async () => {
    await writeGo(machine);
    await expect(ensure({ ...machine.recipe, buildBytes: 1e18 })).rejects.toThrow(
      /needs 1000000000\.0 GB of free disk/,
    );
    expect(await machine.countBuilds()).toBe(0);
  });

  it('the build makes something else: not cached', async () => {
    await writeGo(machine);
    const other = { ...machine.recipe, parseVersion: () => null };
    await expect(ensure(other)).rejects.toThrow(/the result is not the fake tool/);
    expect(await readdir(await cacheFolder(other, machine.env))).toEqual([]);
  });
});

describe('ensureTool lock', () => {
  it('two processes at once: one builds, the other says that it waits and uses the same file', async () => {
    const gate = join(machine.root, 'gate');
    spawnSync('mkfifo', [gate]);
    await writeGo(machine, { beforeBuild: `read -r word < "${gate}"` });
    const [one, two] = [startEnsure(machine), startEnsure(machine)];
    const waiter = await Promise.race([one.waiting, two.waiting]);
    const builder = waiter === one.pid ? two : one;
    await writeFile(gate, 'go\n');
    const results = await Promise.all([one.result, two.result]);
    expect(await machine.countBuilds()).toBe(1);
    expect(results.map((tool) => tool.source).toSorted()).toEqual(['build', 'cache']);
    expect(results[0]?.path).toBe(results[1]?.path);
    const waiting = waiter === one.pid ? one : two;
    expect(waiting.lines.join('\n')).toContain(`waiting for process ${String(builder.pid)}`);
  });

  it.each([
    ['a dead process', () => `${String(spawnSync('true').pid)} 1\n`],
    ['a living process that only has the same id', () => `${process.pid} 1\n`],
  ])('lock of %s: taken over, with the half-made work of it removed', async (_what, toLock) => {
    const folder = await cacheFolder(machine.recipe, machine.env);
    await mkdir(join(folder, '.work-build'), { recursive: true });
    await writeFile(join(folder, '.work-build', 'half'), 'x');
    await writeFile(join(folder, 'fake.lock'), toLock());
    await writeGo(machine);
    expect(await ensure(machine.recipe)).toMatchObject({ source: 'build' });
    expect(await readdir(folder)).toEqual(['fake']);
  });
});

const toUrl = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
const toolSchema = z.object({ path: z.string(), source: z.string() });
type FoundTool = z.infer<typeof toolSchema>;

/** Runs `ensureTool` in a process of its own. */
function startEnsure({ env, recipe }: FakeMachine) {
  const code = `
    const { ensureTool } = await import(${toUrl('../../../../infra/dev/toolchain/ensure-tool.ts')});
    const { parseFakeVersion } = await import(${toUrl('./fake-tools.ts')});
    const recipe = { ...${JSON.stringify(recipe)}, parseVersion: parseFakeVersion };
    const tool = await ensureTool(recipe, { env: ${JSON.stringify(env)}, report: (line) => console.log(line) });
    console.log('RESULT ' + JSON.stringify(tool));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout }).on('line', (line) => void lines.push(line));
  const waiting = new Promise<number | undefined>((resolve) => {
    reader.on('line', (line) => line.startsWith('waiting for') && resolve(child.pid));
  });
  const result = new Promise<FoundTool>((resolve, reject) => {
    reader.on('line', (line) => line.startsWith('RESULT ') && resolve(toolSchema.parse(JSON.parse(line.slice(7)))));
    reader.once('close', () => reject(new Error(`ended without a result: ${lines.join('\n')}`)));
  });
  return { pid: child.pid, lines, waiting, result };
}
