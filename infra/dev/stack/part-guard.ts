import { spawn } from 'node:child_process';

/**
 * Reads `+pid` and `-pid` lines; when standard input closes without `done`, which is what happens when the process that
 * holds the other end dies, however it dies, it ends every process group that is still listed.
 */
const guardScript = `
pids=
while read -r word; do
  case "$word" in
    done) exit 0 ;;
    +*) pids="$pids \${word#+}" ;;
    -*) kept=
      for pid in $pids; do [ "$pid" = "\${word#-}" ] || kept="$kept $pid"; done
      pids=$kept ;;
  esac
done
for pid in $pids; do kill -TERM "$pid" 2>/dev/null; done
i=0
while [ "$i" -lt 60 ]; do
  alive=
  for pid in $pids; do kill -0 "$pid" 2>/dev/null && alive=1; done
  [ -z "$alive" ] && break
  sleep 0.1
  i=$((i + 1))
done
for pid in $pids; do kill -KILL -- "-$pid" 2>/dev/null; done
exit 0`;

/** Sees to it that no part outlives this process, even when it is killed with SIGKILL. */
export interface PartGuard {
  /** From now on this process group is ended when we are gone. */
  readonly watch: (pid: number) => void;
  readonly forget: (pid: number) => void;
  /** All parts are gone; the guard ends without touching anything. */
  readonly dismiss: () => void;
}

/** Starts the guard: one small shell in its own process group, which Ctrl-C does not reach. */
export function startPartGuard(): PartGuard {
  const guard = spawn('/bin/sh', ['-c', guardScript], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  // The handle under the stream has unref(); the declared type of a Writable does not say so.
  if ('unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref();
  guard.on('error', () => {});
  guard.stdin.on('error', () => {});
  return {
    watch: (pid) => void guard.stdin.write(`+${pid}\n`),
    forget: (pid) => void guard.stdin.write(`-${pid}\n`),
    dismiss: () => void guard.stdin.end('done\n'),
  };
}
