/** A limit that a measured value must keep. */
export interface Bound {
  /** Path of the field in the result, such as `model.medianMs`. */
  readonly field: string;
  readonly value: number;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** One sentence for each bound that is broken; a value that is no number breaks its bound. */
export function findViolations(bounds: readonly Bound[]): string[] {
  return bounds.flatMap(({ field, value, atMost, atLeast }) => {
    if (atMost !== undefined && !(value <= atMost)) return [`${field} is ${value}, at most ${atMost} is allowed`];
    if (atLeast !== undefined && !(value >= atLeast)) return [`${field} is ${value}, at least ${atLeast} is required`];
    return [];
  });
}
