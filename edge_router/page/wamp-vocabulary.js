/**
 * The words of WAMP that `wamp.js` speaks: message codes, roles, errors, results, JSON with binary values, back-off.
 * No connection lives here. Import from `wamp.js`, which exports what is public.
 * Source: WAMP spec, Basic and Advanced Profile (https://wamp-proto.org/wamp_latest_ietf.html).
 */

/** Message codes. */
export const CODE = Object.freeze({
  HELLO: 1, WELCOME: 2, ABORT: 3, CHALLENGE: 4, AUTHENTICATE: 5, GOODBYE: 6, ERROR: 8,
  PUBLISH: 16, PUBLISHED: 17, SUBSCRIBE: 32, SUBSCRIBED: 33, UNSUBSCRIBE: 34, UNSUBSCRIBED: 35, EVENT: 36,
  CALL: 48, CANCEL: 49, RESULT: 50,
  REGISTER: 64, REGISTERED: 65, UNREGISTER: 66, UNREGISTERED: 67, INVOCATION: 68, INTERRUPT: 69, YIELD: 70,
});

/** Error URIs that the client itself uses. */
export const URI = Object.freeze({
  NETWORK_FAILURE: "wamp.error.network_failure",
  PROTOCOL_VIOLATION: "wamp.error.protocol_violation",
  CANCELED: "wamp.error.canceled",
  TIMEOUT: "wamp.error.timeout",
  RUNTIME_ERROR: "wamp.error.runtime_error",
  NO_SUCH_REGISTRATION: "wamp.error.no_such_registration",
  CANNOT_AUTHENTICATE: "wamp.error.cannot_authenticate",
});

const features = (...names) => ({ features: Object.fromEntries(names.map((name) => [name, true])) });

/** HELLO.Details.roles: exactly what the client does. */
export const ROLES = {
  publisher: features("publisher_identification", "subscriber_blackwhite_listing", "publisher_exclusion"),
  subscriber: features("publisher_identification", "pattern_based_subscription"),
  caller: features("caller_identification", "progressive_call_results", "call_canceling", "call_timeout"),
  callee: features("caller_identification", "progressive_call_results", "call_canceling",
    "pattern_based_registration", "shared_registration"),
};

/** What a router or a callee answers in the negative: `uri` says what, `args` and `kwargs` are the error's payload. */
export class WampError extends Error {
  /**
   * @param {string} uri - such as `wamp.error.not_authorized`
   * @param {Array<*>} [args] - positional payload; its first item, if a string, is the message
   * @param {Object<string, *>} [kwargs] - keyword payload
   */
  constructor(uri, args = [], kwargs = {}) {
    super(typeof args[0] === "string" ? `${uri}: ${args[0]}` : uri);
    this.name = "WampError";
    this.uri = uri;
    this.args = args;
    this.kwargs = kwargs;
  }
}

/** The result of a call. The handler of a procedure may return one, to answer with several values or with names. */
export class Result {
  /**
   * @param {Array<*>} [args]
   * @param {Object<string, *>} [kwargs]
   * @param {Object<string, *>} [details] - RESULT.Details
   */
  constructor(args = [], kwargs = {}, details = {}) {
    this.args = args;
    this.kwargs = kwargs;
    this.details = details;
  }
}

/** What goes wrong outside a router, as a WampError. */
export const failure = (uri, message) => new WampError(uri, message ? [message] : []);

/** The last fields of a message: empty trailing args and kwargs are left out, never sent as null. */
export function payload(args, kwargs) {
  if (kwargs && Object.keys(kwargs).length) return [args ?? [], kwargs];
  return args?.length ? [args] : [];
}

const binary = (_, value) => (value instanceof Uint8Array
  ? `\0${btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(""))}` : value);

/** A message as JSON text; a Uint8Array becomes U+0000 and base64 (spec, "Binary conversion of JSON Strings"). */
export const encode = (message) => JSON.stringify(message, binary);

/**
 * The bytes of a value that carries binary data in JSON: U+0000, then base64.
 *
 * @param {*} value
 * @returns {Uint8Array | null} null if it is no such value
 */
export function toBytes(value) {
  if (typeof value !== "string" || value[0] !== "\0") return null;
  try {
    return Uint8Array.from(atob(value.slice(1)), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

/**
 * The pause before the next attempt to connect: back-off with decorrelated jitter, so that a hundred browsers do not
 * come back in step. (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.)
 *
 * @param {number} previous - the pause before, ms; 0 if there was none
 * @param {{min: number, max: number}} bounds - ms
 * @param {() => number} [random] - from [0, 1)
 * @returns {number} ms
 */
export function nextDelay(previous, { min, max }, random = Math.random) {
  return Math.min(max, min + random() * (Math.max(previous, min) * 3 - min));
}
