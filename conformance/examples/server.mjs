// A small server of signed records in JavaScript that says what it does, for `flk validate ingest trace.jsonl`.
//
//     node server.mjs DIRECTORY PORT SECRET
//
// It logs each body before it reads it, verifies before it looks anything up, lets the first content of an id win, and replays
// its log before it serves (WAL-1, ORD-1, DUP-1, WAL-5). It judges no record: its answers are states alone.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { appendFileSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const [directory, port, secret] = process.argv.slice(2)
const NODE = 'eu.000001', REGION = 'eu', TENANT = 'default'
mkdirSync(directory, { recursive: true })

// The trace: one line for each effect, written whole, in the order in which effects took place.

const tracePath = join(directory, 'trace.jsonl')
const nanoseconds = () => BigInt(Date.now()) * 1_000_000n
let lines = 0, programs = 0

function tell(program, kind, effect, began, fields, result) {
  lines += 1
  const line = JSON.stringify({ line: lines, node: NODE, program, kind, effect, ...fields, result })
  const moments = `"began":${began},"ended":${nanoseconds()}` // too large for a number of JavaScript
  appendFileSync(tracePath, `${line.slice(0, -1)},${moments}}\n`)
}

// A record: what it says, and who signed it.

const REALS = new Set(['D_hat', 'budget', 'coh_star', 'r'])
const SIGNED = ['D_hat', 'budget', 'coh_star', 'epoch', 'merkle_root', 'pcs_id', 'r', 'shard_id']
const sha256 = (text) => createHash('sha256').update(text).digest('hex')

/** Nine digits, and of two equally near the even one: toFixed takes the larger (C14N-2). */
function nine(real) {
  const exact = real.toFixed(60), places = exact.indexOf('.') + 10
  const [kept, rest] = [exact.slice(0, places), exact.slice(places)]
  const tie = rest[0] === '5' && /^50*$/.test(rest)
  const text = tie && Number(kept.at(-1)) % 2 === 0 ? kept : real.toFixed(9)
  return /^-0\.0*$/.test(text) ? text.slice(1) : text
}

/** What is signed: the form `fixed9`, and all that is judged (C14N-1, C14N-9). */
function canonical(record) {
  const member = (name) => `"${name}":${REALS.has(name) ? nine(record[name]) : JSON.stringify(record[name])}`
  const counts = record.scales.map((scale) => `"${scale}":${record.N_j[scale]}`)
  const judged = `{"N_j":{${counts}},"regime":${JSON.stringify(record.regime)},"scales":${JSON.stringify(record.scales)}}`
  return `{${SIGNED.map(member)}}\n${judged}`
}

/** The record in a body, null if there is none. */
function read(body) {
  try {
    const record = JSON.parse(body)
    const id = sha256(`${record.merkle_root}|${record.epoch}|${record.shard_id}`)
    canonical(record) // throws where a field is missing
    return typeof record.sig === 'string' && record.pcs_id === id && [...REALS].every((name) => Number.isFinite(record[name])) ? record : null
  } catch {
    return null
  }
}

function isSigned(record) {
  const mac = createHmac('sha256', secret).update(canonical(record)).digest()
  const given = Buffer.from(record.sig, 'base64')
  const oneSpelling = given.toString('base64') === record.sig
  return oneSpelling && given.length === mac.length && timingSafeEqual(given, mac)
}

function claimOf(record, timestamp) {
  return { tenant: TENANT, pcs_id: record.pcs_id, digest: sha256(canonical(record)), timestamp, region: REGION }
}

// The log, and the store that it implies.

const logPath = join(directory, 'log.jsonl')
const store = new Map()
let clock = 0n

function tick() {
  const now = BigInt(Date.now()) << 16n
  clock = now > clock ? now : clock + 1n
  return clock.toString(16).padStart(16, '0')
}

function append(body) {
  const timestamp = tick()
  writeSync(log, `${JSON.stringify({ timestamp, body: body.toString('base64') })}\n`)
  fsyncSync(log)
  return timestamp
}

/** The entry of the claim's id, which is the claim's own if it is the first. */
function claim({ tenant, pcs_id, digest, timestamp, region }) {
  const key = `${tenant}/${pcs_id}`
  if (!store.has(key)) store.set(key, { digest, timestamp, region })
  return store.get(key)
}

/** Claim for every frame again; one that was cut off in the middle was never answered. */
function recover() {
  const program = (programs += 1), began = nanoseconds()
  const content = existsSync(logPath) ? readFileSync(logPath, 'utf8') : ''
  const whole = content.slice(0, content.lastIndexOf('\n') + 1)
  if (whole < content) truncateSync(logPath, whole.length) // a line that was cut short was never acknowledged
  const claims = []
  for (const { timestamp, body } of whole.split('\n').filter(Boolean).map((line) => JSON.parse(line))) {
    const record = read(Buffer.from(body, 'base64'))
    clock = BigInt(`0x${timestamp}`)
    if (record && isSigned(record)) claims.push(claimOf(record, timestamp))
  }
  claims.forEach(claim)
  tell(program, 'recover', 'Merge', began, { claims }, claims.length)
  tell(program, 'recover', 'CaughtUp', nanoseconds(), {}, null)
  tell(program, 'recover', 'End', nanoseconds(), {}, null)
}

function ingest(body) {
  const program = (programs += 1)
  let began = nanoseconds()
  const timestamp = append(body)
  const record = read(body), signed = record !== null && isSigned(record)
  const said = record && claimOf(record, timestamp)
  const says = said && { tenant: said.tenant, pcs_id: said.pcs_id, digest: said.digest }
  tell(program, 'ingest', 'Append', began, { log: NODE, payload: { bytes: body.length, says, signed } }, timestamp)
  let status = record ? 401 : 400
  if (signed) {
    began = nanoseconds()
    const stored = claim(said)
    tell(program, 'ingest', 'Store', began, { claim: said }, stored)
    status = stored.digest === said.digest ? 200 : 409
  }
  tell(program, 'ingest', 'End', nanoseconds(), {}, { status })
  return status
}

tell(0, 'node', 'Start', nanoseconds(), { format: 2 }, null)
recover()
const log = openSync(logPath, 'a')
createServer((request, response) => {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => response.writeHead(ingest(Buffer.concat(parts))).end())
}).listen(Number(port), '127.0.0.1', function listening() {
  console.log(`listening on http://127.0.0.1:${this.address().port}`)
})
