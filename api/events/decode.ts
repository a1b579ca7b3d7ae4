import { defaultPayloadConverter } from '@temporalio/common';
import type { google, temporal } from '@temporalio/proto';

type Payload = temporal.api.common.v1.IPayload;
type Failure = temporal.api.failure.v1.IFailure;

/** The value of a payload; undefined when there is none. */
export function decodePayload(payload: Payload | null | undefined): unknown {
  return payload === null || payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);
}

/** The first value of a list: the only argument or result of everything of ours. */
export function decodeFirst(payloads: temporal.api.common.v1.IPayloads | null | undefined): unknown {
  return decodePayload(payloads?.payloads?.[0]);
}

/** Milliseconds since the epoch; null when the time is not set. */
export function toMs(time: google.protobuf.ITimestamp | null | undefined): number | null {
  if (time === null || time === undefined) return null;
  const seconds = Number(String(time.seconds ?? 0));
  return seconds === 0 ? null : seconds * 1_000 + Math.floor((time.nanos ?? 0) / 1e6);
}

/** The failure that a person should read: the one behind an activity's. */
export function toFailure(failure: Failure | null | undefined): { readonly type: string; readonly message: string } {
  if (!failure) return { type: 'Internal.Bug', message: 'no reason was given' };
  if (failure.activityFailureInfo && failure.cause) return toFailure(failure.cause);
  const { type, usual } = toFailureKind(failure);
  return { type, message: failure.message || usual };
}

function toFailureKind(failure: Failure): { readonly type: string; readonly usual: string } {
  if (failure.applicationFailureInfo?.type) return { type: failure.applicationFailureInfo.type, usual: '' };
  if (failure.timeoutFailureInfo) return { type: 'Step.TimedOut', usual: 'step ran out of time' };
  if (failure.canceledFailureInfo) return { type: 'Run.Cancelled', usual: 'the step was cancelled' };
  return { type: 'Internal.Bug', usual: 'no reason was given' };
}
