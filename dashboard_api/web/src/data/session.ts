/** Who sits here. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { api, Refusal } from "@/data/api";
import type { User } from "@/lib/words";

const MAY_ACT = new Set(["operator", "supervisor", "engineer", "admin"]);

export const useSession = defineStore("session", () => {
  const user = ref<User | null>(null);
  const mayAct = computed(() => user.value !== null && MAY_ACT.has(user.value.role));

  /** Asks the server; while it does not answer, the person stays who he was. */
  async function look(): Promise<boolean> {
    try {
      user.value = await api.me();
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) user.value = null;
      else if (user.value === null) throw error;
    }
    return user.value !== null;
  }

  async function logIn(username: string, password: string): Promise<void> {
    user.value = (await api.logIn(username, password)).user;
  }

  async function logOut(): Promise<void> {
    await api.logOut().catch(() => undefined);
    user.value = null;
  }

  return { user, mayAct, look, logIn, logOut };
});
