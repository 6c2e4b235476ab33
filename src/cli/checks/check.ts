/** The results of `doctor`'s checks. */

export interface Result {
  /** Which check: a stable word for programs. */
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed';
  /** What was found. */
  readonly detail: string;
  /** What to do; of everything that is not ok. */
  readonly fix?: string;
}

export const ok = (check: string, detail: string): Result => ({ check, status: 'ok', detail });
export const warning = (check: string, detail: string, fix: string): Result => ({
  check,
  status: 'warning',
  detail,
  fix,
});
export const failed = (check: string, detail: string, fix: string): Result => ({
  check,
  status: 'failed',
  detail,
  fix,
});

/** `2 h`, `3 min`, `5 s`. */
export function duration(seconds: number): string {
  if (seconds >= 7_200) return `${Math.round(seconds / 3_600)} h`;
  return seconds >= 120 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`;
}
