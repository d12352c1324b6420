// An agent chat on Node and `ws`: log-in by an HS256 token, a run's events to all of its user's sockets.
// node node_ws.js PORT SECRET correct|leaky
//
// leaky: who is being served is kept in a variable of the module while the agent "thinks", so that of two users who
// ask at the same time one is sent the other's events.
"use strict";
const crypto = require("node:crypto");
const http = require("node:http");
const { WebSocketServer } = require("ws");

const [port, secret, variant] = process.argv.slice(2);
const sockets = new Map(); // user -> set of sockets
let current = null;

function userOf(request) {
  const token = (request.headers.authorization || "").replace(/^Bearer /, "");
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  try {
    const header = JSON.parse(Buffer.from(parts[0], "base64url"));
    const mine = crypto.createHmac("sha256", secret).update(`${parts[0]}.${parts[1]}`).digest();
    const theirs = Buffer.from(parts[2], "base64url");
    if (header.alg !== "HS256" || mine.length !== theirs.length || !crypto.timingSafeEqual(mine, theirs)) return null;
    const claims = JSON.parse(Buffer.from(parts[1], "base64url"));
    const now = Date.now() / 1000;
    return typeof claims.sub === "string" && claims.exp > now && !(claims.nbf > now) ? claims.sub : null;
  } catch {
    return null;
  }
}

const pause = () => new Promise((resume) => setTimeout(resume, 2 + Math.random() * 4));

async function run(user, payload) {
  current = user;
  const types = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"];
  for (const type of types) {
    await pause();
    const owner = variant === "leaky" ? current : user;
    const event = { type, user_id: user, run_id: payload.run_id, thread_id: payload.thread_id };
    const text = JSON.stringify({ ...event, payload: { text: payload.user_request } });
    for (const socket of sockets.get(owner) || []) socket.send(text);
  }
}

const server = http.createServer((request, response) => response.writeHead(404).end());
const wss = new WebSocketServer({ noServer: true });
server.on("upgrade", (request, stream, head) => {
  const user = userOf(request);
  if (user === null) {
    stream.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  wss.handleUpgrade(request, stream, head, (socket) => {
    if (!sockets.has(user)) sockets.set(user, new Set());
    sockets.get(user).add(socket);
    socket.on("close", () => {
      sockets.get(user)?.delete(socket);
      if (!sockets.get(user)?.size) sockets.delete(user);
    });
    socket.on("error", () => {});
    socket.send(JSON.stringify({ type: "connection_established", user_id: user }));
    socket.on("message", (data) => {
      let message;
      try {
        message = JSON.parse(data);
      } catch {
        return;
      }
      if (message.type === "start_agent") run(user, message.payload || {});
    });
  });
});
server.listen(Number(port), "127.0.0.1");
