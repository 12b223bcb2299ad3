/** The live connection: alarms and readings as they happen, and the honest word when they do not. */
import { defineStore } from "pinia";
import { computed, reactive, ref, shallowReactive } from "vue";
import { byUrgency, isUnacknowledged, keyOf, moved, type AlarmRow } from "@/lib/alarms";
import type { AlarmEvent, Reading } from "@/lib/words";

const SILENCE_MS = 4_500; // heartbeats come every 2 s after a round trip through the engine
const SHORTEST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5_000;

type Frame =
  | { type: "hello"; seq: number; epoch: string; server_time: string; version: string }
  | { type: "snapshot"; seq: number; alarms: (AlarmEvent & { seq?: number })[] }
  | { type: "alarm"; seq: number; event: AlarmEvent }
  | { type: "readings"; source: string; values: Record<string, Reading> }
  | { type: "gateway"; enterprise: string; gateway: string; online: boolean; t: string }
  | { type: "gap"; from: number; to: number }
  | { type: "heartbeat"; server_time: string }
  | { type: "error"; detail: string };

export const useLive = defineStore("live", () => {
  const alarms = shallowReactive(new Map<string, AlarmRow>());
  const values = shallowReactive(new Map<string, Reading>()); // "enterprise/tag"
  const online = reactive(new Map<string, boolean>());
  const lostSince = ref<number | null>(null); // on the server's clock
  const now = ref(Date.now()); // the server's, not the laptop's
  const annunciation = ref(0); // grows with every event that is to be heard
  const loudest = ref(4);
  const welcome = ref(true); // false where the server says that nobody is logged in

  let socket: WebSocket | null = null;
  let offset = 0;
  let heardAt = performance.now();
  let lastSeq: number | null = null;
  let epoch = "";
  let pause = SHORTEST_PAUSE_MS;
  let watch: number | undefined;
  let retry: number | undefined;
  const watched = new Map<string, number>(); // source: how many look at it

  function start(): void {
    if (watch !== undefined) return;
    heardAt = performance.now();
    welcome.value = true;
    watch = window.setInterval(look, 250);
    connect();
  }

  function stop(): void {
    window.clearInterval(watch);
    window.clearTimeout(retry);
    watch = undefined;
    lastSeq = null;
    alarms.clear();
    values.clear();
    lostSince.value = null;
    const old = socket;
    socket = null;
    old?.close();
  }

  /** Shows readings of these sources until the returned function is called. */
  function show(sources: string[]): () => void {
    for (const source of sources) watched.set(source, (watched.get(source) ?? 0) + 1);
    subscribe(lastSeq);
    return () => {
      for (const source of sources) {
        const left = (watched.get(source) ?? 1) - 1;
        if (left > 0) watched.set(source, left);
        else watched.delete(source);
      }
      subscribe(lastSeq);
    };
  }

  function connect(): void {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const opened = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    socket = opened;
    opened.onmessage = (message: MessageEvent<string>) => {
      if (socket === opened) take(JSON.parse(message.data) as Frame);
    };
    opened.onclose = (closed) => {
      if (socket !== opened) return;
      socket = null;
      if (closed.code === 1008) welcome.value = false;
      lose();
      retry = window.setTimeout(connect, pause * (0.7 + 0.6 * Math.random()));
      pause = Math.min(pause * 1.7, LONGEST_PAUSE_MS);
    };
  }

  function lose(): void {
    if (lostSince.value === null) lostSince.value = Date.now() + offset;
  }

  function look(): void {
    now.value = Date.now() + offset;
    if (performance.now() - heardAt > SILENCE_MS) lose();
  }

  function hear(serverTime: string): void {
    offset = Date.parse(serverTime) - Date.now();
    heardAt = performance.now();
    now.value = Date.now() + offset;
  }

  function subscribe(after: number | null): void {
    if (socket?.readyState !== WebSocket.OPEN) return;
    const wish = { type: "subscribe", alarms: {}, readings: [...watched.keys()], ...(after === null ? {} : { after }) };
    socket.send(JSON.stringify(wish));
  }

  function take(frame: Frame): void {
    switch (frame.type) {
      case "hello":
        if (frame.epoch !== epoch) lastSeq = null;
        epoch = frame.epoch;
        offset = Date.parse(frame.server_time) - Date.now();
        subscribe(lastSeq);
        break;
      case "snapshot":
        alarms.clear();
        for (const event of frame.alarms) place(event, event.seq ?? frame.seq);
        lastSeq = frame.seq;
        break;
      case "alarm":
        place(frame.event, frame.seq);
        lastSeq = frame.seq;
        if (frame.event.ann) {
          loudest.value = frame.event.priority ?? 4;
          annunciation.value += 1;
        }
        break;
      case "readings":
        for (const [tag, reading] of Object.entries(frame.values)) {
          values.set(`${frame.source.split("/")[0]}/${tag}`, reading);
        }
        break;
      case "gateway":
        online.set(`${frame.enterprise}/${frame.gateway}`, frame.online);
        break;
      case "gap":
        lastSeq = null;
        subscribe(null);
        break;
      case "heartbeat":
        hear(frame.server_time);
        pause = SHORTEST_PAUSE_MS;
        lostSince.value = null;
        break;
      case "error":
        console.error(frame.detail);
    }
  }

  function place(event: AlarmEvent, seq: number): void {
    if (event.alarm === "POINT" || event.state === null || event.ev === "LATE_VIOLATION") return;
    const key = keyOf(event);
    const row = moved(alarms.get(key), event, seq);
    if (row === null) alarms.delete(key);
    else alarms.set(key, row);
  }

  const ordered = computed(() => [...alarms.values()].sort(byUrgency));
  const unacknowledged = computed(() => ordered.value.filter((row) => isUnacknowledged(row.state)));

  return { alarms, values, online, lostSince, now, annunciation, loudest, welcome, ordered, unacknowledged, start, stop, show };
});
