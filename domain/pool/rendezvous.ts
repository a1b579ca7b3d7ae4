/** A place that keys are spread over. */
export interface HashedPlace {
  readonly id: string;
  /** Its share of the keys, relative to the others; above 0. */
  readonly weight: number;
}

/** *Source:* MurmurHash3, the 32-bit finaliser: every bit of the input changes half of the output's. */
function mix(value: number): number {
  let mixed = value;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** *Source:* FNV-1a over UTF-16 units. */
function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return mix(hash);
}

/** Where a key stands on a place's own scale, in (0, 1): equal on every machine, whatever else exists. */
export function hashPair(key: string, id: string): number {
  const pair = `${id}\n${key}`;
  const high = hashText(pair, 0x811c9dc5);
  const low = hashText(pair, 0x9747b28c);
  // 52 bits, moved off 0 so that its logarithm exists.
  return ((high >>> 6) * 0x4000000 + (low >>> 6) + 0.5) / 2 ** 52;
}

/**
 * Places in the order in which a key prefers them (weighted rendezvous hashing).
 *
 * *Contract:* pure; the order of `places` does not matter. A place that goes away moves only its own keys, each to the key's next
 * choice; one that is added takes only keys that prefer it.
 */
export function rankPlaces<T extends HashedPlace>(key: string, places: readonly T[]): T[] {
  const scored = places.map((place) => ({ place, score: -place.weight / Math.log(hashPair(key, place.id)) }));
  scored.sort((left, right) => right.score - left.score || (left.place.id < right.place.id ? -1 : 1));
  return scored.map(({ place }) => place);
}
