import { decodeStepSeconds, prefillSeconds, type Serving } from '../../domain/pool/cost-model.ts';

/** A call as a replica works on it. */
export interface EngineCall {
  readonly run: string;
  readonly promptTokens: number;
  /** Leading tokens that it shares with what was computed for the run before, wherever that was. */
  readonly sharedTokens: number;
  readonly replyTokens: number;
}

/** Tokens that one step computes of a prompt, beside a token of every reply. *Source:* vLLM's default budget of a step. */
const chunkTokens = 2_048;

/** Less of a token than this is what rounding leaves. */
const roundingTokens = 1e-3;

interface RunningCall {
  readonly call: EngineCall;
  /** Tokens of its prompt still to compute; 0 while it decodes. */
  prefillLeft: number;
  /** Seconds that a step's part of the prefill takes. */
  chunkSeconds: number;
  decodeLeft: number;
  hasReplyRoom: boolean;
}

/**
 * One replica with continuous batching: chunks of one prompt beside a token of every reply in each step, a queue that is served in order,
 * a KV cache of finite size in which idle conversations stay until others need the room, and preemption of the latest call when running
 * ones outgrow it.
 *
 * Time goes on in stretches in which nothing begins or ends; within one, every step takes the same.
 */
export class Engine {
  readonly #serving: Serving;
  readonly #kvTokens: number;
  readonly #maxCalls: number;
  readonly #waiting: EngineCall[] = [];
  readonly #running: RunningCall[] = [];
  /** Tokens of idle conversations, the one not used for the longest first. */
  readonly #idle = new Map<string, number>();
  #idleTokens = 0;
  #usedTokens = 0;
  #nowSeconds = 0;
  preemptions = 0;
  /** Seconds in which something was computed. */
  busySeconds = 0;
  prefillTokens = 0;
  promptTokens = 0;

  constructor(serving: Serving, kvTokens: number) {
    this.#serving = serving;
    this.#kvTokens = kvTokens;
    this.#maxCalls = serving.hardware.maxBatch;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get running(): number {
    return this.#running.length;
  }

  add(call: EngineCall, nowSeconds: number): EngineCall[] {
    const done = this.advance(nowSeconds);
    this.#waiting.push(call);
    this.#admit();
    return done;
  }

  /** When something ends next; infinity when nothing runs. */
  nextEnd(): number {
    const prefilling = this.#prefilling();
    const step = this.#stepSeconds(prefilling);
    let seconds = Number.POSITIVE_INFINITY;
    if (prefilling !== undefined) seconds = (prefilling.prefillLeft / chunkTokens) * step;
    for (const each of this.#running) if (each.prefillLeft === 0) seconds = Math.min(seconds, each.decodeLeft * step);
    return this.#nowSeconds + seconds;
  }

  /** Computes until then; gives the calls that ended. */
  advance(untilSeconds: number): EngineCall[] {
    const done: EngineCall[] = [];
    while (this.#running.length > 0) {
      const end = this.nextEnd();
      const stop = Math.min(end, untilSeconds);
      this.#compute(stop - this.#nowSeconds);
      this.#nowSeconds = stop;
      if (end > untilSeconds) break;
      done.push(...this.#finish());
    }
    this.#nowSeconds = Math.max(this.#nowSeconds, untilSeconds);
    return done;
  }

  /** Prompts are computed one after another, in the order in which they were taken up. */
  #prefilling(): RunningCall | undefined {
    return this.#running.find(({ prefillLeft }) => prefillLeft > 0);
  }

  #stepSeconds(prefilling: RunningCall | undefined): number {
    let context = 0;
    for (const { call, prefillLeft } of this.#running) if (prefillLeft === 0) context += call.promptTokens;
    return decodeStepSeconds(this.#serving, context) + (prefilling?.chunkSeconds ?? 0);
  }

  #compute(seconds: number): void {
    if (seconds <= 0) return;
    this.busySeconds += seconds;
    const prefilling = this.#prefilling();
    const steps = seconds / this.#stepSeconds(prefilling);
    for (const each of this.#running) {
      if (each.prefillLeft === 0) each.decodeLeft = Math.max(0, each.decodeLeft - steps);
    }
    if (prefilling !== undefined) prefilling.prefillLeft = Math.max(0, prefilling.prefillLeft - steps * chunkTokens);
  }

  #finish(): EngineCall[] {
    const done: EngineCall[] = [];
    for (const each of this.#running) if (each.prefillLeft < roundingTokens) this.#startReply(each);
    const finished = this.#running.filter((each) => each.prefillLeft === 0 && each.decodeLeft <= roundingTokens);
    for (const each of finished) {
      this.#remove(each);
      const { call } = each;
      this.#keep(call.run, call.promptTokens + call.replyTokens);
      done.push(call);
    }
    this.#evict();
    this.#grow();
    this.#admit();
    return done;
  }

  /** Room is taken for a reply only when it begins, as a server does that cannot know its length. */
  #startReply(each: RunningCall): void {
    each.prefillLeft = 0;
    if (each.hasReplyRoom) return;
    each.hasReplyRoom = true;
    this.#usedTokens += each.call.replyTokens;
  }

  #remove(each: RunningCall): void {
    this.#running.splice(this.#running.indexOf(each), 1);
    this.#usedTokens -= each.call.promptTokens + (each.hasReplyRoom ? each.call.replyTokens : 0);
  }

  #keep(run: string, tokens: number): void {
    this.#drop(run);
    this.#idle.set(run, tokens);
    this.#idleTokens += tokens;
  }

  #drop(run: string): number {
    const tokens = this.#idle.get(run) ?? 0;
    this.#idle.delete(run);
    this.#idleTokens -= tokens;
    return tokens;
  }

  /** Running calls that outgrow the cache push out the latest of them, which is computed again from the front of the queue. */
  #grow(): void {
    while (this.#usedTokens > this.#kvTokens && this.#running.length > 1) {
      const latest = this.#running.at(-1);
      if (latest === undefined) return;
      this.#remove(latest);
      this.#waiting.unshift({ ...latest.call, sharedTokens: 0 });
      this.preemptions += 1;
    }
  }

  /** Takes up waiting calls in their order for as long as the first one's prompt fits beside the running ones. */
  #admit(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const isFull = this.#usedTokens + first.promptTokens > this.#kvTokens;
      if (this.#running.length >= this.#maxCalls || (isFull && this.#running.length > 0)) return;
      this.#waiting.shift();
      this.#begin(first);
    }
  }

  #begin(call: EngineCall): void {
    const hit = Math.min(this.#drop(call.run), call.sharedTokens);
    const fresh = call.promptTokens - hit;
    this.#usedTokens += call.promptTokens;
    this.#evict();
    this.prefillTokens += fresh;
    this.promptTokens += call.promptTokens;
    const seconds = prefillSeconds(this.#serving, fresh, hit);
    const chunkSeconds = (seconds / fresh) * chunkTokens;
    this.#running.push({ call, prefillLeft: fresh, chunkSeconds, decodeLeft: call.replyTokens, hasReplyRoom: false });
  }

  /** Idle conversations lose their ends, the one not used for the longest first, until everything fits. */
  #evict(): void {
    for (const [run, tokens] of this.#idle) {
      const over = this.#usedTokens + this.#idleTokens - this.#kvTokens;
      if (over <= 0) return;
      const kept = Math.max(0, tokens - over);
      this.#idleTokens -= tokens - kept;
      if (kept === 0) this.#idle.delete(run);
      else this.#idle.set(run, kept);
    }
  }
}
