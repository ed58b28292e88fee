/** What the page makes of events: series, groups, ages, statuses, bounds; and how values are written. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { decimalsOf, describe, formatAge, formatNumber, formatSpan, readable, title } from "../../edge_router/page/format.js";
import { BUCKETS, History } from "../../edge_router/page/history.js";
import { MAX_SERIES, Model, members } from "../../edge_router/page/model.js";

const bridge = (more) => ({ bridge: "kitchen", seq: 1, ts: 1000, ts_quality: "synced", ...more });
const names = (model) => [...model.groups.values()].flatMap((group) => group.series.map(({ name }) => name));
const only = (model) => [...model.groups.values()][0].series[0];

test("an event with one argument is a series of its topic, in the group of its bridge", () => {
  const model = new Model();
  model.record("com.example.kitchen.temperature", [21.5], bridge({ unit: "°C" }), 0);
  const [group] = model.groups.values();
  assert.equal(group.bridge, "kitchen");
  const [series] = group.series;
  assert.deepEqual([series.name, series.value, series.unit, series.own], ["temperature", 21.5, "°C", true]);
});

test("topics without a bridge are grouped by how they begin", () => {
  const model = new Model();
  model.record("home.door.open", [true], {}, 0);
  model.record("home.door.count", [3], {}, 0);
  model.record("alone", [1], {}, 0);
  assert.deepEqual([...model.groups.keys()], ["topic home.door", "topic "]);
});

for (const [order, topics] of Object.entries({ "the frame first": [0, 1], "the field first": [1, 0] })) {
  test(`a field in its frame and on its own topic is one series: ${order}`, () => {
    const model = new Model();
    const say = [
      () => model.record("com.example.kitchen", [{ temperature: 21.5 }], bridge(), 0),
      () => model.record("other.place.temperature", [21.5], bridge({ unit: "°C" }), 0),
    ];
    topics.forEach((index) => say[index]());
    assert.deepEqual(names(model), ["temperature"]);
    assert.deepEqual([only(model).topic, only(model).unit, only(model).history.length], ["other.place.temperature", "°C", 1]);
  });
}

for (const [order, topics] of Object.entries({ "the frame first": [0, 1], "the field first": [1, 0] })) {
  test(`so is one of an object within a frame, and it has the longer name: ${order}`, () => {
    const model = new Model();
    const say = [
      () => model.record("com.example.board", [{ load: { "1m": 0.5, "5m": 0.4 }, up: 7 }], bridge(), 0),
      () => {
        model.record("com.example.board.load.1m", [0.5], bridge(), 0);
        model.record("com.example.board.load.5m", [0.4], bridge(), 0);
      },
    ];
    topics.forEach((index) => say[index]());
    assert.deepEqual(names(model).sort(), ["load.1m", "load.5m", "up"]);
    const own = [...model.groups.values()][0].series.filter(({ own }) => own).map(({ topic }) => topic);
    assert.deepEqual(own, ["com.example.board.load.1m", "com.example.board.load.5m"]);
  });
}

test("two topics of one bridge that end alike stay two series", () => {
  const model = new Model();
  model.record("a.one.level", [1], bridge(), 0);
  model.record("a.two.level", [2], bridge(), 0);
  assert.deepEqual(names(model), ["level", "level"]);
});

test("objects become a series a member, nested ones with dots, arrays stay whole", () => {
  assert.deepEqual(members({ a: 1, b: { c: "x", d: { e: { f: 1 } } }, g: [1, 2], h: {} }),
    [["a", 1], ["b.c", "x"], ["b.d.e", { f: 1 }], ["g", [1, 2]]]);
  assert.equal(members(Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`m${n}`, n]))).length, 32);
});

test("several arguments are an array, none are the kwargs that say something", () => {
  const model = new Model();
  model.record("a.b", [1, 2], {}, 0);
  model.record("a.c", [], { speed: 3, seq: 1 }, 0);
  model.record("a.d", [], {}, 0);
  const [b, speed, d] = [...model.groups.values()][0].series;
  assert.deepEqual([b.value, speed.name, speed.value, d.value], [[1, 2], "speed", 3, null]);
});

test("a value that is sent again with its old time keeps its age", () => {
  const model = new Model();
  model.record("a.t", [1], bridge({ ts: 5000 }), 100);
  model.record("a.u", [1], bridge({ ts: 9000 }), 4100);
  model.record("a.t", [1], bridge({ ts: 5000 }), 4100);
  assert.equal(only(model).age(4100), 4000);
  assert.equal(only(model).history.length, 1);
});

test("an old value that is heard for the first time is as old as its time says", () => {
  const model = new Model();
  model.record("a.fresh", [1], bridge({ ts: 60_000 }), 1000);
  model.record("a.held", [1], bridge({ ts: 30_000 }), 1000);
  const [, held] = [...model.groups.values()][0].series;
  assert.equal(held.age(1000), 30_000);
});

test("times of an unsynced clock are not believed", () => {
  const model = new Model();
  model.record("a.fresh", [1], bridge({ ts: 60_000 }), 1000);
  model.record("a.t", [1], bridge({ ts: 5, ts_quality: "unsynced" }), 1000);
  assert.equal([...model.groups.values()][0].series[1].age(1000), 0);
});

test("a reading is old after 15 s without another, or five of its usual pauses", () => {
  const model = new Model();
  for (let second = 0; second < 10; second += 1) model.record("a.fast", [second], {}, second * 1000);
  assert.equal(only(model).isOld(23_000), false);
  assert.equal(only(model).isOld(24_001), true);
  const slow = new Model();
  for (let minute = 0; minute < 10; minute += 1) slow.record("a.slow", [minute], {}, minute * 60_000);
  assert.equal(only(slow).isOld(9 * 60_000 + 290_000), false);
  assert.equal(only(slow).isOld(9 * 60_000 + 301_000), true);
});

test("a status topic is the status of its bridge, not a reading", () => {
  const model = new Model();
  model.record("com.x.status", ["away"], { bridge: "kitchen", device: "/dev/ttyUSB0", bad: 2, last_error: "gone" }, 0);
  const [group] = model.groups.values();
  assert.deepEqual(group.status, { state: "away", device: "/dev/ttyUSB0", error: "gone", bad: 2, dropped: 0 });
  assert.equal(model.size, 0);
  model.record("com.y.status", ["fine"], {}, 0);
  assert.equal(model.size, 1);
});

test("the status of a bridge that never told it is asked for below its frames' topic, once, and when the router is back", () => {
  const model = new Model();
  model.record("com.x", [{ a: 1 }], bridge(), 0);
  model.record("com.x.a", [1], bridge(), 0);
  model.record("com.x", [{ a: 2 }], bridge({ ts: 2000 }), 0);
  assert.deepEqual(model.strangers.splice(0), ["com.x"]);
  model.record("com.x.status", ["open"], { bridge: "kitchen" }, 0);
  model.record("com.x", [{ a: 2 }], bridge({ ts: 3000 }), 0);
  assert.deepEqual(model.strangers, []);
  model.routerIsBack();
  assert.deepEqual(model.strangers, ["com.x"]);
});

test("there are never more series than the limit; what is left out is counted", () => {
  const model = new Model();
  for (let index = 0; index < MAX_SERIES + 7; index += 1) model.record(`flood.t${index}`, [index], {}, 0);
  assert.deepEqual([model.size, model.left], [MAX_SERIES, 7]);
});

test("there are never more groups than their limit, whatever bridges call themselves", () => {
  const model = new Model();
  for (let index = 0; index < 5000; index += 1) {
    model.record(`a${index}.status`, ["open"], { bridge: `b${index}` }, 0);
    model.record(`c${index}.t`, [1], bridge({ bridge: `d${index}` }), 0);
    model.record(`e${index}.t`, [1], {}, 0);
  }
  assert.equal(model.groups.size, 200);
  assert.ok(model.size <= MAX_SERIES && model.strangers.length <= 200);
});

test("values that are no numbers have no plot, and hurt nothing", () => {
  const model = new Model();
  for (const value of [null, "text", [], {}, true, { __proto__: 1 }, "\0AQID"]) model.record("a.b", [value], {}, 0);
  assert.ok(names(model).length >= 1);
});

test("a history is bounded, and keeps the spread of what fell into one bucket", () => {
  const history = new History();
  history.add(0, 5);
  history.add(100, 9);
  history.add(200, 7);
  assert.deepEqual(history.at(0), { time: 200, low: 5, high: 9, last: 7 });
  for (let index = 1; index <= 2 * BUCKETS; index += 1) history.add(index * 1000, index);
  assert.equal(history.length, BUCKETS);
  assert.equal(history.at(BUCKETS - 1).last, 2 * BUCKETS);
  assert.deepEqual(history.range(), { low: BUCKETS + 1, high: 2 * BUCKETS, span: (BUCKETS - 1) * 1000 });
  assert.equal(new History().range(), null);
});

for (const [value, decimals] of [[21, 0], [21.5, 1], [0.1 + 0.2, 1], [1 / 3, 6], [-0.25, 2], [1e-7, 6], [1e21, 6]]) {
  test(`${value} has ${decimals} decimals`, () => assert.equal(decimalsOf(value), decimals));
}

for (const [value, kind, text] of [
  [true, "boolean", "true"], [null, "nothing", "no value"], ["", "text", "(empty)"], ["<b>", "text", "<b>"],
  [[1, 2], "data", "[ 1, 2 ]"], ["\0AQL/", "bytes", "01 02 ff"],
]) {
  test(`${JSON.stringify(value)} is shown as ${kind}: ${text}`, () => assert.deepEqual(describe(value), { kind, text }));
}

test("long texts are cut", () => assert.equal(describe("x".repeat(9999)).text.length, 501));

test("very large and small numbers have an exponent", () => {
  assert.equal(formatNumber(1e12), "1.000e+12");
  assert.equal(formatNumber(1e-9), "1.000e-9");
  assert.equal(formatNumber(0), "0");
});

for (const [ms, text] of [[0, "0 s"], [75_000, "75 s"], [300_000, "5 min"], [10_800_000, "3 h"], [259_200_000, "3 d"]]) {
  test(`${ms} ms are ${text}`, () => assert.equal(formatSpan(ms), text));
}

test("ages and names", () => {
  assert.equal(formatAge(400), "now");
  assert.equal(formatAge(3200), "3 s ago");
  assert.equal(title("soil_moisture"), "Soil moisture");
  assert.equal(title("CO2"), "CO2");
  assert.equal(title("_"), "_");
});

test("what an uplink says about itself is no reading", () => {
  const model = new Model();
  model.record("edge.uplink.hq.status", ["down"], { rows: 12, error: "nobody listens" }, 0);
  model.record("edge.uplink.far.status", ["up"], { rows: 0, peer: "tcp:h:1" }, 0);
  model.record("edge.uplink.hq.status", ["up"], { rows: 3 }, 0);
  assert.deepEqual([...model.uplinks], [
    ["hq", { state: "up", waiting: 3, error: "" }], ["far", { state: "up", waiting: 0, error: "" }],
  ]);
  assert.equal(model.size, 0);
});

test("bytes are written in the unit that people read them in, other units stay", () => {
  assert.deepEqual(readable(9_999, "B"), { unit: "B", by: 1 });
  assert.deepEqual(readable(18_701_140, "B"), { unit: "MB", by: 1e6 });
  assert.deepEqual(readable(-2.7e11, "B"), { unit: "GB", by: 1e9 });
  assert.deepEqual(readable(1e18, "B"), { unit: "TB", by: 1e12 });
  assert.deepEqual(readable(1e7, "lx"), { unit: "lx", by: 1 });
});
