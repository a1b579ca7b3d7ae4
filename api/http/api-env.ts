/** What the door's middleware leaves for the handlers. */
export interface ApiEnv {
  readonly Variables: {
    /** Id of the request, in every answer and log line. */
    requestId: string;
    /** Name of the route's operation, for metrics; `none` when no route was met. */
    operation: string;
  };
}
