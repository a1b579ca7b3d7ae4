/** A system call as a filter sees it; all numbers are 32 bits, arguments are their lower halves. */
export interface FilteredCall {
  readonly number: number;
  readonly architecture: number;
  readonly args?: readonly number[];
}

/** What an instruction makes of what is loaded. */
const steps: Readonly<Record<number, (loaded: number, operand: number, data: Buffer) => number>> = {
  0x20: (_loaded, operand, data) => data.readUInt32LE(operand),
  0x54: (loaded, operand) => (loaded & operand) >>> 0,
};

const comparisons: Readonly<Record<number, (loaded: number, operand: number) => boolean>> = {
  0x15: (loaded, operand) => loaded === operand,
  0x35: (loaded, operand) => loaded >= operand,
};

/** Runs an assembled filter on a call, as the kernel would: the answer it gives. Throws for a program that the kernel refuses. */
export function runFilter(program: Buffer, { number, architecture, args = [] }: FilteredCall): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture >>> 0, 4);
  for (const [index, value] of args.entries()) data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; at < program.length / 8;) {
    const code = program.readUInt16LE(at * 8);
    const [jumpTrue, jumpFalse] = [program[at * 8 + 2] ?? 0, program[at * 8 + 3] ?? 0];
    const operand = program.readUInt32LE(at * 8 + 4);
    at += 1;
    const [step, comparison] = [steps[code], comparisons[code]];
    if (code === 0x06) return operand;
    if (code === 0x05) at += operand;
    else if (comparison !== undefined) at += comparison(accumulator, operand) ? jumpTrue : jumpFalse;
    else if (step !== undefined) accumulator = step(accumulator, operand, data);
    else throw new Error(`no such instruction: ${code.toString(16)}`);
  }
  throw new Error('the program ends without an answer');
}
