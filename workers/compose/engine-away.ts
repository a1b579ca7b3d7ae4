import { isGrpcServiceError, ServiceError } from '@temporalio/client';

/** *Source:* gRPC status codes: deadline, resources, unavailable and what a dying connection gives. */
const awayCodes: ReadonlySet<number> = new Set([1, 2, 4, 8, 10, 13, 14, 15]);

/** The gRPC status of a failed call of the engine; null for a failure of another kind. */
export function toGrpcStatus(error: unknown): number | null {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) ? cause.code : null;
}

/** Did a call of the engine fail because it is away or overloaded, so that the same call may succeed later? */
export function isEngineAway(error: unknown): boolean {
  const status = toGrpcStatus(error);
  return status !== null && awayCodes.has(status);
}
