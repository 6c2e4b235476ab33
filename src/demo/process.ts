/** The process that plays the demo's service; started again when it ends by itself, until it is stopped. */
import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Logger } from '../telemetry/logger.js';

const restartMs = 1_000;
/** How long it may take to end when it is asked to, in milliseconds. */
const patienceMs = 2_000;

export interface DemoProcessOptions {
  readonly databaseUrl: string;
  /** Changes a second. */
  readonly rate: number;
  readonly logger: Pick<Logger, 'warn'>;
}

export class DemoProcess {
  private child: ChildProcess | undefined;
  private restart: NodeJS.Timeout | undefined;
  private wanted = false;

  constructor(private readonly options: DemoProcessOptions) {}

  get running(): boolean {
    return this.wanted;
  }

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.run();
  }

  /** Resolves once the process is gone. Can be called twice. */
  async stop(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.restart);
    const { child } = this;
    // One that could not be started has no id, and no end either.
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const patience = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    await new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGTERM');
    });
    clearTimeout(patience);
  }

  private run(): void {
    const { databaseUrl, rate, logger } = this.options;
    // The same kind of file as this one: TypeScript when run from the sources, JavaScript when built.
    const fromSources = import.meta.url.endsWith('.ts');
    const path = fileURLToPath(new URL(fromSources ? 'main.ts' : 'main.js', import.meta.url));
    const loader = () => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    // The channel is how the child notices that this process is gone, however it went. The URL has a password in it:
    // the environment is for the owner's eyes alone, arguments are not.
    const child = fork(path, [], {
      env: { ...process.env, DATABASE_URL: databaseUrl, DEMO_RATE: String(rate) },
      execArgv: fromSources ? ['--import', loader()] : [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child = child;
    const again = (reason: string) => {
      if (!this.wanted || this.child !== child) return;
      logger.warn({ reason }, 'the demo has stopped, it starts again');
      clearTimeout(this.restart);
      this.restart = setTimeout(() => this.run(), restartMs);
    };
    child.on('error', (error) => again(error.message));
    child.on('exit', (code, signal) => again(signal ?? `exit code ${code}`));
  }
}
