import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decompress } from '../../../activities/storage/encoding.ts';
import { findInTree } from '../../../activities/sandbox/tree/tree-file.ts';
import { createMemoryObjectStore } from '../../api/memory-object-store.ts';
import { aRef, aSandbox, aSandboxScope, type SandboxFixture } from '../../activities/sandbox/sandbox-fixture.ts';
import type { HostCase, Scene } from './host-cases.ts';

/** Is the text anywhere in what was stored? */
function isStored(objects: ReadonlyMap<string, Uint8Array>, text: string): boolean {
  return [...objects].some(([key, bytes]) => {
    const plain = key.includes('/leases/') ? Buffer.from(bytes) : decompress(bytes, key);
    return plain.includes(text);
  });
}

/** A box whose store can be searched. */
async function open({ makeRuntime }: Scene) {
  const objects = createMemoryObjectStore();
  const box = await aSandbox({ runtime: makeRuntime(), objects });
  return { objects, box, [Symbol.asyncDispose]: () => box[Symbol.asyncDispose]() };
}

/** Reads everything below a directory as a careless host process would. */
function readCarelessly(directory: string): string {
  return readdirSync(directory)
    .map((name) => join(directory, name))
    .map((path) => (statSync(path).isDirectory() ? readCarelessly(path) : readFileSync(path, 'utf8')))
    .join('\n');
}

/** Runs a shell script on the host, in a directory of its own that is its home as well. */
function unboxed(script: string, look: (directory: string) => boolean): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'longhaul-control-'));
  try {
    spawnSync('/bin/bash', ['-c', script], { cwd: directory, env: { HOME: directory, PATH: '/usr/bin:/bin' } });
    return look(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const links = ({ planted }: Scene): string => {
  const { hostFile } = planted.targets;
  const folder = hostFile.slice(0, hostFile.lastIndexOf('/'));
  return `ln -s ${hostFile} result; ln -s ${folder} folder; mkdir -p d; ln -s ${hostFile} d/deep`;
};

/** Exchanges a folder and a link to the host's, for as long as it is let. */
const race = ({ planted }: Scene): string => {
  const { hostFile } = planted.targets;
  const folder = hostFile.slice(0, hostFile.lastIndexOf('/'));
  const swap = `while :; do mv d e; ln -s ${folder} d; rm d; mv e d; done`;
  return `mkdir d; echo mine > d/x; (setsid bash -c '${swap}' >/dev/null 2>&1 &); sleep 0.2`;
};

/** Start files of shells, interpreters and tools, each of which leaves a mark where it is executed. */
const traps = (mark: string): string =>
  [
    `for file in .bashrc .bash_profile .profile .bash_login; do echo 'touch ${mark}' > $file; done`,
    `echo 'import os; os.system("touch ${mark}")' | tee sitecustomize.py usercustomize.py json.py os_.py > /dev/null`,
    'mkdir -p .git/hooks .config/git .local/lib/python3.11/site-packages bin node_modules/.bin',
    `printf '#!/bin/sh\\ntouch ${mark}\\n' | tee .git/hooks/post-checkout bin/ls bin/du bin/rm node_modules/.bin/node > /dev/null`,
    'chmod -R 755 .git bin node_modules',
    `echo 'import os; os.system("touch ${mark}")' > .local/lib/python3.11/site-packages/evil.pth`,
  ].join('\n');

async function leavesTrace(box: SandboxFixture, objects: ReadonlyMap<string, Uint8Array>, secret: string) {
  if (isStored(objects, secret)) return 'the host’s file was stored';
  const { treeDigest } = await box.run('true');
  const tree = await box.trees.get('default', treeDigest ?? '', { entries: 1_000, bytes: 1_000_000 });
  const found = ['result', 'folder', 'd/deep'].map((path) => findInTree(tree.entries, path).kind);
  return found.includes('file') ? 'a link out of the workspace was followed' : null;
}

/** A number of a generator whose state was copied with its process. */
function drawSeeded(): string {
  const source = 'import random; random.seed(1); print(random.random())';
  return execFileSync('/usr/bin/python3', ['-c', source], { encoding: 'utf8' });
}

/** S7, S11, S12 and S13: what a job leaves behind for the host, for others and for later. */
export const residueCases: readonly HostCase[] = [
  {
    name: 'S7 links to files of the host in the place of results',
    attack: async (scene) => {
      await using opened = await open(scene);
      await opened.box.run(links(scene));
      return await leavesTrace(opened.box, opened.objects.objects, scene.planted.secret);
    },
    control: async (scene) =>
      unboxed(links(scene), (directory) => readCarelessly(directory).includes(scene.planted.secret)),
  },
  {
    name: 'S7 a folder exchanged for a link while the host reads',
    attack: async (scene) => {
      await using opened = await open(scene);
      for (let round = 0; round < (scene.isFull ? 30 : 3); round += 1) {
        await opened.box.run(race(scene), { before: null });
        if (isStored(opened.objects.objects, scene.planted.secret)) return 'the host’s file was stored';
      }
      return (await opened.box.processes()).length === 0 ? null : 'the process that exchanges them lives';
    },
    control: async (scene) =>
      unboxed(`mkdir e; ${links(scene)}`, (directory) => readCarelessly(directory).includes(scene.planted.secret)),
  },
  {
    name: 'S7 a pipe that nobody writes to',
    attack: async (scene) => {
      await using opened = await open(scene);
      const result = await opened.box.run('mkfifo result a b', { timeoutMs: 20_000 });
      const next = await opened.box.run('ls');
      return result.exitCode === 0 && next.stdout === '' ? null : 'the pipe is still there';
    },
    control: async () =>
      unboxed('mkfifo result; timeout 1 cat result; echo $? > code', (directory) =>
        readFileSync(join(directory, 'code'), 'utf8').includes('124'),
      ),
  },
  {
    name: 'S12 start files and tools in the workspace',
    attack: async (scene) => {
      await using opened = await open(scene);
      const mark = join(opened.box.directory, 'mark');
      await opened.box.run(traps(mark));
      await opened.box.python('1 + 1');
      await using other = await aSandbox({ runtime: scene.makeRuntime(), objects: opened.objects });
      const { treeDigest } = await opened.box.run('true');
      await other.run('true', { before: treeDigest });
      await opened.box.sandbox.sweep();
      return existsSync(mark) ? 'the host executed a file of the workspace' : null;
    },
    control: async () =>
      unboxed(`${traps('$PWD/mark')}; bash -l -c true`, (directory) => existsSync(join(directory, 'mark'))),
  },
  {
    name: 'S12 variables that execute something when they are opened',
    attack: async (scene) => {
      await using opened = await open(scene);
      const mark = join(opened.box.directory, 'mark');
      const evil = `import os\nclass Evil:\n    def __reduce__(self): return (os.system, ("touch ${mark}",))\nevil = Evil()`;
      await opened.box.python(evil);
      await opened.box.python('print(1)');
      return existsSync(mark) ? 'the host opened the variables' : null;
    },
    control: async () => {
      const evil =
        'import os, pickle\nclass E:\n    def __reduce__(self): return (os.system, ("touch mark",))\npickle.loads(pickle.dumps(E()))';
      return unboxed(`python3 -c '${evil}'`, (directory) => existsSync(join(directory, 'mark')));
    },
  },
  {
    name: 'S13 secrets of the worker in a snapshot',
    attack: async (scene) => {
      await using opened = await open(scene);
      process.env['LONGHAUL_CAMPAIGN_SECRET'] = scene.planted.targets.canary;
      try {
        await opened.box.run(
          'env > env; cat /proc/*/environ > environ 2>/dev/null; cp -r /proc/self/* . 2>/dev/null; true',
        );
      } finally {
        delete process.env['LONGHAUL_CAMPAIGN_SECRET'];
      }
      return isStored(opened.objects.objects, scene.planted.targets.canary) ? 'the secret was stored' : null;
    },
    control: async ({ planted }) => {
      const env = { SECRET: planted.targets.canary };
      return execFileSync('/bin/sh', ['-c', 'env'], { env, encoding: 'utf8' }).includes(planted.targets.canary);
    },
  },
  {
    name: 'S13 randomness after a fork',
    attack: async (scene) => {
      await using opened = await open(scene);
      const source = 'import os, random, uuid\nprint(os.urandom(8).hex(), random.random(), uuid.uuid4())';
      const { treeDigest } = await opened.box.python('import random\nx = 1');
      const job = { kind: 'python', source, timeoutMs: 60_000, before: treeDigest } as const;
      const runs = ['a', 'b'].map((runId) => opened.box.sandbox.run({ ...aRef, runId }, job, aSandboxScope()));
      const [a, b] = (await Promise.all(runs)).map(({ stdout }) => stdout.split(' '));
      return a?.some((value, index) => value === b?.[index]) === true ? 'two forks drew the same numbers' : null;
    },
    control: async () => drawSeeded() === drawSeeded(),
  },
  {
    name: 'S11 two tenants at once: files, memory, sockets, processes',
    attack: async (scene) => {
      await using opened = await open(scene);
      const writer = opened.box.python(meeting('write', scene.planted.targets.canary), { timeoutMs: 20_000 });
      const other = { ...aRef, tenant: 'other', runId: 'other' };
      const job = {
        kind: 'python',
        source: meeting('read', scene.planted.targets.canary),
        timeoutMs: 20_000,
        before: null,
      } as const;
      const seen = await opened.box.sandbox.run(other, job, aSandboxScope());
      await writer;
      return seen.stdout.trim() === '' ? null : `saw ${seen.stdout.trim()}`;
    },
    control: async ({ planted }) => {
      const mark = planted.targets.canary;
      const script = `python3 - <<'X' &\n${meeting('write', mark)}\nX\npython3 - > seen <<'X'\n${meeting('read', mark)}\nX\nwait; rm -f /tmp/${mark} /dev/shm/${mark}`;
      return unboxed(script, (directory) => readFileSync(join(directory, 'seen'), 'utf8').split(',').length >= 4);
    },
  },
];

/** One that leaves its mark wherever two could meet and waits, and one that looks there. */
function meeting(role: 'write' | 'read', mark: string): string {
  const common = [
    'import ctypes, os, socket, time',
    `mark = "${mark}"`,
    'libc = ctypes.CDLL(None, use_errno=True)',
    'key = int(mark[-7:], 16)',
    'places = ["/tmp/" + mark, "/dev/shm/" + mark, "/var/tmp/" + mark]',
  ];
  const write = [
    'for place in places:',
    '    try: open(place, "w").close()',
    '    except OSError: pass',
    'libc.shmget(key, 4096, 0o1600 | 0o66)',
    'listener = socket.socket(socket.AF_UNIX); listener.bind("\\0" + mark); listener.listen()',
    'time.sleep(3)',
    'libc.shmctl(libc.shmget(key, 4096, 0), 0, None)',
  ];
  const read = [
    'time.sleep(1.5)',
    'seen = [place for place in places if os.path.exists(place)]',
    'if libc.shmget(key, 4096, 0) >= 0: seen.append("shared memory")',
    'sock = socket.socket(socket.AF_UNIX)',
    'if sock.connect_ex("\\0" + mark) == 0: seen.append("socket")',
    'print(",".join(seen))',
  ];
  return [...common, ...(role === 'write' ? write : read)].join('\n');
}
