import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { findBoxGroups } from '../../../../activities/sandbox/adapters/cgroups.ts';
import { aSandbox } from '../sandbox-fixture.ts';

const limits = { memoryBytes: 1_048_576, processes: 7, cpus: 1.5 };
const mebibyte = 1024 * 1024;

/** Plain folders in the place of the kernel's: what is written can be read, and nothing is held. */
function aHost(mounts: readonly { path: string; type: string; options: string; root?: string }[], own: string) {
  const base = mkdtempSync(join(tmpdir(), 'longhaul-cgroup-'));
  const lines = mounts.map(({ path, type, options, root = '/' }, index) => {
    mkdirSync(join(base, path), { recursive: true });
    return `${30 + index} 23 0:${index} ${root} ${join(base, path)} rw,relatime - ${type} ${type} rw,${options}`;
  });
  return {
    base,
    read: (...names: string[]) => readFileSync(join(base, ...names), 'utf8'),
    write: (text: string, ...names: string[]) => writeFileSync(join(base, ...names), text),
    find: () => findBoxGroups('ours', { mountinfo: lines.join('\n'), own }),
    [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }),
  };
}

const version1 = [
  { path: 'memory', type: 'cgroup', options: 'memory' },
  { path: 'pids', type: 'cgroup', options: 'pids' },
  { path: 'cpu,cpuacct', type: 'cgroup', options: 'cpu,cpuacct' },
];

describe('control groups', () => {
  it('version 2, delegated: beside this process, with every limit', async () => {
    using host = aHost([{ path: 'fs', type: 'cgroup2', options: '' }], '0::/service\n');
    mkdirSync(join(host.base, 'fs/service/longhaul'), { recursive: true });
    host.write('cpuset cpu io memory pids', 'fs/service/cgroup.controllers');
    host.write('', 'fs/service/cgroup.subtree_control');
    host.write('cpu memory pids', 'fs/service/longhaul/cgroup.controllers');
    host.write('', 'fs/service/longhaul/cgroup.subtree_control');
    const groups = (await host.find())!;
    expect(groups.version).toBe(2);
    const group = await groups.open('1.abc', limits);
    const path = 'fs/service/longhaul/ours.1.abc';
    expect(group.joinPaths).toEqual([join(host.base, path, 'cgroup.procs')]);
    expect(Object.fromEntries(readdirSync(join(host.base, path)).map((name) => [name, host.read(path, name)]))).toEqual(
      {
        'memory.max': '1048576',
        'memory.swap.max': '0',
        'memory.oom.group': '1',
        'pids.max': '7',
        'cpu.max': '150000 100000',
        'cpu.weight': '10',
      },
    );
    expect(host.read('fs/service/cgroup.subtree_control')).toBe('+memory +pids +cpu');
    host.write('low 0\noom_kill 3\noom_group_kill 1\n', path, 'memory.events');
    expect(await group.countOomKills()).toBe(3);
  });

  it('version 2 without the controllers: not used', async () => {
    using host = aHost([{ path: 'fs', type: 'cgroup2', options: '' }], '0::/\n');
    host.write('hugetlb', 'fs/cgroup.controllers');
    host.write('', 'fs/cgroup.subtree_control');
    expect(await host.find()).toBeNull();
    expect(existsSync(join(host.base, 'fs/longhaul'))).toBe(false);
  });

  it('version 1: a group in each hierarchy, below the own one where that can be seen', async () => {
    using host = aHost(version1, '4:memory:/outer/own\n3:pids:/\n1:cpu,cpuacct:/hidden\n');
    mkdirSync(join(host.base, 'memory/outer/own'), { recursive: true });
    const groups = (await host.find())!;
    expect(groups.version).toBe(1);
    const group = await groups.open('1.abc', limits);
    expect(host.read('memory/outer/own/longhaul/ours.1.abc/memory.limit_in_bytes')).toBe('1048576');
    expect(host.read('pids/longhaul/ours.1.abc/pids.max')).toBe('7');
    expect(host.read('cpu,cpuacct/hidden/longhaul/ours.1.abc/cpu.cfs_quota_us')).toBe('150000');
    expect(group.joinPaths).toHaveLength(3);
    host.write(
      'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
      'memory/outer/own/longhaul/ours.1.abc/memory.oom_control',
    );
    expect(await group.countOomKills()).toBe(2);
  });

  it('version 1 with a hierarchy missing, or none at all: not used', async () => {
    using host = aHost(version1.slice(0, 2), '');
    expect(await host.find()).toBeNull();
    expect(await findBoxGroups('ours', { mountinfo: '', own: '' })).toBeNull();
  });

  it('sweep: groups of this installation go, known names and those of others stay', async () => {
    using host = aHost(version1, '');
    const groups = (await host.find())!;
    for (const place of ['memory', 'pids', 'cpu,cpuacct']) {
      for (const name of ['ours.1.old', 'ours.2.known', 'theirs.1.old'])
        mkdirSync(join(host.base, place, 'longhaul', name));
    }
    await groups.sweep(async () => new Set(['2.known']));
    expect(readdirSync(join(host.base, 'pids/longhaul')).toSorted()).toEqual(['ours.2.known', 'theirs.1.old']);
  });
});

const hasGroups = (await findBoxGroups('probe')) !== null;

describe.runIf(hasGroups)('a box in the groups of this host', () => {
  it('memory of several processes together: over the limit → the kernel kills, the result says why, groups are gone', async () => {
    await using box = await aSandbox({ limits: { memoryBytes: 256 * mebibyte, tmpBytes: 16 * mebibyte } });
    const hog = 'data = bytearray(100 * 1024 * 1024); data[::4096] = b"x" * len(data[::4096]); time.sleep(30)';
    const source = [
      'import os, time',
      'for _ in range(4):',
      `    if os.fork() == 0: ${hog}; os._exit(0)`,
      'pid, status = os.wait()',
      'print(os.WTERMSIG(status))',
    ].join('\n');
    const result = await box.python(source);
    expect(result.stdout).toBe('9\n');
    expect(result.stderr).toBe('killed for want of memory: the sandbox may use 256 MiB in all\n');
  });

  it('memory shared between processes: counted too', async () => {
    await using box = await aSandbox({ limits: { memoryBytes: 256 * mebibyte } });
    const source = 'import mmap\nshared = mmap.mmap(-1, 1 << 30)\nfor at in range(0, 1 << 30, 4096): shared[at] = 1';
    expect(await box.python(source)).toMatchObject({
      exitCode: 137,
      stderr: expect.stringContaining('killed for want of memory'),
    });
  });

  it('address space beyond the memory: reserved, as some runtimes do', async () => {
    await using box = await aSandbox({ limits: { memoryBytes: 256 * mebibyte } });
    const source = 'import mmap\nmmap.mmap(-1, 1 << 31, prot=mmap.PROT_READ)\nprint("reserved")';
    expect(await box.python(source)).toMatchObject({ exitCode: 0, stdout: 'reserved\n' });
  });

  it('processor time: four that never rest get what the limit says', async () => {
    await using box = await aSandbox({ limits: { cpus: 0.25 } });
    const source = [
      'import os, time',
      'for _ in range(3):',
      '    if os.fork() == 0:',
      '        while True: pass',
      'end = time.monotonic() + 2',
      'while time.monotonic() < end: pass',
      'print(time.process_time())',
    ].join('\n');
    const { stdout } = await box.python(source);
    expect(Number(stdout)).toBeLessThan(0.6);
  });

  it('kill and sweep: what is in a group ends, by the name of the group', async () => {
    const groups = (await findBoxGroups('test'))!;
    for (const end of [() => groups.kill('1.abc'), () => groups.sweep(async () => new Set())]) {
      const group = await groups.open('1.abc', { ...limits, memoryBytes: 64 * mebibyte });
      const joining = 'for file in "$@"; do echo $$ >"$file"; done; exec sleep 600';
      const child = spawn('/bin/bash', ['-c', joining, 'join', ...group.joinPaths], { stdio: 'ignore' });
      const ended = once(child, 'exit');
      await vi.waitFor(() => expect(readFileSync(group.joinPaths[0]!, 'utf8')).not.toBe(''), { timeout: 20_000 });
      await end();
      expect(await ended).toEqual([null, 'SIGKILL']);
      await group.remove();
    }
  });

  it('groups: gone after the job', async () => {
    await using box = await aSandbox();
    await box.run('true');
    const groups = (await findBoxGroups('ours'))!;
    const probe = await groups.open('probe', limits);
    const place = join(probe.joinPaths[0]!, '../..');
    await probe.remove();
    const names = readdirSync(place).filter((name) => name.includes(box.path().split('/').at(-1)!));
    expect(names).toEqual([]);
  });
});
