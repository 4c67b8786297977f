# bench/measures, part "statements": warm statements, and first calls in a session.
# Sourced by bash.

# 20 functions in one expression
functions="abs(ascii(chr(65 + length(upper(lower(btrim(ltrim(rtrim(initcap(reverse(md5(concat(left(lpad(rpad(repeat(substr(replace(translate(filler, 'a', 'b'), 'c', 'd'), 1), 1), 5), 7), 2), filler)))))))))))))"
statements=(
	'point SELECT|SELECT abalance FROM accounts WHERE aid = 4711'
	"20 functions|SELECT $functions FROM accounts WHERE aid = 4711"
	'SELECT 1|SELECT 1'
	"SET|SET work_mem = '5MB'"
	'three-way join|SELECT c.name, count(*), sum(i.price) FROM customers c JOIN orders o ON o.customer = c.id JOIN items i ON i.order_id = o.id WHERE c.id = 7 GROUP BY c.name'
)
# The first time in a session, in this order: of any statement on a table, then of a
# function, in a session that has been at work, and of another one of its kind.
at_work=("${statements[0]#*|}" "${statements[4]#*|}")
calls=(
	"first point SELECT|${statements[0]#*|}"
	'first SQL function|SELECT sql_1(1)'
	'second SQL function|SELECT sql_2(1)'
	'first plpgsql function|SELECT plpgsql_1(1)'
	'second plpgsql function|SELECT plpgsql_2(1)'
	"first C function|SELECT soundex('Anne')"
	"second C function|SELECT levenshtein('Anne', 'Anna')"
)

# The input of a backend that makes the first calls, up to one.
make_calls()
{
	local last=$1 entry
	begin_counting
	for entry in "${calls[@]}"; do
		[[ $entry != *' C '* || -n $contrib ]] || continue
		statement "${entry#*|}"
		end_section "${entry%%|*}"
		[ "${entry%%|*}" != "$last" ] || break
		[ "${entry%%|*}" != "${calls[0]%%|*}" ] || { statement "${at_work[1]}"; end_section warm; }
	done
}

# Each statement has a backend of its own: what malloc() does depends on all that was
# there before.
measure_statements()
{
	local mode entry
	for mode in $modes; do
		for entry in "${statements[@]}"; do
			wanted "${entry%%|*}" || continue
			begin_counting
			count_warm "${entry%%|*}" "${entry#*|}"
			run_input "$mode"
			figures_of statements "$mode" "${entry%%|*}"
		done
		make_calls ''
		run_input "$mode"
		figures_of statements "$mode" "${calls[@]%%|*}"
	done
}
