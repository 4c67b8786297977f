// A line a check, beginning with "ok" or "not ok", for t/clients/node.pl and
// t/clients/mcp.pl.

export function check(name, passed, seen) {
  console.log((passed ? 'ok ' : 'not ok ') + name +
    (passed || seen === undefined ? '' : ` (${JSON.stringify(seen)})`))
}

// The action must give this result.
export async function gives(name, expected, action) {
  try {
    const result = await action()
    check(name, JSON.stringify(result) === JSON.stringify(expected), result)
  } catch (error) {
    check(name, false, `${error.code} ${error.message}`)
  }
}

// The action must fail with this SQLSTATE.
export async function refused(name, action, code = '25006') {
  try {
    await action()
    check(name, false, 'no error')
  } catch (error) {
    check(`${name}: ${error.message.split('\n')[0]}`, error.code === code, error.code)
  }
}

// What must be refused in whatever way a driver sends it.
export const writes = {
  'INSERT': 'INSERT INTO users VALUES (4)',
  'nextval': "SELECT nextval('seq')",
  'VACUUM': 'VACUUM users',
  'EXPLAIN ANALYZE': 'EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1',
  'DO': 'DO $$ BEGIN COMMIT; DELETE FROM users; END $$',
  'COPY TO PROGRAM': "COPY users TO PROGRAM 'true'",
  'NOTIFY': 'NOTIFY channel',
  'large object': 'SELECT lo_creat(-1)',
  'terminate': 'SELECT pg_terminate_backend(pg_backend_pid())',
  'unlock': 'SET pg_session_readonly.mode = off',
  'unlock by function': "SELECT set_config('pg_session_readonly.mode', 'off', false)",
}

// And in one message, of which the first statement leaves the transaction.
export const stacked = [
  'COMMIT; DROP TABLE users; --',
  'COMMIT; BEGIN READ WRITE; DELETE FROM users; COMMIT',
  'ROLLBACK; SET default_transaction_read_only = off; COMMIT; DELETE FROM users',
]
