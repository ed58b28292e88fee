/** wamp.js against a router that the test plays, message by message, on a clock that the test moves. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Client, Result, WampError, nextDelay, toBytes } from "../../edge_router/page/wamp.js";
import { FakeSocket, settle } from "./fake_socket.mjs";

let states;
let errors;

function client(options = {}) {
  return new Client("ws://router/ws", "realm1", {
    WebSocket: FakeSocket, onstate: (change) => states.push(change), onerror: (error) => errors.push(error), ...options,
  });
}

function joined(options) {
  const it = client(options);
  it.connect();
  FakeSocket.last.welcome();
  return { it, router: FakeSocket.last };
}

beforeEach(() => {
  FakeSocket.all = [];
  states = [];
  errors = [];
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

afterEach(() => mock.timers.reset());

test("it says HELLO with its realm and roles, and is open after WELCOME", async () => {
  const it = client();
  const welcome = it.connect();
  assert.deepEqual(FakeSocket.last.protocols, ["wamp.2.json"]);
  FakeSocket.last.open();
  const [code, realm, details] = FakeSocket.last.heard;
  assert.equal(code, 1);
  assert.equal(realm, "realm1");
  assert.ok(details.roles.caller.features.progressive_call_results);
  assert.equal(it.session, null);
  FakeSocket.last.say(2, 42, { authrole: "anonymous" });
  assert.deepEqual(await welcome, { authrole: "anonymous" });
  assert.equal(it.session, 42);
  assert.deepEqual(states.map(({ state }) => state), ["connecting", "open"]);
});

test("a subscription made before the connection is asked for after WELCOME", async () => {
  const it = client();
  const got = [];
  const made = it.subscribe("com.x.", (args, kwargs, details) => got.push([args, kwargs, details.topic]), { match: "prefix" });
  it.connect();
  FakeSocket.last.welcome();
  assert.deepEqual(FakeSocket.last.heard, [32, 1, { match: "prefix" }, "com.x."]);
  FakeSocket.last.say(33, 1, 7);
  FakeSocket.last.say(36, 7, 1, { topic: "com.x.y" }, [1], { a: 2 });
  FakeSocket.last.say(36, 7, 2, {});
  assert.deepEqual(got, [[[1], { a: 2 }, "com.x.y"], [[], {}, "com.x."]]);
  assert.equal((await made).topic, "com.x.");
});

test("an event right behind SUBSCRIBED reaches its handler, before any promise is settled", () => {
  const { it, router } = joined();
  let seen = 0;
  it.subscribe("com.x", () => { seen += 1; });
  router.say(33, 1, 7);
  router.say(36, 7, 1, {});
  assert.equal(seen, 1);
});

test("two subscriptions to one topic share an id; only the last one that ends sends UNSUBSCRIBE", async () => {
  const { it, router } = joined();
  const first = it.subscribe("com.x", () => {});
  const second = it.subscribe("com.x", () => {});
  router.say(33, 1, 7);
  router.say(33, 2, 7);
  await (await first).unsubscribe();
  assert.equal(router.heard[0], 32);
  const ending = (await second).unsubscribe();
  await settle();
  assert.deepEqual(router.heard, [34, 3, 7]);
  router.say(35, 3);
  await ending;
});

test("a refused subscription rejects with the router's error, and is not made again", async () => {
  const { it, router } = joined();
  const made = it.subscribe("com.x", () => {});
  router.say(8, 32, 1, {}, "wamp.error.not_authorized", ["no"], { why: 1 });
  await assert.rejects(made, (error) => error instanceof WampError && error.uri === "wamp.error.not_authorized"
    && error.args[0] === "no" && error.kwargs.why === 1);
  router.lose();
  mock.timers.tick(30_000);
  FakeSocket.last.welcome();
  assert.equal(FakeSocket.last.heard[0], 1);
});

test("after a reconnect subscriptions and registrations are made again, once each", async () => {
  const { it, router } = joined();
  const got = [];
  it.subscribe("com.x", (args) => got.push(...args));
  it.register("com.p", () => 5);
  router.say(33, 1, 7);
  router.say(65, 2, 9);
  router.lose();
  assert.equal(it.state, "waiting");
  mock.timers.tick(30_000);
  const again = FakeSocket.last;
  assert.notEqual(again, router);
  again.welcome(2);
  assert.deepEqual(again.sent.slice(1).map(([code, , , uri]) => [code, uri]), [[32, "com.x"], [64, "com.p"]]);
  again.say(33, 1, 70);
  again.say(65, 2, 90);
  again.say(36, 70, 1, {}, ["new"]);
  again.say(68, 1, 90, {});
  await settle();
  assert.deepEqual(got, ["new"]);
  assert.deepEqual(again.heard, [70, 1, {}, [5]]);
});

test("a subscription whose answer the loss swallowed is made by the next session", async () => {
  const { it, router } = joined();
  const made = it.subscribe("com.x", () => {});
  router.lose();
  mock.timers.tick(30_000);
  FakeSocket.last.welcome();
  FakeSocket.last.say(33, 1, 8);
  assert.equal((await made).id, 8);
});

test("a subscription made in the handler of `open` is asked for once", () => {
  const it = client({ onstate: ({ state }) => state === "open" && it.subscribe("com.x", () => {}) });
  it.connect();
  FakeSocket.last.welcome();
  assert.equal(FakeSocket.last.sent.filter(([code]) => code === 32).length, 1);
});

test("back-off has decorrelated jitter between its bounds", () => {
  const bounds = { min: 500, max: 10_000 };
  assert.equal(nextDelay(0, bounds, () => 0), 500);
  assert.equal(nextDelay(0, bounds, () => 0.5), 1000);
  assert.equal(nextDelay(1000, bounds, () => 1), 3000);
  assert.equal(nextDelay(9000, bounds, () => 1), 10_000);
});

test("it tries again for ever, with pauses that grow to the maximum", () => {
  const it = client({ minDelay: 100, maxDelay: 1000 });
  it.connect();
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    assert.equal(FakeSocket.all.length, attempt);
    FakeSocket.last.lose();
    assert.ok(states.at(-1).delay >= 100 && states.at(-1).delay <= 1000);
    mock.timers.tick(1000);
  }
});

test("close stops the attempts, and connect begins anew", async () => {
  const it = client();
  const connecting = it.connect();
  FakeSocket.last.lose();
  await it.close();
  await assert.rejects(connecting, { uri: "wamp.error.network_failure" });
  mock.timers.tick(60_000);
  assert.equal(FakeSocket.all.length, 1);
  assert.equal(it.state, "closed");
  it.connect();
  assert.equal(FakeSocket.all.length, 2);
});

test("close says GOODBYE and waits for the answer, a second at most", async () => {
  const { it, router } = joined();
  const closing = it.close();
  assert.deepEqual(router.heard, [6, {}, "wamp.close.close_realm"]);
  router.say(6, {}, "wamp.close.goodbye_and_out");
  await closing;
  assert.equal(it.state, "closed");
  const silent = joined();
  const giving = silent.it.close();
  mock.timers.tick(1000);
  await giving;
  assert.equal(silent.it.state, "closed");
  assert.equal(FakeSocket.all.length, 2);
});

test("a connection that is lost while close waits is not made again", async () => {
  const { it, router } = joined();
  const closing = it.close();
  router.lose();
  await closing;
  mock.timers.tick(60_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("GOODBYE of the router is answered, told with its reason, and followed by a reconnect", () => {
  const { router } = joined();
  router.say(6, {}, "wamp.close.system_shutdown");
  assert.deepEqual(router.heard, [6, {}, "wamp.close.goodbye_and_out"]);
  assert.equal(states.at(-1).state, "waiting");
  assert.equal(states.at(-1).error.uri, "wamp.close.system_shutdown");
  mock.timers.tick(30_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("ABORT is told with its reason, and asked again only after the longest pause", () => {
  const it = client({ maxDelay: 5000 });
  it.connect();
  FakeSocket.last.open();
  FakeSocket.last.say(3, { message: "no such realm" }, "wamp.error.no_such_realm");
  assert.equal(states.at(-1).error.uri, "wamp.error.no_such_realm");
  assert.match(states.at(-1).error.message, /no such realm/);
  assert.equal(states.at(-1).delay, 5000);
});

test("retry does not wait for the end of the pause", () => {
  const { it, router } = joined();
  router.lose();
  it.retry();
  assert.equal(FakeSocket.all.length, 2);
  it.retry();
  assert.equal(FakeSocket.all.length, 2);
});

test("a host that does not answer is given up after ten seconds", () => {
  const it = client();
  it.connect();
  mock.timers.tick(10_000);
  assert.equal(it.state, "waiting");
  assert.equal(FakeSocket.last.readyState, 3);
});

test("a router that went silent is asked, and given up if it does not answer", () => {
  const { it, router } = joined({ idle: 1000 });
  mock.timers.tick(1000);
  assert.equal(router.heard[0], 1);
  mock.timers.tick(1000);
  assert.deepEqual(router.heard, [34, 1, 2 ** 53]);
  router.say(8, 34, 1, {}, "wamp.error.no_such_subscription");
  mock.timers.tick(1000);
  assert.equal(it.state, "open");
  mock.timers.tick(1000);
  assert.deepEqual(router.heard, [34, 2, 2 ** 53]);
  mock.timers.tick(1000);
  assert.equal(it.state, "waiting");
  assert.match(states.at(-1).error.message, /silent/);
});

test("publish sends what is given; empty trailing args and kwargs are left out", async () => {
  const { it, router } = joined();
  assert.equal(await it.publish("com.x"), null);
  assert.deepEqual(router.heard, [16, 1, {}, "com.x"]);
  await it.publish("com.x", [1, { a: null }]);
  assert.deepEqual(router.heard, [16, 2, {}, "com.x", [1, { a: null }]]);
  await it.publish("com.x", [], { unit: "V" }, { exclude_me: false });
  assert.deepEqual(router.heard, [16, 3, { exclude_me: false }, "com.x", [], { unit: "V" }]);
});

test("an acknowledged publication resolves to its id, or rejects", async () => {
  const { it, router } = joined();
  const accepted = it.publish("com.x", [1], {}, { acknowledge: true });
  router.say(17, 1, 4711);
  assert.equal(await accepted, 4711);
  const refused = it.publish("com.x", [1], {}, { acknowledge: true });
  router.say(8, 16, 2, {}, "wamp.error.not_authorized");
  await assert.rejects(refused, { uri: "wamp.error.not_authorized" });
});

test("bytes go as JSON's binary convention and come back by toBytes", async () => {
  const { it, router } = joined();
  await it.publish("com.x", [new Uint8Array([0, 255, 16])]);
  const [text] = router.heard[4];
  assert.equal(text, "\0AP8Q");
  assert.deepEqual([...toBytes(text)], [0, 255, 16]);
  assert.equal(toBytes("plain"), null);
  assert.equal(toBytes("\0***"), null);
});

test("what is asked while there is no session fails at once", async () => {
  const it = client();
  await assert.rejects(it.publish("com.x"), { uri: "wamp.error.network_failure" });
  await assert.rejects(it.call("com.x"), { uri: "wamp.error.network_failure" });
  it.connect();
  FakeSocket.last.open();
  await assert.rejects(it.publish("com.x"), { uri: "wamp.error.network_failure" });
});

test("a call resolves to args and kwargs", async () => {
  const { it, router } = joined();
  const calling = it.call("com.p", [1], { a: 2 });
  assert.deepEqual(router.heard, [48, 1, {}, "com.p", [1], { a: 2 }]);
  router.say(50, 1, {}, [3], { b: 4 });
  const { args, kwargs } = await calling;
  assert.deepEqual([args, kwargs], [[3], { b: 4 }]);
  const empty = it.call("com.p");
  router.say(50, 2, {});
  assert.deepEqual((await empty).args, []);
});

test("an error of a call has its URI, args and kwargs", async () => {
  const { it, router } = joined();
  const calling = it.call("com.p");
  router.say(8, 48, 1, {}, "com.example.error", ["bad", 1], { code: 7 });
  await assert.rejects(calling, (error) => error.uri === "com.example.error" && error.args[1] === 1
    && error.kwargs.code === 7 && error.message === "com.example.error: bad");
});

test("progressive results come in order, the last one resolves", async () => {
  const { it, router } = joined();
  const some = [];
  const calling = it.call("com.p", [], {}, { onprogress: ({ args }) => some.push(...args) });
  assert.equal(router.heard[2].receive_progress, true);
  router.say(50, 1, { progress: true }, [1]);
  router.say(50, 1, { progress: true }, [2]);
  router.say(50, 1, {}, [3]);
  assert.deepEqual((await calling).args, [3]);
  assert.deepEqual(some, [1, 2]);
});

test("a handler of progress that throws is told of, and hurts nothing", async () => {
  const { it, router } = joined();
  const calling = it.call("com.p", [], {}, { onprogress: () => { throw new Error("mine"); } });
  router.say(50, 1, { progress: true }, [1]);
  router.say(50, 1, {}, [3]);
  assert.deepEqual((await calling).args, [3]);
  assert.equal(errors[0].message, "mine");
});

test("an aborted call sends CANCEL and fails as the router answers", async () => {
  const { it, router } = joined();
  const controller = new AbortController();
  const calling = it.call("com.p", [], {}, { signal: controller.signal, mode: "kill" });
  controller.abort();
  assert.deepEqual(router.heard, [49, 1, { mode: "kill" }]);
  router.say(8, 48, 1, {}, "wamp.error.canceled");
  await assert.rejects(calling, { uri: "wamp.error.canceled" });
});

test("a call that takes too long is cancelled and fails with wamp.error.timeout; its late result is nobody's", async () => {
  const { it, router } = joined();
  const calling = it.call("com.p", [], {}, { timeout: 250 });
  assert.equal(router.heard[2].timeout, 250);
  mock.timers.tick(250);
  await assert.rejects(calling, { uri: "wamp.error.timeout" });
  assert.deepEqual(router.heard, [49, 1, { mode: "killnowait" }]);
  router.say(50, 1, {}, ["late"]);
  assert.equal(it.state, "open");
});

test("calls under way fail when the connection is lost", async () => {
  const { it, router } = joined();
  const calling = it.call("com.p");
  router.lose();
  await assert.rejects(calling, { uri: "wamp.error.network_failure" });
});

test("a registered procedure answers with a value, a Result, nothing, or progressively", async () => {
  const { it, router } = joined();
  const answers = [() => 5, async () => new Result([1, 2], { a: 3 }), () => undefined,
    (args, kwargs, { progress }) => { progress(["half"]); return "whole"; }];
  it.register("com.p", (args, kwargs, details) => answers[args[0]](args, kwargs, details));
  router.say(65, 1, 9);
  for (const index of [0, 1, 2, 3]) {
    router.say(68, index + 1, 9, { receive_progress: index === 3 }, [index]);
    await settle();
  }
  assert.deepEqual(router.sent.slice(2), [
    [70, 1, {}, [5]], [70, 2, {}, [1, 2], { a: 3 }], [70, 3, {}], [70, 4, { progress: true }, ["half"]], [70, 4, {}, ["whole"]]]);
});

test("what a procedure throws becomes ERROR: a WampError as it is, anything else as a runtime error", async () => {
  const { it, router } = joined();
  it.register("com.p", (args) => {
    throw args.length ? new WampError("com.example.no", ["why"], { k: 1 }) : new Error("bug");
  });
  router.say(65, 1, 9);
  router.say(68, 1, 9, {}, [1]);
  await settle();
  assert.deepEqual(router.heard, [8, 68, 1, {}, "com.example.no", ["why"], { k: 1 }]);
  router.say(68, 2, 9, {});
  await settle();
  assert.deepEqual(router.heard, [8, 68, 2, {}, "wamp.error.runtime_error", ["bug"]]);
  assert.equal(errors[0].message, "bug");
});

test("INTERRUPT aborts the signal of a procedure, which then ends with wamp.error.canceled", async () => {
  const { it, router } = joined();
  it.register("com.p", (args, kwargs, { signal }) => new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("stopped")));
  }));
  router.say(65, 1, 9);
  router.say(68, 1, 9, {});
  await settle();
  router.say(69, 1, { mode: "kill" });
  await settle();
  assert.deepEqual(router.heard, [8, 68, 1, {}, "wamp.error.canceled"]);
});

test("unregister sends UNREGISTER, and an invocation on its way gets an error", async () => {
  const { it, router } = joined();
  const made = it.register("com.p", () => 1);
  router.say(65, 1, 9);
  const ending = (await made).unregister();
  await settle();
  assert.deepEqual(router.heard, [66, 2, 9]);
  router.say(68, 1, 9, {});
  await settle();
  assert.equal(router.heard[4], "wamp.error.no_such_registration");
  router.say(67, 2);
  await ending;
});

test("a subscription that the router revokes is told of, and is not made again", () => {
  const { it, router } = joined();
  it.subscribe("com.x", () => {});
  router.say(33, 1, 7);
  router.say(35, 0, { subscription: 7, reason: "com.example.moved" });
  assert.equal(errors[0].uri, "com.example.moved");
  router.lose();
  mock.timers.tick(30_000);
  FakeSocket.last.welcome();
  assert.equal(FakeSocket.last.heard[0], 1);
});

test("a handler that throws hurts neither the others nor the connection", () => {
  const { it, router } = joined();
  let seen = 0;
  it.subscribe("com.x", () => { throw new Error("mine"); });
  it.subscribe("com.x", () => { seen += 1; });
  router.say(33, 1, 7);
  router.say(33, 2, 7);
  router.say(36, 7, 1, {});
  assert.equal(seen, 1);
  assert.equal(errors[0].message, "mine");
  assert.equal(it.state, "open");
});

for (const [name, text] of Object.entries({
  "no JSON": "{", "no message": "null", "an unknown code": "[99, 1]", "a message for routers": "[32, 1, {}, \"com.x\"]",
})) {
  test(`${name} from the router ends the session with ABORT, and is followed by a reconnect`, () => {
    const { router } = joined();
    router.onmessage({ data: text });
    assert.equal(router.heard[0], 3);
    assert.equal(router.heard[2], "wamp.error.protocol_violation");
    assert.equal(states.at(-1).state, "waiting");
  });
}

test("a challenge is answered with the signature; without one it is given up", async () => {
  const it = client({ authmethods: ["ticket"], authid: "joe", onchallenge: async (method) => `${method}-secret` });
  it.connect();
  FakeSocket.last.open();
  assert.deepEqual([FakeSocket.last.heard[2].authid, FakeSocket.last.heard[2].authmethods], ["joe", ["ticket"]]);
  FakeSocket.last.say(4, "ticket", {});
  await settle();
  assert.deepEqual(FakeSocket.last.heard, [5, "ticket-secret", {}]);
  client().connect();
  FakeSocket.last.open();
  FakeSocket.last.say(4, "ticket", {});
  await settle();
  assert.equal(FakeSocket.last.heard[0], 3);
});

test("with reconnect: false one failure is the end, and says why", async () => {
  const it = client({ reconnect: false });
  const connecting = it.connect();
  FakeSocket.last.open();
  FakeSocket.last.say(3, {}, "wamp.error.no_such_realm");
  await assert.rejects(connecting, { uri: "wamp.error.no_such_realm" });
  assert.equal(it.state, "closed");
});

test("messages of a connection that was given up are not taken any more", () => {
  const { it, router } = joined();
  router.lose();
  router.say(2, 99, {});
  assert.equal(it.state, "waiting");
});

test("without a WebSocket class it says so", () => {
  assert.throws(() => client({ WebSocket: undefined }), /options.WebSocket/);
});
