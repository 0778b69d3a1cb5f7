"""Built-in functions by the types of their arguments, as data for the generator.

A line is `result <- arguments | functions`. Arguments are tags of data.py or classes of them: N a number, I an
integer, T a date or timestamp, O anything ordered, P what has a text of its own in Java, X anything, A any array, M any map; `?` one argument may be
left out, `*` one or two more of the last. `e` and `k` stand for one type per call, so `[e]` and `e` agree; a word
in quotes chooses from WORDS. What differs from call to call (rand, now, uuid) is not here.
"""

WORDS = {
    "n": ["0", "1", "2", "3", "5", "-1", "-2", "10", "NULL"],
    "m": ["1", "2", "3", "4", "12", "0"],
    "unit": ["'YEAR'", "'QUARTER'", "'MONTH'", "'WEEK'", "'DAY'", "'HOUR'", "'MINUTE'", "'SECOND'", "'MILLISECOND'", "'MICROSECOND'", "'bad'"],
    "bareunit": ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"],
    "trunc": ["'year'", "'Q'", "'mon'", "'week'", "'MM'", "'yy'", "'day'", "NULL"],
    "field": ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOW", "DOY", "HOUR", "MINUTE", "SECOND", "YEAROFWEEK", "DAYOFWEEK_ISO"],
    "pattern": ["'yyyy-MM-dd'", "'yyyy-MM-dd HH:mm:ss'", "'dd/MM/yy'", "'EEE, d MMM yyyy'", "'D h a'", "'QQQ y'", "'HH:mm:ss.SSSSSS'", "'yyyy''T''xxx'", "'EEEE MMMM'"],
    "zone": ["'UTC'", "'America/Los_Angeles'", "'Asia/Kolkata'", "'+05:30'", "'Europe/Paris'", "'GMT-8'"],
    "regex": ["'a'", "'[a-c]+'", "'(a)(b)?'", "'\\\\d+'", "'^.'", "'\\\\s*$'", "'(?i)ABC'", "'.'", "''", "'(?<=a)b'", "'\\\\p{L}'"],
    "like": ["'a%'", "'%b%'", "'_bc'", "'%'", "'\\\\%%'", "'ABC'", "''", "'%\\n%'"],
    "charset": ["'UTF-8'", "'UTF-16'", "'US-ASCII'", "'ISO-8859-1'", "'UTF-16BE'", "'UTF-16LE'"],
    "json": ["'{\"a\": 1, \"b\": [1, 2.5, null], \"c\": {\"d\": \"x\"}}'", "'[1, 2, 3]'", "'{}'", "'bad'", "'\"s\"'", "'{\"a\": null}'", "stra"],
    "path": ["'$.a'", "'$.b[1]'", "'$.c.d'", "'$'", "'$[0]'", "'$.b[*]'", "'$.x'"],
    "numfmt": ["'999.99'", "'S000D0'", "'$9,999.0'", "'9G999'", "'99PR'", "'MI99'"],
    "binfmt": ["'hex'", "'utf-8'", "'base64'"],
    "fmt": ["'%s'", "'<%5s>'", "'%-4s|'"],
    "digits": ["'1a'", "'ff'", "'-10'", "'777'", "'9223372036854775808'", "stra"],
    "base": ["2", "8", "10", "16", "36", "-10", "-16"],
    "url": ["'http://u:p@h.com:80/p/a?q=1&r=x%20y#f'", "'h'", "'https://é.org/ü?a=b'", "stra"],
    "urlpart": ["'HOST'", "'PATH'", "'QUERY'", "'REF'", "'PROTOCOL'", "'FILE'", "'AUTHORITY'", "'USERINFO'"],
    "fraction": ["0.0", "0.5", "0.9", "1.0", "0.25"],
    "sha": ["224", "256", "384", "512", "0", "1"],
    "xml": ["'<a><b>1</b><b>x</b></a>'", "'<r/>'"],
    "xpath": ["'a/b/text()'", "'a/b[1]'", "'count(a/b)'", "'r'"],
    "variantpath": ["'$.a'", "'$.b[1]'", "'$'", "'$[1].a'"],
    "varianttype": ["'int'", "'string'", "'double'", "'array<int>'", "'variant'"],
    "sortorder": ["true", "false"],
    "scale": ["0", "1", "2", "-1", "-2", "5"],
}

SCALARS = """
f64 <- N | acos acosh asin asinh atan atanh cbrt cos cosh cot csc degrees exp expm1 ln log10 log1p log2 radians rint sec signum sign sin sinh sqrt tan tanh
f64 <- N N | atan2 hypot pow power log nanvl
f64 <- | pi e
N <- N | abs negative positive
i64 <- N | ceil ceiling floor
N <- N 'scale'? | round bround
dec <- dec 'scale' | ceil floor round bround
N <- N N | mod pmod try_mod
f64 <- N N | try_divide
i64 <- I I | div
i64 <- i32 | factorial
I <- I I | bit_get getbit
i32 <- i32 'n' | shiftleft shiftright shiftrightunsigned
i64 <- i64 'n' | shiftleft shiftright shiftrightunsigned
i32 <- I | bit_count
i64 <- f64 f64 f64 i64 | width_bucket
N <- N N | try_add try_subtract try_multiply
str <- i64 | bin
str <- I | hex
str <- str | hex
str <- bin | hex
str <- 'digits' 'base' 'base' | conv
str <- N 'm' | format_number
N <- N | nullifzero zeroifnull
bool <- N | isnan
X <- O O | equal_null nullif
e <- e e e* | greatest least
e <- e e | ifnull nvl nullif
e <- X e e | nvl2
e <- bool e e | if
e <- e e* | coalesce
bool <- X X | equal_null
bool <- X | isnull isnotnull
str <- X | typeof
i32 <- X X* | hash
i64 <- X X* | xxhash64
str <- str | lower upper lcase ucase trim ltrim rtrim btrim initcap reverse soundex quote url_encode unbase64 to_base32 make_valid_utf8
str <- str str | trim ltrim rtrim btrim
i32 <- str | length char_length character_length len ascii octet_length bit_length json_array_length
i32 <- bin | length octet_length bit_length
bool <- str | luhn_check is_valid_utf8
str <- bin | base64 md5 sha1 sha make_valid_utf8
str <- str | md5 sha1 base64
i64 <- bin | crc32
str <- bin 'sha' | sha2
str <- 'n' | space chr char
str <- str 'n' | left right repeat
str <- str 'n' 'n'? | substr substring
bin <- bin 'n' 'n'? | substr substring
bin <- bin 'n' bin | lpad rpad
str <- str 'n' str? | lpad rpad
str <- str str 'n' | substring_index split_part
str <- str str str | translate replace regexp_replace
str <- str str | replace
i32 <- str str | instr levenshtein find_in_set position locate
f64 <- str str | jaro_winkler_similarity
i32 <- str str 'n' | levenshtein locate position
bool <- str str | contains startswith endswith
bool <- bin bin | contains startswith endswith
str <- str str 'n' 'n'? | overlay
str <- str X* | concat_ws
str <- str [str] str | concat_ws
str <- str str* | concat
bin <- bin bin* | concat
[e] <- [e] [e]* | concat
str <- O 'n'? | elt
str <- 'n' O O | elt
str <- str | mask
str <- str str str str str | mask
[str] <- str 'regex' 'n'? | split
str <- str 'regex' str | regexp_replace
str <- str 'regex' 'n'? | regexp_extract
str <- str 'regex' | regexp_substr
[str] <- str 'regex' 'n'? | regexp_extract_all
i32 <- str 'regex' | regexp_count regexp_instr
bool <- str 'regex' | regexp_like rlike regexp
bool <- str 'like' | like ilike
{str:i32} <- str str? str? | str_to_map
bin <- str 'charset' | encode
str <- bin 'charset' | decode
e <- k k e k e e | decode
bin <- str | unhex unbase64 from_base32
bin <- str 'binfmt'? | to_binary try_to_binary
dec <- str 'numfmt' | try_to_number to_number
str <- dec 'numfmt' | to_char to_varchar
str <- date 'pattern' | to_char to_varchar
str <- 'fmt' P | format_string printf
str <- 'url' 'urlpart' | parse_url try_parse_url
str <- 'url' | url_decode try_url_decode
[str] <- str | sentences
str <- 'json' 'path' | get_json_object
[str] <- 'json' | json_object_keys
i32 <- 'json' | json_array_length
str <- 'json' | schema_of_json_
str <- A | to_json
str <- M | to_json
str <- (ab) | to_json to_csv to_xml
[str] <- 'xml' 'xpath' | xpath
str <- 'xml' 'xpath' | xpath_string
f64 <- 'xml' 'xpath' | xpath_double xpath_float xpath_number
i32 <- 'xml' 'xpath' | xpath_int xpath_long xpath_short xpath_boolean
date <- T 'n' | date_add date_sub dateadd add_months
date <- date I | date_add date_sub add_months
date <- T | last_day
i32 <- T T | datediff date_diff
i32 <- T | year month day dayofmonth dayofyear dayofweek weekday weekofyear quarter
i32 <- ts | hour minute
i32 <- T | hour minute second
str <- T | dayname monthname
date <- date 'trunc' | trunc
ts <- 'unit' T | date_trunc
T <- 'bareunit' I T | dateadd date_add timestampadd
i64 <- 'bareunit' T T | datediff timestampdiff date_diff
str <- T 'pattern' | date_format
str <- T str | date_format
date <- date str | next_day
f64 <- T T bool? | months_between
date <- str 'pattern'? | to_date try_to_date
ts <- str 'pattern'? | to_timestamp try_to_timestamp to_timestamp_ltz
ntz <- str 'pattern'? | to_timestamp_ntz
date <- T | to_date date
i64 <- str 'pattern' | unix_timestamp to_unix_timestamp
i64 <- T | unix_timestamp to_unix_timestamp
str <- i64 'pattern'? | from_unixtime
ts <- T 'zone' | from_utc_timestamp to_utc_timestamp
ntz <- 'zone' 'zone' ntz | convert_timezone
ntz <- 'zone' T | convert_timezone
i64 <- ts | unix_seconds unix_millis unix_micros
i32 <- date | unix_date
date <- i32 | date_from_unix_date
ts <- I | timestamp_seconds timestamp_millis timestamp_micros
ts <- N | timestamp_seconds
date <- i32 'm' 'm' | make_date
ts <- i32 'm' 'm' 'm' 'm' dec 'zone'? | make_timestamp make_timestamp_ltz try_make_timestamp
ntz <- i32 'm' 'm' 'm' 'm' dec | make_timestamp_ntz try_make_timestamp_ntz
ym <- 'n' 'n'? | make_ym_interval
dt <- 'n' 'n'? 'n'? dec? | make_dt_interval
cal <- 'n' 'n'? 'n'? 'n'? 'n'? 'n'? dec? | make_interval try_make_interval
[e] <- e e* | array
i32 <- A | size cardinality array_size
i32 <- M | size cardinality
bool <- [e] e | array_contains
i64 <- [e] e | array_position
[e] <- [e] e | array_remove array_append array_prepend
[e] <- [e] 'n' e | array_insert
[e] <- [e] | array_distinct array_compact reverse array_sort sort_array
[e] <- [e] 'sortorder' | sort_array
e <- [e] | array_max array_min
[e] <- [e] [e] | array_union array_intersect array_except
bool <- [e] [e] | arrays_overlap
[e] <- e 'n' | array_repeat
A <- A A | arrays_zip
str <- [str] str str? | array_join
[e] <- [e] 'n' 'n' | slice
e <- [e] 'n' | element_at get try_element_at
[e] <- [[e]] | flatten
[i32] <- 'n' 'n' | sequence
[i32] <- i8 'n' 'm' | sequence
[date] <- date date ym | sequence_
i32 <- {str:i32} str | element_at try_element_at
str <- {i32:str} I | element_at try_element_at
{e:k} <- [e] [k] | map_from_arrays
{e:k} <- e k | map
[e] <- {e:k} | map_keys
[k] <- {e:k} | map_values
A <- {e:k} | map_entries
{e:k} <- {e:k} {e:k} | map_concat_
bool <- {e:k} e | map_contains_key
(ab) <- X X | struct
(ab) <- 'fmt' X | named_struct
var <- 'json' | parse_json try_parse_json
var <- var 'variantpath' 'varianttype' | variant_get try_variant_get
str <- var | schema_of_variant to_json
bool <- var | is_variant_null
var <- A | to_variant_object
i64 <- i64 | bitmap_bit_position bitmap_bucket_number
i64 <- bin | bitmap_count
"""

# Forms that are no plain call. A piece in angle brackets is an argument; <e> and <k> agree within a line.
FORMS = """
N <- (<N> + <N>)
N <- (<N> - <N>)
N <- (<N> * <N>)
f64 <- (<N> / <N>)
N <- (<N> % <N>)
i64 <- (<I> div <I>)
I <- (<I> & <I>)
I <- (<I> | <I>)
I <- (<I> ^ <I>)
I <- (~<I>)
N <- (- <N>)
dec <- (<dec> + <dec38>)
dec <- (<dec> * <dec>)
dec <- (<dec> / <dec>)
dec38 <- (<dec38> * <dec>)
dec38 <- (<dec38> % <dec38>)
i32 <- (<i32> << <'n'>)
i32 <- (<i32> >> <'n'>)
i32 <- (<i32> >>> <'n'>)
str <- (<str> || <str>)
str <- (<str> || <N>)
[e] <- (<[e]> || <[e]>)
bool <- (<e> = <e>)
bool <- (<e> <=> <e>)
bool <- (<e> <> <e>)
bool <- (<e> < <e>)
bool <- (<e> >= <e>)
bool <- (<N> < <N>)
bool <- (<N> = <str>)
bool <- (<T> < <T>)
bool <- (<T> >= <str>)
bool <- (<O> > <O>)
bool <- (<bool> AND <bool>)
bool <- (<bool> OR <bool>)
bool <- (NOT <bool>)
bool <- (<X> IS NULL)
bool <- (<X> IS NOT NULL)
bool <- (<bool> IS TRUE)
bool <- (<bool> IS NOT FALSE)
bool <- (<e> IS DISTINCT FROM <e>)
bool <- (<e> IN (<e>, <e>))
bool <- (<e> NOT IN (<e>, <e>, NULL))
bool <- (<N> IN (<N>, <N>))
bool <- (<e> BETWEEN <e> AND <e>)
bool <- (<N> NOT BETWEEN <N> AND <N>)
bool <- (<str> LIKE <'like'>)
bool <- (<str> NOT LIKE <'like'>)
bool <- (<str> ILIKE <'like'>)
bool <- (<str> RLIKE <'regex'>)
bool <- (<str> LIKE ANY ('a%', <'like'>))
bool <- (<str> LIKE ALL ('a%', <'like'>))
e <- CASE WHEN <bool> THEN <e> ELSE <e> END
e <- CASE WHEN <bool> THEN <e> WHEN <bool> THEN <e> END
e <- CASE <k> WHEN <k> THEN <e> WHEN <k> THEN <e> ELSE <e> END
N <- CASE WHEN <bool> THEN <N> ELSE <N> END
X <- CASE WHEN <bool> THEN <T> ELSE <T> END
e <- if(<bool>, <e>, NULL)
N <- coalesce(<N>, <N>)
T <- coalesce(<T>, <T>)
str <- coalesce(<str>, <O>)
T <- (<T> + <dt>)
T <- (<T> - <dt>)
T <- (<T> + <ym>)
T <- (<T> - <ym>)
T <- (<T> + <cal>)
date <- (<date> + <I>)
date <- (<date> - <I>)
dt <- (<T> - <T>)
dt <- (<dt> + <dt>)
dt <- (<dt> * <N>)
dt <- (<dt> / <N>)
ym <- (<ym> + <ym>)
ym <- (<ym> * <N>)
ym <- (<ym> / <N>)
ym <- (- <ym>)
dt <- (- <dt>)
dt <- abs(<dt>)
ym <- abs(<ym>)
N <- sign(<dt>)
cal <- (<cal> + <cal>)
cal <- (<cal> * <N>)
cal <- (<cal> / <N>)
i32 <- extract(<'field'> FROM <T>)
i32 <- extract(DAY FROM <dt>)
i32 <- extract(MONTH FROM <ym>)
dec <- extract(SECOND FROM <dt>)
i32 <- date_part('month', <T>)
e <- <[e]>[<'n'>]
i32 <- <{str:i32}>[<str>]
str <- <{i32:str}>[<i32>]
i32 <- <(ab)>.a
str <- <(ab)>.b
X <- CAST(<X> AS <type>)
X <- TRY_CAST(<X> AS <type>)
X <- CAST(<N> AS <ntype>)
X <- TRY_CAST(<str> AS <type>)
str <- CAST(<X> AS STRING)
N <- CAST(<str> AS <ntype>)
X <- TRY_CAST(<N> AS <ntype>)
i32 <- position(<str> IN <str>)
str <- substring(<str> FROM <'n'> FOR <'n'>)
str <- trim(BOTH <str> FROM <str>)
str <- trim(LEADING 'a' FROM <str>)
str <- overlay(<str> PLACING <str> FROM <'m'>)
[k] <- transform(<[e]>, x -> <k>)
[e] <- transform(<[e]>, x -> x)
[i32] <- transform(<[i32]>, (x, i) -> x + i)
[str] <- transform(<[str]>, x -> upper(x))
[e] <- filter(<[e]>, x -> x IS NOT NULL)
[i32] <- filter(<[i32]>, (x, i) -> x > i)
bool <- exists(<[e]>, x -> x IS NULL)
bool <- exists(<[i32]>, x -> x > 1)
bool <- forall(<[e]>, x -> x = <e>)
i32 <- aggregate(<[i32]>, 0, (s, x) -> s + x)
str <- reduce(<[str]>, '', (s, x) -> s || x, s -> upper(s))
i64 <- aggregate(<[i32]>, 0L, (s, x) -> s + coalesce(x, 0))
[e] <- array_sort(<[e]>, (l, r) -> CASE WHEN l < r THEN 1 WHEN l > r THEN -1 ELSE 0 END)
A <- zip_with(<[e]>, <[k]>, (x, y) -> struct(x, y))
[i32] <- zip_with(<[i32]>, <[i32]>, (x, y) -> x + y)
{str:i32} <- map_filter(<{str:i32}>, (k, v) -> v > 0)
{str:str} <- transform_keys(<{i32:str}>, (k, v) -> k + 1)
{str:str} <- transform_values(<{str:i32}>, (k, v) -> v * 2)
M <- map_zip_with(<{str:i32}>, <{str:i32}>, (k, a, b) -> coalesce(a, b))
M <- map_concat(<{str:i32}>, map('zz', <i32>))
M <- map_from_entries(array(struct(<k>, <e>)))
M <- map(<k>, <e>)
[date] <- sequence(<date>, DATE'2020-03-10', INTERVAL '1' MONTH)
(ab) <- named_struct('a', <i32>, 'b', <str>)
(ab) <- struct(<X> AS p, <X> AS q)
(ab) <- from_json(<'json'>, 'a INT, b STRING')
X <- from_json(<'json'>, 'a DOUBLE, b ARRAY<DOUBLE>, c STRUCT<d: STRING>')
X <- from_csv(<str>, 'a INT, b STRING')
str <- to_json(struct(<X> AS p))
str <- to_csv(struct(<O> AS p, <O> AS q))
str <- to_json(named_struct('p', <X>, 'q', <X>))
X <- <var>:a
X <- <var>:b[1]::int
i32 <- length(<str>)
bool <- (<[e]> = <[e]>)
bool <- (<(ab)> = <(ab)>)
bool <- (<[i32]> < <[i32]>)
bool <- (struct(<O>, <i32>) < struct(<O>, <i32>))
bool <- ((<i32>, <str>) IN ((1, 'abc'), (<i32>, <str>)))
X <- greatest(<N>, <N>, <N>)
X <- least(<T>, <T>)
X <- array(<N>, <N>)
X <- array(<O>, NULL)
X <- map('k', <N>, 'l', <N>)
str <- date_format(<ts>, <'pattern'>)
str <- CAST(<ts> AS STRING)
str <- CAST(<f64> AS STRING)
str <- CAST(<f32> AS STRING)
f64 <- CAST(<f32> AS DOUBLE)
dec <- CAST(<f64> AS DECIMAL(20,5))
dec <- TRY_CAST(<f64> AS DECIMAL(38,18))
str <- CAST(<dt> AS STRING)
X <- CAST(<str> AS INTERVAL DAY TO SECOND)
i64 <- CAST(<dt> AS BIGINT)
str <- format_string('%d %s', <I>, <P>)
str <- format_string('%.2f|%5.1e', <f64>, <f64>)
"""

# Aggregates: the argument tags as above; those whose answer depends on the order of rows are not here.
AGGREGATES = """
X <- <O> | max min
N <- <N> | sum avg mean try_sum try_avg stddev stddev_pop variance var_pop skewness kurtosis median
i64 <- <X> | count
i64 <- <bool> | count_if
bool <- <bool> | every some bool_and bool_or any
I <- <I> | bit_and bit_or bit_xor
f64 <- <N>, <N> | corr covar_pop covar_samp regr_count regr_slope regr_r2 regr_avgx regr_avgy regr_sxx regr_sxy regr_syy regr_intercept
X <- <X>, id | max_by min_by
f64 <- <N>, 'fraction' | percentile percentile_approx percentile_cont_
i64 <- <O> | approx_count_distinct
X <- <ym> | sum avg
X <- <dt> | sum avg
"""


def _lines(data):
    for line in data.strip().splitlines():
        result, _, rest = line.partition(" <- ")
        yield result.strip(), rest.strip()


def scalars():
    """(result, name, [argument specifications])"""
    for result, rest in _lines(SCALARS):
        arguments, _, names = rest.partition("|")
        for name in names.split():
            if not name.endswith("_"):
                yield result, name, arguments.split()


def forms():
    yield from _lines(FORMS)


def aggregates():
    for result, rest in _lines(AGGREGATES):
        arguments, _, names = rest.partition("|")
        for name in names.split():
            if not name.endswith("_"):
                yield result, name, arguments.strip()
