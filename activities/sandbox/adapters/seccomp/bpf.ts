/**
 * Classic BPF as the kernel's seccomp takes it: 64-bit instructions, jumps forward only, at most 255 instructions far when they depend
 * on a comparison.
 *
 * *Source:* linux/filter.h, linux/bpf_common.h, linux/seccomp.h.
 */
export interface Instruction {
  readonly code: number;
  /** Instructions to leave out when the comparison holds, and when it does not. */
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly operand: number;
}

const codes = { load: 0x20, and: 0x54, jump: 0x05, equal: 0x15, atLeast: 0x35, give: 0x06 } as const;

/** Longest program that the kernel takes. */
const maxInstructions = 4_096;

const maxConditionalJump = 255;

/** Offsets into what a filter sees of a call. *Source:* struct seccomp_data. */
export const callData = { number: 0, architecture: 4, argument: (index: number): number => 16 + 8 * index } as const;

/** What a filter answers. */
export const actions = {
  allow: 0x7fff_0000,
  kill: 0x8000_0000,
  refuse: (errno: number): number => 0x0005_0000 | errno,
} as const;

function make(code: number, operand: number, jumps: readonly [number, number] = [0, 0]): Instruction {
  const [jumpTrue, jumpFalse] = jumps;
  return { code, operand, jumpTrue, jumpFalse };
}

/** Loads 32 bits of the call; of an argument, the lower half. */
export const load = (offset: number): Instruction => make(codes.load, offset);
export const and = (mask: number): Instruction => make(codes.and, mask);
export const give = (action: number): Instruction => make(codes.give, action);

/** `then` unless what is loaded equals the value. */
export function unlessEqual(value: number, then: readonly Instruction[]): Instruction[] {
  return [make(codes.equal, value, [then.length, 0]), ...then];
}

/** Leaves out so many instructions. */
function skip(count: number): Instruction {
  return make(codes.jump, count);
}

/** One of two ways, by whether what is loaded is at least the value; each must end by giving an answer. */
export function choose(value: number, below: readonly Instruction[], atLeast: readonly Instruction[]): Instruction[] {
  if (below.length <= maxConditionalJump) {
    return [make(codes.atLeast, value, [below.length, 0]), ...below, ...atLeast];
  }
  return [make(codes.atLeast, value, [0, 1]), skip(below.length), ...below, ...atLeast];
}

/** Goes on with what follows when what is loaded is one of the values, else leaves out `others` instructions more. */
export function requireOneOf(values: readonly number[], others: number): Instruction[] {
  const tests = values.map((value, index) => make(codes.equal, value, [values.length - index, 0]));
  return [...tests, skip(others)];
}

/** The program as the kernel reads it. */
export function assemble(program: readonly Instruction[]): Buffer {
  if (program.length > maxInstructions) throw new Error(`a filter of ${program.length} instructions is too long`);
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, { code, jumpTrue, jumpFalse, operand }] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jumpTrue, index * 8 + 2);
    bytes.writeUInt8(jumpFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand >>> 0, index * 8 + 4);
  }
  return bytes;
}
