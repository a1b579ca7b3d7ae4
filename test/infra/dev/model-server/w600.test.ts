import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { text, w600 } from '../../../../infra/dev/model-server/w600.ts';

describe('W600', () => {
  it('text: seed 0, 1,600 bytes → the published digest', () => {
    expect(createHash('sha256').update(text(0, 1_600)).digest('hex')).toBe(
      '867d1cbc6dbbaafa30a69e8a61b0cbff1f058f6d081168ef466e3091f6532621',
    );
  });

  it('all 1,200 texts in order → the published length and digest', () => {
    const hash = createHash('sha256');
    let length = 0;
    for (let turn = 0; turn < w600.turns; turn += 1) {
      for (const part of [text(turn, w600.modelBytes), text(w600.toolSeed + turn, w600.toolBytes)]) {
        hash.update(part);
        length += part.length;
      }
    }
    expect(length).toBe(10_559_828);
    expect(hash.digest('hex')).toBe('f56963dfe7e566fb78afb727a4a646fe89f16651d903541be0c8121bd26a9bdb');
  });
});
