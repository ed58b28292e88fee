// XMLHttpRequest, as far as autobahn-js's long-polling uses it, for Node, which has none.
"use strict";

const http = require("http");

const agent = new http.Agent({ keepAlive: true });

class XMLHttpRequest {
  headers = {};
  readyState = 0;
  status = 0;

  open(method, url) {
    Object.assign(this, { method, url });
  }

  setRequestHeader(name, value) {
    this.headers[name] = value;
  }

  send(data = "") {
    this.headers["Content-Length"] = Buffer.byteLength(data);
    const request = http.request(this.url, { method: this.method, headers: this.headers, agent });
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => (text += piece));
      response.on("end", () => this.#done(response.statusCode, response.statusMessage, text));
    });
    request.on("error", (problem) => this.#done(0, problem.message, ""));
    if (this.timeout) setTimeout(() => this.readyState < 4 && this.ontimeout?.(), this.timeout).unref();
    request.end(data);
  }

  #done(status, statusText, responseText) {
    Object.assign(this, { readyState: 4, status, statusText, responseText });
    this.onreadystatechange();
  }
}

module.exports = { XMLHttpRequest };
