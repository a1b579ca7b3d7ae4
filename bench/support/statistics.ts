/** The middle of the values; the mean of the two middle ones of an even number. NaN of none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of the values lies, interpolated; NaN of none. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** The smallest value that at least this share of the values does not exceed (nearest rank); NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Arithmetic mean; NaN of none. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Differences between neighbours. */
export function toGaps(values: readonly number[]): number[] {
  return values.slice(1).map((value, index) => value - (values[index] ?? value));
}

/** Mean of the last tenth over the mean of the first tenth, at least one value each. */
export function lastOverFirstDecile(values: readonly number[]): number {
  const tenth = Math.max(1, Math.floor(values.length / 10));
  return mean(values.slice(-tenth)) / mean(values.slice(0, tenth));
}

/** The exponent b of y = a·x^b through two points. */
export function growthExponent(
  small: { readonly x: number; readonly y: number },
  large: { readonly x: number; readonly y: number },
): number {
  return Math.log(large.y / small.y) / Math.log(large.x / small.x);
}

/** Smallest and largest of the values. */
export function toSpread(values: readonly number[]): { readonly min: number; readonly max: number } {
  return { min: round(Math.min(...values)), max: round(Math.max(...values)) };
}

/** For people and files: at most `digits` after the point. */
export function round(value: number, digits = 3): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
