/** Times and ages in the few characters an operator reads at a glance. */

export function age(fromMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - fromMs) / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

const two = (number: number): string => String(number).padStart(2, "0");

/** The time of day; times of an exercise keep the day and hour that their source gave them (UTC). */
export function clock(ms: number, utc: boolean): string {
  const at = new Date(ms);
  return utc
    ? `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`
    : `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function day(ms: number, utc: boolean): string {
  const at = new Date(ms);
  return utc
    ? `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Enough digits to see a change, never so many that they dance. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return "—";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  return value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3);
}

export type Quality = "good" | "uncertain" | "bad";

export function qualityOf(code: number): Quality {
  return code >= 192 ? "good" : code >= 64 ? "uncertain" : "bad";
}
