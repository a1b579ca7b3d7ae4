import { AppError } from '../../../../domain/errors.ts';
import {
  actions,
  and,
  assemble,
  callData,
  choose,
  give,
  type Instruction,
  load,
  requireOneOf,
  unlessEqual,
} from './bpf.ts';
import {
  type Architecture,
  type ArgumentRule,
  type CallNumbers,
  type Condition,
  errnos,
  type SeccompPolicy,
} from './seccomp-policy.ts';

/** How the kernel names architectures to a filter. *Source:* linux/audit.h. */
const auditNames: Readonly<Record<Architecture, number>> = { x86_64: 0xc000_003e, aarch64: 0xc000_00b7 };

/** What is answered from one number on, until the next part. */
interface Part {
  readonly from: number;
  readonly answer: readonly Instruction[];
}

/**
 * The filter of a policy for one architecture.
 *
 * *Contract:* pure. A call of another architecture kills the process. Numbers that no table has (x32's among them) are answered
 * ENOSYS, so that libraries fall back to older calls.
 * @throws AppError `Config.Invalid` naming a call of the policy that no architecture has, or that two rules name
 */
export function compileSeccomp(policy: SeccompPolicy, numbers: CallNumbers, architecture: Architecture): Buffer {
  checkNames(policy, numbers);
  const parts = toParts(policy, numbers[architecture]);
  return assemble([
    load(callData.architecture),
    ...unlessEqual(auditNames[architecture], [give(actions.kill)]),
    load(callData.number),
    ...toTree(parts),
  ]);
}

function checkNames(policy: SeccompPolicy, numbers: CallNumbers): void {
  const named = [
    ...policy.allow,
    ...Object.values(policy.refuse).flat(),
    ...policy.byArgument.flatMap((rule) => rule.calls),
  ];
  const known = new Set(Object.values(numbers).flatMap((table) => Object.keys(table)));
  const unknown = named.filter((name) => !known.has(name));
  const twice = named.filter((name, index) => named.indexOf(name) !== index);
  if (unknown.length === 0 && twice.length === 0) return;
  throw new AppError('Config.Invalid', {
    what: `the seccomp policy names calls that do not exist (${unknown.join(', ')}) or twice (${twice.join(', ')})`,
  });
}

/** Answers by number, in order; numbers with the same answer side by side are one part. */
function toParts(policy: SeccompPolicy, table: Readonly<Record<string, number>>): Part[] {
  const answers = new Map<number, readonly Instruction[]>();
  // Known, and not named by any rule.
  for (const number of Object.values(table)) answers.set(number, refuse('EPERM'));
  const set = (names: readonly string[], answer: readonly Instruction[]): void => {
    for (const name of names) {
      const number = table[name];
      if (number !== undefined) answers.set(number, answer);
    }
  };
  set(policy.allow, [give(actions.allow)]);
  for (const errno of ['EPERM', 'ENOTTY', 'ENOSYS', 'ENOTSUP', 'EAFNOSUPPORT'] as const) {
    set(policy.refuse[errno] ?? [], refuse(errno));
  }
  for (const rule of policy.byArgument) set(rule.calls, toArgumentAnswer(rule));
  const unknown = refuse('ENOSYS');
  const last = Math.max(...answers.keys()) + 1;
  const parts: Part[] = [];
  for (let number = 0; number <= last; number += 1) {
    const answer = answers.get(number) ?? unknown;
    const before = parts.at(-1)?.answer;
    if (before === undefined || !isSame(before, answer)) parts.push({ from: number, answer });
  }
  return parts;
}

function refuse(errno: keyof typeof errnos): readonly Instruction[] {
  return [give(actions.refuse(errnos[errno]))];
}

function isSame(left: readonly Instruction[], right: readonly Instruction[]): boolean {
  return left.length === right.length && left.every((instruction, index) => isEqual(instruction, right[index]));
}

function isEqual(left: Instruction, right: Instruction | undefined): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Finds a number's part by halves. */
function toTree(parts: readonly Part[]): readonly Instruction[] {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only.answer;
  const middle = Math.floor(parts.length / 2);
  const [below, atLeast] = [parts.slice(0, middle), parts.slice(middle)];
  return choose(atLeast[0]?.from ?? 0, toTree(below), toTree(atLeast));
}

function toArgumentAnswer(rule: ArgumentRule): Instruction[] {
  return [...rule.allowIf.flatMap(toAlternative), ...refuse(rule.else)];
}

/** Allows when every condition holds, else goes on behind itself. */
function toAlternative(conditions: readonly Condition[]): Instruction[] {
  let code: Instruction[] = [give(actions.allow)];
  for (const { arg, mask, in: values } of conditions.toReversed()) {
    const take = mask === undefined ? [load(callData.argument(arg))] : [load(callData.argument(arg)), and(mask)];
    code = [...take, ...requireOneOf(values, code.length), ...code];
  }
  return code;
}
