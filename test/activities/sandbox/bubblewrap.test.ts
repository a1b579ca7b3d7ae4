import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { truncationNote } from '../../../activities/sandbox/adapters/bounded-output.ts';
import { createBubblewrapSandbox } from '../../../activities/sandbox/adapters/bubblewrap.ts';
import { aSandbox, isRoot } from './sandbox-fixture.ts';

const mebibyte = 1024 * 1024;

async function fileExists(path: string): Promise<void> {
  await vi.waitFor(async () => stat(path), { timeout: 20_000, interval: 20 });
}

describe('a job', () => {
  it('shell command that fails: ran once → exit code and both streams', async () => {
    await using box = await aSandbox();
    const result = await box.run('echo once >> runs; echo out; echo problem >&2; exit 3');
    expect(result).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'problem\n', timedOut: false });
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

  it('Python error: uncaught → exit 1 and a traceback with the source line', async () => {
    await using box = await aSandbox();
    const result = await box.python('print("before")\ndef half(x):\n    return x / 0\nhalf(1)');
    expect(result).toMatchObject({ exitCode: 1, stdout: 'before\n', timedOut: false });
    expect(result.stderr).toContain('return x / 0');
    expect(result.stderr).toContain('ZeroDivisionError');
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
    const step = 'n=$(cat n 2>/dev/null || echo 0); sleep 0.2; echo $((n + 1)) > n';
    await Promise.all([box.run(step), box.run(step), box.run(step)]);
    expect(await readFile(box.path('work', 'n'), 'utf8')).toBe('3\n');
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
    await fileExists(box.path('work', 'begun'));
    expect(await box.processes()).not.toEqual([]);
    cancel.abort(new Error('enough of it'));
    expect(await refused).toBe('Error: enough of it');
    expect(await box.processes()).toEqual([]);
  });

  it('cancel: before the job → nothing runs', async () => {
    await using box = await aSandbox();
    const refused = box.run('touch begun', {}, AbortSignal.abort(new Error('too late')));
    await expect(refused).rejects.toThrow('too late');
    expect(await readdir(box.path('work'))).toEqual([]);
  });

  it('box killed from outside: job half way → Sandbox.Unavailable, so that the slot runs again', async () => {
    await using box = await aSandbox();
    const running = box.run('touch begun; sleep 600', { seq: 1 });
    const lost = running.catch((error: unknown) => error);
    await fileExists(box.path('work', 'begun'));
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
    expect(await box.run('ls', { seq: 1 })).toMatchObject({ exitCode: 0, stdout: '' });
  });
});

describe('a worker that dies', () => {
  it('SIGKILL of the worker: job under way → the box dies with it', async () => {
    await using box = await aSandbox();
    const driver = new URL('../../../activities/sandbox/adapters/bubblewrap.ts', import.meta.url).href;
    const script = `
      const { createBubblewrapSandbox } = await import(${JSON.stringify(driver)});
      const sandbox = createBubblewrapSandbox({ directory: ${JSON.stringify(box.directory)} });
      const job = { kind: 'shell', source: '(setsid sleep 600 &); touch begun; sleep 600', timeoutMs: 600000, seq: 1 };
      await sandbox.run(${JSON.stringify(box.ref)}, job, new AbortController().signal);`;
    const worker = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
    await fileExists(box.path('work', 'begun'));
    worker.kill('SIGKILL');
    await vi.waitFor(async () => expect(await box.processes()).toEqual([]), { timeout: 20_000, interval: 20 });
    expect(await box.run('ls', { seq: 1 })).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('process of the sandbox left on the host: next job → killed before the files are copied', async () => {
    await using box = await aSandbox();
    const drop = isRoot ? ['setpriv', `--reuid=${await readFile(box.path('uid'), 'utf8')}`, '--clear-groups'] : ['env'];
    const stray = spawn('/usr/bin/env', [...drop, 'sleep', '600'], { stdio: 'ignore' });
    const ended = once(stray, 'exit');
    await vi.waitFor(async () => expect(await box.processes()).toHaveLength(isRoot ? 1 : 0), { timeout: 20_000 });
    const running = box.run('touch begun; until [ -e go ]; do sleep 0.05; done');
    await fileExists(box.path('work', 'begun'));
    expect(await box.processes()).not.toContain(stray.pid);
    await writeFile(box.path('work', 'go'), '');
    await running;
    // Without a uid of its own it is not known for one of ours.
    if (!isRoot) stray.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
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
    expect(result.stderr).toContain('MemoryError');
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
      /^bad\n\nthe workspace holds [0-9]+ bytes, its limit is 2097152: the files were put back/,
    );
    expect(await readdir(box.path('work'))).toEqual(['kept']);
  });

  it('workspace: files without end, then waiting → ended by the watch, not the wall limit', async () => {
    await using box = await aSandbox({ limits: { workspaceFiles: 50 } });
    const result = await box.run('for i in $(seq 200); do : > f$i; done; sleep 600');
    expect(result).toMatchObject({ exitCode: null, timedOut: false });
    expect(result.stderr).toContain('its limit is 50');
    expect(await readdir(box.path('work'))).toEqual([]);
  });
});

describe('the workspace and its slots', () => {
  it('same slot again: after a job that changed files → the files are as before it', async () => {
    await using box = await aSandbox();
    await box.run('echo one > log', { seq: 1 });
    await box.run('echo two >> log; mkdir made; chmod 0 made', { seq: 2 });
    const again = await box.run('cat log; ls', { seq: 2 });
    expect(again.stdout).toBe('one\nlog\n');
  });

  it('next slot: after a job → keeps what it left', async () => {
    await using box = await aSandbox();
    await box.run('echo one > log', { seq: 1 });
    expect((await box.run('echo two >> log; cat log', { seq: 2 })).stdout).toBe('one\ntwo\n');
  });

  it('copies: of older slots → removed', async () => {
    await using box = await aSandbox();
    for (const seq of [3, 5, 9]) await box.run('true', { seq });
    expect((await readdir(box.path())).filter((name) => name.startsWith('before'))).toEqual(['before-9']);
  });

  it('crash half way through a restore: no workspace → made again from the copy', async () => {
    await using box = await aSandbox();
    await box.run('echo one > log', { seq: 1 });
    await box.run('echo two >> log', { seq: 2 });
    await rm(box.path('work'), { recursive: true });
    expect((await box.run('cat log', { seq: 2 })).stdout).toBe('one\n');
  });

  it('crash half way through a copy: partial copy left → not taken for a whole one', async () => {
    await using box = await aSandbox();
    await box.run('echo one > log', { seq: 1 });
    await mkdir(box.path('before.new'));
    await writeFile(box.path('before.new', 'half'), 'of another time');
    await box.run('rm log', { seq: 2 });
    expect((await box.run('ls', { seq: 2 })).stdout).toBe('log\n');
  });

  it('odd files: links, pipes, closed directories → copied as they are, never followed', async () => {
    await using box = await aSandbox();
    await box.run('ln -s /etc/shadow link; mkfifo pipe; echo x > plain', { seq: 1 });
    await box.run('rm link', { seq: 2 });
    await box.run('true', { seq: 2 });
    expect((await lstat(box.path('work', 'link'))).isSymbolicLink()).toBe(true);
    expect((await lstat(box.path('work', 'pipe'))).isFIFO()).toBe(true);
  });

  it('home closed by a job: next slot → open again', async () => {
    await using box = await aSandbox();
    await box.run('echo one > log; chmod 0 .', { seq: 1 });
    expect(await box.run('cat log', { seq: 2 })).toMatchObject({ exitCode: 0, stdout: 'one\n' });
  });

  it('sandbox that exists: created again → kept', async () => {
    await using box = await aSandbox();
    await box.run('echo mine > file');
    await Promise.all([box.sandbox.create(box.ref), box.sandbox.create(box.ref)]);
    expect((await box.run('cat file')).stdout).toBe('mine\n');
  });
});

describe('destroy', () => {
  it('run with a job under way: destroyed → processes and files gone, the job is told', async () => {
    await using box = await aSandbox();
    const running = box.run('(setsid sleep 600 &); touch begun; sleep 600');
    const told = running.catch((error: unknown) => error);
    await fileExists(box.path('work', 'begun'));
    expect(await box.processes()).not.toEqual([]);
    await box.sandbox.destroy('run');
    expect(await told).toMatchObject({ type: 'Input.NotFound' });
    expect(await box.processes()).toEqual([]);
    expect(await box.sandbox.exists(box.ref)).toBe(false);
    expect(await box.sandbox.listRuns()).toEqual([]);
    expect(await readdir(`${box.directory}/.trash`)).toEqual([]);
    expect(await readdir(`${box.directory}/.uids`).catch(() => [])).toEqual([]);
  });

  it('again, and of no run: destroyed → nothing happens, others stay', async () => {
    await using box = await aSandbox();
    await box.sandbox.create({ runId: 'other', sandboxId: 'box' });
    await box.sandbox.destroy('run');
    await box.sandbox.destroy('run');
    await box.sandbox.destroy('never');
    expect(await box.sandbox.listRuns()).toEqual(['other']);
  });

  it('traps in the workspace: links to host files, closed and deep directories → removed, hosts files stay', async () => {
    await using box = await aSandbox();
    await box.run(`ln -s ${box.directory} out; mkdir -p a/b; chmod 0 a/b; chmod 0 a`);
    const deep = 'import os\nfor _ in range(3000):\n    os.mkdir("deep"); os.chdir("deep")';
    expect((await box.python(deep)).exitCode).toBe(0);
    await box.sandbox.create({ runId: 'other', sandboxId: 'box' });
    await box.sandbox.destroy('run');
    expect(await box.sandbox.listRuns()).toEqual(['other']);
    expect(await readdir(`${box.directory}/.trash`)).toEqual([]);
  });
});

describe('what is refused', () => {
  const unsafe = ['../run', 'a/b', '', '.', '..', 'a\0b', 'a b', '.uids', 'x'.repeat(129)];
  it.each(unsafe)('id %j: not safe in a path → Input.Invalid', async (id) => {
    await using box = await aSandbox();
    const invalid = { type: 'Input.Invalid' };
    await expect(box.sandbox.create({ runId: id, sandboxId: 'box' })).rejects.toMatchObject(invalid);
    await expect(box.sandbox.create({ runId: 'run', sandboxId: id })).rejects.toMatchObject(invalid);
    await expect(box.sandbox.exists({ runId: 'run', sandboxId: id })).rejects.toMatchObject(invalid);
    await expect(box.sandbox.destroy(id)).rejects.toMatchObject(invalid);
    expect(await box.sandbox.listRuns()).toEqual(['run']);
  });

  it('sandbox that does not exist: run → Input.NotFound', async () => {
    await using box = await aSandbox();
    const job = { kind: 'shell', source: 'true', timeoutMs: 1000, seq: 0 } as const;
    const signal = new AbortController().signal;
    const running = box.sandbox.run({ runId: 'run', sandboxId: 'none' }, job, signal);
    await expect(running).rejects.toMatchObject({ type: 'Input.NotFound' });
  });

  it.each([{ timeoutMs: 0 }, { timeoutMs: Number.NaN }, { seq: -1 }, { seq: 1.5 }])(
    'job %j → Input.Invalid',
    async (job) => {
      await using box = await aSandbox();
      await expect(box.run('true', job)).rejects.toMatchObject({ type: 'Input.Invalid' });
    },
  );

  it('bubblewrap missing: create → Config.Invalid with its name and the mend', async () => {
    await using box = await aSandbox();
    const sandbox = createBubblewrapSandbox({ directory: box.directory, bwrapPath: '/nowhere/bwrap' });
    const made = sandbox.create({ runId: 'new', sandboxId: 'box' });
    await expect(made).rejects.toThrow(/bubblewrap is missing \(\/nowhere\/bwrap\).*apt-get install -y bubblewrap/);
  });

  it('bubblewrap that cannot build the box: run → Sandbox.Unavailable, not a result', async () => {
    await using box = await aSandbox({ bwrapPath: '/bin/false' });
    await expect(box.run('true')).rejects.toMatchObject({ type: 'Sandbox.Unavailable' });
  });
});
