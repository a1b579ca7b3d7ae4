import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Limits of the parser process. */
export interface ParserLimits {
  readonly maxHeapMegabytes: number;
  /** Of memory in use, heap and buffers together; checked several times a second. */
  readonly maxResidentMegabytes: number;
}

const watchMs = 100;

/**
 * Starts a parser process: empty environment, no network where the system allows a namespace of its own, no file written, no further
 * process. It is killed when it uses more memory than it may.
 */
export function startParserProcess(limits: ParserLimits): ChildProcess {
  const isolated = canIsolate();
  const child = fork(fileURLToPath(new URL('./page-parser-child.ts', import.meta.url)), [], {
    env: {},
    ...(isolated === null ? {} : { execPath: isolated.command }),
    execArgv: [
      ...(isolated?.args ?? []),
      `--max-old-space-size=${limits.maxHeapMegabytes}`,
      '--no-warnings',
      '--permission',
      '--allow-fs-read=*',
      '--allow-worker',
    ],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.on('error', () => {});
  const watch = setInterval(() => {
    if (residentMegabytes(child.pid) > limits.maxResidentMegabytes) child.kill('SIGKILL');
  }, watchMs);
  watch.unref();
  child.once('exit', () => clearInterval(watch));
  return child;
}

interface Isolation {
  readonly command: string;
  readonly args: readonly string[];
}

let isolation: Isolation | null | undefined;

/** How a process is started without a network; null where the system has no means. Tried once. */
function canIsolate(): Isolation | null {
  if (isolation !== undefined) return isolation;
  const ways = [['--net'], ['--user', '--map-root-user', '--net']];
  const works = ways.find(
    (flags) => spawnSync('unshare', [...flags, '--', 'true'], { env: { PATH: '/usr/bin:/bin' } }).status === 0,
  );
  isolation = works === undefined ? null : { command: '/usr/bin/unshare', args: [...works, '--', process.execPath] };
  return isolation;
}

function residentMegabytes(pid: number | undefined): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    return (pages * 4096) / 1_048_576;
  } catch {
    return 0;
  }
}
