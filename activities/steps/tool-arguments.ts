import type { z } from 'zod';
import { AppError } from '../../domain/errors.ts';

/** Parses a tool's arguments. @throws AppError `Tool.BadArguments` that names each field and its rule */
export function parseArguments<T>(tool: string, schema: z.ZodType<T>, args: unknown): T {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const rules = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`);
  throw new AppError('Tool.BadArguments', { what: `${tool}: ${rules.join('; ')}`.slice(0, 1_000) });
}
