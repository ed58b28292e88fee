/** A WebSocket under the test's control: what the client sends is kept, and the test plays the router. */

export class FakeSocket {
  static all = [];

  static get last() { return FakeSocket.all.at(-1); }

  constructor(url, protocols) {
    Object.assign(this, { url, protocols, readyState: 0, sent: [] });
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  // --- the router's side

  open() {
    this.readyState = 1;
    this.onopen();
  }

  say(...message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  /** Open, and WELCOME. */
  welcome(session = 1) {
    this.open();
    this.say(2, session, { realm: "realm1" });
  }

  lose() {
    this.readyState = 3;
    this.onclose({ code: 1006, reason: "" });
  }

  /** The last message the client sent. */
  get heard() { return this.sent.at(-1); }
}

/** Let what promises have queued run. */
export const settle = async () => { for (let turn = 0; turn < 10; turn += 1) await null; };
