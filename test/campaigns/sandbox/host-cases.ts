import type { BoxRuntime } from '../../../activities/sandbox/adapters/box-runtime.ts';
import type { PlantedTargets } from '../../../activities/sandbox/adapters/probes/probe-targets.ts';
import { bombCases } from './bomb-cases.ts';
import { outputCases } from './output-cases.ts';
import { residueCases } from './residue-cases.ts';

/** What a case is given. */
export interface Scene {
  readonly planted: PlantedTargets;
  readonly makeRuntime: () => BoxRuntime;
  /** Ten times the size. */
  readonly isFull: boolean;
}

/** An attack whose success only the host can see. */
export interface HostCase {
  /** Begins with its class. */
  readonly name: string;
  /** How it got out, or null when it was held. */
  readonly attack: (scene: Scene) => Promise<string | null>;
  /** Does the same succeed without a box? */
  readonly control: (scene: Scene) => Promise<boolean>;
}

/** Mixed, so that the first few are of every kind. */
export const hostCases: readonly HostCase[] = interleave([residueCases, bombCases, outputCases]);

function interleave<Value>(lists: readonly (readonly Value[])[]): Value[] {
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list.slice(index, index + 1))).flat();
}
