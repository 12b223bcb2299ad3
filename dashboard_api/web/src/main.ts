/** The screen: pages, language, and the session before anything else. */
import { createPinia } from "pinia";
import { createApp } from "vue";
import { createRouter, createWebHistory } from "vue-router";
import App from "@/App.vue";
import { useSession } from "@/data/session";
import { i18n } from "@/i18n";
import AlarmsPage from "@/pages/AlarmsPage.vue";
import LoginPage from "@/pages/LoginPage.vue";
import OverviewPage from "@/pages/OverviewPage.vue";
import SourcePage from "@/pages/SourcePage.vue";
import "@/style.css";

const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/", component: OverviewPage },
    { path: "/alarms", component: AlarmsPage },
    { path: "/sources/:enterprise/:source", component: SourcePage, props: true },
    { path: "/tags/:enterprise/:tag", component: () => import("@/pages/TagPage.vue"), props: true },
    { path: "/trend/:enterprise/:tag", component: () => import("@/pages/TrendPage.vue"), props: true },
    { path: "/platform", component: () => import("@/pages/PlatformPage.vue") },
    { path: "/login", component: LoginPage },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});

const app = createApp(App).use(createPinia()).use(i18n);

router.beforeEach(async (to) => {
  const session = useSession();
  if (to.path === "/login") return true;
  if (session.user !== null || (await session.look().catch(() => false))) return true;
  return { path: "/login", query: { to: to.fullPath } };
});

document.documentElement.lang = i18n.global.locale.value;
const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = (): void => {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");
};
dark.addEventListener("change", dress);
dress();
app.use(router).mount("#app");
