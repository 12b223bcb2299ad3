/** The language of this desk: chosen, else the browser's. */
import { createI18n } from "vue-i18n";
import { messages } from "@/i18n/messages";

const chosen = localStorage.getItem("locale");
const usual = navigator.language.startsWith("zh") ? "zh-CN" : "en";

export const i18n = createI18n({
  legacy: false,
  locale: chosen === "en" || chosen === "zh-CN" ? chosen : usual,
  fallbackLocale: "en",
  messages,
});

export function choose(locale: "en" | "zh-CN"): void {
  i18n.global.locale.value = locale;
  localStorage.setItem("locale", locale);
  document.documentElement.lang = locale;
}
