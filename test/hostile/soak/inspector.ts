/** Looks into a running server through Node's inspector: what is left in its heap once everything unused is collected. */
import WebSocket from 'ws';

/** What the process holds, right after a garbage collection. */
export interface Held {
  /** Bytes of JavaScript objects. */
  readonly heap: number;
  /** Event listeners, of all emitters together. */
  readonly listeners: number;
  /** Timers that are set. */
  readonly timers: number;
}

export class Inspector {
  private readonly waiting = new Map<number, (answer: any) => void>();
  private asked = 0;

  private constructor(private readonly ws: WebSocket) {
    ws.on('message', (text: Buffer) => {
      const answer = JSON.parse(text.toString('utf8'));
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
    });
    // The server's end is noticed elsewhere.
    ws.on('error', () => undefined);
  }

  /** @param url as Node prints it: "Debugger listening on ws://…" */
  static async attach(url: string): Promise<Inspector> {
    const ws = new WebSocket(url, { maxPayload: 0 });
    await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
    return new Inspector(ws);
  }

  private async ask(method: string, params: object = {}): Promise<any> {
    const id = ++this.asked;
    const answer = await new Promise<any>((resolve) => {
      this.waiting.set(id, resolve);
      this.ws.send(JSON.stringify({ id, method, params }));
    });
    if (answer.error) throw new Error(`${method}: ${String(answer.error.message)}`);
    return answer.result;
  }

  async held(): Promise<Held> {
    await this.ask('HeapProfiler.collectGarbage');
    const { usedSize } = await this.ask('Runtime.getHeapUsage');
    return { heap: usedSize, listeners: await this.listeners(), timers: await this.timers() };
  }

  /** Every object with an EventEmitter's prototype, and how many listen to it. */
  private async listeners(): Promise<number> {
    const objectGroup = 'soak';
    const { result: prototype } = await this.ask('Runtime.evaluate', {
      expression:
        "process.getBuiltinModule?.('events').prototype ?? Object.getPrototypeOf(Object.getPrototypeOf(process))",
      objectGroup,
    });
    const { objects } = await this.ask('Runtime.queryObjects', {
      prototypeObjectId: prototype.objectId,
      objectGroup,
    });
    const { result } = await this.ask('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration: `function () {
        let listeners = 0;
        for (const emitter of this) {
          if (!emitter._events) continue;
          for (const name of Reflect.ownKeys(emitter._events)) {
            const own = emitter._events[name];
            listeners += Array.isArray(own) ? own.length : own ? 1 : 0;
          }
        }
        return listeners;
      }`,
      returnByValue: true,
    });
    await this.ask('Runtime.releaseObjectGroup', { objectGroup });
    return result.value as number;
  }

  private async timers(): Promise<number> {
    const { result } = await this.ask('Runtime.evaluate', {
      expression: "process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length",
      returnByValue: true,
    });
    return result.value as number;
  }

  close(): void {
    this.ws.close();
  }
}
