import type { StepPoint } from '../../../activities/sandbox/continuity.ts';
import type { SandboxJob, SandboxRef, SandboxResult } from '../../../activities/sandbox/ports.ts';

/** What a worker of a test is to do: one step, and how it is to end on the way. */
export interface SandboxOrder {
  readonly directory: string;
  readonly storeDirectory: string;
  readonly ref: SandboxRef;
  readonly job: SandboxJob;
  /** The process kills or stops itself here; null: never. */
  readonly at: StepPoint | null;
  readonly how: 'SIGKILL' | 'SIGSTOP';
}

/** What it says. */
export type SandboxReport =
  | { readonly kind: 'point'; readonly point: StepPoint }
  | { readonly kind: 'result'; readonly result: SandboxResult }
  | { readonly kind: 'failure'; readonly type: string; readonly message: string };

/** Every moment of a step at which a test may end the process, in order. */
export const stepPoints: readonly StepPoint[] = [
  'lease-taken',
  'opened',
  'restored',
  'before-job',
  'after-job',
  'files-stored',
  'tree-stored',
  'at-rest',
];
