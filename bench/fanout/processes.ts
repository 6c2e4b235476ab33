/** Child processes of the benchmark: pinned to a core, measured by the CPU seconds the kernel has counted for them. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Command, Protocol, Report } from './load.js';

const ticksPerSecond = 100;

/** CPU seconds, user and system, of a process and all its threads. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Proportional set size, in KiB: what the process adds to the machine's memory. */
export function pssKib(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
}

export function pin(pid: number, core: number): void {
  spawn('taskset', ['-a', '-cp', String(core), String(pid)], { stdio: 'ignore' });
}

/** A Node program on a core of its own; `args` are Node's. */
export function startNode(core: number, args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn('taskset', ['-c', String(core), process.execPath, ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  });
}

/** A load generator and the conversation with it. */
export class Load {
  private readonly child: ChildProcess;
  private waiting: { resolve: (report: Report) => void; reject: (error: Error) => void } | undefined;

  constructor(core: number, stock: boolean) {
    this.child = fork(new URL('./load.ts', import.meta.url), stock ? ['--stock'] : [], {
      execArgv: ['--import', 'tsx'],
      stdio: 'inherit',
    });
    if (this.child.pid !== undefined) pin(this.child.pid, core);
    this.child.on('message', (report: Report) => {
      const { waiting } = this;
      this.waiting = undefined;
      if (report.did === 'fail') {
        if (waiting) waiting.reject(new Error(report.reason));
        else if (!this.stopped) throw new Error(`load generator: ${report.reason}`);
      } else waiting?.resolve(report);
    });
  }
  private stopped = false;

  private ask(command: Command): Promise<Report> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.child.send(command);
    });
  }

  async connect(port: number, protocol: Protocol, tokens: readonly string[]): Promise<void> {
    await this.ask({ do: 'connect', port, protocol, tokens });
  }

  /** Throws unless every client has had the same number of frames, where that is expected. */
  async received(frames: number, each?: number): Promise<void> {
    const report = await this.ask({ do: 'await', frames });
    if (report.did !== 'await' || report.frames !== frames)
      throw new Error(`void run: ${JSON.stringify(report)}`);
    if (each !== undefined && (report.least !== each || report.most !== each)) {
      throw new Error(`void run, not ${each} each: ${JSON.stringify(report)}`);
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    const gone = once(this.child, 'exit');
    this.child.send({ do: 'stop' } satisfies Command);
    await gone;
  }
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};
