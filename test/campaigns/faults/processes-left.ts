import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Processes whose environment or command line holds one of the texts. */
async function findProcesses(marks: readonly string[]): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
      const [environ, cmdline] = await Promise.all([read('environ'), read('cmdline')]);
      const isOurs = marks.some((mark) => environ.includes(mark) || cmdline.includes(mark));
      return isOurs ? `process ${pid} is left: ${cmdline.replaceAll('\0', ' ').slice(0, 200)}` : null;
    }),
  );
  return found.filter((line) => line !== null);
}

/** Processes of an arena that is closed and that are still there after a while. */
export async function findOrphans(marks: readonly string[], patienceMs = 10_000): Promise<string[]> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const left = await findProcesses(marks);
    if (left.length === 0 || performance.now() > deadline) return left;
    await delay(200);
  }
}
