/**
 * The page: joins the realm, subscribes to a prefix, and shows what comes.
 *
 * Address: `?prefix=com.example.` shows only topics that begin so (default: all that may be read); `?realm=` another
 * realm than realm1; `?ws=` another path of the WebSocket than `/ws`.
 */

import { Client, WampError } from "./wamp.js";
import { formatNumber } from "./format.js";
import { MAX_SERIES, Model } from "./model.js";
import { View } from "./view.js";

const FRAME = 100; // ms between two updates of the screen; nobody reads faster
const MANY = 8; // from so many series on a filter is of use
const PREFIX_HELP = "Add ?prefix= and the beginning of topics that may be read to the address of this page, such as ?prefix=com.example.";

const parameters = new URLSearchParams(location.search);
const realm = parameters.get("realm") || "realm1";
const prefix = parameters.get("prefix") ?? "";
const $ = (id) => document.getElementById(id);

/** The router's WebSocket: on this page's own host, whatever the address says. */
function address() {
  const url = new URL(new URL(parameters.get("ws") || "/ws", document.baseURI).pathname, location.origin);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

const model = new Model();
const view = new View(model, $("groups"));
let frame = 0;
let drawnAt = 0;
let nextTry = 0;
let rate = 0;
let countedEvents = 0;
let everOpen = false;

function paint() {
  const now = performance.now();
  if (now - drawnAt < FRAME) {
    frame = requestAnimationFrame(paint);
    return;
  }
  frame = 0;
  drawnAt = now;
  view.update(now);
  $("empty").hidden = model.groups.size > 0;
  $("search").hidden = model.size < MANY;
}

/** Whoever may not call this sees the status when it changes. */
async function askStatus(topic) {
  try {
    const { args, kwargs } = await client.call(`${topic}.get_status`, [], {}, { timeout: 5000 });
    if (typeof args[0] === "string" && kwargs.bridge) receive(args, kwargs, { topic: `${topic}.status` });
  } catch (error) {
    if (!(error instanceof WampError)) throw error;
  }
}

const askStrangers = () => model.strangers.splice(0).forEach(askStatus);

function receive(args, kwargs, details) {
  if (details.topic.startsWith("wamp.")) return; // the router's own business
  model.record(details.topic, args, kwargs, performance.now());
  if (details.topic.startsWith("edge.uplink.")) showUplinks();
  askStrangers();
  frame ||= requestAnimationFrame(paint);
}

/** One pill for each link to a central router: whether it is up, and how many events wait for it. */
function showUplinks() {
  const pills = [...model.uplinks].sort(([one], [other]) => one.localeCompare(other)).map(([id, { state, waiting, error }]) => {
    const pill = document.createElement("span");
    pill.className = "pill";
    pill.dataset.mood = state === "up" ? "good" : "bad";
    pill.textContent = `${id} ${state}${waiting ? ` · ${formatNumber(waiting, 0)} waiting` : ""}`;
    pill.title = error;
    return pill;
  });
  $("uplinks").replaceChildren(...pills);
}

const show = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };

function say(mood, text) {
  $("connection").dataset.mood = mood;
  show("connection", text);
  document.title = mood === "good" ? "edge-router" : `${text} · edge-router`;
}

function sayAway() {
  if (client.state !== "waiting") return;
  const wait = Math.ceil((nextTry - performance.now()) / 1000);
  show("away-text", `${wait > 0 ? `Trying again in ${wait} s.` : "Trying again."} ${
    model.size ? "The values below are the last ones received." : "This page goes on by itself when it is back."}`);
}

const REASONS = {
  __proto__: null,
  "wamp.error.no_such_realm": `The router has no realm ${realm}.`,
  "wamp.close.system_shutdown": "The router was shut down.",
};

function away({ error, delay }) {
  const refused = error.uri !== "wamp.error.network_failure" && !error.uri.startsWith("wamp.close.");
  nextTry = performance.now() + delay;
  say("bad", refused ? "Refused" : "Router away");
  show("away-title", REASONS[error.uri] ?? (refused ? `The router refuses this page: ${error.message}` : "The router is away."));
  sayAway();
  $("away").hidden = false;
  document.body.classList.add("away");
  show("empty-title", "Waiting for the router");
  show("empty-text", "");
}

const SHOW_STATE = {
  connecting: () => say("wait", everOpen ? "Reconnecting" : "Connecting"),
  open: () => {
    everOpen = true;
    model.routerIsBack();
    askStrangers();
    say("good", "Live");
    $("away").hidden = true;
    document.body.classList.remove("away");
    show("empty-title", "Waiting for the first reading");
    show("empty-text", prefix ? `Whatever is published under ${prefix} appears here by itself.`
      : "Connect a sensor, or publish to any topic: it appears here by itself.");
  },
  waiting: away,
  closed: () => say("bad", "Stopped"),
};

const client = new Client(address(), realm, { onstate: (change) => SHOW_STATE[change.state](change) });

function tick() {
  const now = performance.now();
  sayAway();
  if (!document.hidden) view.tick(now);
  rate = model.events - countedEvents;
  countedEvents = model.events;
  const left = model.left ? ` · only the first ${MAX_SERIES} are shown` : "";
  show("facts", `${realm} · ${model.size} ${model.size === 1 ? "reading" : "readings"} · ${rate} ${
    rate === 1 ? "event" : "events"}/s${prefix ? ` · topics under ${prefix}` : ""}${left}`);
}

function refused(error) {
  $("empty").hidden = false;
  show("empty-title", "The router does not let this page read");
  show("empty-text", `${error.message}. ${PREFIX_HELP}`);
}

show("host", location.host);
$("filter").addEventListener("input", ({ target }) => view.filter(target.value));
$("retry").addEventListener("click", () => client.retry());
window.addEventListener("online", () => client.retry());
document.addEventListener("visibilitychange", () => document.hidden || client.retry());
setInterval(tick, 1000);
client.subscribe(prefix, receive, { match: "prefix", get_retained: true }).catch(refused);
client.connect();
