/** wamp.js against a running edge-router at $ROUTER_URL, which lets everybody do everything in realm1. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, Result, WampError, toBytes } from "../../edge_router/page/wamp.js";

const url = process.env.ROUTER_URL;
const [alice, bob] = [new Client(url, "realm1"), new Client(url, "realm1")];

/** Take events until there are `count` of them. */
async function collect(client, topic, options, count) {
  const got = [];
  let done;
  const all = new Promise((resolve) => { done = resolve; });
  const subscription = await client.subscribe(topic, (args, kwargs, details) => {
    got.push([details.topic, args, kwargs]);
    if (got.length === count) done(got);
  }, options);
  return { all, subscription };
}

before(() => Promise.all([alice.connect(), bob.connect()]));
after(() => Promise.all([alice.close(), bob.close()]));

test("exact, prefix and wildcard subscriptions get their events", async () => {
  const some = await Promise.all([
    collect(alice, "com.test.one", {}, 1), collect(alice, "com.test.", { match: "prefix" }, 2),
    collect(alice, "com..one", { match: "wildcard" }, 1)]);
  await bob.publish("com.test.one", [1], { a: "ä\u0000" }, { acknowledge: true });
  await bob.publish("com.test.two", [2], {}, { acknowledge: true });
  const [exact, prefix, wildcard] = await Promise.all(some.map(({ all }) => all));
  assert.deepEqual(exact, [["com.test.one", [1], { a: "ä\u0000" }]]);
  assert.deepEqual(prefix.map(([topic]) => topic), ["com.test.one", "com.test.two"]);
  assert.deepEqual(wildcard.map(([topic]) => topic), ["com.test.one"]);
  await Promise.all(some.map(({ subscription }) => subscription.unsubscribe()));
});

test("the empty prefix is every topic", async () => {
  const { all, subscription } = await collect(alice, "", { match: "prefix" }, 3);
  await bob.publish("org.other");
  const [created, subscribed, event] = await all;   // what the router says about this very subscription comes too
  assert.deepEqual([created[0], subscribed[0]], ["wamp.subscription.on_create", "wamp.subscription.on_subscribe"]);
  assert.deepEqual(event, ["org.other", [], {}]);
  await subscription.unsubscribe();
});

test("bytes arrive as bytes", async () => {
  const { all, subscription } = await collect(alice, "com.test.bytes", {}, 1);
  await bob.publish("com.test.bytes", [new Uint8Array([0, 1, 255])]);
  const [[, [text]]] = await all;
  assert.deepEqual([...toBytes(text)], [0, 1, 255]);
  await subscription.unsubscribe();
});

test("calls give values, names, nothing and errors", async () => {
  const answers = {
    value: () => 5, names: () => new Result([1], { b: 2 }), nothing: () => undefined,
    error: () => { throw new WampError("com.test.bad", ["why"], { code: 7 }); },
  };
  const registration = await alice.register("com.test.answer", ([kind]) => answers[kind]());
  const call = (kind) => bob.call("com.test.answer", [kind]);
  assert.deepEqual((await call("value")).args, [5]);
  const { args, kwargs } = await call("names");
  assert.deepEqual([args, kwargs], [[1], { b: 2 }]);
  assert.deepEqual((await call("nothing")).args, []);
  await assert.rejects(call("error"), (error) => error.uri === "com.test.bad" && error.args[0] === "why" && error.kwargs.code === 7);
  await registration.unregister();
  await assert.rejects(call("value"), { uri: "wamp.error.no_such_procedure" });
});

test("progressive results come in order", async () => {
  const registration = await alice.register("com.test.count", async ([upTo], kwargs, { progress }) => {
    for (let number = 1; number <= upTo; number += 1) progress([number]);
    return "done";
  });
  const got = [];
  const { args } = await bob.call("com.test.count", [5], {}, { onprogress: (part) => got.push(part.args[0]) });
  assert.deepEqual([got, args], [[1, 2, 3, 4, 5], ["done"]]);
  await registration.unregister();
});

test("a call is cancelled, and its callee is interrupted", async () => {
  let interrupted;
  const stopped = new Promise((resolve) => { interrupted = resolve; });
  const registration = await alice.register("com.test.endless", (args, kwargs, { signal }) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => { interrupted(); reject(new Error("stopped")); });
    bob.publish("com.test.begun");
  }));
  for (const mode of ["kill", "killnowait"]) {
    const { all, subscription } = await collect(alice, "com.test.begun", {}, 1);
    const controller = new AbortController();
    const calling = bob.call("com.test.endless", [], {}, { signal: controller.signal, mode });
    await all;
    controller.abort();
    await assert.rejects(calling, { uri: "wamp.error.canceled" });
    await stopped;
    await subscription.unsubscribe();
  }
  await assert.rejects(bob.call("com.test.endless", [], {}, { timeout: 50 }), { uri: "wamp.error.timeout" });
  await registration.unregister();
});

test("a realm that does not exist is refused with its URI", async () => {
  const lost = new Client(url, "nowhere", { reconnect: false });
  await assert.rejects(lost.connect(), { uri: "wamp.error.no_such_realm" });
});

test("a silent router answers the probe, so an idle session stays", async () => {
  const states = [];
  const idle = new Client(url, "realm1", { idle: 30, onstate: ({ state }) => states.push(state) });
  await idle.connect();
  await new Promise((resolve) => { setTimeout(resolve, 400); });
  assert.deepEqual(states, ["connecting", "open"]);
  await idle.close();
});
