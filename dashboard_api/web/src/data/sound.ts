/** Alarms that are heard: tones by priority, made here; silence is not acknowledgement. */
import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";
import { useLive } from "@/data/live";

const REPEAT_MS = 2_400;
const TONES: Record<number, { hertz: number[]; length: number }> = {
  1: { hertz: [960, 720, 960, 720], length: 0.16 },
  2: { hertz: [720, 720, 720], length: 0.18 },
  3: { hertz: [520, 520], length: 0.2 },
  4: { hertz: [420], length: 0.24 },
};

export const useSound = defineStore("sound", () => {
  const live = useLive();
  const unlocked = ref(false);
  const silenced = ref(true); // until something is annunciated
  let audio: AudioContext | null = null;

  /** Browsers give sound only after a gesture; called on the first one. */
  async function unlock(): Promise<void> {
    if (unlocked.value) return;
    audio ??= new AudioContext();
    await audio.resume();
    unlocked.value = audio.state === "running";
    audio.onstatechange = () => {
      unlocked.value = audio?.state === "running";
    };
  }

  function play(priority: number): void {
    if (audio === null || audio.state !== "running") return;
    const tone = TONES[priority] ?? TONES[4]!;
    tone.hertz.forEach((hertz, place) => {
      const at = audio!.currentTime + place * (tone.length + 0.06);
      const oscillator = audio!.createOscillator();
      const gain = audio!.createGain();
      oscillator.type = "triangle";
      oscillator.frequency.value = hertz;
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(0.5, at + 0.015);
      gain.gain.setValueAtTime(0.5, at + tone.length - 0.03);
      gain.gain.linearRampToValueAtTime(0, at + tone.length);
      oscillator.connect(gain).connect(audio!.destination);
      oscillator.start(at);
      oscillator.stop(at + tone.length);
    });
  }

  const worst = computed(() => Math.min(...live.unacknowledged.map((row) => row.priority ?? 4), 5));
  const sounding = computed(() => !silenced.value && live.unacknowledged.length > 0);

  watch(
    () => live.annunciation,
    () => {
      silenced.value = false;
      play(live.loudest);
    },
  );
  window.setInterval(() => {
    if (sounding.value) play(worst.value);
  }, REPEAT_MS);

  return { unlocked, silenced, sounding, unlock, play, silence: () => (silenced.value = true) };
});
