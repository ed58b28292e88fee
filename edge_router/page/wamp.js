/**
 * A WAMP v2 client over WebSocket (subprotocol `wamp.2.json`) in plain ES modules: no build step, no dependency.
 * It reconnects by itself, and subscriptions and registrations outlive a lost connection.
 *
 *     import { Client } from "./wamp.js";
 *     const client = new Client("ws://pi.local:8080/ws", "realm1");
 *     await client.connect();
 *     await client.subscribe("com.example.", (args, kwargs, details) => console.log(details.topic, ...args),
 *                            { match: "prefix" });
 *     const { args } = await client.call("com.example.add", [2, 3], {}, { timeout: 2000 });
 *
 * It runs in browsers and in Node 22; older Nodes pass a WebSocket class in `options.WebSocket`.
 * Whoever copies it takes `wamp-vocabulary.js` too.
 */

import { CODE, ROLES, Result, URI, WampError, encode, failure, nextDelay, payload } from "./wamp-vocabulary.js";

export { Result, WampError, nextDelay, toBytes } from "./wamp-vocabulary.js";

const HANDSHAKE_TIMEOUT = 10_000; // ms until WELCOME: a dead host answers nothing at all
const CLOSING_TIMEOUT = 1_000; // ms a router has to answer GOODBYE
const STABLE = 10_000; // ms a session must have lasted for the back-off to begin anew
const NOBODYS_ID = 2 ** 53; // the largest id there is; see #probe
const OPEN = 1; // WebSocket.readyState

/** What is made again in each session until it is withdrawn. */
class Part {
  constructor(uri, handler, options, withdraw) {
    Object.assign(this, { uri, handler, options, withdraw, id: null, known: false });
  }
}

/** A subscription; `topic` is its topic or pattern, `id` its id in the present session (null while disconnected). */
export class Subscription extends Part {
  static codes = { make: CODE.SUBSCRIBE, undo: CODE.UNSUBSCRIBE };

  get topic() { return this.uri; }

  /** Stop it. @returns {Promise<void>} */
  unsubscribe() { return this.withdraw(this); }
}

/** A registration; `procedure` is its procedure or pattern, `id` as with a subscription. */
export class Registration extends Part {
  static codes = { make: CODE.REGISTER, undo: CODE.UNREGISTER };

  get procedure() { return this.uri; }

  /** Stop it. @returns {Promise<void>} */
  unregister() { return this.withdraw(this); }
}

/** A client that joins one realm, and joins it again whenever the connection was lost. */
export class Client {
  #url; #realm; #options;
  #state = "closed";
  #socket = null;
  #welcome = null; // {session, since} while joined
  #connected = null; // the deferred of connect()
  #farewell = null; // ends the wait for the answer to our GOODBYE
  #delay = 0;
  #timers = {}; // handshake, idle, retry
  #heard = true;
  #request = 0;
  #pending = new Map(); // request -> {answered, refused, progress}
  #parts = new Map(); // Part -> the deferred of subscribe() or register()
  #handlers = new Map(); // "SUBSCRIBE or REGISTER:id" -> Set of Part
  #running = new Map(); // invocation -> AbortController

  /**
   * @param {string} url - `ws://` or `wss://`
   * @param {string} realm
   * @param {Object} [options]
   * @param {boolean} [options.reconnect=true]
   * @param {number} [options.minDelay=500] - ms before a reconnect at least
   * @param {number} [options.maxDelay=10000] - ms before a reconnect at most
   * @param {number} [options.idle=10000] - ms of silence after which the router is asked whether it is still there; one
   *   whose power was cut says no farewell, and a browser would notice after many minutes. 0 never asks.
   * @param {(change: {state: string, error?: WampError, delay?: number, details?: Object}) => void} [options.onstate] -
   *   told of each change: `connecting`, `open` (WELCOME's `details`), `waiting` (`error`, `delay` in ms), `closed`
   * @param {(error: Error) => void} [options.onerror] - told what nobody awaits: a handler that throws, a subscription
   *   that was revoked, or refused after a reconnect. Default: console.error
   * @param {string} [options.authid]
   * @param {string[]} [options.authmethods] - left out it is anonymous
   * @param {Object} [options.authextra]
   * @param {(method: string, extra: Object) => string | Promise<string>} [options.onchallenge] - gives the signature
   * @param {typeof WebSocket} [options.WebSocket] - the class to use where there is no global one
   */
  constructor(url, realm, options = {}) {
    this.#url = url;
    this.#realm = realm;
    this.#options = {
      reconnect: true, minDelay: 500, maxDelay: 10_000, idle: 10_000,
      onstate: () => {}, onerror: (error) => console.error(error), WebSocket: globalThis.WebSocket, ...options,
    };
    if (!this.#options.WebSocket) throw new TypeError("there is no global WebSocket here: pass one in options.WebSocket");
  }

  /** `closed`, `connecting`, `open` or `waiting` (for the next attempt). */
  get state() { return this.#state; }

  /** The session id, or null while there is no session. */
  get session() { return this.#welcome?.session ?? null; }

  /**
   * Join the realm, trying until it works or until `close`.
   *
   * @returns {Promise<Object>} WELCOME.Details of the first session
   * @throws {WampError} if it was closed before; with `reconnect: false` also why the one attempt failed
   */
  connect() {
    if (this.#state === "closed") {
      this.#connected = deferred();
      this.#connected.promise.catch(() => {}); // whoever awaits it gets it; nobody has to
      this.#delay = 0;
      this.#dial();
    }
    return this.#connected.promise;
  }

  /** Try now instead of at the end of the pause: for `online` events and buttons. */
  retry() {
    if (this.#state === "waiting") this.#dial();
  }

  /**
   * Leave the realm and stay away. What is under way fails with `wamp.error.network_failure`.
   *
   * @param {string} [reason]
   * @returns {Promise<void>} when the router has answered, or a second later
   */
  async close(reason = "wamp.close.close_realm") {
    if (this.#welcome && !this.#farewell) {
      this.#farewell = deferred();
      this.#trySend([CODE.GOODBYE, {}, reason]);
      const timer = setTimeout(this.#farewell.resolve, CLOSING_TIMEOUT);
      await this.#farewell.promise;
      clearTimeout(timer);
    }
    this.#drop(failure(URI.NETWORK_FAILURE, "the client was closed"), false);
  }

  /**
   * Receive events. While disconnected it waits; after a reconnect it is made again.
   *
   * @param {string} topic - a topic, or a pattern with `match`
   * @param {(args: Array<*>, kwargs: Object<string, *>, details: Object & {topic: string}) => void} handler
   * @param {{match?: "exact"|"prefix"|"wildcard", get_retained?: boolean}} [options] - SUBSCRIBE.Options
   * @returns {Promise<Subscription>} when the router has accepted it
   * @throws {WampError} if the router refuses
   */
  subscribe(topic, handler, options = {}) {
    return this.#declare(Subscription, topic, handler, options);
  }

  /**
   * Offer a procedure. While disconnected it waits; after a reconnect it is made again.
   *
   * @param {string} procedure - a procedure, or a pattern with `match`
   * @param {(args: Array<*>, kwargs: Object<string, *>, details: Object) => *} handler - returns (or promises) a value
   *   or a `Result`; throws a `WampError` to answer with an error. `details.progress(args, kwargs)` sends a progressive
   *   result where the caller wants them (else it is null); `details.signal` is aborted when the call is cancelled
   * @param {{match?: string, invoke?: string, concurrency?: number}} [options] - REGISTER.Options
   * @returns {Promise<Registration>} when the router has accepted it
   * @throws {WampError} if the router refuses
   */
  register(procedure, handler, options = {}) {
    return this.#declare(Registration, procedure, handler, options);
  }

  /**
   * Publish an event.
   *
   * @param {string} topic
   * @param {Array<*>} [args]
   * @param {Object<string, *>} [kwargs]
   * @param {{acknowledge?: boolean, exclude_me?: boolean}} [options] - PUBLISH.Options
   * @returns {Promise<number | null>} with `acknowledge` the publication's id once the router has it; else null at once
   * @throws {WampError} if the router refuses; `wamp.error.network_failure` while disconnected
   */
  async publish(topic, args = [], kwargs = {}, options = {}) {
    const message = (request) => [CODE.PUBLISH, request, options, topic, ...payload(args, kwargs)];
    if (options.acknowledge) return (await this.#ask(message))[2];
    if (!this.#welcome) throw failure(URI.NETWORK_FAILURE, "not connected");
    this.#send(message(++this.#request));
    return null;
  }

  /**
   * Call a procedure.
   *
   * @param {string} procedure
   * @param {Array<*>} [args]
   * @param {Object<string, *>} [kwargs]
   * @param {Object} [options] - CALL.Options, and:
   * @param {number} [options.timeout] - ms, after which the call is cancelled and fails with `wamp.error.timeout`
   * @param {(result: Result) => void} [options.onprogress] - takes progressive results
   * @param {AbortSignal} [options.signal] - cancels the call, which then fails with `wamp.error.canceled`
   * @param {"skip"|"kill"|"killnowait"} [options.mode="killnowait"] - how it is cancelled
   * @returns {Promise<Result>}
   * @throws {WampError} what the callee or the router answered; `wamp.error.network_failure` if the connection is lost
   */
  async call(procedure, args = [], kwargs = {}, { onprogress, signal, mode = "killnowait", ...options } = {}) {
    if (signal?.aborted) throw failure(URI.CANCELED, "cancelled before it was sent");
    if (onprogress) options.receive_progress = true;
    const answer = this.#ask((request) => [CODE.CALL, request, options, procedure, ...payload(args, kwargs)],
      onprogress && ((message) => this.#guard(onprogress, resultOf(message))));
    const request = this.#request;
    const cancel = () => this.#pending.has(request) && this.#trySend([CODE.CANCEL, request, { mode }]);
    const expire = () => {
      cancel();
      this.#settle(request)?.refused(failure(URI.TIMEOUT, `no result within ${options.timeout} ms`));
    };
    const timer = options.timeout ? setTimeout(expire, options.timeout) : null;
    signal?.addEventListener("abort", cancel);
    try {
      return resultOf(await answer);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    }
  }

  // --- connecting ---------------------------------------------------------------------------------------------------

  #change(state, more = {}) {
    this.#state = state;
    this.#guard(this.#options.onstate, { state, ...more });
  }

  #dial() {
    clearTimeout(this.#timers.retry);
    this.#change("connecting");
    try {
      this.#socket = new this.#options.WebSocket(this.#url, ["wamp.2.json"]);
    } catch (error) {
      this.#drop(failure(URI.NETWORK_FAILURE, error.message));
      return;
    }
    const socket = this.#socket;
    const lost = (why) => this.#socket === socket && this.#drop(failure(URI.NETWORK_FAILURE, why));
    this.#timers.handshake = setTimeout(lost, HANDSHAKE_TIMEOUT, "the router did not answer in time");
    const { authid, authmethods, authextra } = this.#options;
    const details = { roles: ROLES, agent: "edge-router wamp.js", authid, authmethods, authextra };
    socket.onopen = () => this.#socket === socket && this.#send([CODE.HELLO, this.#realm, details]);
    socket.onmessage = ({ data }) => this.#socket === socket && this.#receive(data);
    socket.onclose = ({ code, reason }) => lost(reason || `the connection was lost (${code})`);
    socket.onerror = () => {}; // onclose follows, and says as much as a page may know
  }

  /** The connection is over: fail what is under way, and try again unless told not to. */
  #drop(error, again = this.#options.reconnect && !this.#farewell, patience = 0) {
    if (this.#state === "closed") return;
    Object.values(this.#timers).forEach(clearTimeout);
    this.#socket?.close();
    this.#socket = null;
    this.#farewell?.resolve();
    this.#farewell = null;
    if (this.#welcome && Date.now() - this.#welcome.since > STABLE) this.#delay = 0;
    this.#welcome = null;
    this.#request = 0;
    this.#handlers.clear();
    for (const part of this.#parts.keys()) part.id = null;
    for (const controller of this.#running.values()) controller.abort(error);
    this.#running.clear();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    if (again) this.#wait(error, patience);
    else this.#end(error);
    for (const { refused } of pending) refused(error);
  }

  #wait(error, patience) {
    const { minDelay: min, maxDelay: max } = this.#options;
    this.#delay = Math.max(patience, nextDelay(this.#delay, { min, max }));
    this.#timers.retry = setTimeout(() => this.#dial(), this.#delay);
    this.#change("waiting", { error, delay: this.#delay });
  }

  #end(error) {
    this.#connected.reject(error);
    for (const { reject } of this.#parts.values()) reject(error);
    this.#parts.clear();
    this.#change("closed", { error });
  }

  #joined([, session, details]) {
    clearTimeout(this.#timers.handshake);
    this.#welcome = { session, since: Date.now() };
    if (this.#options.idle) this.#timers.idle = setTimeout(() => this.#probe(), this.#options.idle);
    for (const part of this.#parts.keys()) this.#make(part);
    this.#change("open", { details });
    this.#connected.resolve(details);
  }

  /** After a silence ask for what every router must answer: to end a subscription that does not exist. */
  #probe(asked = false) {
    const silent = !this.#heard;
    if (silent && asked) {
      this.#drop(failure(URI.NETWORK_FAILURE, "the router went silent"));
      return;
    }
    if (silent) this.#ask((request) => [CODE.UNSUBSCRIBE, request, NOBODYS_ID]).catch(() => {});
    this.#heard = false;
    this.#timers.idle = setTimeout(() => this.#probe(silent), this.#options.idle);
  }

  // --- messages -----------------------------------------------------------------------------------------------------

  #guard(callback, ...values) {
    try {
      callback(...values);
    } catch (error) {
      this.#options.onerror(error);
    }
  }

  #send(message) {
    if (this.#socket?.readyState !== OPEN) throw failure(URI.NETWORK_FAILURE, "not connected");
    this.#socket.send(encode(message));
  }

  #trySend(message) {
    if (this.#socket?.readyState === OPEN) this.#send(message);
  }

  /** Send the request that `message(id)` makes; `answered` or `refused` is called before the next message is read. */
  #demand(message, answered, refused, progress) {
    if (!this.#welcome) {
      refused(failure(URI.NETWORK_FAILURE, "not connected"));
      return;
    }
    const request = ++this.#request;
    this.#pending.set(request, { answered, refused, progress });
    try {
      this.#send(message(request));
    } catch (error) {
      this.#settle(request)?.refused(error);
    }
  }

  /** The same as a promise of the answer. */
  #ask(message, progress) {
    return new Promise((resolve, reject) => { this.#demand(message, resolve, reject, progress); });
  }

  #settle(request) {
    const waiting = this.#pending.get(request);
    this.#pending.delete(request);
    return waiting;
  }

  #receive(data) {
    this.#heard = true;
    try {
      const message = JSON.parse(data);
      const handle = this.#table[message[0]];
      if (!handle) throw new TypeError(`${String(data).slice(0, 80)} is no message that a client gets`);
      handle(message);
    } catch (error) {
      this.#trySend([CODE.ABORT, { message: String(error.message) }, URI.PROTOCOL_VIOLATION]);
      this.#drop(failure(URI.PROTOCOL_VIOLATION, String(error.message)));
    }
  }

  #answered = (message) => { this.#settle(message[1])?.answered(message); };

  #table = {
    __proto__: null,
    [CODE.WELCOME]: (message) => this.#joined(message),
    // It was asked and said no: there is no hurry to ask again.
    [CODE.ABORT]: ([, details, uri]) => this.#drop(failure(uri, details.message), undefined, this.#options.maxDelay),
    [CODE.CHALLENGE]: ([, method, extra]) => { this.#challenged(method, extra); },
    [CODE.GOODBYE]: ([, details, uri]) => this.#goodbye(details, uri),
    [CODE.ERROR]: ([, , request, , uri, args, kwargs]) => this.#settle(request)?.refused(new WampError(uri, args, kwargs)),
    [CODE.PUBLISHED]: this.#answered,
    [CODE.SUBSCRIBED]: this.#answered,
    [CODE.REGISTERED]: this.#answered,
    [CODE.UNSUBSCRIBED]: (message) => this.#withdrawn(Subscription, message),
    [CODE.UNREGISTERED]: (message) => this.#withdrawn(Registration, message),
    [CODE.EVENT]: ([, id, , details, args, kwargs]) => this.#event(id, details, args, kwargs),
    [CODE.RESULT]: (message) => (message[2].progress
      ? this.#pending.get(message[1])?.progress?.(message) : this.#answered(message)),
    [CODE.INVOCATION]: (message) => { this.#invoked(message); },
    [CODE.INTERRUPT]: ([, request]) => this.#running.get(request)?.abort(failure(URI.CANCELED)),
  };

  async #challenged(method, extra) {
    const socket = this.#socket;
    try {
      const signature = await this.#options.onchallenge(method, extra);
      if (this.#socket === socket) this.#trySend([CODE.AUTHENTICATE, signature, {}]);
    } catch (error) {
      if (this.#socket !== socket) return;
      this.#trySend([CODE.ABORT, { message: "the challenge cannot be answered" }, URI.CANNOT_AUTHENTICATE]);
      this.#drop(failure(URI.CANNOT_AUTHENTICATE, error.message), undefined, this.#options.maxDelay);
    }
  }

  #goodbye(details, uri) {
    if (this.#farewell) { // the answer to ours
      this.#farewell.resolve();
      return;
    }
    this.#trySend([CODE.GOODBYE, {}, "wamp.close.goodbye_and_out"]);
    this.#drop(failure(uri, details.message));
  }

  #event(id, details, args = [], kwargs = {}) {
    for (const part of this.#handlers.get(`${CODE.SUBSCRIBE}:${id}`) ?? []) {
      this.#guard(part.handler, args, kwargs, details.topic === undefined ? { ...details, topic: part.uri } : details);
    }
  }

  async #invoked([, request, id, details, args = [], kwargs = {}]) {
    const controller = new AbortController();
    const { signal } = controller;
    this.#running.set(request, controller);
    const say = (message) => this.#running.get(request) === controller && this.#trySend(message);
    const progress = details.receive_progress
      ? (some, named) => say([CODE.YIELD, request, { progress: true }, ...payload(some, named)]) : null;
    try {
      const [part] = this.#handlers.get(`${CODE.REGISTER}:${id}`) ?? [];
      if (!part) throw failure(URI.NO_SUCH_REGISTRATION, "it was just withdrawn");
      const value = await part.handler(args, kwargs, { procedure: part.uri, ...details, progress, signal });
      const result = value instanceof Result ? value : new Result(value === undefined ? [] : [value]);
      say([CODE.YIELD, request, {}, ...payload(result.args, result.kwargs)]);
    } catch (error) {
      const answer = this.#errorOf(error, signal);
      say([CODE.ERROR, CODE.INVOCATION, request, {}, answer.uri, ...payload(answer.args, answer.kwargs)]);
    } finally {
      if (this.#running.get(request) === controller) this.#running.delete(request);
    }
  }

  /** What a handler threw, as the ERROR its caller gets. */
  #errorOf(error, signal) {
    if (error instanceof WampError) return error;
    if (signal.aborted) return failure(URI.CANCELED);
    this.#options.onerror(error);
    return failure(URI.RUNTIME_ERROR, String(error?.message ?? error));
  }

  // --- subscriptions and registrations ------------------------------------------------------------------------------

  #declare(Kind, uri, handler, options) {
    const part = new Kind(uri, handler, options, (it) => this.#withdraw(it));
    const made = deferred();
    this.#parts.set(part, made);
    if (this.#welcome) this.#make(part);
    return made.promise;
  }

  #make(part) {
    const { make } = part.constructor.codes;
    const made = this.#parts.get(part);
    const answered = ([, , id]) => {
      const key = `${make}:${id}`;
      this.#handlers.set(key, (this.#handlers.get(key) ?? new Set()).add(part));
      Object.assign(part, { id, known: true });
      made.resolve(part);
      if (!this.#parts.has(part)) this.#withdraw(part).catch(this.#options.onerror); // withdrawn while it was asked for
    };
    const refused = (error) => {
      if (this.#socket?.readyState !== OPEN) return; // lost meanwhile: the next session makes it again
      this.#parts.delete(part);
      made.reject(error);
      if (part.known) this.#options.onerror(error);
    };
    this.#demand((request) => [make, request, part.options, part.uri], answered, refused);
  }

  async #withdraw(part) {
    const { make, undo } = part.constructor.codes;
    const key = `${make}:${part.id}`;
    const sharing = this.#handlers.get(key);
    this.#parts.delete(part);
    if (!sharing?.delete(part) || sharing.size) return; // not made now, or others share the id
    this.#handlers.delete(key);
    await this.#ask((request) => [undo, request, part.id]);
  }

  /** UNSUBSCRIBED, UNREGISTERED: the answer to a request or, if that is 0, the router's own decision. */
  #withdrawn(Kind, message) {
    const [, request, details] = message;
    if (request !== 0) {
      this.#answered(message);
      return;
    }
    const key = `${Kind.codes.make}:${details?.subscription ?? details?.registration}`;
    for (const part of this.#handlers.get(key) ?? []) {
      this.#parts.delete(part);
      this.#options.onerror(failure(details.reason ?? URI.CANCELED, `the router ended ${part.uri}`));
    }
    this.#handlers.delete(key);
  }
}

const resultOf = ([, , details, args, kwargs]) => new Result(args, kwargs, details);

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
