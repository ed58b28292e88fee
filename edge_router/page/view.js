/**
 * The groups and cards of the page. Values come from anywhere, so they go into the document as text only.
 * A card is written when its value changed and it is on the screen; ages once a second.
 */

import { describe, formatAge, formatNumber, formatSpan, readable, title } from "./format.js";
import { draw } from "./plot.js";

const COLORS = ["--series-0", "--series-1", "--series-2", "--series-3", "--series-4", "--series-5"]; // of style.css
// Without a prototype: what is looked up comes from anywhere.
const MOODS = { __proto__: null, open: "good", opening: "wait", away: "bad", stopped: "bad" };
const STATES = { __proto__: null, open: "connected", opening: "connecting", away: "device away", stopped: "stopped" };
const GONE = { away: "The device is away.", stopped: "The bridge was stopped." };

const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };

let palette = []; // what COLORS are in the present theme

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  palette = COLORS.map((name) => style.getPropertyValue(name).trim());
}

/** One value on the screen. */
class Card {
  constructor(series, index, watch) {
    this.series = series;
    this.index = index;
    this.size = { width: 0, height: 0 }; // of the canvas
    this.visible = false;
    this.dirty = true;
    this.root = clone("card-template");
    const find = (selector) => this.root.querySelector(selector);
    [this.name, this.ageBox, this.value, this.unit] = [find("button"), find(".age"), find(".value"), find(".unit")];
    [this.canvas, this.topic, this.range] = [find("canvas"), find(".topic"), find(".range")];
    this.name.addEventListener("click", () => this.#enlarge());
    watch(this);
  }

  #enlarge() {
    const wide = this.root.classList.toggle("wide");
    this.name.setAttribute("aria-expanded", String(wide));
    this.dirty = true;
  }

  write() {
    this.dirty = false;
    const { series } = this;
    const { kind, text } = describe(series.value);
    this.root.dataset.kind = kind;
    if (kind === "boolean") this.root.dataset.on = text;
    const { unit, by } = kind === "number" ? readable(series.value, series.unit) : { unit: series.unit, by: 1 };
    setText(this.value, kind === "number" ? this.#number(series.value, by) : text);
    setText(this.name, title(series.name.replaceAll(".", " ")));
    setText(this.unit, unit);
    setText(this.topic, series.own ? series.topic : `${series.topic} · ${series.name}`);
    this.topic.title = this.topic.textContent;
    const plotted = (kind === "number" || kind === "boolean") && series.history.length > 1;
    this.canvas.hidden = !plotted;
    setText(this.range, plotted ? this.#rangeText(by) : "");
    if (plotted) draw(this.canvas, this.size, series, palette[this.index % palette.length]);
  }

  #number(value, by) { return formatNumber(value / by, by > 1 ? 2 : this.series.decimals); }

  #rangeText(by) {
    const { history, value } = this.series;
    const { low, high, span } = history.range();
    if (typeof value === "boolean") return `last ${formatSpan(span)}`;
    return `${this.#number(low, by)} to ${this.#number(high, by)} in ${formatSpan(span)}`;
  }

  writeAge(now, gone) {
    const { series } = this;
    setText(this.ageBox, formatAge(series.age(now)));
    this.root.classList.toggle("old", gone || series.isOld(now));
  }
}

/** A group on the screen: a bridge with its device, or the topics that begin alike. */
class Section {
  constructor(group) {
    this.group = group;
    this.cards = [];
    this.root = clone("group-template");
    const find = (selector) => this.root.querySelector(selector);
    [this.pill, this.device, this.trouble, this.grid] = [find(".pill"), find(".device"), find(".trouble"), find(".cards")];
    find("h2").textContent = group.bridge ? title(group.bridge) : group.id.replace(/^topic /, "") || "Other topics";
  }

  /** Whether its device says that it is not there, so that all of its values are old ones. */
  get gone() { return MOODS[this.group.status?.state] === "bad"; }

  write() {
    const { status } = this.group;
    this.pill.hidden = !status;
    if (!status) return;
    setText(this.pill, STATES[status.state] ?? status.state);
    this.pill.dataset.mood = MOODS[status.state] ?? "wait";
    setText(this.device, status.device);
    const notes = [];
    if (this.gone) notes.push(GONE[status.state]);
    if (this.gone && this.cards.length) notes.push("The values below are the last ones.");
    if (status.bad) notes.push(`${status.bad} bad ${status.bad === 1 ? "frame" : "frames"} so far.`);
    if (status.error && (this.gone || status.bad)) notes.push(`The last error: ${status.error}`);
    setText(this.trouble, notes.join(" "));
    this.trouble.hidden = !notes.length;
    this.trouble.dataset.mood = this.gone ? "bad" : "wait";
  }

  filter(words) {
    let shown = 0;
    for (const card of this.cards) {
      const text = `${card.series.topic} ${card.series.name} ${this.group.bridge ?? ""}`.toLowerCase();
      card.root.hidden = !words.every((word) => text.includes(word));
      shown += card.root.hidden ? 0 : 1;
    }
    this.root.hidden = words.length > 0 && shown === 0;
  }
}

/** All of it. Call `update` once an animation frame, `tick` once a second. */
export class View {
  #model; #place;
  #sections = new Map(); // Group -> Section
  #cards = new Map(); // Series -> Card
  #words = [];
  #cardOf = new WeakMap(); // element -> Card
  #onScreen = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    const card = this.#cardOf.get(target);
    card.visible = isIntersecting;
    if (isIntersecting && card.dirty) card.write();
  }), { rootMargin: "100px" });
  #resized = new ResizeObserver((entries) => entries.forEach(({ target, contentRect }) => {
    const card = this.#cardOf.get(target);
    card.size = { width: contentRect.width, height: contentRect.height };
    card.write();
  }));

  constructor(model, place) {
    this.#model = model;
    this.#place = place;
    readPalette();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      readPalette();
      this.#cards.forEach((card) => card.write());
    });
  }

  /** Write what changed since the last time. */
  update(now) {
    const { changed, changedGroups } = this.#model;
    for (const group of changedGroups) this.#section(group).write();
    changedGroups.clear();
    for (const series of changed) {
      const card = this.#cards.get(series) ?? this.#add(series, now);
      card.dirty = true;
      if (card.visible) {
        card.write();
        card.writeAge(now, this.#sections.get(series.group).gone);
      }
    }
    changed.clear();
  }

  /** Write the ages. */
  tick(now) {
    for (const section of this.#sections.values()) {
      for (const card of section.cards) if (card.visible) card.writeAge(now, section.gone);
    }
  }

  /** Show only the cards whose topic, name or bridge has each of the words. */
  filter(text) {
    this.#words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.#sections.forEach((section) => section.filter(this.#words));
  }

  #section(group) {
    if (!this.#sections.has(group)) {
      const section = new Section(group);
      this.#sections.set(group, section);
      this.#insert(section);
    }
    return this.#sections.get(group);
  }

  /** Groups stand in the order of the alphabet, bridges first, wherever their first event came in. */
  #insert(section) {
    const ids = [...this.#sections.keys()].map(({ id }) => id).sort((a, b) => a.localeCompare(b));
    const next = ids[ids.indexOf(section.group.id) + 1];
    const before = [...this.#sections.values()].find(({ group }) => group.id === next);
    this.#place.insertBefore(section.root, before?.root ?? null);
  }

  #add(series, now) {
    const section = this.#section(series.group);
    const card = new Card(series, section.cards.length, (it) => {
      this.#cardOf.set(it.root, it).set(it.canvas, it);
      this.#onScreen.observe(it.root);
      this.#resized.observe(it.canvas);
    });
    this.#cards.set(series, card);
    section.cards.push(card);
    section.grid.append(card.root);
    section.filter(this.#words);
    card.write();
    card.writeAge(now, section.gone);
    return card;
  }
}
