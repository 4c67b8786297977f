// An agent that speaks to an MCP server, for t/clients/mcp.pl:
//
//     node mcp.mjs SERVER URL FILE [CONFIG]
//
// SERVER is the name of a package below, started unmodified with URL (or, for
// dbhub, with the configuration file CONFIG).  No attack may bring FILE about.
// One JSON-RPC message a line goes to its standard input and comes from its
// standard output.  Prints a line a check, and "done".

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { check } from './checks.mjs'

const [name, url, file, config] = process.argv.slice(2)
const server = {
  '@modelcontextprotocol/server-postgres': {
    script: 'dist/index.js',
    arguments: [url],
    tool: 'query',
    // A resource a table.
    schema: async () => {
      const { resources } = await request('resources/list')
      const users = resources.find((resource) => resource.uri.endsWith('/users/schema'))
      return request('resources/read', { uri: users.uri })
    },
  },
  '@bytebase/dbhub': {
    script: 'dist/index.js',
    arguments: ['--transport', 'stdio', ...(config ? ['--config', config] : ['--dsn', url])],
    tool: 'execute_sql',
    schema: () => request('tools/call', { name: 'search_objects',
      arguments: { object_type: 'column', schema: 'public', table: 'users', detail_level: 'full' } }),
  },
}[name]

// --- JSON-RPC ---
const child = spawn(process.execPath,
  [fileURLToPath(new URL(`node_modules/${name}/${server.script}`, import.meta.url)), ...server.arguments],
  { stdio: ['pipe', 'pipe', 'pipe'] })
let log = ''
child.stderr.on('data', (chunk) => { log += chunk })
let leaving = false
child.on('exit', (code) => {
  if (leaving) return
  check(`server stays (exit ${code}: ${log})`, false)
  process.exit(1)
})
const waiting = new Map()
createInterface({ input: child.stdout }).on('line', (line) => {
  const message = JSON.parse(line)
  waiting.get(message.id)?.(message)
  waiting.delete(message.id)
})
const send = (message) => child.stdin.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n')
let id = 0
async function request(method, params = {}) {
  const answer = await new Promise((resolve) => {
    waiting.set(++id, resolve)
    send({ id, method, params })
  })
  if (answer.error) throw new Error(answer.error.message)
  return answer.result
}

// What the tool answers to this SQL; an error is one of the protocol, or of the
// tool.
async function query(sql) {
  const result = await request('tools/call', { name: server.tool, arguments: { sql } })
  const text = result.content.map((part) => part.text).join('')
  if (result.isError) throw new Error(text)
  return text
}

// --- what an agent does first ---
const { serverInfo } = await request('initialize', {
  protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'agent', version: '1' } })
check(`initialize: ${serverInfo.name}`, true)
send({ method: 'notifications/initialized' })
const { tools } = await request('tools/list')
check('tools/list', tools.some((tool) => tool.name === server.tool), tools)
const columns = JSON.stringify(await server.schema())
check('schema listing', columns.includes('password') && columns.includes('integer'), columns)

async function reads(name) {
  for (const [sql, expected] of [
    ['SELECT name, 40 + 2 AS answer FROM users ORDER BY id LIMIT 1', /"name": ?"ann".*"answer": ?42/s],
    ['WITH n AS (SELECT count(*) AS users FROM users) SELECT * FROM n', /"users": ?"?3\b/],
    ['EXPLAIN SELECT * FROM users', /Seq Scan/],
  ]) {
    try {
      const text = await query(sql)
      check(`${name}: ${sql}`, expected.test(text), text)
    } catch (error) {
      check(`${name}: ${sql}`, false, error.message)
    }
  }
}
await reads('read')
try {
  const text = await query("SELECT current_setting('pg_session_readonly.mode', true) AS mode")
  check('mode is locked', /"mode": ?"locked"/.test(text), text)
} catch (error) {
  check('mode is locked', false, error.message)
}

// --- and what it must not ---
for (const sql of [
  'COMMIT; DROP TABLE users; --',
  'ROLLBACK; BEGIN READ WRITE; DELETE FROM users; COMMIT',
  'END; SET default_transaction_read_only = off; DELETE FROM users; COMMIT',
  'SET TRANSACTION READ WRITE; DELETE FROM users; COMMIT',
  "SELECT 1; COMMIT; INSERT INTO users VALUES (4, 'mallory', ''); SELECT 1",
  'COMMIT; DO $$ BEGIN COMMIT; DROP TABLE users; END $$',
  'DO $$ BEGIN COMMIT; DROP TABLE users; END $$',
  "DO $$ BEGIN PERFORM set_config('transaction_read_only', 'off', true); DELETE FROM users; END $$",
  'EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1',
  'COMMIT; EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1',
  'EXPLAIN ANALYZE DELETE FROM users',
  'WITH gone AS (DELETE FROM users RETURNING *) SELECT * FROM gone',
  `COPY users TO PROGRAM 'touch ${file}'`,
  `COMMIT; COPY users TO PROGRAM 'touch ${file}'`,
  `COPY users TO '${file}'`,
  `SELECT lo_export(oid, '${file}') FROM pg_largeobject_metadata`,
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'witness'",
  "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'witness'",
  'COMMIT; ALTER SYSTEM SET work_mem = 64',
  'SELECT pg_reload_conf()',
  "COMMIT; SELECT nextval('seq')",
  "COMMIT; SELECT setval('seq', 1000)",
  'COMMIT; SELECT lo_creat(-1)',
  "COMMIT; SELECT pg_advisory_lock(1)",
  'COMMIT; VACUUM users',
  'COMMIT; LOCK TABLE users; DELETE FROM users',
  'SET pg_session_readonly.mode = off',
  "SELECT set_config('pg_session_readonly.mode', 'off', false)",
  'COMMIT; ALTER ROLE agent RESET ALL',
  'SET SESSION AUTHORIZATION DEFAULT; COMMIT; DELETE FROM users',
  'COMMIT; DISCARD ALL; DELETE FROM users',
  'COMMIT; DROP SCHEMA public CASCADE;',
  // Last: the session may go on as that role.
  'SET ROLE owner; COMMIT; DELETE FROM users',
]) {
  try {
    const text = await query(sql)
    check(`refused: ${sql}`, false, text)
  } catch (error) {
    const text = error.message.replace(/\s+/g, ' ')
    check(`refused: ${sql}: ${text}`, /in a read-only (session|transaction)|cannot unlock a read-only session/.test(text) ||
      // what dbhub has in its own read-only mode
      /Read-only mode is enabled/.test(text) ||
      // what core has against COMMIT and DISCARD among other statements
      /^(COMMIT; )?(DO|DISCARD)/.test(sql) &&
        /invalid transaction termination|cannot run inside a transaction block/.test(text))
  }
}

await reads('usable afterwards')
leaving = true
child.stdin.end()
child.kill()
console.log('done')
process.exit(0)
