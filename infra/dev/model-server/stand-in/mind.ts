import { type ModelMind, plainReply } from '../mind.ts';

/** Replaced below by the researcher. */
export function createStandInMind(options: { readonly delayMs?: number } = {}): ModelMind {
  return { modelName: 'longhaul-stand-in', reply: () => ({ ...plainReply('nothing'), delayMs: options.delayMs ?? 0 }) };
}
