/** How values, ages and times are written for a person. Pure functions; no DOM lives here. */

import { toBytes } from "./wamp-vocabulary.js";

const MAX_TEXT = 500; // characters of a text or an object that are shown
const numbers = new Map(); // decimals -> Intl.NumberFormat; making one costs more than a hundred uses

/** The decimals a number is written with, at most 6: 21.5 -> 1. What binary fractions add behind is rounding noise. */
export function decimalsOf(value) {
  const text = String(Number(value.toPrecision(9)));
  if (text.includes("e")) return 6;
  const point = text.indexOf(".");
  return point < 0 ? 0 : Math.min(6, text.length - point - 1);
}

/**
 * A number with a fixed count of decimals, so that it does not jump about while it changes.
 *
 * @param {number} value
 * @param {number} [decimals]
 * @returns {string} in the reader's locale; very large and very small ones with an exponent
 */
export function formatNumber(value, decimals = decimalsOf(value)) {
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential(3);
  if (!numbers.has(decimals)) {
    numbers.set(decimals, new Intl.NumberFormat(undefined, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }));
  }
  return numbers.get(decimals).format(value);
}

const BYTES = ["B", "kB", "MB", "GB", "TB"]; // of 1000, as cards and disks are sold

/**
 * The unit that numbers of this size are best read in; only bytes have several.
 *
 * @param {number} size
 * @param {string} unit - as the router has it
 * @returns {{unit: string, by: number}} by: to divide by
 */
export function readable(size, unit) {
  if (unit !== "B" || Math.abs(size) < 10_000) return { unit, by: 1 };
  const step = Math.min(BYTES.length - 1, Math.floor(Math.log10(Math.abs(size)) / 3));
  return { unit: BYTES[step], by: 1000 ** step };
}

/** Short ones in one line, others indented. */
function formatData(value) {
  const indented = JSON.stringify(value, null, 1);
  const line = indented.replace(/\n\s*/g, " ");
  return line.length <= 60 ? line : indented;
}

const shorten = (text) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);

const hex = (bytes) => Array.from(bytes.slice(0, 32), (byte) => byte.toString(16).padStart(2, "0")).join(" ");

/**
 * What is shown for a value of any kind.
 *
 * @param {*} value - what JSON can say
 * @returns {{kind: "number"|"boolean"|"text"|"data"|"bytes"|"nothing", text: string}}
 */
export function describe(value) {
  if (typeof value === "number") return { kind: "number", text: formatNumber(value) };
  if (typeof value === "boolean") return { kind: "boolean", text: String(value) };
  if (value === null || value === undefined) return { kind: "nothing", text: "no value" };
  if (typeof value === "object") return { kind: "data", text: shorten(formatData(value)) };
  const bytes = toBytes(value);
  if (bytes) return { kind: "bytes", text: `${hex(bytes)}${bytes.length > 32 ? " …" : ""}` };
  return { kind: "text", text: value === "" ? "(empty)" : shorten(value) };
}

const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

/** A length of time: 75_000 ms -> "75 s", 300_000 -> "5 min". */
export function formatSpan(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [size, name] = UNITS.find(([unit]) => seconds >= unit * 2) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${name}`;
}

/** How long ago: "now", "3 s ago", "2 h ago". */
export const formatAge = (ms) => (ms < 1500 ? "now" : `${formatSpan(ms)} ago`);

/** "soil_moisture" -> "Soil moisture". Names that mix cases are somebody's choice and stay. */
export function title(name) {
  const words = name.replaceAll("_", " ").trim() || name;
  return words === words.toLowerCase() ? words[0].toUpperCase() + words.slice(1) : words;
}
