/** Describes the machine beside every absolute number, for without it the number says nothing. */
import { arch, cpus, platform, release, totalmem } from 'node:os';

export function machine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${memory}, ${platform()} ${release()} ${arch()}, Node ${process.version}`;
}
