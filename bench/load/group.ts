/** The load generators of one system, and the conversation with them. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Delays } from '../support/delays.js';
import { cpuSeconds, loadCore, pin } from '../support/processes.js';
import type { Command, Protocol, Report } from './messages.js';

/** Which events are waited for. */
export interface Expectation {
  /** Frames that every client gets; or, with `total`, that all of them get together. */
  readonly each?: number;
  readonly total?: number;
  readonly timed?: boolean;
}

/** After this long what has not come is lost, in milliseconds. */
const patienceMs = 60_000;

class Generator {
  readonly child: ChildProcess;
  clients = 0;
  private waiting: { resolve: (report: Report) => void; reject: (error: Error) => void } | undefined;
  private readonly early: Report[] = [];
  private failure: Error | undefined;

  constructor(stock: boolean) {
    this.child = fork(new URL('./load.ts', import.meta.url), stock ? ['--stock'] : [], {
      execArgv: ['--import', 'tsx'],
      stdio: 'inherit',
      serialization: 'advanced',
    });
    if (this.child.pid !== undefined) pin(this.child.pid, loadCore);
    this.child.on('message', (report: Report) => {
      const { waiting } = this;
      this.waiting = undefined;
      if (report.did === 'fail') {
        this.failure = new Error(`void run: ${report.reason}`);
        waiting?.reject(this.failure);
      } else if (waiting) waiting.resolve(report);
      else this.early.push(report);
    });
  }

  tell(command: Command): void {
    if (this.failure) throw this.failure;
    this.early.length = 0;
    this.child.send(command);
  }

  /** What it says next. */
  next(): Promise<Report> {
    const early = this.early.shift();
    if (early) return Promise.resolve(early);
    if (this.failure) return Promise.reject(this.failure);
    const answer = new Promise<Report>((resolve, reject) => (this.waiting = { resolve, reject }));
    // Whoever asks may look at the answer only later.
    answer.catch((_seen: Error) => undefined);
    return answer;
  }
}

export class Load {
  private readonly generators: Generator[];

  constructor(stock: boolean, processes = 1) {
    this.generators = Array.from({ length: processes }, () => new Generator(stock));
  }

  /** CPU seconds of the busiest generator so far: near the time that has passed, it is what is being measured. */
  cpuSeconds(): number {
    return Math.max(...this.generators.map(({ child }) => cpuSeconds(child.pid ?? 0)));
  }

  /** Connects one client a token, spread over the generators. */
  async connect(port: number, protocol: Protocol, tokens: readonly string[]): Promise<void> {
    const { generators } = this;
    await Promise.all(
      generators.map(async (generator, at) => {
        const share = tokens.filter((_, n) => n % generators.length === at);
        generator.tell({ do: 'connect', port, protocol, tokens: share });
        const report = await generator.next();
        if (report.did === 'connect') generator.clients = report.clients;
      }),
    );
  }

  /**
   * Resolves when they count. `arrived` then resolves when everything is there, and rejects when a client has had
   * more or fewer than it should.
   */
  async expect({ each = 0, total, timed = false }: Expectation): Promise<{ arrived: Promise<Delays> }> {
    if (total !== undefined && this.generators.length > 1)
      throw new Error('a total is counted by one generator');
    const command: Command =
      total === undefined ? { do: 'expect', frames: each, timed } : { do: 'expect total', frames: total };
    for (const generator of this.generators) generator.tell(command);
    await Promise.all(this.generators.map((generator) => inTime(generator.next())));
    const parts = this.generators.map(async (generator) => {
      const report = await inTime(generator.next());
      const exact =
        report.did === 'arrived' &&
        report.frames === (total ?? each * generator.clients) &&
        (total !== undefined || (report.least === each && report.most === each));
      if (!exact)
        throw new Error(`void run, not ${total ?? each} frames: ${JSON.stringify(report).slice(0, 200)}`);
      return report.delays;
    });
    const arrived = Promise.all(parts).then((delays) => new Delays(delays));
    arrived.catch((_seen: Error) => undefined);
    return { arrived };
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.generators.map(async ({ child }) => {
        const gone = once(child, 'exit');
        child.send({ do: 'stop' } satisfies Command);
        await gone;
      }),
    );
  }
}

async function inTime(answer: Promise<Report>): Promise<Report> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('void run: events are missing after a minute')), patienceMs);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
