// postgres.js, for t/clients/node.pl:  node postgres_js.mjs URL [MODE [PARAMETERS]]
//
// MODE is as for node_postgres.mjs.  PARAMETERS are parameters of the startup
// message, in JSON, which this driver takes as its option "connection".

import postgres from 'postgres'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { check, gives, refused, stacked, writes } from './checks.mjs'

const url = process.argv[2]
const mode = process.argv[3] ?? 'locked'
const connection = JSON.parse(process.argv[4] ?? '{}')

let notices = []
const sql = postgres(url, {
  max: 1,
  connection,
  onnotice: (notice) => notices.push(`${notice.severity}: ${notice.message}`),
})
const count = async () => (await sql`SELECT count(*)::int AS n FROM users`)[0].n

await sql`SELECT 1`
check(`mode is reported: ${mode}`,
  sql.parameters['pg_session_readonly.mode'] === (mode === 'none' ? undefined : mode),
  sql.parameters)
if (mode === 'none') {
  await sql.end()
  console.log('done')
  process.exit(0)
}
if (mode === 'locked') {
  check('read-only default is reported',
    sql.parameters.default_transaction_read_only === 'on', sql.parameters)
}

// Reads: simple, with parameters, prepared (what this driver does unless told
// otherwise), by a cursor, by COPY.
const i = (rows) => rows.map((row) => row.i)
await gives('simple read', [1, 2, 3], async () => i(await sql`SELECT i FROM users ORDER BY i`.simple()))
for (const n of [1, 3]) {
  await gives(`prepared read of ${n}`, [n], async () => i(await sql`SELECT i FROM users WHERE i = ${n}`))
}
await gives('read with an array', [1, 2],
  async () => i(await sql`SELECT i FROM users WHERE i = ANY (${[1, 2]}::int[]) ORDER BY i`))
await gives('read not prepared', [2],
  async () => i(await sql.unsafe('SELECT i FROM users WHERE i = $1', [2], { prepare: false })))
await gives('cursor', [[1], [2], [3]], async () => {
  const chunks = []
  for await (const rows of sql`SELECT i FROM users ORDER BY i`.cursor(1)) chunks.push(i(rows))
  return chunks
})
await gives('COPY TO STDOUT', '1\n2\n3\n', async () => {
  let text = ''
  for await (const chunk of await sql`COPY (SELECT i FROM users ORDER BY i) TO STDOUT`.readable()) text += chunk
  return text
})
await refused('cursor that writes', async () => {
  for await (const rows of sql`INSERT INTO users VALUES (4) RETURNING i`.cursor(1)) check('no rows', false, rows)
})

// Writes: by the simple protocol, by the extended one, prepared.
for (const [name, text] of Object.entries(writes)) {
  await refused(`${name}, simple`, () => sql.unsafe(text).simple())
  await refused(`${name}, extended`, () => sql.unsafe(text, [], { simple: false, prepare: false }))
  await refused(`${name}, prepared`, () => sql.unsafe(text, [], { simple: false, prepare: true }))
}
await refused('INSERT with a parameter', () => sql`INSERT INTO users VALUES (${4})`)
await refused('notify()', () => sql.notify('channel', 'text'))
await refused('COPY FROM STDIN', async () =>
  pipeline(Readable.from(['4\n']), await sql`COPY users FROM STDIN`.writable()))
// This driver lets no client begin a transaction on a session of its pool.
const reserved = await sql.reserve()
for (const text of stacked) {
  await refused(text, () => reserved.unsafe(text).simple())
  await reserved`ROLLBACK`
}
reserved.release()

// Transactions.
notices = []
await refused('INSERT in begin("read write")', () => sql.begin('read write', async (sql) => {
  await gives('read in begin("read write")', 3, async () => (await sql`SELECT count(*)::int AS n FROM users`)[0].n)
  await refused('INSERT in savepoint()', () => sql.savepoint((sql) => sql`INSERT INTO users VALUES (4)`))
  await sql`INSERT INTO users VALUES (4)`
}))
check('begin("read write") warns',
  notices.includes('WARNING: session stays read-only'), notices)
await gives('queries of one transaction, sent at once', [[1], [2]],
  async () => (await sql.begin((sql) => [1, 2].map((n) => sql`SELECT i FROM users WHERE i = ${n}`))).map(i))

// Queries sent without waiting for the results of those before them.
const results = await Promise.allSettled([
  sql`SELECT i FROM users WHERE i = ${1}`,
  sql`INSERT INTO users VALUES (${4})`,
  sql`SELECT nextval(${'seq'})`,
  sql`SELECT i FROM users WHERE i = ${2}`,
])
check('pipeline', results.map((result) => result.value?.[0].i ?? result.reason?.code)
  .join() === '1,25006,25006,2', results)

await sql`DISCARD ALL`.simple()
await refused('INSERT after DISCARD ALL', () => sql`INSERT INTO users VALUES (4)`.simple())
check('mode is as it was', sql.parameters['pg_session_readonly.mode'] === mode, sql.parameters)
await gives('usable afterwards', 3, async () =>
  (await sql`SELECT count(*)::int AS n FROM users`.simple())[0].n)
await sql.end()
console.log('done')
