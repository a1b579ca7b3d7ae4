import { describe, expect, it } from 'vitest';
import { toOciSeccomp } from '../../../../../activities/sandbox/adapters/seccomp/oci-seccomp.ts';
import { readSeccompPolicy } from '../../../../../activities/sandbox/adapters/seccomp/seccomp-policy.ts';

describe('the policy for a container runtime', () => {
  const policy = readSeccompPolicy();
  const oci = toOciSeccomp(policy, ['clone3']);

  it('calls: allowed, refused with their error, everything else EPERM', () => {
    expect(oci.defaultErrnoRet).toBe(1);
    expect(oci.syscalls[0]?.names).toEqual([...policy.allow, 'clone3']);
    const refused = oci.syscalls.filter(({ action }) => action === 'SCMP_ACT_ERRNO');
    expect(new Set(refused.map(({ errnoRet }) => errnoRet))).toEqual(new Set([38, 95]));
    expect(refused.flatMap(({ names }) => names)).not.toContain('clone3');
  });

  it('calls by argument: one rule for each combination, and none without a condition', () => {
    const sockets = oci.syscalls.filter(({ names }) => names.includes('socket'));
    // Three types of unix sockets, two of IPv4 with three protocols each.
    expect(sockets).toHaveLength(3 + 2 * 3);
    expect(sockets.at(-1)).toEqual({
      names: ['socket'],
      action: 'SCMP_ACT_ALLOW',
      args: [
        { index: 0, value: 2, op: 'SCMP_CMP_EQ' },
        { index: 1, value: 15, valueTwo: 2, op: 'SCMP_CMP_MASKED_EQ' },
        { index: 2, value: 17, op: 'SCMP_CMP_EQ' },
      ],
    });
    const judged = new Set(policy.byArgument.flatMap(({ calls }) => calls));
    const unconditional = oci.syscalls.filter((rule) => !('args' in rule) && rule.action === 'SCMP_ACT_ALLOW');
    expect(unconditional.flatMap(({ names }) => names).filter((name) => judged.has(name))).toEqual([]);
  });
});
