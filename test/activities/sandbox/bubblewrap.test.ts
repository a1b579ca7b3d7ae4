import { readFile, stat } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { truncationNote } from '../../../activities/sandbox/adapters/bounded-output.ts';
import { aSandbox, isRoot } from './sandbox-fixture.ts';

const mebibyte = 1024 * 1024;

async function fileExists(path: () => string): Promise<void> {
  await vi.waitFor(async () => stat(path()), { timeout: 20_000, interval: 20 });
}

describe('a job', () => {
  it('shell command that fails: ran once → exit code and both streams', async () => {
    await using box = await aSandbox();
    const result = await box.run('echo once >> runs; echo out; echo problem >&2; exit 3');
    expect(result).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'problem\n', timedOut: false });
    expect(await readFile(box.path('work', 'runs'), 'utf8')).toBe('once\n');
  });

  it('streams opened by name: /dev/stdout and /dev/stderr → written like the others', async () => {
    await using box = await aSandbox();
    const result = await box.run('echo a > /dev/stdout; echo b > /dev/stderr');
    expect(result).toMatchObject({ exitCode: 0, stdout: 'a\n', stderr: 'b\n' });
  });

  it('standard input: nobody there → ends at once', async () => {
    await using box = await aSandbox();
    expect(await box.run('cat; echo done')).toMatchObject({ exitCode: 0, stdout: 'done\n' });
  });

  it('files: written by one job → importable and readable by the next', async () => {
    await using box = await aSandbox();
    await box.run('echo "answer = 42" > mine.py');
    expect(await box.python('import mine, os; print(mine.answer, os.getcwd())')).toMatchObject({
      stdout: '42 /home/user\n',
    });
  });

  it('source longer than an argument may be: shell and Python → run', async () => {
    await using box = await aSandbox();
    const padding = `# ${'x'.repeat(300_000)}\n`;
    expect((await box.run(`${padding}echo é`)).stdout).toBe('é\n');
    expect((await box.python(`${padding}print("é")`)).stdout).toBe('é\n');
  });

  it('child killed by a signal: inside the box → the code a shell gives', async () => {
    await using box = await aSandbox();
    expect((await box.run('kill -9 $$')).exitCode).toBe(137);
  });

  it('two jobs at once: one sandbox → one after the other', async () => {
    await using box = await aSandbox();
    const step = 'date +%s%N; sleep 0.2; date +%s%N';
    const results = await Promise.all([box.run(step), box.run(step), box.run(step)]);
    const times = results.flatMap(({ stdout }) => stdout.trim().split('\n').map(BigInt));
    expect(times).toHaveLength(6);
    expect(times).toEqual(times.toSorted((left, right) => (left < right ? -1 : 1)));
  });
});

describe('the end of a job', () => {
  it('daemon: double-forked in its own session, job ends → dead', async () => {
    await using box = await aSandbox();
    const result = await box.run(
      '(setsid sleep 600 >/dev/null 2>&1 &) ; (setsid sh -c "trap : TERM; sleep 600" &); echo ok',
    );
    expect(result).toMatchObject({ exitCode: 0, stdout: 'ok\n' });
    expect(await box.processes()).toEqual([]);
  });

  it('wall limit: job and its daemon go on → killed, with the output so far', async () => {
    await using box = await aSandbox();
    const source = 'trap "" TERM; (setsid sleep 600 &); echo begun; sleep 600';
    const result = await box.run(source, { timeoutMs: 1500 });
    expect(result).toMatchObject({ exitCode: null, stdout: 'begun\n', timedOut: true });
    expect(await box.processes()).toEqual([]);
  });

  it('cancel: while a job runs → its reason is thrown and nothing lives', async () => {
    await using box = await aSandbox();
    const cancel = new AbortController();
    const running = box.run('(setsid sleep 600 &); touch begun; sleep 600', {}, cancel.signal);
    const refused = running.catch(String);
    await fileExists(() => box.path('work', 'begun'));
    expect(await box.processes()).not.toEqual([]);
    cancel.abort(new Error('enough of it'));
    expect(await refused).toBe('Error: enough of it');
    expect(await box.processes()).toEqual([]);
  });

  it('cancel: before the job → nothing runs, no sandbox is made', async () => {
    await using box = await aSandbox();
    const refused = box.run('touch begun', {}, AbortSignal.abort(new Error('too late')));
    await expect(refused).rejects.toThrow('too late');
    expect(await box.sandbox.listRuns()).toEqual([]);
  });

  it('box killed from outside: job half way → Sandbox.Unavailable, and the job can run again on the files before', async () => {
    await using box = await aSandbox();
    const running = box.run('touch begun; sleep 600');
    const lost = running.catch((error: unknown) => error);
    await fileExists(() => box.path('work', 'begun'));
    // The first is the process outside the box; the others die with it.
    for (const pid of (await box.processes()).toSorted((a, b) => a - b)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Died with the one before.
      }
    }
    // Not root: only the box's own processes are found, and bwrap outside reports their end as the job's.
    expect(await lost).toMatchObject(isRoot ? { type: 'Sandbox.Unavailable' } : { exitCode: 137 });
    expect(await box.run('ls', { before: null })).toMatchObject({ exitCode: 0, stdout: '' });
  });
});

describe('limits', () => {
  it('processes: fork without end → refused at the limit, and all dead after', async () => {
    await using box = await aSandbox({ limits: { processes: 40 } });
    const source = [
      'import os, signal',
      'count = 0',
      'try:',
      '    while count < 500:',
      '        if os.fork() == 0: signal.pause()',
      '        count += 1',
      'except BlockingIOError: print(count)',
    ].join('\n');
    const count = Number((await box.python(source)).stdout);
    expect(count).toBeGreaterThan(20);
    expect(count).toBeLessThan(40);
    expect(await box.processes()).toEqual([]);
  });

  it('fork bomb: until the wall limit → killed whole', async () => {
    await using box = await aSandbox({ limits: { processes: 40 } });
    const result = await box.run('bomb() { bomb | bomb & }; bomb; sleep 600', { timeoutMs: 1500 });
    expect(result.timedOut).toBe(true);
    expect(await box.processes()).toEqual([]);
  });

  it('memory: one process takes more than its limit → MemoryError', async () => {
    await using box = await aSandbox({ limits: { memoryBytes: 256 * mebibyte } });
    const result = await box.python('bytearray(300 * 1024 * 1024)');
    expect(result.exitCode).toBe(1);
    expect(result.report).toContain('MemoryError');
  });

  it('one file: longer than its limit → refused', async () => {
    await using box = await aSandbox({ limits: { fileBytes: mebibyte } });
    const result = await box.run('head -c 3000000 /dev/zero > big');
    expect(result.exitCode).not.toBe(0);
    expect((await stat(box.path('work', 'big'))).size).toBe(mebibyte);
  });

  it('/tmp and /dev/shm: filled → full at their size, and empty in the next job', async () => {
    await using box = await aSandbox({ limits: { tmpBytes: 2 * mebibyte, shmBytes: mebibyte } });
    const result = await box.run('cat /dev/zero > /tmp/x; cat /dev/zero > /dev/shm/x; stat -c %s /tmp/x /dev/shm/x');
    expect(result.stdout).toBe(`${2 * mebibyte}\n${mebibyte}\n`);
    expect((await box.run('ls /tmp /dev/shm')).stdout).toBe('/dev/shm:\n\n/tmp:\n');
  });

  it('output: 200 MB on both streams → drained, cut with a note', async () => {
    await using box = await aSandbox();
    const result = await box.run('yes é | head -c 100000000; yes ü | head -c 100000000 >&2');
    expect(result.exitCode).toBe(0);
    for (const stream of [result.stdout, result.stderr]) {
      expect(stream.endsWith(truncationNote)).toBe(true);
      expect(Array.from(stream)).toHaveLength(20_000 + truncationNote.length);
    }
  });

  it('workspace: job ends over the quota → files put back, with a note', async () => {
    await using box = await aSandbox({ limits: { workspaceBytes: 2 * mebibyte } });
    await box.run('echo kept > kept');
    const result = await box.run('head -c 4000000 /dev/zero > big; rm kept; echo bad >&2');
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(
      /^bad\nthe files of the workspace have more than 2097152 bytes: the files were put back/,
    );
    expect((await box.run('ls')).stdout).toBe('kept\n');
  });

  it('workspace: files without end, then waiting → ended by the watch, not the wall limit', async () => {
    await using box = await aSandbox({ limits: { workspaceFiles: 50 } });
    const result = await box.run('for i in $(seq 200); do : > f$i; done; sleep 600');
    expect(result).toMatchObject({ exitCode: null, timedOut: false });
    expect(result.stderr).toContain('its limit is 50');
    expect(result.treeDigest).toBeNull();
    expect((await box.run('ls')).stdout).toBe('');
  });
});
