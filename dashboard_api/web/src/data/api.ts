/** Calls of the API; the only place that fetches, beside live.ts. */
import type { AlarmEvent, Gateway, HistoryRow, Page, Region, Reject, Source, Tag, User } from "@/lib/words";

const BASE = "/api/v1";

/** An answer that is no success: `status` 0 means that nobody answered. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(detail);
  }
}

async function call<Answer>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  let answer: Response;
  try {
    answer = await fetch(BASE + path, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, "no answer");
  }
  if (answer.status === 204) return undefined as Answer;
  const said: unknown = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, String((said as { detail?: unknown }).detail ?? answer.statusText));
  return said as Answer;
}

/** Every item of a list, page by page. */
async function all<Item>(path: string): Promise<Item[]> {
  const items: Item[] = [];
  let after: string | null = null;
  do {
    const more = after === null ? "" : `&after=${encodeURIComponent(after)}`;
    const page: Page<Item> = await call("GET", `${path}${path.includes("?") ? "&" : "?"}limit=1000${more}`);
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return items;
}

const part = encodeURIComponent;
const key = (): Record<string, string> => ({ "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) });

export interface Verdict {
  state?: string;
  pending?: string;
  event?: AlarmEvent;
}

export const api = {
  logIn: (username: string, password: string) => call<{ user: User }>("POST", "/login", { username, password }),
  logOut: () => call<void>("POST", "/logout"),
  me: () => call<User>("GET", "/me"),
  regions: () => all<Region>("/regions"),
  sources: () => all<Source>("/sources"),
  tags: (source: string) => all<Tag>(`/tags?source=${part(source)}`),
  tag: (enterprise: string, tag: string) => call<Tag>("GET", `/tags/${part(enterprise)}/${part(tag)}`),
  gateways: () => all<Gateway>("/gateways"),
  rejects: () => call<Page<Reject>>("GET", "/rejects?limit=100"),
  history: (enterprise: string, tag: string, from: number, to: number, points: number) =>
    call<{ resolution: "raw" | number; rows: HistoryRow[] }>(
      "GET",
      `/tags/${part(enterprise)}/${part(tag)}/history?from=${Math.floor(from)}&to=${Math.ceil(to)}&points=${points}`,
    ),
  acknowledge: (alarmId: string, comment: string | undefined) =>
    call<Verdict>("POST", `/alarms/${part(alarmId)}/ack`, { comment }, key()),
  reset: (alarmId: string) => call<Verdict>("POST", `/alarms/${part(alarmId)}/reset`, {}, key()),
  comment: (alarmId: string, comment: string) => call<Verdict>("POST", `/alarms/${part(alarmId)}/comment`, { comment }, key()),
  events: (alarmId: string) => call<Page<AlarmEvent & { seq: number }>>("GET", `/alarms/${part(alarmId)}/events`),
  /** `what` is shelve, unshelve, suppress or out-of-service. */
  onAlarm: (enterprise: string, tag: string, alarm: string, what: string, body: unknown) =>
    call<Verdict>("POST", `/tags/${part(enterprise)}/${part(tag)}/alarms/${part(alarm)}/${what}`, body, key()),
};
