/** How a failure is treated when a step meets it; one row a type, the only place that says so. */
export type RetryRule =
  /** Never tried again: the same attempt would fail the same way. */
  | 'never'
  /** Tried again, and counted: after the step's limit of faults it fails for good. */
  | 'fault'
  /** Tried again for as long as the run's wall limit allows; nobody's fault, so it uses up no attempt. */
  | 'wait';

interface FailureRow {
  readonly retry: RetryRule;
  /** Status of the HTTP door when the failure reaches it. */
  readonly http: number;
  /** What kind of thing went wrong, in a few words; the message begins with it. */
  readonly title: string;
}

/** Every failure type of Longhaul, closed. Dotted as `<Home>.<Cause>`. */
export const failures = {
  'Input.Invalid': { retry: 'never', http: 422, title: 'invalid input' },
  'Input.BadJson': { retry: 'never', http: 400, title: 'not JSON' },
  'Input.BadCursor': { retry: 'never', http: 400, title: 'unknown cursor' },
  'Input.TooLarge': { retry: 'never', http: 413, title: 'too large' },
  'Input.UnsupportedMedia': { retry: 'never', http: 415, title: 'unsupported media type' },
  'Input.NotFound': { retry: 'never', http: 404, title: 'not found' },
  'Input.NotAllowed': { retry: 'never', http: 405, title: 'method not allowed' },
  'Input.NoManifest': { retry: 'never', http: 500, title: 'run without a manifest' },
  'Input.IdempotencyMismatch': { retry: 'never', http: 422, title: 'idempotency key used for another body' },
  'Input.InFlight': { retry: 'wait', http: 409, title: 'the same request is still in flight' },
  'Input.ForeignOrigin': { retry: 'never', http: 403, title: 'foreign origin or host' },
  'Config.Invalid': { retry: 'never', http: 500, title: 'invalid configuration' },
  'Model.RateLimited': { retry: 'wait', http: 503, title: 'model rate limit' },
  'Model.Unavailable': { retry: 'wait', http: 503, title: 'model unavailable' },
  'Model.Timeout': { retry: 'fault', http: 504, title: 'model too slow' },
  'Model.StreamCut': { retry: 'fault', http: 502, title: 'model stream cut short' },
  'Model.Degenerate': { retry: 'fault', http: 502, title: 'model repeats itself' },
  'Model.PoolFull': { retry: 'wait', http: 503, title: 'model pool full' },
  'Model.Failed': { retry: 'fault', http: 502, title: 'model server error' },
  'Model.Refused': { retry: 'never', http: 502, title: 'model refused the request' },
  'Model.Auth': { retry: 'never', http: 502, title: 'model refused the credentials' },
  'Model.ContextOverflow': { retry: 'never', http: 502, title: 'prompt longer than the window' },
  'Tool.Failed': { retry: 'never', http: 502, title: 'tool failed' },
  'Tool.Unavailable': { retry: 'fault', http: 503, title: 'tool unavailable' },
  'Tool.OutcomeUnknown': { retry: 'never', http: 502, title: 'OUTCOME_UNKNOWN' },
  'Tool.RateLimited': { retry: 'wait', http: 503, title: 'tool rate limit' },
  'Tool.QuotaExhausted': { retry: 'never', http: 502, title: 'tool quota exhausted' },
  'Tool.Auth': { retry: 'never', http: 502, title: 'tool refused the credentials' },
  'Tool.Timeout': { retry: 'never', http: 504, title: 'tool too slow' },
  'Tool.Unknown': { retry: 'never', http: 502, title: 'unknown tool' },
  'Tool.BadArguments': { retry: 'never', http: 502, title: 'bad tool arguments' },
  'Tool.Refused': { retry: 'never', http: 502, title: 'call refused' },
  'Tool.Blocked': { retry: 'never', http: 502, title: 'address not allowed' },
  'Sandbox.Unavailable': { retry: 'wait', http: 503, title: 'sandbox unavailable' },
  'Sandbox.Unsafe': { retry: 'never', http: 500, title: 'sandbox not safe' },
  'Sandbox.SnapshotUnsafe': { retry: 'never', http: 500, title: 'SNAPSHOT_UNSAFE' },
  'Storage.Unavailable': { retry: 'wait', http: 503, title: 'object store unavailable' },
  'Storage.Full': { retry: 'wait', http: 503, title: 'object store full' },
  'Storage.Corrupt': { retry: 'never', http: 500, title: 'stored object corrupt' },
  'Storage.Missing': { retry: 'never', http: 500, title: 'stored object missing' },
  'Storage.BadKey': { retry: 'never', http: 500, title: 'unsafe object key' },
  'Ledger.ReplayDivergence': { retry: 'never', http: 500, title: 'REPLAY_DIVERGENCE' },
  'Ledger.HeadMismatch': { retry: 'never', http: 500, title: 'records do not match the audit chain' },
  'Ledger.Fenced': { retry: 'wait', http: 500, title: 'another attempt has taken the step over' },
  'Budget.Exceeded': { retry: 'never', http: 402, title: 'budget exceeded' },
  'Engine.Unavailable': { retry: 'wait', http: 503, title: 'engine unavailable' },
  'Worker.Died': { retry: 'wait', http: 500, title: 'worker died' },
  'Worker.Drained': { retry: 'wait', http: 500, title: 'worker is shutting down' },
  'Worker.Poison': { retry: 'never', http: 500, title: 'step killed its worker again and again' },
  'Run.Cancelled': { retry: 'never', http: 409, title: 'run cancelled' },
  'Run.Ended': { retry: 'never', http: 409, title: 'the run has ended' },
  'Run.Conflict': { retry: 'never', http: 409, title: 'not possible as the run stands' },
  'Step.Skipped': { retry: 'never', http: 409, title: 'step skipped' },
  'Step.Denied': { retry: 'never', http: 409, title: 'call denied' },
  'Step.TimedOut': { retry: 'never', http: 504, title: 'step ran out of time' },
  'Internal.Bug': { retry: 'fault', http: 500, title: 'internal error' },
} as const satisfies Record<string, FailureRow>;

/** The closed set of failure types. */
export type FailureType = keyof typeof failures;

/** The facts of one failure; the error writes its own message from them. */
export interface FailureFacts {
  /** What happened, and where: names the field, file, URL or step. */
  readonly what: string;
  /** What the reader can do about it. */
  readonly mend?: string;
  /** JSON pointer or variable name of the input at fault. */
  readonly field?: string;
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Name of the rule that was broken, for programs. */
  readonly rule?: string;
  /** True when it is certain that nothing reached the other side. */
  readonly unsent?: boolean;
  readonly cause?: unknown;
}

/**
 * A failure that is neither an observation nor an outcome.
 *
 * *Contract:* `type` is one of {@link failures}; `message` holds no secret, stack or raw upstream body.
 */
export class AppError extends Error {
  readonly type: FailureType;
  /** Without the cause: what another's error holds is not ours to show. */
  readonly facts: Omit<FailureFacts, 'cause'>;

  constructor(type: FailureType, facts: FailureFacts) {
    super(toFailureMessage(type, facts), { cause: facts.cause });
    this.name = 'AppError';
    this.type = type;
    const { cause: _cause, ...own } = facts;
    this.facts = own;
  }
}

/** The sentence that a person reads: title, what happened, what to do. */
function toFailureMessage(type: FailureType, facts: FailureFacts): string {
  const mend = facts.mend === undefined ? '' : ` ${facts.mend}`;
  return `${failures[type].title}: ${facts.what}.${mend}`;
}

/** Is `value` the name of a failure type? */
export function isFailureType(value: unknown): value is FailureType {
  return typeof value === 'string' && Object.hasOwn(failures, value);
}

/** Turns whatever was thrown into an {@link AppError}; an unknown error is a bug of ours and is named so. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const what = error instanceof Error ? error.message : String(error);
  return new AppError('Internal.Bug', { what, cause: error });
}
