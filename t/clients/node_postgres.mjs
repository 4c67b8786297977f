// node-postgres, for t/clients/node.pl:  node node_postgres.mjs URL [MODE]
//
// MODE is what the session must report, "locked" if it is not given; "none"
// means that no lock is expected, and only that is checked; "temporary" that the
// session is locked and may make temporary tables.

import pg from 'pg'
import Cursor from 'pg-cursor'
import { check, gives, refused, stacked, writes } from './checks.mjs'

const url = process.argv[2]
const temporary = process.argv[3] === 'temporary'
const mode = temporary ? 'locked' : process.argv[3] ?? 'locked'

// A client, what the server has reported to it, and its notices.
async function connect(config = {}) {
  const client = new pg.Client({ connectionString: url, ...config })
  client.reported = {}
  client.notices = []
  client.connection.on('parameterStatus', (message) => {
    client.reported[message.parameterName] = message.parameterValue
  })
  client.on('notice', (notice) => client.notices.push(`${notice.severity}: ${notice.message}`))
  client.on('error', (error) => check(`connection stays (${error.message})`, false))
  await client.connect()
  return client
}

const count = (client) => async () =>
  (await client.query('SELECT count(*)::int AS n FROM users')).rows[0].n

const client = await connect()
check(`mode is reported: ${mode}`,
  client.reported['pg_session_readonly.mode'] === (mode === 'none' ? undefined : mode),
  client.reported)
if (temporary) {
  await client.query('CREATE TEMP TABLE found (i int, n text)')
  await client.query('INSERT INTO found SELECT i, $1 FROM users', ['user'])
  await client.query('CREATE INDEX ON found (i)')
  await gives('a temporary table', [{ n: 3 }], async () =>
    (await client.query('SELECT count(*)::int AS n FROM found')).rows)
  await refused('a permanent one', () => client.query('CREATE TABLE stolen AS SELECT * FROM found'))
  await client.query('DROP TABLE found')
}
if (mode === 'none' || temporary) {
  await client.end()
  console.log('done')
  process.exit(0)
}
if (mode === 'locked') {
  check('read-only default is reported',
    client.reported.default_transaction_read_only === 'on', client.reported)
}

// Reads: simple, with parameters, prepared, by a cursor.
const rows = (query) => async () => (await client.query({ rowMode: 'array', ...query })).rows
await gives('simple read', [[1], [2], [3]], rows({ text: 'SELECT i FROM users ORDER BY i' }))
await gives('read with a parameter', [[2]], rows({ text: 'SELECT i FROM users WHERE i = $1', values: [2] }))
for (const i of [1, 3]) {
  await gives(`prepared read of ${i}`, [[i]],
    rows({ name: 'read', text: 'SELECT i FROM users WHERE i = $1', values: [i] }))
}
const cursor = client.query(new Cursor('SELECT i FROM users WHERE i > $1 ORDER BY i', [0]))
await gives('cursor, first row', [{ i: 1 }], () => cursor.read(1))
await gives('cursor, the others', [{ i: 2 }, { i: 3 }], () => cursor.read(10))
await cursor.close()
await refused('cursor that writes', async () => {
  const writer = client.query(new Cursor('INSERT INTO users VALUES ($1) RETURNING i', [4]))
  try {
    await writer.read(1)
  } finally {
    await writer.close()
  }
})

// Writes: by the simple protocol, by the extended one, prepared.
for (const [name, sql] of Object.entries(writes)) {
  await refused(`${name}, simple`, () => client.query(sql))
  await refused(`${name}, extended`, () => client.query({ text: sql, queryMode: 'extended' }))
  await refused(`${name}, prepared`, () => client.query({ name: `write ${name}`, text: sql }))
}
await refused('INSERT with a parameter', () => client.query('INSERT INTO users VALUES ($1)', [4]))
await refused('COPY FROM STDIN', () => client.query('COPY users FROM STDIN'))
for (const sql of stacked) {
  await refused(sql, () => client.query(sql))
  await client.query('ROLLBACK')
}

// Transactions.
client.notices = []
await client.query('BEGIN READ WRITE')
check('BEGIN READ WRITE warns',
  client.notices.includes('WARNING: session stays read-only'), client.notices)
await gives('read in BEGIN READ WRITE', 3, count(client))
await client.query('SAVEPOINT a')
await refused('INSERT in BEGIN READ WRITE', () => client.query('INSERT INTO users VALUES (4)'))
await client.query('ROLLBACK TO a')
await gives('read after ROLLBACK TO', 3, count(client))
await client.query('COMMIT')
await client.query('DISCARD ALL')
await refused('INSERT after DISCARD ALL', () => client.query('INSERT INTO users VALUES (4)'))
check('mode is as it was', client.reported['pg_session_readonly.mode'] === mode, client.reported)
await gives('usable afterwards', 3, count(client))
await client.end()

// Queries sent without waiting for the results of those before them.
const pipelined = await connect({ pipeline: true })
const results = await Promise.allSettled([
  pipelined.query('SELECT i FROM users WHERE i = $1', [1]),
  pipelined.query('INSERT INTO users VALUES ($1)', [4]),
  pipelined.query('SELECT nextval($1)', ['seq']),
  pipelined.query('SELECT i FROM users WHERE i = $1', [2]),
])
check('pipeline', results.map((result) => result.value?.rows[0].i ?? result.reason?.code)
  .join() === '1,25006,25006,2', results)
await pipelined.end()

// A pool gives out the same session again, and new ones.
const pool = new pg.Pool({ connectionString: url, max: 2 })
for (let round = 1; round <= 2; round++) {
  const borrowed = await Promise.all([pool.connect(), pool.connect()])
  for (const each of borrowed) {
    await refused(`pool, round ${round}`, () => each.query('COMMIT; DROP TABLE users; --'))
    each.release()
  }
}
await pool.end()
console.log('done')
