import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLeaseStore } from '../../../activities/sandbox/lease.ts';
import type { SandboxJob, SandboxRef } from '../../../activities/sandbox/ports.ts';
import { keys } from '../../../activities/storage/keys.ts';
import type { ObjectStore } from '../../../activities/storage/ports.ts';
import { AppError, toAppError } from '../../../domain/errors.ts';
import { createMemoryObjectStore } from '../../api/memory-object-store.ts';
import { aRef, aSandbox, aSandboxScope, isRoot, newestEpoch } from './sandbox-fixture.ts';

const aJob = (source: string, before: string | null): SandboxJob => ({
  kind: 'shell',
  source,
  timeoutMs: 60_000,
  before,
});

/** A store that tells which of its methods were called, by the kind of key. */
function watched(objects: ObjectStore = createMemoryObjectStore()): { objects: ObjectStore; calls: string[] } {
  const calls: string[] = [];
  const told = <Rest extends unknown[], Result>(name: string, method: (key: string, ...rest: Rest) => Result) => {
    return (key: string, ...rest: Rest): Result => {
      calls.push(`${name} ${key.split('/')[2]}`);
      return method(key, ...rest);
    };
  };
  return {
    calls,
    objects: {
      ...objects,
      get: told('get', objects.get),
      put: told('put', objects.put),
      putIfAbsent: told('putIfAbsent', objects.putIfAbsent),
      compareAndSwap: told('swap', objects.compareAndSwap),
    },
  };
}

describe('a step after another', () => {
  it('same worker: goes on with the files, and asks the store for nothing', async () => {
    const { objects, calls } = watched();
    await using box = await aSandbox({ objects });
    const first = await box.run('echo one > log');
    expect(calls).toEqual(['get leases', 'putIfAbsent leases', 'putIfAbsent blobs', 'putIfAbsent trees']);
    calls.length = 0;
    const second = await box.run('echo two >> log; cat log');
    expect(second.stdout).toBe('one\ntwo\n');
    expect(second.treeDigest).not.toBe(first.treeDigest);
    expect(calls).toEqual(['putIfAbsent blobs', 'putIfAbsent trees']);
    calls.length = 0;
    expect((await box.run('cat log')).treeDigest).toBe(second.treeDigest);
    expect(calls).toEqual([]);
  });

  it('no files left: no digest, nothing is stored', async () => {
    const { objects, calls } = watched();
    await using box = await aSandbox({ objects });
    await box.run('echo one > log');
    calls.length = 0;
    expect((await box.run('rm log')).treeDigest).toBeNull();
    expect((await box.run('ls')).stdout).toBe('');
    expect(calls).toEqual([]);
  });

  it('25 of them: the same files throughout, all bytes read on the way', async () => {
    await using box = await aSandbox();
    for (let n = 1; n <= 25; n += 1) await box.run(`echo ${n} >> log`);
    expect((await box.run('wc -l < log')).stdout).toBe('25\n');
    expect(readdirSync(box.path('..'))).toHaveLength(1);
  });
});

describe('the same step again', () => {
  it('after one that changed files: begins with the files before, whatever was left', async () => {
    await using box = await aSandbox();
    const { treeDigest } = await box.run('echo one > log');
    const step = aJob('echo two >> log; mkdir made; chmod 0 made; cat log', treeDigest);
    const once = await box.sandbox.run(aRef, step, aSandboxScope());
    const again = await box.sandbox.run(aRef, step, aSandboxScope());
    expect(again).toEqual(once);
    expect(again.stdout).toBe('one\ntwo\n');
    expect((await box.run('true', { before: treeDigest })).treeDigest).toBe(treeDigest);
  });

  it('an earlier step: the files of any step can be had again', async () => {
    await using box = await aSandbox();
    const seen: (string | null)[] = [null];
    for (const n of [1, 2, 3]) seen.push((await box.run(`echo ${n} > f${n}`)).treeDigest);
    for (const n of [2, 0, 3, 1]) {
      const { stdout } = await box.run('ls', { before: seen[n] ?? null });
      expect(stdout.split('\n').filter(Boolean)).toEqual([1, 2, 3].slice(0, n).map((at) => `f${at}`));
    }
  });

  it('a file changed behind the sandbox: put back', async () => {
    await using box = await aSandbox();
    await box.run('echo one > log');
    appendFileSync(box.path('work', 'log'), 'forged\n');
    expect((await box.run('cat log')).stdout).toBe('one\n');
  });

  it('the workspace gone from the host: made again', async () => {
    await using box = await aSandbox();
    await box.run('echo one > log');
    rmSync(box.path('work'), { recursive: true });
    expect((await box.run('cat log')).stdout).toBe('one\n');
    rmSync(box.path(), { recursive: true });
    expect((await box.run('cat log')).stdout).toBe('one\n');
  });
});

describe('another worker', () => {
  it('on another host: the same files, links of a virtual environment among them, under the same digest', async () => {
    await using box = await aSandbox();
    const made = await box.run(
      'python3 -m venv --without-pip env && ln -s /etc/shadow out && ln -s env/bin/python3 py && chmod 555 env/bin; find . | sort',
    );
    await using other = await aSandbox({ objects: box.objects });
    const { treeDigest } = made;
    const seen = await other.run('find . | sort; readlink out; env/bin/python3 -c "import sys; print(sys.prefix)"', {
      before: treeDigest,
    });
    expect(seen).toMatchObject({ exitCode: 0, stdout: `${made.stdout}/etc/shadow\n/home/user/env\n`, treeDigest });
  });

  it('on the same host, between two steps: takes the files over without reading them from the store', async () => {
    const { objects, calls } = watched();
    await using box = await aSandbox({ objects });
    const { treeDigest } = await box.run('echo one > log');
    calls.length = 0;
    const { sandbox } = await aSandbox({ objects, directory: box.directory });
    const result = await sandbox.run(aRef, aJob('cat log', treeDigest), aSandboxScope());
    expect(result.stdout).toBe('one\n');
    expect(calls).toEqual(['get leases', 'swap leases', 'get trees']);
    expect(readdirSync(box.path('..'))).toHaveLength(1);
  });

  it('two on one host, step by step in turn: both see all that was done', async () => {
    await using box = await aSandbox();
    const { sandbox } = await aSandbox({ objects: box.objects, directory: box.directory });
    let before: string | null = null;
    for (const [n, worker] of [box.sandbox, sandbox, box.sandbox, box.sandbox, sandbox].entries()) {
      const result = await worker.run(aRef, aJob(`echo ${n} >> log; cat log`, before), aSandboxScope());
      expect(result.stdout).toBe(Array.from({ length: n + 1 }, (_, at) => `${at}\n`).join(''));
      before = result.treeDigest;
    }
    expect(readdirSync(box.path('..'))).toHaveLength(1);
  });

  it('two on one host at once, the same step: both give the same result, one workspace is left', async () => {
    await using box = await aSandbox();
    const { treeDigest } = await box.run('echo one > log');
    const { sandbox } = await aSandbox({ objects: box.objects, directory: box.directory });
    const step = aJob('sleep 0.3; echo two >> log; cat log', treeDigest);
    const ends = await Promise.allSettled(
      [box.sandbox, sandbox].map((worker) => worker.run(aRef, step, aSandboxScope())),
    );
    const results = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value.stdout] : []));
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [toAppError(end.reason).type] : []));
    expect(results.length).toBeGreaterThan(0);
    expect(new Set(results)).toEqual(new Set(['one\ntwo\n']));
    for (const type of failures) expect(['Ledger.Fenced', 'Sandbox.Unavailable']).toContain(type);
    await box.sandbox.sweep();
    expect(readdirSync(box.path('..'))).toHaveLength(1);
  });
});

describe('a fork', () => {
  it('at a step: its sandbox begins with the files of that step, the parent goes on untouched', async () => {
    await using box = await aSandbox();
    const { treeDigest } = await box.run('echo one > log');
    await box.run('echo two >> log');
    const fork: SandboxRef = { ...aRef, runId: 'fork' };
    const forked = await box.sandbox.run(fork, aJob('cat log; echo other >> log', treeDigest), aSandboxScope());
    expect(forked.stdout).toBe('one\n');
    expect((await box.run('cat log')).stdout).toBe('one\ntwo\n');
    const next = await box.sandbox.run(fork, aJob('cat log', forked.treeDigest), aSandboxScope());
    expect(next.stdout).toBe('one\nother\n');
  });

  it('while the parent is inside its next step: neither sees the other', async () => {
    await using box = await aSandbox();
    const { treeDigest } = await box.run('echo one > log');
    const running = box.run('echo two >> log; sleep 0.5; cat log');
    const fork: SandboxRef = { ...aRef, runId: 'fork' };
    const forked = await box.sandbox.run(fork, aJob('cat log', treeDigest), aSandboxScope());
    expect(forked.stdout).toBe('one\n');
    expect((await running).stdout).toBe('one\ntwo\n');
  });

  it('several sandboxes of one run: each has its own files', async () => {
    await using box = await aSandbox();
    await box.run('echo mine > file');
    const other = { ...aRef, sandboxId: 'other' };
    expect((await box.sandbox.run(other, aJob('ls', null), aSandboxScope())).stdout).toBe('');
    expect((await box.run('cat file')).stdout).toBe('mine\n');
  });
});

describe('what is not kept', () => {
  it('pipes, sockets and setuid files: named on stderr, gone for the next step, and the step stands', async () => {
    await using box = await aSandbox();
    const source = 'mkfifo pipe; cp /bin/true suid; chmod u+s suid; echo kept > kept; echo problem >&2';
    const result = await box.run(source);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stderr).toMatch(/^problem\nremoved, since it cannot be kept for the next step: .+\n$/);
    expect(result.stderr).toContain('pipe (a pipe)');
    expect(result.stderr).toContain('suid (a file with setuid, setgid or sticky bit)');
    expect((await box.run('ls')).stdout).toBe('kept\n');
  });

  it('the home closed by a job: open again for the next', async () => {
    await using box = await aSandbox();
    await box.run('echo one > log; chmod 0 .');
    expect(await box.run('cat log')).toMatchObject({ exitCode: 0, stdout: 'one\n' });
  });

  it('a directory closed by a job: closed in the restored files too', async () => {
    await using box = await aSandbox();
    const { treeDigest } = await box.run('mkdir shut; echo x > shut/file; chmod 0 shut/file shut');
    await using other = await aSandbox({ objects: box.objects });
    const seen = await other.run('stat -c %a shut; chmod 700 shut; stat -c %a shut/file', { before: treeDigest });
    expect(seen.stdout).toBe('0\n0\n');
  });
});

describe('a store that fails', () => {
  it('away while files are stored: the job runs once, says what it waits for, and goes on', async () => {
    const objects = createMemoryObjectStore();
    let puts = 0;
    const failing: ObjectStore = {
      ...objects,
      putIfAbsent: async (key, bytes) => {
        if (key.includes('/blobs/') && (puts += 1) < 3) throw new AppError('Storage.Unavailable', { what: 'away' });
        return objects.putIfAbsent(key, bytes);
      },
    };
    await using box = await aSandbox({ objects: failing });
    const waits: (string | null)[] = [];
    const scope = { ...aSandboxScope(), reportWaiting: (reason: string | null) => void waits.push(reason) };
    const result = await box.sandbox.run(aRef, aJob('date +%N > now; cat now', null), scope);
    expect(waits).toEqual(['object store unavailable: away.', 'object store unavailable: away.', null]);
    await using other = await aSandbox({ objects });
    expect((await other.run('cat now', { before: result.treeDigest })).stdout).toBe(result.stdout);
  });

  it('away until the attempt is cancelled: ends with its reason', async () => {
    const objects = createMemoryObjectStore();
    const cancel = new AbortController();
    const away: ObjectStore = {
      ...objects,
      putIfAbsent: async (key, bytes) => {
        if (!key.includes('/blobs/')) return objects.putIfAbsent(key, bytes);
        throw new AppError('Storage.Unavailable', { what: 'away' });
      },
    };
    await using box = await aSandbox({ objects: away });
    const scope = { signal: cancel.signal, reportWaiting: () => cancel.abort(new Error('enough')) };
    await expect(box.sandbox.run(aRef, aJob('echo x > x', null), scope)).rejects.toThrow('aborted');
  });

  it.each([
    ['its tree is gone', 'trees', 'Storage.Missing'],
    ['its blobs are gone', 'blobs', 'Storage.Missing'],
  ])('%s: the step is refused, and the job does not begin', async (_name, kind, type) => {
    const objects = createMemoryObjectStore();
    await using box = await aSandbox({ objects });
    const { treeDigest } = await box.run('echo one > log');
    for (const key of objects.objects.keys()) if (key.includes(`/${kind}/`)) await objects.delete(key);
    await using other = await aSandbox({ objects });
    await expect(other.run('touch begun', { before: treeDigest })).rejects.toMatchObject({ type });
    expect(existsSync(join(newestEpoch(other.directory, aRef), 'work', 'begun'))).toBe(false);
  });
});

describe('the lease', () => {
  it('every taking: a higher epoch, also when many take it at once', async () => {
    const objects = createMemoryObjectStore();
    const leases = createLeaseStore(objects, () => 7);
    const taken = await Promise.all(Array.from({ length: 20 }, (_, n) => leases.take(aRef, `worker ${n}`, 0)));
    expect(taken.map(({ epoch }) => epoch).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
    expect(await leases.read(aRef)).toMatchObject({ epoch: 20, takenAtMs: 7 });
    expect(new Set(taken.map(({ nonce }) => nonce)).size).toBe(20);
  });

  it('of a run that ended: dropped, and a later taking on the same host still has a higher epoch', async () => {
    await using box = await aSandbox();
    await box.run('true');
    const leases = createLeaseStore(box.objects, () => 0);
    await leases.drop(aRef);
    expect(await leases.read(aRef)).toBeNull();
    const { sandbox } = await aSandbox({ objects: box.objects, directory: box.directory });
    expect((await sandbox.run(aRef, aJob('echo on', null), aSandboxScope())).stdout).toBe('on\n');
    expect((await leases.read(aRef))?.epoch).toBe(2);
  });

  it('a damaged one: Storage.Corrupt', async () => {
    const objects = createMemoryObjectStore();
    await objects.put(keys.lease(aRef, aRef.sandboxId), Buffer.from('{}'));
    await expect(createLeaseStore(objects, () => 0).take(aRef, 'w', 0)).rejects.toMatchObject({
      type: 'Storage.Corrupt',
    });
  });
});

describe('a sweep', () => {
  it('a sandbox that moved to another host: its old workspace goes, the new one stays', async () => {
    await using box = await aSandbox();
    const { treeDigest } = await box.run('echo one > log');
    await using other = await aSandbox({ objects: box.objects });
    await other.run('echo two >> log', { before: treeDigest });
    await Promise.all([box.sandbox.sweep(), other.sandbox.sweep()]);
    expect(readdirSync(`${box.directory}/default.run/box`)).toEqual([]);
    expect((await other.run('cat log')).stdout).toBe('one\ntwo\n');
    expect(isRoot ? readdirSync(`${box.directory}/.uids`) : []).toEqual([]);
  });

  it('a workspace in use: left alone', async () => {
    await using box = await aSandbox();
    const running = box.run('sleep 0.5; echo done');
    await box.sandbox.sweep();
    expect((await running).stdout).toBe('done\n');
  });

  it('what a crash left in the trash: removed', async () => {
    await using box = await aSandbox();
    await box.run('true');
    const trash = `${box.directory}/.trash/default.run.0123456789ab.epoch`;
    rmSync(`${box.directory}/.trash`, { recursive: true, force: true });
    mkdirSync(join(trash, 'work'), { recursive: true });
    writeFileSync(join(trash, 'work', 'file'), '');
    await box.sandbox.sweep();
    expect(readdirSync(`${box.directory}/.trash`)).toEqual([]);
  });
});
