import type { Profile } from '../profile.ts';
import type { Dialect } from './dialect.ts';
import { mcpXml } from './mcp-xml.ts';

const dialects = { 'mcp-xml': mcpXml } satisfies Record<Profile['dialect'], Dialect>;

/** The dialect that a profile speaks. */
export function dialectOf(profile: Pick<Profile, 'dialect'>): Dialect {
  return dialects[profile.dialect];
}
