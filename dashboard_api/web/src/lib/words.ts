/** The words of the API as types; times are RFC 3339 strings. */

export type State = "NORM" | "UNACK" | "ACKED" | "RTNUN" | "LATUN" | "LATAK" | "SHLVD" | "DSUPR" | "OOSRV" | "SUPERSEDED";
export type Priority = 1 | 2 | 3 | 4;

export interface AlarmEvent {
  t: string;
  alarm: string;
  ev: string;
  enterprise: string;
  source: string;
  tag: string;
  alarm_id: string | null;
  priority: Priority | null;
  state: State | null;
  since?: string;
  occ?: number;
  ann?: boolean;
  q?: string;
  value: number | null;
  limit: number | null;
  unit: string | null;
  received_at?: string;
  emitted_at?: string;
  late?: boolean;
  exercise?: boolean;
  unlogged?: boolean;
  user?: string;
  comment?: string;
  until?: string;
  reason?: string;
}

/** A reading as the WebSocket sends it: value, quality, time. */
export type Reading = [number | null, number, string];

export interface Live {
  value: number | null;
  quality: number;
  t: string;
  received_at: string;
}

export interface Source {
  enterprise: string;
  code: string;
  name: string;
  template: string;
  grade: string;
  region: string;
  enterprise_name: string;
  exercise: boolean;
  state: { worst_priority: Priority | null; unacknowledged: number; active: number };
}

export interface Tag {
  enterprise: string;
  source: string;
  tag: string;
  kind: string;
  unit: string;
  description: string;
  ll: number | null;
  l: number | null;
  h: number | null;
  hh: number | null;
  range_lo: number | null;
  range_hi: number | null;
  live: Live | null;
  alarms: Record<string, State>;
}

export interface Region {
  code: string;
  name: string;
  parent: string;
}

export interface Gateway {
  enterprise: string;
  code: string;
  name: string;
  online: boolean | null;
  clock: string;
}

export interface Reject {
  id: string;
  at: string;
  reason: string;
  detail: string;
  topic: string;
  tag: string;
  payload: string | null;
}

export interface User {
  username: string;
  role: string;
  region: string;
  enterprise: string;
}

export interface HistoryRow {
  t: string;
  min: number | null;
  max: number | null;
  mean: number | null;
  last: number | null;
  n: number;
  quality: number;
}

export interface Page<Item> {
  items: Item[];
  next: string | null;
}
