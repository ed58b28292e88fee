// A puppet around wampy.js; see puppet.py. Its callees can neither be interrupted nor send progressive results.
"use strict";

const fs = require("node:fs");
const { Wampy } = require("wampy");
const { JsonSerializer } = require("wampy/JsonSerializer.js");
const { MsgpackSerializer } = require("wampy/MsgpackSerializer.js");
const { CborSerializer } = require("wampy/CborSerializer.js");
const WebSocket = require("ws");
const { say, serve, Refused } = require("./puppet.cjs");

const SERIALIZERS = { json: JsonSerializer, msgpack: MsgpackSerializer, cbor: CborSerializer };
const seats = {};
const calls = {};

const refused = (problem) =>
  problem && problem.errorUri ? new Refused(problem.errorUri, problem.argsList, problem.argsDict) : problem;

async function tell(promise) {
  try {
    return await promise;
  } catch (problem) {
    throw refused(problem);
  }
}

const payload = ({ argsList, argsDict }) => ({ args: argsList || [], kwargs: argsDict || {} });

// wampy gives headers where the package `websocket` takes them, and `ws` does not
const reaching = ({ headers, tls }) =>
  class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { headers, ...(tls && files(tls)) });
    }
  };

const files = (named) =>
  Object.fromEntries(Object.entries(named).map(([name, path]) => [name, fs.readFileSync(path)]));

// how it logs in: options of a Wampy, with its own plugins
async function authentication(login) {
  if (!login) return {};
  const { method, authid, secret } = login;
  const plugins = {
    ticket: async () => [() => secret, {}],
    wampcra: async () => [(await import("wampy/wampcra.js")).sign(secret), {}],
    cryptosign: async () => {
      const { publicKey } = require("tweetnacl").sign.keyPair.fromSeed(Buffer.from(secret, "hex"));
      return [(await import("wampy/cryptosign.js")).sign(secret), { pubkey: Buffer.from(publicKey).toString("hex") }];
    },
  };
  const [plugin, authextra] = plugins[method] ? await plugins[method]() : [() => "", {}];
  return { authid, authmethods: [method], authextra, authMode: "auto", authPlugins: { [method]: plugin } };
}

// what a callee can do
const endpoints = (seat, tag) => ({
  echo: ({ argsList, argsDict }) => ({ argsList: argsList || [], argsDict: argsDict || {} }),
  fail: ({ argsList, argsDict }) => {
    throw { error: "com.example.error.broken", argsList, argsDict };
  },
  hang: () =>
    new Promise((resolve) => {
      seat.hanging.push(() => resolve({ argsList: ["late"] }));
      say({ note: "hangs", session: seat.name });
    }),
  who: ({ details }) => ({
    argsList: [
      {
        caller: details.caller ?? null,
        authrole: details.caller_authrole ?? null,
        procedure: details.procedure ?? null,
      },
    ],
  }),
  name: () => ({ argsList: [tag] }),
});

serve({
  async join({ session: name, transport: way, serializer, realm, login }) {
    const seat = (seats[name] = { name, subscriptions: {}, hanging: [] });
    seat.wampy = new Wampy(way.url, {
      ws: reaching(way),
      realm,
      serializer: new SERIALIZERS[serializer](),
      reconnectInterval: 200,
      maxRetries: 0,
      ...(await authentication(login)),
      onClose: () => say({ note: "left", session: name }),
      onReconnectSuccess: () => say({ note: "joined", session: name, id: seat.wampy.getSessionId() }),
    });
    const { authid, authrole, authmethod } = await tell(seat.wampy.connect());
    return { session: seat.wampy.getSessionId(), authid, authrole, authmethod };
  },

  async leave({ session }) {
    await seats[session].wampy.disconnect();
  },

  async subscribe({ session, topic, match, handle }) {
    const onEvent = ({ details, argsList, argsDict }) => {
      const seen = {
        topic: details.topic ?? topic,
        publisher: details.publisher,
        authrole: details.publisher_authrole,
      };
      say({ note: "event", session, handle, ...payload({ argsList, argsDict }), details: seen });
    };
    const options = match === "exact" ? undefined : { match };
    const made = await tell(seats[session].wampy.subscribe(topic, onEvent, options));
    seats[session].subscriptions[handle] = { ...made, isPattern: options !== undefined };
  },

  async unsubscribe({ session, handle }) {
    const subscription = seats[session].subscriptions[handle];
    // wampy 8.0.2 looks a pattern up under another key when UNSUBSCRIBED comes, and ends the process by the TypeError
    if (subscription.isPattern) return;
    await tell(seats[session].wampy.unsubscribe(subscription.subscriptionKey));
  },

  async publish({ session, topic, args, kwargs, options }) {
    await tell(seats[session].wampy.publish(topic, { argsList: args, argsDict: kwargs }, options));
  },

  async register({ session, procedure, does, tag, options }) {
    const seat = seats[session];
    await tell(seat.wampy.register(procedure, endpoints(seat, tag)[does], options));
  },

  async unregister({ session, procedure }) {
    await tell(seats[session].wampy.unregister(procedure));
  },

  async call({ id, session, procedure, args, kwargs, progress, options }) {
    const { wampy } = seats[session];
    const onProgress = (part) => say({ note: "progress", id, ...payload(part) });
    const advanced = { ...options, ...(progress ? { progress_callback: onProgress } : {}) };
    const pending = wampy.call(procedure, { argsList: args, argsDict: kwargs }, advanced);
    calls[id] = wampy.getOpStatus().reqId;
    return payload(await tell(pending));
  },

  async cancel({ session, call, mode }) {
    seats[session].wampy.cancel(calls[call], mode ? { mode } : undefined);
  },

  finish: async ({ session }) => {
    for (const resolve of seats[session].hanging.splice(0)) resolve();
  },
});
