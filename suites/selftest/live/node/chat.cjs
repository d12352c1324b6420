// An agent chat on Node's `ws`: users are named in the query, runs are streamed to all of a user's connections.
// With the argument `leak` the user whom a run is for is kept in a variable of the module, across an await.
const { randomUUID } = require("crypto");
const { WebSocketServer } = require("ws");

const leak = process.argv[2] === "leak";
const connections = new Map();
let serving = null;

const pause = () => new Promise((done) => setTimeout(done, 5 + Math.random() * 15));

function publish(user, event) {
  for (const socket of connections.get(leak ? serving : user) ?? []) {
    if (socket.readyState === 1) socket.send(JSON.stringify(event));
  }
}

async function run(user, payload) {
  serving = user;
  const run_id = randomUUID();
  const event = (type, data) => ({ type, data: { run_id, user_id: user, ...data } });
  const text = payload.user_request;
  publish(user, event("agent_started", { thread_id: payload.thread_id }));
  await pause();
  publish(user, event("agent_thinking", { reasoning: `about ${text}` }));
  await pause();
  publish(user, event("tool_executing", { tool_name: "search" }));
  await pause();
  publish(user, event("tool_completed", { tool_name: "search", results: [text.toUpperCase()] }));
  await pause();
  publish(user, event("agent_completed", { status: "success", final_response: Buffer.from(text).toString() }));
}

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on("listening", () => console.log(`ws://127.0.0.1:${server.address().port}/ws`));
server.on("connection", (socket, request) => {
  const user = new URL(request.url, "ws://here").searchParams.get("user");
  if (!connections.has(user)) connections.set(user, new Set());
  connections.get(user).add(socket);
  socket.on("close", () => connections.get(user).delete(socket));
  socket.on("error", () => {});
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    if (message.type === "start_agent") run(user, message.payload);
  });
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
