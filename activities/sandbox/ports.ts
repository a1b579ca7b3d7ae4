/** Which sandbox, and of which run. Ids are path-safe: `[A-Za-z0-9_-]+`. */
export interface SandboxRef {
  readonly runId: string;
  readonly sandboxId: string;
}

/** One thing to run inside. */
export interface SandboxJob {
  readonly kind: 'shell' | 'python';
  /** The command line or the Python source. */
  readonly source: string;
  /** Wall limit in milliseconds; the whole process tree is killed at its end. */
  readonly timeoutMs: number;
  /** Slot of the step. A second job with the same slot first restores the workspace to what it was before the first. */
  readonly seq: number;
}

/** How a job ended. Each stream holds at most the driver's cap, cut with a note. */
export interface SandboxResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/**
 * Where code written by a model runs: without network, credentials or host files.
 *
 * *Contract:* a job that fails is a result, not an error. `Sandbox.Unavailable` means that the sandbox could not be reached
 * before the job began. `destroy` is idempotent and removes every sandbox of the run with all its processes.
 */
export interface SandboxPort {
  /** Idempotent: an existing sandbox is kept as it is. */
  readonly create: (ref: SandboxRef) => Promise<void>;
  readonly exists: (ref: SandboxRef) => Promise<boolean>;
  readonly run: (ref: SandboxRef, job: SandboxJob, signal: AbortSignal) => Promise<SandboxResult>;
  readonly destroy: (runId: string) => Promise<void>;
  /** Run ids that have a sandbox on this host. */
  readonly listRuns: () => Promise<string[]>;
}
