import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { SandboxLimits } from '../../../activities/sandbox/adapters/sandbox-limits.ts';
import type { SandboxResult } from '../../../activities/sandbox/ports.ts';
import { aSandbox, type SandboxFixture } from '../../activities/sandbox/sandbox-fixture.ts';
import type { HostCase, Scene } from './host-cases.ts';

const mebibyte = 1024 * 1024;

/** Time that may pass after a limit until all is dead, and the step has ended. */
const graceMs = 10_000;

interface Bomb {
  readonly name: string;
  readonly kind: 'shell' | 'python';
  readonly source: string;
  readonly limits?: Partial<SandboxLimits>;
  readonly timeoutMs?: number;
  /** Was it held, by what the step says? */
  readonly isHeld: (result: SandboxResult) => boolean;
  /** Python that ends with "out" when nothing holds it; bounded. */
  readonly control: string;
}

const bombs: readonly Bomb[] = [
  {
    name: 'S9 a fork bomb',
    kind: 'shell',
    source: 'bomb() { bomb | bomb & }; bomb; sleep 600',
    timeoutMs: 2_000,
    isHeld: ({ exitCode }) => exitCode !== 0,
    control: [
      'import os, signal',
      'children = []',
      'for _ in range(200):',
      '    pid = os.fork()',
      '    if pid == 0: signal.pause()',
      '    children.append(pid)',
      'for pid in children: os.kill(pid, 9); os.waitpid(pid, 0)',
      'print("out")',
    ].join('\n'),
  },
  {
    name: 'S9 memory of one process',
    kind: 'python',
    source: 'x = bytearray(600 * 1024 * 1024); x[::4096] = b"x" * len(x[::4096]); print("out")',
    limits: { memoryBytes: 256 * mebibyte },
    isHeld: ({ stdout }) => !stdout.includes('out'),
    control: 'x = bytearray(600 * 1024 * 1024); x[::4096] = b"x" * len(x[::4096]); print("out")',
  },
  {
    name: 'S9 files without end',
    kind: 'python',
    source: 'for n in range(20000): open(f"f{n}", "w").close()\nprint("out")',
    limits: { workspaceFiles: 1_000 },
    isHeld: ({ isRolledBack }) => isRolledBack,
    control:
      'import tempfile\nwith tempfile.TemporaryDirectory() as d:\n  for n in range(2000): open(f"{d}/f{n}", "w").close()\nprint("out")',
  },
  {
    name: 'S9 a disk filled',
    kind: 'shell',
    source: 'for i in 1 2 3 4 5 6 7 8; do head -c 20000000 /dev/urandom > f$i; done; sleep 600',
    limits: { workspaceBytes: 20 * mebibyte },
    timeoutMs: 60_000,
    isHeld: ({ isRolledBack }) => isRolledBack,
    control: 'import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b"x" * 40_000_000)\nprint("out")',
  },
  {
    name: 'S9 one endless file',
    kind: 'shell',
    source: 'cat /dev/zero > big; ls -l big',
    limits: { fileBytes: 5 * mebibyte },
    isHeld: ({ stdout }) => stdout.includes(` ${5 * mebibyte} `),
    control: 'import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b"x" * 40_000_000)\nprint("out")',
  },
  {
    name: 'S9 a giant of holes',
    kind: 'shell',
    source: 'for i in $(seq 8); do truncate -s 400M hole$i; done',
    isHeld: ({ isRolledBack }) => isRolledBack,
    control: 'import tempfile\nwith tempfile.TemporaryFile() as f: f.truncate(1 << 32)\nprint("out")',
  },
  {
    name: 'S9 /tmp and /dev/shm filled',
    kind: 'shell',
    source: 'cat /dev/zero > /tmp/x; cat /dev/zero > /dev/shm/x; stat -c %s /tmp/x /dev/shm/x',
    limits: { tmpBytes: 4 * mebibyte, shmBytes: 2 * mebibyte },
    isHeld: ({ stdout }) =>
      stdout
        .split('\n')
        .filter(Boolean)
        .every((size) => Number(size) <= 4 * mebibyte),
    control:
      'import tempfile\nwith tempfile.TemporaryFile(dir="/dev/shm") as f: f.write(b"x" * 10_000_000)\nprint("out")',
  },
  {
    name: 'S9 descriptors without end',
    kind: 'python',
    source:
      'files = []\ntry:\n  while True: files.append(open("/dev/null"))\nexcept OSError: print(len(files))\nfor f in files: f.close()\ndel files, f',
    limits: { openFiles: 200 },
    isHeld: ({ stdout }) => Number(stdout) > 0 && Number(stdout) < 200,
    control: 'files = [open("/dev/null") for _ in range(500)]\nprint("out")',
  },
  {
    name: 'S9 spins, and ignores every signal',
    kind: 'python',
    source:
      'import os, signal\nfor n in range(1, 32):\n  try: signal.signal(n, signal.SIG_IGN)\n  except (OSError, ValueError): pass\nfor _ in range(4):\n  if os.fork() == 0: break\nwhile True: pass',
    timeoutMs: 1_500,
    isHeld: ({ timedOut }) => timedOut,
    control:
      'import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.kill(os.getpid(), signal.SIGTERM)\nprint("out")',
  },
  {
    name: 'S9 stops everything of its own',
    kind: 'shell',
    source: 'kill -STOP -1; sleep 600',
    timeoutMs: 1_500,
    isHeld: ({ timedOut }) => timedOut,
    control:
      'import os, signal, subprocess\np = subprocess.Popen(["sleep", "9"])\np.send_signal(signal.SIGSTOP)\nprint("out")\np.kill()',
  },
];

async function open({ makeRuntime }: Scene, limits: Partial<SandboxLimits> = {}): Promise<SandboxFixture> {
  return aSandbox({ runtime: makeRuntime(), limits });
}

async function throwBomb(scene: Scene, bomb: Bomb): Promise<string | null> {
  await using box = await open(scene, bomb.limits);
  const { kind, source, timeoutMs = 60_000 } = bomb;
  const startedMs = performance.now();
  const result = await box.run(source, { kind, timeoutMs });
  const tookMs = performance.now() - startedMs;
  if (tookMs > timeoutMs + graceMs) return `took ${Math.round(tookMs)} ms`;
  const left = await box.processes();
  if (left.length > 0) return `${left.length} processes live`;
  if (!bomb.isHeld(result)) return `was not held: ${JSON.stringify(result).slice(0, 200)}`;
  const next = await box.run('echo next', { before: null });
  return next.stdout === 'next\n' ? null : 'nothing runs after it';
}

function runControl(source: string): boolean {
  const end = spawnSync('/usr/bin/python3', ['-c', source], { encoding: 'utf8', timeout: 60_000 });
  return end.stdout.includes('out');
}

/** Leaves a process behind that is nobody's child any more, and says which. */
const daemon = 'setsid sleep 600 >/dev/null 2>&1 & echo $!';

/** S9: what uses more than its share, and what does not end. */
export const bombCases: readonly HostCase[] = [
  ...bombs.map((bomb): HostCase => ({
    name: bomb.name,
    attack: (scene) => throwBomb(scene, bomb),
    control: async () => runControl(bomb.control),
  })),
  {
    name: 'S9 a daemon that outlives its step',
    attack: async (scene) => {
      await using box = await open(scene);
      await box.run(`(${daemon}); (${daemon})`);
      return (await box.processes()).length === 0 ? null : 'it lives';
    },
    control: async () => {
      const child = spawn('/bin/bash', ['-c', daemon], { stdio: ['ignore', 'pipe', 'ignore'] });
      const [line] = await once(child.stdout, 'data');
      await once(child, 'exit');
      const pid = Number(String(line).trim());
      try {
        return process.kill(pid, 0);
      } finally {
        process.kill(pid, 'SIGKILL');
      }
    },
  },
  {
    name: 'S9 others while one spins',
    attack: async (scene) => {
      await using box = await open(scene, { cpus: 1 });
      const spin = box.run('for i in 1 2 3 4; do while :; do :; done & done; wait', { timeoutMs: 4_000 });
      await using other = await open(scene);
      const result = await other.run('echo there', { timeoutMs: 3_000 });
      await spin;
      return result.stdout === 'there\n' ? null : 'another sandbox did not come to work';
    },
    control: async () =>
      runControl('import time\nt = time.process_time()\nwhile time.process_time() - t < 0.3: pass\nprint("out")'),
  },
];
