-- what an agent is there for
\set aid random(1, 100000 * :scale)
\set bid random(1, :scale)
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
SELECT b.bid, bbalance, count(*), sum(tbalance) FROM pgbench_branches b JOIN pgbench_tellers t USING (bid)
	WHERE b.bid = :bid GROUP BY b.bid, bbalance;
SELECT upper(md5(repeat(chr(65 + (:aid % 26)), 10))), to_char(now(), 'YYYY-MM-DD'), read_by_plpgsql(:aid);
EXPLAIN SELECT * FROM pgbench_history;
