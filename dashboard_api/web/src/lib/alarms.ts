/** Events to the list that an operator works from: what stands, in the order in which it wants him. */
import type { AlarmEvent, Priority, State } from "@/lib/words";

export interface AlarmRow extends AlarmEvent {
  key: string;
  seq: number;
  /** When it was raised: the order of the list. */
  raised: string;
}

const UNACKNOWLEDGED: ReadonlySet<State> = new Set(["UNACK", "RTNUN", "LATUN"]);
const ACTIVE: ReadonlySet<State> = new Set(["UNACK", "ACKED"]);
const HIDDEN: ReadonlySet<State> = new Set(["SHLVD", "DSUPR", "OOSRV"]);

export const isUnacknowledged = (state: State | null): boolean => state !== null && UNACKNOWLEDGED.has(state);
export const isActive = (state: State | null): boolean => state !== null && ACTIVE.has(state);
export const isHidden = (state: State | null): boolean => state !== null && HIDDEN.has(state);

export function keyOf(event: Pick<AlarmEvent, "enterprise" | "tag" | "alarm">): string {
  return `${event.enterprise}/${event.tag}/${event.alarm}`;
}

/** What an event makes of the row that is there; null where nothing stands any more. */
export function moved(before: AlarmRow | undefined, event: AlarmEvent, seq: number): AlarmRow | null {
  if (event.state === "NORM") return null;
  const raised = event.ev === "ACTIVE" ? event.t : (before?.raised ?? event.since ?? event.t);
  if (before && (event.ev === "REJECT" || event.ev === "COMMENT")) return before;
  return { ...event, since: event.since ?? before?.since, key: keyOf(event), seq, raised };
}

/** Unacknowledged first, then priority, then newest. */
export function byUrgency(a: AlarmRow, b: AlarmRow): number {
  const seen = Number(isUnacknowledged(b.state)) - Number(isUnacknowledged(a.state));
  if (seen !== 0) return seen;
  const priority = (a.priority ?? 4) - (b.priority ?? 4);
  if (priority !== 0) return priority;
  return b.raised.localeCompare(a.raised) || a.key.localeCompare(b.key);
}

/** The order on the screen while somebody acts: rows that are shown stay where they are, new ones wait. */
export function held(shown: readonly string[], rows: ReadonlyMap<string, AlarmRow>): { keys: string[]; waiting: number } {
  const keys = shown.filter((key) => rows.has(key));
  const known = new Set(keys);
  let waiting = 0;
  for (const key of rows.keys()) if (!known.has(key)) waiting += 1;
  return { keys, waiting };
}

export interface Summary {
  worst: Priority | null;
  unacknowledged: number;
  active: number;
}

export function summary(rows: Iterable<AlarmRow>): Summary {
  let worst: Priority | null = null;
  let unacknowledged = 0;
  let active = 0;
  for (const row of rows) {
    if (isHidden(row.state)) continue;
    if (row.priority !== null && (worst === null || row.priority < worst)) worst = row.priority;
    unacknowledged += Number(isUnacknowledged(row.state));
    active += Number(isActive(row.state));
  }
  return { worst, unacknowledged, active };
}
