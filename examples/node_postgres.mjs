// Lock a connection of node-postgres, and hand it out only if it is locked:
//
//     npm install pg; node examples/node_postgres.mjs postgresql://app@127.0.0.1/shop
//
// Tried with pg 8.23 and Node.js 20.

import pg from 'pg'

const client = new pg.Client({
  connectionString: process.argv[2],
  // not needed if the role is locked; options= in the URL goes before it
  options: '-c local_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked',
})
let mode
client.connection.on('parameterStatus', (message) => {
  if (message.parameterName === 'pg_session_readonly.mode') mode = message.parameterValue
})
await client.connect()
if (mode !== 'locked') {
  await client.end()
  throw new Error(`connection is not locked: ${mode}`)
}

console.log((await client.query('SELECT current_user, now()')).rows[0])
try {
  await client.query('COMMIT; CREATE TABLE stolen (i int)')
} catch (error) {
  console.log(error.code, error.message) // 25006
}
await client.end()
