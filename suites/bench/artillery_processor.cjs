// The Artillery side of `live_against.py`: virtual users of the ws engine who verify what they receive.
//
// Artillery's own statistics are spared: no counter is raised for a message. Whose a canary is, is told beforehand
// instead of being proven when it first appears, since Node has no keyed BLAKE2b. A line on the control connection
// starts a batch; what is answered are processor seconds of the whole process.

const net = require('node:net')

const frames = Number(process.env.FRAMES)
const tokens = JSON.parse(process.env.TOKENS)
const owners = new Map(tokens.map((token, number) => [token, number]))
const canary = /ctk_[0-9a-f]{44}/gi
const sockets = []
let numbers = 0
let count = 0
let finished

function address(options, context, done) {
  context.vars.number = numbers++
  options.target += `?canary=${tokens[context.vars.number]}`
  done()
}

async function listen(context) {
  const number = context.vars.number
  context.ws.on('message', data => verify(number, data.toString()))
  sockets.push(context.ws)
  if (sockets.length === tokens.length) obey()
  await new Promise(() => {}) // until the bench ends it
}

function verify(number, text) {
  const { type, user_id, run_id } = JSON.parse(text)
  if (type !== 'agent_thinking') throw new Error(`${type} of ${user_id} and ${run_id}`)
  for (const token of text.match(canary)) {
    if (owners.get(token) !== number) throw new Error(`${token} came to ${number}`)
  }
  if (++count === tokens.length * frames) finished()
}

function obey() {
  const control = net.connect(Number(process.env.CONTROL), '127.0.0.1')
  control.on('data', () => {
    count = 0
    for (const socket of sockets) socket.send(JSON.stringify({ send: frames }))
    const began = process.cpuUsage()
    finished = () => {
      const used = process.cpuUsage(began)
      control.write(`${(used.user + used.system) / 1e6}\n`)
    }
  })
}

module.exports = { address, listen }
