-- What script/sqlsmith asks: objects of all kinds, with names and numbers that lead
-- functions to them, and a value of every type there is, so that a function that
-- takes one is called with something that it can work on.

SET client_min_messages = error;

-- --- objects ---
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE SEQUENCE a_sequence;
SELECT nextval('a_sequence');

CREATE TABLE customers (
	id int PRIMARY KEY,
	name text NOT NULL DEFAULT 'nobody',
	feeling mood,
	balance numeric CHECK (balance >= 0),
	tags text[],
	doc jsonb,
	words tsvector,
	place point,
	since timestamptz DEFAULT now(),
	period int4range,
	address inet,
	a_pair pair);
INSERT INTO customers
	SELECT i, 'customer ' || i, (enum_range(NULL::mood))[i % 3 + 1], i, ARRAY['a', i::text],
		jsonb_build_object('i', i), to_tsvector('english', 'customers buy'), point(i, i),
		'2020-01-01'::timestamptz + i * interval '1 day', int4range(i, i + 10),
		'10.0.0.0'::inet + i, ROW(i, 'b')::pair
	FROM generate_series(1, 500) i;
CREATE INDEX customers_brin ON customers USING brin (since);
CREATE INDEX customers_gin ON customers USING gin (tags);
CREATE INDEX customers_doc ON customers USING gin (doc) WITH (fastupdate = on);
CREATE INDEX customers_gist ON customers USING gist (period);
CREATE INDEX customers_spgist ON customers USING spgist (place);
CREATE INDEX customers_hash ON customers USING hash (name);

CREATE TABLE orders (
	id serial PRIMARY KEY,
	customer int REFERENCES customers ON DELETE CASCADE,
	at date,
	amount positive)
	PARTITION BY RANGE (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (1) TO (1000);
CREATE TABLE orders_2 PARTITION OF orders DEFAULT;
INSERT INTO orders (customer, at, amount) SELECT 1 + i % 500, '2024-01-01'::date + i, i FROM generate_series(1, 2000) i;

CREATE TABLE empty (i int, t text);
CREATE UNLOGGED TABLE unlogged AS SELECT generate_series(1, 100) AS i;
CREATE TABLE toasted AS SELECT repeat('long ', 10000) || i AS t FROM generate_series(1, 5) i;
CREATE TABLE versions (id int PRIMARY KEY, n int);
INSERT INTO versions SELECT i, 0 FROM generate_series(1, 200) i;
UPDATE versions SET n = 1 WHERE id % 2 = 0;
DELETE FROM versions WHERE id % 5 = 0;

CREATE VIEW customers_and_orders AS SELECT c.name, o.amount FROM customers c JOIN orders o ON o.customer = c.id;
CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(amount) FROM orders GROUP BY customer;

CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO empty VALUES (1, 'trigger'); RETURN NEW; END $$;
CREATE TRIGGER log_it BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION log_it();

-- functions of ours that write, each in another way
CREATE FUNCTION write_by_sql(int) RETURNS int LANGUAGE sql AS
	'INSERT INTO empty VALUES ($1) RETURNING i';
CREATE FUNCTION write_by_plpgsql(i int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN UPDATE versions SET n = n + 1 WHERE id = i; RETURN i; END $$;
CREATE FUNCTION write_caught(i int) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN
		BEGIN
			INSERT INTO empty VALUES (i);
			RETURN 'written';
		EXCEPTION WHEN OTHERS THEN RETURN SQLERRM;
		END;
	END $$;
CREATE FUNCTION ddl(t text) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN EXECUTE format('CREATE TABLE %I ()', t); RETURN t; END $$;
CREATE FUNCTION unlock(t text) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN set_config('pg_session_readonly.mode', 'off', t = ''); END $$;
CREATE FUNCTION make_writable() RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN set_config('transaction_read_only', 'off', true); END $$;
CREATE FUNCTION read_only_off(int) RETURNS int LANGUAGE sql SET default_transaction_read_only = off AS
	'INSERT INTO empty VALUES ($1) RETURNING i';
CREATE FUNCTION defined(i int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
	$$ BEGIN DELETE FROM versions WHERE id = i; RETURN i; END $$;
CREATE FUNCTION next(text) RETURNS bigint LANGUAGE plpgsql AS
	$$ DECLARE n bigint; BEGIN n := nextval('a_sequence'); RETURN n; END $$;

-- what functions about the server find: by these names and numbers
SELECT lo_from_bytea(1, 'large object');
SELECT lo_from_bytea(4711, 'large object');
SELECT pg_create_physical_replication_slot('a_slot', true);
SELECT pg_create_logical_replication_slot('a_logical_slot', 'test_decoding');
SELECT pg_replication_origin_create('an_origin');
SELECT pg_replication_origin_advance('an_origin', '0/1000');
CREATE PUBLICATION a_publication FOR ALL TABLES;
BEGIN;
UPDATE versions SET n = 100 WHERE id = 1;
PREPARE TRANSACTION 'a_prepared_transaction';

-- --- a value of every type ---
--
-- In tables of twelve columns: each of up to five rows has another of these literals,
-- the first that the type takes.
DO $$
DECLARE
	literals text[] := ARRAY['1', 'customers', 'a_slot', 'a_sequence', '2', '4711', '0', '-1', 't',
		'an_origin', '{1,2}', '[1,5)', '{[1,5)}', '(1,2)', '(1,2),(3,4)', '<(1,2),3>', '{1,2,3}', '2024-02-29',
		'12:34:56', '1 day', '{"a": 1}', '$.a', 'a & b', 'a b', '<a/>', '10.0.0.1', '08:00:2b:01:02:03',
		'08:00:2b:01:02:03:04:05', '0/1', '10:20:', '(0,1)', '1010', 'sum(int)', 'now()', '+(int,int)', '+',
		'english', 'public', 'sad', 'a=>1', 'a.b', 'a.*{1}', '1 .. 2', '0-306-40615-2', '978-0-306-40615-7',
		'9771436452008', '9790060115615', '1436-4522', '220500896036', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
		'a_logical_slot', 'pg_database_owner', 'int4', 'C', 'btree', 'postgresql.conf', 'a_prepared_transaction'];
	columns text := '';
	rows text[] := ARRAY['', '', '', '', ''];
	n int := 0;
	tables int := 0;
	type record;
	literal text;
	value text;
	taken text[];
BEGIN
	FOR type IN
		SELECT format('%I.%I', nspname, typname) AS name FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
		WHERE typtype IN ('b', 'e', 'r', 'm', 'd', 'c') AND typisdefined
			AND (typtype <> 'c' OR EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND relkind = 'c'))
			AND (typelem = 0 OR typlen > 0 OR typname IN ('_int4', '_text', '_bool', '_name', '_oid', '_float8',
				'_aclitem', '_regclass', '_timestamptz'))
		ORDER BY typname, t.oid
	LOOP
		taken := '{}';
		FOREACH literal IN ARRAY literals LOOP
			CONTINUE WHEN cardinality(taken) = 5;
			BEGIN
				EXECUTE format('SELECT (%L::%s)::text', literal, type.name) INTO STRICT value;
				taken := taken || literal;
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
		columns := columns || format('%sc%s %s', CASE WHEN n > 0 THEN ', ' END, n, type.name);
		FOR i IN 1 .. 5 LOOP
			rows[i] := rows[i] || CASE WHEN n > 0 THEN ', ' ELSE '' END ||
				coalesce(quote_literal(taken[1 + (i - 1) % greatest(cardinality(taken), 1)]), 'NULL');
		END LOOP;
		n := n + 1;
		IF n = 12 THEN
			tables := tables + 1;
			EXECUTE format('CREATE TABLE values_%s (%s)', tables, columns);
			FOR i IN 1 .. 5 LOOP
				EXECUTE format('INSERT INTO values_%s VALUES (%s)', tables, rows[i]);
			END LOOP;
			columns := '';
			rows := ARRAY['', '', '', '', ''];
			n := 0;
		END IF;
	END LOOP;
	IF n > 0 THEN
		tables := tables + 1;
		EXECUTE format('CREATE TABLE values_%s (%s)', tables, columns);
		FOR i IN 1 .. 5 LOOP
			EXECUTE format('INSERT INTO values_%s VALUES (%s)', tables, rows[i]);
		END LOOP;
	END IF;
END $$;
