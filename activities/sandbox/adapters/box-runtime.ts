import type { BoxPlan } from './box-layout.ts';

/** A box that is about to be started. */
export interface RuntimeStart {
  readonly command: readonly string[];
  /** A file that the command finds open on descriptor 4; null for none. */
  readonly filterPath: string | null;
  /**
   * How the job's exit code is known: from the status that bubblewrap writes to descriptor 3, or from the command's own. Null means
   * that the job never began.
   */
  readonly exitOf: 'status' | ((code: number | null) => number | null);
}

/** What makes boxes: the same host, workspaces and limits around another kernel boundary. */
export interface BoxRuntime {
  readonly name: 'bubblewrap' | 'gvisor';
  /** Processes of the host that it needs beside those of the job. */
  readonly spareProcesses: number;
  /** Probes that find something inside which is not the host's, each with what it is; they say nothing about the box. */
  readonly virtual: Readonly<Record<string, string>>;
  /** @throws AppError `Config.Invalid` naming what is missing, with the mend */
  readonly check: () => Promise<void>;
  /** `filterPath`: the compiled seccomp filter of this host, or null. */
  readonly prepare: (plan: BoxPlan, filterPath: string | null) => Promise<RuntimeStart>;
}
