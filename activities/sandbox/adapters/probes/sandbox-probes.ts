import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { errnos, hostArchitecture, readCallNumbers, readSeccompPolicy } from '../seccomp/seccomp-policy.ts';

/** What the probes look for: things that are really there on the host, and the limits that should hold. */
export interface ProbeTargets {
  /** A process of the host: the canary is in its environment, its command line and the names of its open file and its directory. */
  readonly hostPid: number;
  readonly canary: string;
  /** A file of the host that a box has nothing like. */
  readonly hostFile: string;
  /** Files and directories that only the host may read. */
  readonly hostPaths: readonly string[];
  /** A file of another run's workspace. */
  readonly otherWorkspace: string;
  /** A uid that another sandbox could have. */
  readonly otherUid: number;
  /** Names that may be in the environment. */
  readonly environment: readonly string[];
  /** Listeners on the host: on all its IPv4 addresses, on ::1, and two of the unix family. */
  readonly port: number;
  readonly port6: number;
  readonly hostAddresses: readonly string[];
  readonly abstract: string;
  readonly socketPath: string;
  readonly processes: number;
  readonly memoryBytes: number;
  readonly tmpBytes: number;
  readonly fileBytes: number;
  readonly openFiles: number;
  /** Is every refused call answered by the very error that the policy says? Else EPERM is as good. */
  readonly isExact: boolean;
  /** Probes that find something inside which is not the host's; left out. */
  readonly virtual: readonly string[];
  /** Is there no box around the probes? For the control that shows each of them getting out. */
  readonly isUnboxed: boolean;
}

/** How the probes ended. */
const probeReportSchema = z.strictObject({
  tried: z.int().min(0),
  /** Those that got out, by name, each with how. */
  out: z.record(z.string(), z.string()),
  /** Those that had nothing to try on this kernel. */
  absent: z.array(z.string()),
});
export type ProbeReport = z.infer<typeof probeReportSchema>;

/** Probes that a report must have at least: one that is cut short says nothing about the rest. */
export const leastProbes = 100;

/** Python source of the probes for these targets. */
export function toProbeSource(targets: ProbeTargets): string {
  const probes = readFileSync(new URL('probes.py', import.meta.url), 'utf8');
  const told = JSON.stringify({ ...targets, calls: toCalls(), refusedCalls: toRefusedCalls() });
  return `TARGETS = ${JSON.stringify(told)}\n${probes}`;
}

/** Reads what the probes printed; null when it is not a report. */
export function parseProbeReport(stdout: string): ProbeReport | null {
  try {
    const report = probeReportSchema.safeParse(JSON.parse(stdout));
    return report.success ? report.data : null;
  } catch {
    return null;
  }
}

function toCalls(): Readonly<Record<string, number>> {
  const architecture = hostArchitecture();
  return architecture === null ? {} : readCallNumbers()[architecture];
}

/** Every known call that the policy refuses whatever its arguments, with the error that it is answered. */
function toRefusedCalls(): Readonly<Record<string, readonly [number, number]>> {
  const policy = readSeccompPolicy();
  const answered = new Set([...policy.allow, ...policy.byArgument.flatMap((rule) => rule.calls)]);
  const errnoOf = (name: string): number => {
    if (policy.refuse.ENOSYS?.includes(name) === true) return errnos.ENOSYS;
    return policy.refuse.ENOTSUP?.includes(name) === true ? errnos.ENOTSUP : errnos.EPERM;
  };
  const refused = Object.entries(toCalls()).filter(([name]) => !answered.has(name));
  return Object.fromEntries(refused.map(([name, number]) => [name, [number, errnoOf(name)] as const]));
}
