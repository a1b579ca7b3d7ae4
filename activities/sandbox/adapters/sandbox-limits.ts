/** What one sandbox may use. Every bound holds for each job. */
export interface SandboxLimits {
  /** Processes and threads alive at once. */
  readonly processes: number;
  /** Memory of the box, /tmp and /dev/shm included, where a control group holds it; else address space of each process. */
  readonly memoryBytes: number;
  /** Processors' worth of time, where a control group holds it. */
  readonly cpus: number;
  /** Largest file that a process may write. */
  readonly fileBytes: number;
  readonly openFiles: number;
  /** Size of /tmp, which is memory. */
  readonly tmpBytes: number;
  /** Size of /dev/shm, which is memory. */
  readonly shmBytes: number;
  /** Disk of the workspace; a job that ends above it has its files put back. */
  readonly workspaceBytes: number;
  /** Files and directories of the workspace, under the same rule. */
  readonly workspaceFiles: number;
  /** Code points kept of each output stream. Source: mirothinker, limit of `run_command` results. */
  readonly outputCodePoints: number;
}

const mebibyte = 1024 * 1024;

/** Limits of a sandbox that nobody configured. */
export const defaultSandboxLimits: SandboxLimits = {
  processes: 128,
  memoryBytes: 2048 * mebibyte,
  cpus: 2,
  fileBytes: 512 * mebibyte,
  openFiles: 1024,
  tmpBytes: 256 * mebibyte,
  shmBytes: 64 * mebibyte,
  workspaceBytes: 1024 * mebibyte,
  workspaceFiles: 100_000,
  outputCodePoints: 20_000,
};
