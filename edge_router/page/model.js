/**
 * What the page knows: groups (a bridge, or the first part of a topic) of series (one changing value each).
 * Events go in, changed series come out; no DOM and no connection live here.
 *
 * The form of a bridge's events is that of the router's bridges: args [value], kwargs {bridge, seq, ts, ts_quality, unit},
 * status topics `<topic>.status` with args [state]. Events of any other program are shown too.
 */

import { decimalsOf } from "./format.js";
import { History } from "./history.js";

export const MAX_SERIES = 500;
const MAX_GROUPS = 200;
const MAX_MEMBERS = 32; // of one object
const MAX_DEPTH = 3;
const MAX_ASKED = 3; // topics of a bridge; the first or second is the right one
const OLD_AFTER = 15_000; // ms; nothing is called old before that
const OLD_INTERVALS = 5;
const ABOUT_THE_EVENT = new Set(["bridge", "seq", "ts", "ts_quality", "unit"]);

/** Links to central routers, by id; what each says about itself on `edge.uplink.ID.status`. */
const UPLINK = /^edge\.uplink\.([^.]+)\.status$/;

/** One value that changes: the readings of one topic, or of one member of the objects of a topic. */
export class Series {
  constructor(group, topic, name) {
    Object.assign(this, { group, topic, name, own: false, framed: false });
    Object.assign(this, { value: undefined, unit: "", ts: null, seenAt: 0, interval: 0, decimals: 0 });
    this.history = null; // of numbers and booleans only
  }

  /** @param {number} now - ms @returns {number} ms since the value was measured */
  age(now) { return Math.max(0, now - this.seenAt); }

  /** Whether readings have stopped coming: none for 15 s and for five times the usual pause. */
  isOld(now) { return this.age(now) > Math.max(OLD_AFTER, this.interval * OLD_INTERVALS); }

  take(value, measured, unit) {
    if (this.seenAt) {
      const pause = measured - this.seenAt;
      this.interval = this.interval ? this.interval * 0.8 + pause * 0.2 : pause;
    }
    this.value = value;
    this.seenAt = measured;
    if (unit) this.unit = unit;
    if (typeof value === "number") this.decimals = Math.max(this.decimals, Math.min(4, decimalsOf(value)));
    if (typeof value === "number" || typeof value === "boolean") {
      this.history ??= new History();
      this.history.add(measured, Number(value));
    }
  }
}

/**
 * A bridge with its series and what it says about its device (`status`), or the topics that begin alike.
 * `asked`: topics below which its status was looked for.
 */
class Group {
  constructor(id, bridge) {
    Object.assign(this, { id, bridge, series: [], status: null, asked: new Set() });
  }
}

const lastPart = (topic) => topic.slice(topic.lastIndexOf(".") + 1);
const firstParts = (topic) => topic.slice(0, Math.max(0, topic.lastIndexOf(".")));
const isRecord = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** The members of an object as [dotted name, value], the first 32. Arrays, and what is too deep, stay whole; {} says nothing. */
export function members(record, prefix = "", depth = 1, found = []) {
  for (const [name, value] of Object.entries(record)) {
    if (found.length >= MAX_MEMBERS) break;
    if (isRecord(value) && depth < MAX_DEPTH) members(value, `${prefix}${name}.`, depth + 1, found);
    else found.push([prefix + name, value]);
  }
  return found;
}

/** What an event says: its one argument; else all of them; else what its kwargs hold. */
function valueOf(args, kwargs) {
  if (args.length === 1) return args[0];
  if (args.length) return args;
  const rest = Object.entries(kwargs).filter(([name]) => !ABOUT_THE_EVENT.has(name));
  return rest.length ? Object.fromEntries(rest) : null;
}

const textOr = (value, otherwise) => (typeof value === "string" && value ? value.slice(0, 200) : otherwise);

/** All groups and series. `changed` collects the series that got a value since it was emptied. */
export class Model {
  groups = new Map(); // id -> Group
  changed = new Set(); // of Series
  changedGroups = new Set();
  uplinks = new Map(); // id -> { state, waiting, error }
  strangers = []; // topics below which a bridge may tell its status, which it has not told yet
  left = 0; // values not shown since there are MAX_SERIES already
  events = 0;
  #series = new Map(); // topic, or topic and member -> Series
  #named = new Map(); // bridge and member name -> Series
  #count = 0;
  #offset = Infinity; // the smallest (our clock - ts) seen: how far the clocks are apart, and the way here

  /** How many series there are. */
  get size() { return this.#count; }

  /**
   * Take an event.
   *
   * @param {string} topic
   * @param {Array<*>} args
   * @param {Object<string, *>} kwargs
   * @param {number} now - ms, monotonic
   */
  record(topic, args, kwargs, now) {
    this.events += 1;
    const [, uplink] = UPLINK.exec(topic) ?? [];
    if (uplink && typeof args[0] === "string") {
      this.#uplink(uplink, args[0], kwargs);
      return;
    }
    const bridge = textOr(kwargs.bridge, null);
    if (bridge && topic.endsWith(".status") && typeof args[0] === "string") {
      this.#status(topic, bridge, args[0], kwargs);
      return;
    }
    const value = valueOf(args, kwargs);
    if (bridge) this.#meet(bridge, topic, value);
    const measured = this.#measuredAt(kwargs, now);
    const about = { bridge, measured, ts: Number.isFinite(kwargs.ts) ? kwargs.ts : null, unit: textOr(kwargs.unit, "") };
    if (isRecord(value) && Object.keys(value).length) {
      for (const [name, member] of members(value)) this.#take(this.#member(topic, name, bridge), member, about);
    } else {
      this.#take(this.#whole(topic, bridge), value, about);
    }
  }

  /** A bridge tells its status when that changes. Of one that was there before this page, it has to be asked for. */
  #meet(bridge, topic, value) {
    const known = this.groups.get(`bridge ${bridge}`);
    if (known && (known.status || !isRecord(value))) return;
    const asked = (known ?? this.#group(`bridge ${bridge}`, bridge))?.asked;
    if (!asked || asked.has(topic) || asked.size >= MAX_ASKED) return;
    asked.add(topic);
    this.strangers.push(topic);
  }

  /** Another run of the router: perhaps with another idea of the time, and devices that came or went meanwhile. */
  routerIsBack() {
    this.#offset = Infinity;
    for (const group of this.groups.values()) this.strangers.push(...group.asked);
  }

  /** When it was measured, on our clock. A value that is sent again keeps its `ts`, and so its age. */
  #measuredAt({ ts, ts_quality: quality }, now) {
    if (!Number.isFinite(ts) || quality === "unsynced") return now;
    this.#offset = Math.min(this.#offset, now - ts);
    return ts + this.#offset;
  }

  #take(series, value, { measured, ts, unit }) {
    if (!series) {
      this.left += 1;
      return;
    }
    const known = typeof value === "object" || value === series.value;
    if (ts !== null && ts === series.ts && known) { // the same reading, in its frame or sent again
      if (unit) series.unit = unit;
    } else {
      series.ts = ts;
      series.take(value, measured, unit);
    }
    this.changed.add(series);
  }

  /** The group of that id, made if there is none; null over the limit. */
  #group(id, bridge) {
    if (!this.groups.has(id) && this.groups.size < MAX_GROUPS) this.groups.set(id, new Group(id, bridge));
    return this.groups.get(id) ?? null;
  }

  #add(key, topic, name, bridge) {
    if (this.size >= MAX_SERIES) return null;
    const group = bridge ? this.#group(`bridge ${bridge}`, bridge) : this.#group(`topic ${firstParts(topic)}`, null);
    if (!group) return null;
    const series = new Series(group, topic, name);
    group.series.push(series);
    this.#series.set(key, series);
    this.#count += 1;
    this.changedGroups.add(group);
    if (bridge && !this.#named.has(`${bridge}\n${name}`)) this.#named.set(`${bridge}\n${name}`, series);
    return series;
  }

  /**
   * The series of a topic that carries one value. A bridge says a field twice, in its frame and on the field's own
   * topic; whichever comes first, both are one series.
   */
  #whole(topic, bridge) {
    let series = this.#series.get(topic);
    if (!series) {
      series = this.#inFrame(topic, bridge) ?? this.#add(topic, topic, lastPart(topic), bridge);
      if (series) this.#series.set(topic, series);
    }
    if (series && !series.own) Object.assign(series, { own: true, topic });
    return series;
  }

  /** The series of a field that was in a frame only, so far: its name, which may have several parts, ends the topic. */
  #inFrame(topic, bridge) {
    const parts = topic.split(".");
    for (let count = Math.min(MAX_DEPTH, parts.length); count > 0; count -= 1) {
      const series = this.#named.get(`${bridge}\n${parts.slice(-count).join(".")}`);
      if (series && !series.own) return series;
    }
    return null;
  }

  #member(topic, name, bridge) {
    const key = `${topic}\n${name}`;
    let series = this.#series.get(key);
    if (!series) {
      const found = this.#named.get(`${bridge}\n${name}`) ?? this.#ofBridge(`${topic}.${name}`, bridge);
      series = found && !found.framed ? found : this.#add(key, topic, name, bridge);
      if (series) {
        this.#series.set(key, series);
        Object.assign(series, { framed: true, name });
      }
    }
    return series;
  }

  #ofBridge(topic, bridge) {
    const series = this.#series.get(topic);
    return bridge && series?.group.bridge === bridge ? series : undefined;
  }

  #uplink(id, state, kwargs) {
    if (!this.uplinks.has(id) && this.uplinks.size >= MAX_GROUPS) return;
    const waiting = Number.isFinite(kwargs.rows) ? kwargs.rows : 0;
    this.uplinks.set(id, { state: state.slice(0, 40), waiting, error: textOr(kwargs.error ?? kwargs.store_error, "") });
  }

  #status(topic, bridge, state, kwargs) {
    const group = this.#group(`bridge ${bridge}`, bridge);
    if (!group) return;
    group.asked.clear();
    group.asked.add(firstParts(topic));
    const count = (name) => (Number.isFinite(kwargs[name]) ? kwargs[name] : 0);
    group.status = {
      state: state.slice(0, 40), device: textOr(kwargs.device, ""), error: textOr(kwargs.last_error, ""),
      bad: count("bad"), dropped: count("dropped"),
    };
    this.changedGroups.add(group);
  }
}
