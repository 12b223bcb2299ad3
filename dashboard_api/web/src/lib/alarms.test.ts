import { describe, expect, it } from "vitest";
import { byUrgency, commandsOf, held, moved, summary, TABS, type AlarmRow } from "@/lib/alarms";
import type { AlarmEvent } from "@/lib/words";

const event = (over: Partial<AlarmEvent>): AlarmEvent => ({
  t: "2026-01-01T00:00:00.000Z",
  alarm: "H",
  ev: "ACTIVE",
  enterprise: "E1",
  source: "S1",
  tag: "T1",
  alarm_id: "a",
  priority: 3,
  state: "UNACK",
  value: 1,
  limit: 1,
  unit: "m",
  ...over,
});
const row = (over: Partial<AlarmEvent>): AlarmRow => moved(undefined, event(over), 1) as AlarmRow;

describe("what an event makes of a row", () => {
  it("ends it when nothing stands any more", () => {
    expect(moved(row({}), event({ ev: "ACK", state: "NORM" }), 2)).toBeNull();
  });
  it("keeps the time of the raise through an acknowledgement", () => {
    const after = moved(row({}), event({ ev: "ACK", state: "ACKED", t: "2026-01-01T01:00:00.000Z" }), 2);
    expect(after?.raised).toBe("2026-01-01T00:00:00.000Z");
    expect(after?.state).toBe("ACKED");
  });
  it("is not changed by a refused command", () => {
    const before = row({});
    expect(moved(before, event({ ev: "REJECT" }), 2)).toBe(before);
  });
});

describe("the order of the list", () => {
  it("is unacknowledged, then priority, then newest", () => {
    const rows = [
      row({ tag: "seen", state: "ACKED", priority: 1 }),
      row({ tag: "old", priority: 2, t: "2026-01-01T00:00:00.000Z" }),
      row({ tag: "new", priority: 2, t: "2026-01-01T00:00:09.000Z" }),
      row({ tag: "urgent", priority: 1 }),
    ];
    expect(rows.sort(byUrgency).map((one) => one.tag)).toEqual(["urgent", "new", "old", "seen"]);
  });
  it("does not move while somebody acts: new rows wait, ended ones go", () => {
    const rows = new Map([row({ tag: "a" }), row({ tag: "c" })].map((one) => [one.key, one]));
    expect(held(["E1/a/H", "E1/b/H"], rows)).toEqual({ keys: ["E1/a/H"], waiting: 1 });
  });
});

describe("the summary of a source", () => {
  it("does not count what is shelved, suppressed or out of service", () => {
    const rows = [row({ state: "SHLVD", priority: 1 }), row({ tag: "b", state: "ACKED", priority: 3 })];
    expect(summary(rows)).toEqual({ worst: 3, unacknowledged: 0, active: 1 });
  });
});

describe("what may be asked of an alarm", () => {
  it.each([
    ["UNACK", ["ack", "shelve", "suppress", "out", "comment"]],
    ["ACKED", ["shelve", "suppress", "out", "comment"]],
    ["LATAK", ["reset", "shelve", "suppress", "out", "comment"]],
    ["SHLVD", ["unshelve", "shelve", "suppress", "out", "comment"]],
    ["DSUPR", ["shelve", "unsuppress", "out", "comment"]],
    ["OOSRV", ["shelve", "suppress", "in", "comment"]],
  ] as const)("follows from %s", (state, commands) => {
    expect(commandsOf(state)).toEqual(commands);
  });
});

describe("an excursion while offline", () => {
  const offline = row({ late: true, occ: 0, alarm_id: "p1", state: "RTNUN" });
  it("has a row of its own beside its alarm", () => {
    expect(offline.key).toBe("p1");
    expect(row({}).key).toBe("E1/T1/H");
  });
  it("is in its own tab and in no other", () => {
    expect(Object.entries(TABS).filter(([, shows]) => shows(offline)).map(([name]) => name)).toEqual(["offline"]);
  });
});
