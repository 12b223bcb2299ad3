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

/** An excursion while offline: beside the life of its alarm, with an acknowledgement of its own. */
export const isOffline = (event: Pick<AlarmEvent, "late" | "occ">): boolean => event.late === true && event.occ === 0;

/** One row an alarm, and one for each of its excursions while offline. */
export function keyOf(event: Pick<AlarmEvent, "enterprise" | "tag" | "alarm" | "late" | "occ" | "alarm_id">): string {
  return isOffline(event) ? String(event.alarm_id) : `${event.enterprise}/${event.tag}/${event.alarm}`;
}

/** What the tabs of the list show; each counts always. */
export const TABS = {
  standing: (row: AlarmRow): boolean => !isHidden(row.state) && !isOffline(row),
  unacknowledged: (row: AlarmRow): boolean => isUnacknowledged(row.state) && !isOffline(row),
  shelved: (row: AlarmRow): boolean => row.state === "SHLVD",
  suppressed: (row: AlarmRow): boolean => row.state === "DSUPR",
  outOfService: (row: AlarmRow): boolean => row.state === "OOSRV",
  offline: isOffline,
} as const;
export type Tab = keyof typeof TABS;

export type Command = "ack" | "reset" | "shelve" | "unshelve" | "suppress" | "unsuppress" | "out" | "in" | "comment";

/** What an alarm's state lets a person ask of it; the engine has the last word. */
export function commandsOf(state: State): Command[] {
  const always: Command[] = [
    ...(state === "SHLVD" ? (["unshelve"] as const) : []),
    "shelve",
    state === "DSUPR" ? "unsuppress" : "suppress",
    state === "OOSRV" ? "in" : "out",
    "comment",
  ];
  if (isUnacknowledged(state)) return ["ack", ...always];
  return state === "LATAK" ? ["reset", ...always] : always;
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
