import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** What a refused call is told. Numbers are the same on x86-64 and arm64. *Source:* asm-generic/errno.h. */
export const errnos = { EPERM: 1, ENOTTY: 25, ENOSYS: 38, ENOTSUP: 95, EAFNOSUPPORT: 97 } as const;
const errnoSchema = z.enum(['EPERM', 'ENOTTY', 'ENOSYS', 'ENOTSUP', 'EAFNOSUPPORT']);

const uint32 = z.int().min(0).max(0xffff_ffff);

/** One argument, of which the kernel reads 32 bits, and the values that it may have once masked. */
const conditionSchema = z.strictObject({
  arg: z.int().min(0).max(5),
  mask: uint32.optional(),
  in: z.array(uint32).min(1).max(64),
});
export type Condition = z.infer<typeof conditionSchema>;

/** Calls that are allowed by their arguments: when all conditions of one of the alternatives hold. */
const argumentRuleSchema = z.strictObject({
  calls: z.array(z.string()).min(1),
  why: z.string(),
  allowIf: z.array(z.array(conditionSchema).min(1)).min(1),
  else: errnoSchema,
});
export type ArgumentRule = z.infer<typeof argumentRuleSchema>;

/** The allow-list, by name. A call that is known and not named is refused with EPERM, an unknown one with ENOSYS. */
const policySchema = z.strictObject({
  allow: z.array(z.string()),
  refuse: z.partialRecord(errnoSchema, z.array(z.string())),
  byArgument: z.array(argumentRuleSchema),
});
export type SeccompPolicy = z.infer<typeof policySchema>;

const architectureSchema = z.enum(['x86_64', 'aarch64']);
export type Architecture = z.infer<typeof architectureSchema>;

const numbersSchema = z.record(architectureSchema, z.record(z.string(), z.int().min(0).max(0xffff)));
/** Numbers of system calls by name. *Source:* the kernel's unistd headers, 6.1, and its table for those added until 6.15. */
export type CallNumbers = z.infer<typeof numbersSchema>;

function readData<T>(name: string, schema: z.ZodType<T>): T {
  return schema.parse(JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')));
}

/** The policy of our boxes, from its file. */
export function readSeccompPolicy(): SeccompPolicy {
  return readData('policy.json', policySchema);
}

export function readCallNumbers(): CallNumbers {
  return readData('numbers.json', numbersSchema);
}

/** The kernel's name for the architecture of this process; null for one that has no table. */
export function hostArchitecture(): Architecture | null {
  if (process.arch === 'x64') return 'x86_64';
  return process.arch === 'arm64' ? 'aarch64' : null;
}
