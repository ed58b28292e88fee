// The line protocol of puppets (see puppet.py), for clients on Node: reads commands, calls their handlers, answers.
"use strict";

function wrap(value) {
  if (value instanceof Uint8Array) return { $octets: Buffer.from(value).toString("hex") };
  if (value instanceof ArrayBuffer) return { $octets: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(wrap);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, wrap(item)]));
  }
  return typeof value === "bigint" ? Number(value) : value;
}

const unwrap = (_, value) =>
  value && typeof value === "object" && "$octets" in value ? Buffer.from(value.$octets, "hex") : value;

const say = (line) => process.stdout.write(JSON.stringify(wrap(line)) + "\n");

/** An error with a URI, as answers report it. */
class Refused extends Error {
  constructor(uri, args, kwargs) {
    super(uri);
    Object.assign(this, { uri, args: args || [], kwargs: kwargs || {} });
  }
}

async function obey(commands, command) {
  try {
    say({ id: command.id, ok: (await commands[command.do](command)) || {} });
  } catch (problem) {
    const known = problem instanceof Refused;
    const args = known ? problem.args : [String(problem && problem.stack ? problem.stack : problem)];
    say({ id: command.id, error: known ? problem.uri : "puppet.fault", args, kwargs: known ? problem.kwargs : {} });
  }
}

/** Serve commands from stdin until it ends. */
function serve(commands) {
  let rest = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (data) => {
    const lines = (rest + data).split("\n");
    rest = lines.pop();
    for (const line of lines) obey(commands, JSON.parse(line, unwrap));
  });
  process.stdin.on("end", () => process.exit(0));
}

module.exports = { say, serve, Refused };
