import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type ListenOptions, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProbeTargets } from './sandbox-probes.ts';

/** What stands on the host for the probes to find, and what saw them. */
export interface PlantedTargets {
  readonly targets: Pick<
    ProbeTargets,
    'hostPid' | 'canary' | 'hostFile' | 'port' | 'port6' | 'hostAddresses' | 'abstract' | 'socketPath'
  >;
  /** What stands in the file of the host. */
  readonly secret: string;
  /** Connections that reached the host since it was asked last. */
  readonly takeAccepted: () => number;
  /** Can each target be found and reached from the host? A probe for something that is not there would pass and prove nothing. */
  readonly isReachable: () => Promise<boolean>;
  /** Do the files on the host still have the bytes that they were given? */
  readonly isUntouched: () => Promise<boolean>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Plants them; nothing of it outlives the disposal. */
export async function plantTargets(): Promise<PlantedTargets> {
  const canary = `canary-${randomBytes(16).toString('hex')}`;
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-probe-'));
  const home = join(directory, canary);
  const hostFile = join(home, canary);
  await mkdir(home);
  const secret = `secret-${randomBytes(16).toString('hex')}`;
  await writeFile(hostFile, secret, { mode: 0o600 });
  const bystander = await startBystander(home, canary);
  const counter = { accepted: 0 };
  const abstract = `longhaul-${randomBytes(8).toString('hex')}`;
  const socketPath = join(directory, 'socket');
  const servers = [
    await listen({ host: '0.0.0.0', port: 0 }, counter),
    await listen({ path: `\0${abstract}` }, counter),
    await listen({ path: socketPath }, counter),
  ];
  const six = await listen({ host: '::1', port: 0 }, counter).catch(() => null);
  const port = portOf(servers[0]);
  return {
    targets: {
      hostPid: bystander.pid ?? 0,
      canary,
      hostFile,
      port,
      port6: six === null ? port : portOf(six),
      hostAddresses: hostAddresses(),
      abstract,
      socketPath,
    },
    secret,
    takeAccepted: () => {
      const { accepted } = counter;
      counter.accepted = 0;
      return accepted;
    },
    isReachable: async () => {
      const environ = await readFile(`/proc/${bystander.pid}/environ`, 'utf8').catch(() => '');
      await reach(connect(port, '127.0.0.1'));
      await reach(connect(`\0${abstract}`));
      await reach(connect(socketPath));
      const isSeen = counter.accepted >= 3;
      counter.accepted = 0;
      return isSeen && environ.includes(canary);
    },
    isUntouched: async () => (await readFile(hostFile, 'utf8').catch(() => '')) === secret,
    [Symbol.asyncDispose]: async () => {
      bystander.kill('SIGKILL');
      for (const server of [...servers, six]) server?.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A process whose environment, command line, directory and open file all hold the canary. */
async function startBystander(home: string, canary: string): Promise<ChildProcess> {
  const script = 'exec 9<"$1"; echo ready; while :; do /bin/sleep 60; done';
  const child = spawn('/bin/sh', ['-c', script, 'bystander', canary], {
    cwd: home,
    env: { LONGHAUL_CANARY: canary },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function listen(options: ListenOptions, counter: { accepted: number }): Promise<Server> {
  const server = createServer((socket) => {
    counter.accepted += 1;
    socket.destroy();
  });
  server.listen(options);
  await once(server, 'listening');
  return server;
}

function portOf(server: Server | undefined): number {
  const address = server?.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function reach(socket: ReturnType<typeof connect>): Promise<void> {
  try {
    await once(socket, 'close');
  } finally {
    socket.destroy();
  }
}

function hostAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
}
