// An agent chat on Node and `socket.io`: log-in by an HS256 token in the handshake, a room a user.
// node node_socketio.js PORT SECRET correct|leaky
//
// leaky: who is being served is kept in a variable of the module while the agent "thinks", so that of two users who
// ask at the same time one is sent the other's events.
"use strict";
const crypto = require("node:crypto");
const { Server } = require("socket.io");

const [port, secret, variant] = process.argv.slice(2);
let current = null;

function userOf(token) {
  const parts = String(token).split(".");
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
const io = new Server({ transports: ["websocket"] });

io.use((socket, next) => {
  const user = userOf(socket.handshake.auth.token);
  socket.data.user = user;
  next(user === null ? new Error("unauthorized") : undefined);
});

io.on("connection", (socket) => {
  const user = socket.data.user;
  socket.join(user);
  socket.on("start_agent", async (data) => {
    current = user;
    for (const type of ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]) {
      await pause();
      const event = { user_id: user, run_id: data.run_id, text: data.user_request };
      io.to(variant === "leaky" ? current : user).emit(type, event);
    }
  });
});
io.attach(require("node:http").createServer().listen(Number(port), "127.0.0.1"));
