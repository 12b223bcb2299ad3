import { describe, expect, it } from "vitest";
import { age, clock, number, qualityOf } from "@/lib/times";

describe("ages", () => {
  it.each([
    [0, "0 s"],
    [99_000, "99 s"],
    [101_000, "1 min"],
    [6_000_000, "1 h"],
    [3 * 86_400_000, "3 d"],
    [-5_000, "0 s"],
  ])("%d ms are %s", (ms, text) => expect(age(0, ms)).toBe(text));
});

describe("numbers", () => {
  it.each([
    [null, "—"],
    [0, "0.000"],
    [9.5481, "9.548"],
    [95.481, "95.48"],
    [550.04, "550.0"],
    [12345.6, "12346"],
    [0.0001, "1.00e-4"],
  ])("%s is shown as %s", (value, text) => expect(number(value)).toBe(text));
});

it("an exercise keeps the time of day of its source", () => {
  expect(clock(Date.UTC(2005, 11, 11, 3, 5, 0), true)).toBe("03:05:00");
});

it("OPC quality in words", () => {
  expect([192, 64, 0].map(qualityOf)).toEqual(["good", "uncertain", "bad"]);
});
