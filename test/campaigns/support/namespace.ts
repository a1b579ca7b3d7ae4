import { spawn } from 'node:child_process';
import { AppError } from '../../../domain/errors.ts';
import type { CampaignContext } from './campaign.ts';

/** Makes every address of both families this machine's own, inside the namespace only. */
const setUp =
  'ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo && exec "$@"';

/** Runs a script of Node in a network namespace of its own, in which every address is that process; resolves with what it printed. */
export function runInNamespace(context: CampaignContext, script: readonly string[]): Promise<string> {
  const isRoot = process.getuid?.() === 0;
  const flags = isRoot ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const inside = ['sh', '-c', setUp, 'sh', process.execPath, '--no-warnings', ...script];
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...flags, '--', ...inside], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const stop = (): void => void child.kill('SIGKILL');
    context.signal.addEventListener('abort', stop, { once: true });
    child.once('error', () => reject(cannotRun('unshare is missing')));
    child.once('close', (code) => {
      context.signal.removeEventListener('abort', stop);
      if (code === 0) resolve(output);
      else reject(cannotRun(errors.slice(0, 1000) || `ended with ${code}`));
    });
  });
}

function cannotRun(why: string): AppError {
  return new AppError('Config.Invalid', {
    what: `no network namespace could be made: ${why}`,
    mend: 'Run as root, or where users may make namespaces; unshare and ip are needed.',
  });
}
