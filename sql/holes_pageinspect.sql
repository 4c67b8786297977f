-- Functions of pageinspect that trust what is in a page: a forged one crashes the
-- server, so they are refused.  What reads a page by relation and number stays.
CREATE EXTENSION pageinspect;
CREATE TABLE p (i int, t text);
INSERT INTO p SELECT i, 'x' FROM generate_series(1, 10000) i;
CREATE INDEX p_btree ON p (i);
CREATE INDEX p_brin ON p USING brin (i);
CREATE INDEX p_hash ON p USING hash (i);
CREATE INDEX p_gist ON p USING gist (box(point(i, i), point(i, i)));
CREATE INDEX p_gin ON p USING gin ((ARRAY[i % 2])) WITH (fastupdate = off);
VACUUM p;
-- the SQLSTATE of a query, or that it has rows
CREATE FUNCTION outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE query;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN CASE WHEN n > 0 THEN 'rows' ELSE 'no rows' END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;

-- refused
SELECT query, outcome('SELECT * FROM ' || query) FROM (VALUES
	($$heap_page_items(get_raw_page('p', 0)) h, tuple_data_split('p'::regclass, h.t_data, h.t_infomask, h.t_infomask2, h.t_bits)$$),
	($$tuple_data_split('p'::regclass, '\x0100000005', 2, 2, NULL)$$),
	($$tuple_data_split('p'::regclass, '\x0100000005', 2, 2, NULL, true)$$),
	($$heap_page_item_attrs(get_raw_page('p', 0), 'p'::regclass)$$),
	($$heap_page_item_attrs(get_raw_page('p', 0), 'p'::regclass, true)$$),
	($$brin_page_items(get_raw_page('p_brin', 2), 'p_brin')$$),
	($$bt_page_items(get_raw_page('p_btree', 1))$$),
	($$gist_page_items(get_raw_page('p_gist', 0), 'p_gist')$$),
	($$gist_page_items_bytea(get_raw_page('p_gist', 0))$$),
	($$gin_leafpage_items(get_raw_page('p_gin', 2))$$),
	($$hash_page_items(get_raw_page('p_hash', 1))$$)
) AS q (query);

-- not refused
SELECT query, outcome('SELECT * FROM ' || query) FROM (VALUES
	($$get_raw_page('p', 0)$$),
	($$get_raw_page('p', 'main', 0)$$),
	($$page_header(get_raw_page('p', 0))$$),
	($$heap_page_items(get_raw_page('p', 0))$$),
	($$heap_tuple_infomask_flags(2, 2)$$),
	($$bt_metap('p_btree')$$),
	($$bt_page_stats('p_btree', 1)$$),
	($$bt_page_items('p_btree', 1)$$)
) AS q (query);

\c -
DROP FUNCTION outcome(text);
DROP TABLE p;
DROP EXTENSION pageinspect;
