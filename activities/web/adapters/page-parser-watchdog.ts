/** A thread beside the parser: kills the process when its parent is gone, however busy the parser is. */
import { workerData } from 'node:worker_threads';
import { z } from 'zod';

const { parentPid } = z.object({ parentPid: z.int() }).parse(workerData);
setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
}, 1000);
