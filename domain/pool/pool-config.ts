import { z } from 'zod';
import { pricesSchema } from '../budget.ts';

/** What a pool is asked for: the agent's own thinking, pages read, answers judged. */
export const modelPoolNames = ['main', 'reader', 'judge'] as const;
export type ModelPoolName = (typeof modelPoolNames)[number];

/** The families of model servers; they differ in the fields that they take and the metrics that they give. */
export const engineSchema = z.enum(['vllm', 'sglang', 'llamacpp', 'openai']);
export type Engine = z.infer<typeof engineSchema>;

const urlSchema = z.url({
  protocol: /^https?$/,
  error: 'expected an http or https URL as clients take it, such as http://gpu-0:8000/v1',
});
const milliseconds = z.int().min(1).max(3_600_000);
const hostSchema = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'expected a DNS name');
const labelSchema = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected a Kubernetes name');
const pathSchema = z.string().regex(/^\/\S*$/, 'expected a path that begins with /');
const portSchema = z.int().min(1).max(65_535);

/** One server by its address. */
const staticReplicaSchema = z.strictObject({
  url: urlSchema,
  /** Name in records, metrics and logs; the address's host and port when absent. */
  id: z.string().min(1).max(120).optional(),
  /** Share of new runs, relative to the others. */
  weight: z.number().min(0.01).max(100).default(1),
  /** Takes no new runs; those that are there go on. */
  drain: z.boolean().default(false),
});

/** Every address of a DNS name, such as a headless service. */
const dnsSourceSchema = z.strictObject({
  name: hostSchema,
  port: portSchema,
  scheme: z.enum(['http', 'https']).default('http'),
  path: pathSchema.default('/v1'),
  refreshMs: milliseconds.default(5_000),
});

/** The ready endpoints of a Kubernetes service, by the cluster's API with the pod's own service account. */
const kubernetesSourceSchema = z.strictObject({
  /** The pod's own namespace when absent. */
  namespace: labelSchema.optional(),
  service: labelSchema,
  /** Number or name of the port. */
  port: z.union([portSchema, labelSchema]),
  scheme: z.enum(['http', 'https']).default('http'),
  path: pathSchema.default('/v1'),
  refreshMs: milliseconds.default(5_000),
});

const replicasSchema = z
  .strictObject({
    static: z.array(staticReplicaSchema).min(1).optional(),
    dns: dnsSourceSchema.optional(),
    kubernetes: kubernetesSourceSchema.optional(),
  })
  .refine(
    (source) => Object.values(source).filter((value) => value !== undefined).length === 1,
    'expected exactly one of static, dns and kubernetes',
  );
export type ReplicaSource = z.infer<typeof replicasSchema>;

/** A model as profiles name it, and as the servers do. */
const servedModelSchema = z.strictObject({
  /** The name that profiles use. */
  name: z.string().min(1).max(200),
  /** The name that is sent; a LoRA adapter is asked for by its own. The same name when absent. */
  served: z.string().min(1).max(200).optional(),
  /** The model under a LoRA adapter; null for a model of its own. */
  loraOf: z.string().min(1).max(200).nullable().default(null),
  /** Context window in tokens; null when it is not known here. */
  windowTokens: z.int().min(1_024).nullable().default(null),
  /** For the pool's own account of cost; a run is charged by its profile's prices. Null: unknown. */
  prices: pricesSchema.nullable().default(null),
});
export type ServedModel = z.infer<typeof servedModelSchema>;

const routingSchema = z.strictObject({
  /** A new run goes past a replica whose load is over this many times the mean. *Source:* bounded-load hashing, c = 1.25. */
  spillFactor: z.number().min(1).max(10).default(1.25),
  /** A run with a prefix leaves a replica that is over its own capacity and over this many times the mean. */
  moveFactor: z.number().min(1).max(100).default(2),
  /** Runs whose place is remembered. */
  stickyRuns: z.int().min(1).max(1_000_000).default(10_000),
});

const healthSchema = z.strictObject({
  path: pathSchema.default('/health'),
  everyMs: milliseconds.default(2_000),
  timeoutMs: milliseconds.default(1_500),
  /** Probes that fail in a row before a replica counts as down. */
  failures: z.int().min(1).max(100).default(3),
});

const breakerSchema = z.strictObject({
  /** Calls that fail in a row before no further one is sent. */
  failures: z.int().min(1).max(1_000).default(3),
  openMs: milliseconds.default(5_000),
  /** The pause doubles at each failed trial up to this. */
  maxOpenMs: milliseconds.default(120_000),
});

const timeoutsSchema = z.strictObject({
  /** *Source:* reliability goals for model calls: first token 120 s, idle 60 s. */
  firstTokenMs: milliseconds.default(120_000),
  idleMs: milliseconds.default(60_000),
});

/** What is sent beside the conversation; servers that refuse a field are no longer sent it. */
const sendSchema = z.strictObject({
  sessionId: z.boolean().default(true),
  cacheSalt: z.boolean().default(true),
  /** Only for servers with priority scheduling: others answer it with an error. */
  priority: z.boolean().default(false),
  /** Pins a run to a slot of llama.cpp; for a single worker process, since slots are given out by it. */
  idSlot: z.boolean().default(true),
});

/** KV cache of one replica; what admission counts with. */
const kvSchema = z.strictObject({
  /** Tokens that fit. */
  tokens: z.int().min(1_024),
});

const admissionSchema = z.strictObject({
  /** Worker processes that serve this pool; each takes its share of the capacity. */
  workers: z.int().min(1).max(1_000).default(1),
  /** Tokens that a run is expected to hold at its middle; the room that a new run must find. */
  expectedRunTokens: z.int().min(1_024).default(128_000),
  /** Part of the KV cache that is never promised. */
  reserve: z.number().min(0).max(0.9).default(0.05),
  /** A run without a call for this long no longer counts as holding a cache. */
  idleMs: z.int().min(1_000).max(86_400_000).default(600_000),
});

/** Limits of the task queue, set at the engine when a worker starts. */
const limitsSchema = z.strictObject({
  /** Calls a second from the whole queue; null: no limit. */
  queuePerSecond: z.number().min(0.001).max(100_000).nullable().default(null),
  /** Calls a second of one tenant; null: no limit. */
  tenantPerSecond: z.number().min(0.001).max(100_000).nullable().default(null),
  /** Shares of tenants under fairness; 1 when not named. */
  weights: z.record(z.string().min(1).max(64), z.number().min(0.001).max(1_000)).default({}),
});

/** A set of replicas that serve the same models. */
export const modelPoolSchema = z.strictObject({
  /** Null: found out from each server. */
  engine: engineSchema.nullable().default(null),
  replicas: replicasSchema,
  /** Name of the environment variable with the servers' key; null: none is needed. */
  apiKeyEnv: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'expected the name of an environment variable, never a key')
    .nullable()
    .default(null),
  models: z.array(servedModelSchema).min(1),
  /** Calls at once on one replica. */
  concurrency: z.int().min(1).max(10_000),
  /** Null: the size is not known, and only `concurrency` bounds what is admitted. */
  kv: kvSchema.nullable().default(null),
  routing: routingSchema.prefault({}),
  health: healthSchema.prefault({}),
  breaker: breakerSchema.prefault({}),
  timeouts: timeoutsSchema.prefault({}),
  send: sendSchema.prefault({}),
  admission: admissionSchema.prefault({}),
  limits: limitsSchema.prefault({}),
});
export type ModelPool = z.infer<typeof modelPoolSchema>;

/** The whole file: at least the pool that thinks; the others fall back to it. */
export const modelPoolsFileSchema = z.strictObject({
  pools: z.strictObject({
    main: modelPoolSchema,
    reader: modelPoolSchema.optional(),
    judge: modelPoolSchema.optional(),
  }),
});
export type ModelPoolsFile = z.infer<typeof modelPoolsFileSchema>;
