// A puppet around autobahn-js; see puppet.py.
"use strict";

const fs = require("node:fs");
const autobahn = require("autobahn");
const { JSONSerializer, MsgpackSerializer, CBORSerializer } = require("autobahn/lib/serializer.js");
const { say, serve, Refused } = require("./puppet.cjs");
const { XMLHttpRequest } = require("./xmlhttprequest.cjs");

globalThis.XMLHttpRequest = XMLHttpRequest; // browsers have one

const SERIALIZERS = { json: JSONSerializer, msgpack: MsgpackSerializer, cbor: CBORSerializer };
const seats = {};
const calls = {};

const refused = (problem) =>
  problem instanceof autobahn.Error ? new Refused(problem.error, problem.args, problem.kwargs) : problem;

function payload(result) {
  if (result instanceof autobahn.Result) return { args: result.args, kwargs: result.kwargs };
  return { args: result === null || result === undefined ? [] : [result], kwargs: {} };
}

const files = (named) =>
  Object.fromEntries(Object.entries(named).map(([name, path]) => [name, fs.readFileSync(path)]));

// how it logs in: options of a Connection
function authentication(login) {
  if (!login) return {};
  const { method, authid, secret } = login;
  const key = method === "cryptosign" && autobahn.nacl.sign.keyPair.fromSeed(Buffer.from(secret, "hex"));
  const answers = {
    ticket: () => secret,
    wampcra: ({ challenge, salt, iterations, keylen }) =>
      autobahn.auth_cra.sign(
        salt ? autobahn.auth_cra.derive_key(secret, salt, iterations, keylen) : secret,
        challenge,
      ),
    cryptosign: (extra) => autobahn.auth_cryptosign.sign_challenge(key, extra),
  };
  return {
    authid,
    authmethods: [method],
    authextra: key ? { pubkey: autobahn.auth_cryptosign.public_key(key) } : {},
    onchallenge: (_session, asked, extra) => answers[asked](extra),
  };
}

// what a callee can do
const endpoints = (seat, tag) => ({
  echo: (args, kwargs) => new autobahn.Result(args, kwargs),
  fail: (args, kwargs) => {
    throw new autobahn.Error("com.example.error.broken", args, kwargs);
  },
  count: ([number], _, details) => {
    for (let i = 0; details.progress && i < number; i++) details.progress([i], { of: number });
    return new autobahn.Result(["done"], { of: number });
  },
  hang: () =>
    new Promise((resolve) => {
      seat.hanging.push(() => resolve("late"));
      say({ note: "hangs", session: seat.name });
    }),
  who: (_args, _kwargs, details) => ({
    caller: details.caller ?? null,
    authrole: details.caller_authrole ?? null,
    procedure: details.procedure ?? null,
  }),
  name: () => tag,
});

serve({
  join: ({ session: name, transport: way, serializer, realm, login }) =>
    new Promise((resolve, reject) => {
      const transport =
        way.type === "rawsocket"
          ? { type: "rawsocket", host: way.host, port: way.port, path: way.path }
          : way.type === "longpoll"
            ? { type: "longpoll", url: way.url }
            : {
              type: "websocket",
              url: way.url,
              serializers: [new SERIALIZERS[serializer]()],
              headers: way.headers,
              tlsConfiguration: way.tls && files(way.tls),
            };
      const seat = (seats[name] = { name, subscriptions: {}, registrations: {}, hanging: [] });
      seat.connection = new autobahn.Connection({
        transports: [transport],
        realm,
        max_retries: -1,
        initial_retry_delay: 0.2,
        max_retry_delay: 0.5,
        on_user_error: () => {}, // errors that callees raise are what the tests ask for
        ...authentication(login),
      });
      let first = true;
      seat.connection.onopen = (session, details) => {
        seat.session = session;
        const { authid, authrole, authmethod } = details;
        if (first) resolve({ session: session.id, authid, authrole, authmethod });
        else say({ note: "joined", session: name, id: session.id, details });
        first = false;
      };
      seat.connection.onclose = (reason, details) => {
        say({ note: "left", session: name, reason: details.reason || reason });
        if (first) reject(new Refused(details.reason || reason, [details.message]));
        return first; // true: try no more
      };
      seat.connection.open();
    }),

  leave: ({ session }) =>
    new Promise((resolve) => {
      const { connection } = seats[session];
      connection.onclose = () => resolve();
      connection.close();
    }),

  async subscribe({ session, topic, match, handle }) {
    const seat = seats[session];
    const onEvent = (args, kwargs, details) => {
      const seen = { topic: details.topic, publisher: details.publisher, authrole: details.publisher_authrole };
      say({ note: "event", session, handle, args, kwargs, details: seen });
    };
    try {
      seat.subscriptions[handle] = await seat.session.subscribe(topic, onEvent, { match });
    } catch (problem) {
      throw refused(problem);
    }
  },

  async unsubscribe({ session, handle }) {
    await seats[session].subscriptions[handle].unsubscribe();
  },

  async publish({ session, topic, args, kwargs, options }) {
    try {
      await seats[session].session.publish(topic, args, kwargs, { acknowledge: true, ...options });
    } catch (problem) {
      throw refused(problem);
    }
  },

  async register({ session, procedure, does, tag, options }) {
    const seat = seats[session];
    try {
      const made = await seat.session.register(procedure, endpoints(seat, tag)[does], options);
      seat.registrations[procedure] = made;
    } catch (problem) {
      throw refused(problem);
    }
  },

  async unregister({ session, procedure }) {
    await seats[session].registrations[procedure].unregister();
  },

  call: ({ id, session, procedure, args, kwargs, progress, options }) =>
    new Promise((resolve, reject) => {
      const pending = seats[session].session.call(procedure, args, kwargs, { receive_progress: progress, ...options });
      calls[id] = pending;
      pending.then(
        (result) => resolve(payload(result)),
        (problem) => reject(refused(problem)),
        (part) => say({ note: "progress", id, ...payload(part) }),
      );
    }),

  cancel: async ({ call, mode }) => {
    calls[call].cancel(mode ? { mode } : {});
  },

  finish: async ({ session }) => {
    for (const resolve of seats[session].hanging.splice(0)) resolve();
  },
});
