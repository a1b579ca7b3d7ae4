import { type Condition, errnos, type SeccompPolicy } from './seccomp-policy.ts';

interface OciArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';
}

interface OciRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly OciArgument[];
}

/**
 * The policy as a container runtime takes it; `allowed` are calls that it needs beside.
 *
 * *Source:* the OCI runtime specification 1.1, `linux.seccomp`.
 */
export function toOciSeccomp(policy: SeccompPolicy, allowed: readonly string[]) {
  const refused = Object.entries(policy.refuse).map(([errno, calls]): OciRule => {
    const names = calls.filter((name) => !allowed.includes(name));
    return { names, action: 'SCMP_ACT_ERRNO', errnoRet: toErrno(errno) };
  });
  const byArgument = policy.byArgument.flatMap((rule) =>
    rule.allowIf
      .flatMap(toCombinations)
      .map((args): OciRule => ({ names: rule.calls, action: 'SCMP_ACT_ALLOW', args })),
  );
  const allow: OciRule = { names: [...policy.allow, ...allowed], action: 'SCMP_ACT_ALLOW' };
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: errnos.EPERM,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
    syscalls: [allow, ...refused, ...byArgument],
  };
}

function toErrno(name: string): number {
  return Object.entries(errnos).find(([known]) => known === name)?.[1] ?? errnos.EPERM;
}

/** One rule for each combination of values: the format has "and" within a rule and "or" between rules only. */
function toCombinations(conditions: readonly Condition[]): OciArgument[][] {
  let combinations: OciArgument[][] = [[]];
  for (const condition of conditions) {
    const choices = condition.in.map((value) => toArgument(condition, value));
    combinations = combinations.flatMap((before) => choices.map((choice) => [...before, choice]));
  }
  return combinations;
}

function toArgument({ arg, mask }: Condition, value: number): OciArgument {
  if (mask === undefined) return { index: arg, value, op: 'SCMP_CMP_EQ' };
  return { index: arg, value: mask, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' };
}
