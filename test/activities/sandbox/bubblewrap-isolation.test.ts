import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { createHostDriver } from '../../../activities/sandbox/adapters/host-driver.ts';
import { aRef, aSandbox, aSandboxScope, isRoot } from './sandbox-fixture.ts';

const execute = promisify(execFile);

describe('host and box', () => {
  it('host files: read or written from inside → refused', async () => {
    await using box = await aSandbox();
    const source = [
      `for path in /etc/shadow /etc/hostname /root /var /sys ${process.cwd()} ${box.directory}; do`,
      '  ls "$path" >/dev/null 2>&1 && echo "saw $path"',
      'done',
      'for path in /x /usr/x /etc/x /dev/x /run/job/x /proc/sys/kernel/core_pattern; do',
      '  (echo x > "$path") 2>/dev/null && echo "wrote $path"',
      'done; echo end',
    ].join('\n');
    expect((await box.run(source)).stdout).toBe('end\n');
  });

  it('environment: of the box and of its process 1 → ours only', async () => {
    await using box = await aSandbox();
    const source = 'tr "\\0" "\\n" </proc/1/environ | cut -d= -f1 | sort; echo; env | cut -d= -f1 | sort';
    const { stdout } = await box.run(source);
    expect(stdout).toBe(
      'HOME\nLANG\nPATH\nPWD\nPYTHONDONTWRITEBYTECODE\nPYTHONHASHSEED\n\nHOME\nLANG\nPATH\nPWD\nPYTHONDONTWRITEBYTECODE\nPYTHONHASHSEED\nSHLVL\n_\n',
    );
  });

  it('environment: of every process outside and inside the box → nothing of the worker', async () => {
    await using box = await aSandbox();
    vi.stubEnv('LONGHAUL_TEST_SECRET', 'canary');
    const running = box.run('touch begun; sleep 600', { timeoutMs: 1500 });
    await vi.waitFor(async () => stat(box.path('work', 'begun')), { timeout: 20_000, interval: 20 });
    const pids = await box.processes();
    const environs = await Promise.all(
      pids.map(async (pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
    );
    vi.unstubAllEnvs();
    expect(environs.length).toBeGreaterThan(1);
    expect(environs.join()).toContain('HOME=/home/user');
    expect(environs.join()).not.toContain('canary');
    await running;
  });

  it('memory short on the host: OOM killer → takes the box first', async () => {
    await using box = await aSandbox();
    expect((await box.run('cat /proc/self/oom_score_adj; ulimit -c')).stdout).toBe('1000\n0\n');
  });

  it('identity: inside → an ordinary user without groups or capabilities, no way to more', async () => {
    await using box = await aSandbox();
    const { stdout } = await box.run(
      'id; grep -E "^(Groups|NoNewPrivs|Cap)" /proc/self/status; unshare -U true && echo escaped',
    );
    expect(stdout.replaceAll(/[ \t]+/g, ' ')).toBe(
      [
        'uid=1000(user) gid=1000(user) groups=1000(user)',
        'Groups: ',
        ...['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => `${name}: 0000000000000000`),
        'NoNewPrivs: 1\n',
      ].join('\n'),
    );
  });

  it('uid on the host: two sandboxes → each its own when the worker is root', async () => {
    await using box = await aSandbox();
    await box.run('touch file');
    const other = { ...aRef, sandboxId: 'other' };
    const job = { kind: 'shell', source: 'true', timeoutMs: 60_000, before: null } as const;
    await box.sandbox.run(other, job, aSandboxScope());
    const [mine, theirs] = [await stat(box.path('work', 'file')), await stat(box.pathOf(other, 'work'))];
    const isOwn = mine.uid >= 100_000 && mine.gid === mine.uid && theirs.uid >= 100_000 && theirs.uid !== mine.uid;
    const { uid, weaker } = await box.driver.describe();
    expect({ uid, isOwn, saysShared: weaker.join().includes('not root') }).toEqual(
      isRoot ? { uid: 'own', isOwn: true, saysShared: false } : { uid: 'shared', isOwn: false, saysShared: true },
    );
  });

  it('uid file: says root under a root worker → Sandbox.Unsafe, never a box of root', async () => {
    await using box = await aSandbox();
    await box.run('true');
    if (isRoot) await writeFile(box.path('uid'), '0 someone');
    const { sandbox } = await aSandbox({ directory: box.directory, objects: box.objects });
    const job = { kind: 'shell', source: 'id -u', timeoutMs: 60_000, before: null } as const;
    const ran = await sandbox.run(aRef, job, aSandboxScope()).catch((error: unknown) => error);
    expect(ran).toMatchObject(isRoot ? { type: 'Sandbox.Unsafe' } : { stdout: '1000\n' });
  });

  it('network: host listener, and a name → refused, and the listener saw nobody', async () => {
    await using box = await aSandbox();
    let accepted = 0;
    const server = createServer((socket) => {
      accepted += 1;
      socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const source = [
      'import socket',
      `for host, port in [("127.0.0.1", ${port}), ("169.254.169.254", 80), ("1.1.1.1", 53), ("localhost", ${port})]:`,
      '    try: socket.create_connection((host, port), 2); print("reached", host)',
      '    except OSError: pass',
      'try: socket.getaddrinfo("example.com", 80); print("resolved")',
      'except OSError: print("end")',
    ].join('\n');
    expect((await box.python(source)).stdout).toBe('end\n');
    server.close();
    expect(accepted).toBe(0);
  });

  it('processes: of the host → not seen, nor signalled', async () => {
    await using box = await aSandbox();
    const { stdout } = await box.run(`ls /proc | grep -c '^[0-9]*$'; kill -0 ${process.pid} 2>/dev/null && echo seen`);
    expect(Number(stdout)).toBeLessThan(10);
  });

  it('descriptors: worker holds some that survive exec → none is in the box', async () => {
    await using box = await aSandbox();
    const driver = new URL('../../../activities/sandbox/adapters/host-driver.ts', import.meta.url).href;
    const script = `
      const { createHostDriver } = await import(${JSON.stringify(driver)});
      const { readlinkSync } = await import('node:fs');
      const driver = createHostDriver({ directory: ${JSON.stringify(box.directory)} });
      const { workspace } = await driver.open(${JSON.stringify(aRef)}, { epoch: 1, nonce: '0123456789ab' }, null);
      const source = 'import os\\nfor fd in os.listdir("/proc/self/fd"):\\n  try: os.fstat(int(fd)); print(fd)\\n  except OSError: pass';
      const job = { kind: 'python', source, timeoutMs: 60000, before: null };
      const result = await workspace.run(job, new AbortController().signal);
      console.log(JSON.stringify({ inside: result.stdout.trim().split('\\n').sort(), held: readlinkSync('/proc/self/fd/37') }));`;
    // Descriptor 37 lies behind a gap, where Node does not mark it close-on-exec.
    const command = [
      '-c',
      'exec 37</etc/hostname; exec "$@"',
      'run',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    const { stdout } = await execute('/bin/bash', command);
    expect(JSON.parse(stdout)).toEqual({ inside: ['0', '1', '2'], held: '/etc/hostname' });
  });

  it('other workspaces: same run, another sandbox → not visible by any path', async () => {
    await using box = await aSandbox();
    const other = { ...aRef, sandboxId: 'other' };
    const job = { kind: 'shell', source: 'echo secret-of-the-other > note', timeoutMs: 60_000, before: null } as const;
    await box.sandbox.run(other, job, aSandboxScope());
    expect(await readFile(box.pathOf(other, 'work', 'note'), 'utf8')).toContain('secret');
    const { stdout } = await box.run('grep -rls secret-of-the-other /home /tmp /run /etc /dev/shm; ls /home; ls -A');
    expect(stdout).toBe('/run/job/main\nuser\n');
  });

  it('directory that others cannot pass: root worker → Config.Invalid naming it and the mend', async () => {
    await using box = await aSandbox();
    const closed = `${box.directory}/closed`;
    await mkdir(closed);
    await chmod(closed, 0o700);
    const driver = createHostDriver({ directory: `${closed}/boxes` });
    const made = await driver.checkHost().then(() => 'made', String);
    const refused = new RegExp(`${closed} is closed to others.*chmod o\\+x ${closed}`);
    expect(made).toMatch(isRoot ? refused : /^made$/);
  });
});
