"""Random queries: joins, aggregates with grouping sets, windows, set operations, sub-queries, generators.

Every query has one answer: sums run over numbers that add up exactly or nearly so in any order, windows that
count rows are ordered by a unique column, LIMIT follows an order of all columns. Output columns are named c1, c2 …;
the texts of names are the expressions' business.
"""

from data import Table
from expressions import Expressions
from functions import WORDS
from tree import Node, listing, maybe

FEW = ["i32", "i64", "f64", "dec", "str", "bool", "date", "ts", "[i32]"]
TABLES = [Table("a", FEW, rows=12, few=True), Table("b", FEW, rows=8, few=True), Table("c", ["i32", "str", "(ab)", "{str:i32}", "dt", "ntz"], rows=6, few=True)]
KEYS = ["i32", "i64", "str", "bool", "date", "f64", "dec", "ts"]
JOINS = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN", "CROSS JOIN"]
RANKS = ["row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(3)"]


class Queries:
    def __init__(self, rng):
        self.rng, self.count = rng, 0

    def name(self):
        self.count += 1
        return f"r{self.count}"

    def expressions(self, scope):
        return Expressions(self.rng, scope, odd=0.0, wild=0.25)

    # ---- sources
    def source(self, depth):
        """(node, scope): a table, a query, a join, a generator."""
        rng, chance = self.rng, self.rng.random()
        if depth <= 0 or chance < 0.3:
            table, name = rng.choice(TABLES), self.name()
            return Node([f"{table.name} AS {name}"]), [(f"{name}.{c}", t) for c, t in table.tags.items()]
        if chance < 0.5:
            query, columns = self.query(depth - 1)
            name = self.name()
            return Node(["(", query, f") AS {name}"]), [(f"{name}.{c}", t) for c, t in columns]
        if chance < 0.9:
            return self.join(depth)
        node, scope = self.source(depth - 1)
        arrays = [c for c, t in scope if t == "[i32]"]
        if not arrays:
            return node, scope
        name, outer = self.name(), rng.choice(["", "OUTER "])
        if rng.random() < 0.5:
            view = f" LATERAL VIEW {outer}explode({rng.choice(arrays)}) {name} AS x"
            return Node([node, view]), scope + [(f"{name}.x", "i32")]
        view = f" LATERAL VIEW {outer}posexplode({rng.choice(arrays)}) {name} AS p, x"
        return Node([node, view]), scope + [(f"{name}.p", "i32"), (f"{name}.x", "i32")]

    def join(self, depth):
        rng = self.rng
        left, lscope = self.source(depth - 1)
        right, rscope = self.source(depth - 1)
        kind = rng.choice(JOINS)
        scope = lscope if "SEMI" in kind or "ANTI" in kind else lscope + rscope
        if kind == "CROSS JOIN":
            return Node([left, " CROSS JOIN ", right]), scope
        pairs = [(l, r) for l, t in lscope for r, u in rscope if t == u and t in KEYS]
        terms = []
        for _ in range(rng.randint(1, 2)):
            if pairs and rng.random() < 0.85:
                l, r = rng.choice(pairs)
                terms.append(Node([f"{l} {rng.choice(['=', '=', '=', '<=>', '<', '>='])} {r}"]))
            else:
                terms.append(self.predicate(lscope + rscope, 1))
        return Node([left, f" {kind} ", right, " ON ", listing(terms, " AND ")]), scope

    # ---- conditions
    def predicate(self, scope, depth=1):
        rng, make = self.rng, self.expressions(scope)
        tag = rng.choice([t for _, t in scope if t in KEYS] or ["i32"])
        chance = rng.random()
        if chance < 0.35:
            op = rng.choice(["=", "<", ">=", "<>", "<=>"])
            return Node(["(", make.leaf(tag), f" {op} ", make.leaf(tag), ")"], "bool", leaves=["true"])
        if chance < 0.5:
            return Node(["(", make.leaf(tag), rng.choice([" IS NULL", " IS NOT NULL"]), ")"], "bool", leaves=["true"])
        if chance < 0.6:
            return Node(["(", self.predicate(scope), rng.choice([" AND ", " OR "]), self.predicate(scope), ")"], "bool", leaves=["true"])
        if chance < 0.65:
            return Node(["(NOT ", self.predicate(scope), ")"], "bool")
        if chance < 0.8 and depth > 0:
            return self.subquery(scope, tag)
        return make.make("bool", 2)

    def subquery(self, scope, tag):
        """EXISTS, IN, or a comparison with a scalar, correlated or not."""
        rng, name, table = self.rng, self.name(), self.rng.choice(TABLES[:2])
        inner = [(f"{name}.{c}", t) for c, t in table.tags.items()]
        outer = self.expressions(scope)
        pairs = [(i, o) for i, t in inner for o, u in scope if t == u and t in KEYS]
        terms = []
        if pairs and rng.random() < 0.7:
            i, o = rng.choice(pairs)
            terms.append(Node([f"{i} = {o}"]))
        if not terms or rng.random() < 0.4:
            terms.append(self.predicate(inner, 0))
        where = Node([" WHERE ", listing(terms, " AND ")], optional=True)
        word, chance = rng.choice(["", "NOT "]), rng.random()
        mine = rng.choice([c for c, t in inner if t == tag] or [inner[0][0]])
        if chance < 0.35:
            return Node([f"{word}EXISTS (SELECT 1 FROM {table.name} AS {name}", where, ")"], "bool", leaves=["true"])
        if chance < 0.7:
            return Node([outer.leaf(tag), f" {word}IN (SELECT {mine} FROM {table.name} AS {name}", where, ")"], "bool", leaves=["true"])
        what = rng.choice(["max", "min", "count"])
        left = outer.leaf("i64" if what == "count" else tag)
        return Node([left, f" >= (SELECT {what}({mine}) FROM {table.name} AS {name}", where, ")"], "bool", leaves=["true"])

    def where(self, scope, share=0.5):
        return maybe(" WHERE ", self.predicate(scope)) if self.rng.random() < share else Node([])

    # ---- queries
    def query(self, depth):
        """(node, [(column, tag)])"""
        chance = self.rng.random()
        if depth > 0 and chance < 0.15:
            return self.set_operation(depth)
        if chance < 0.45:
            return self.aggregate(depth)
        if chance < 0.65:
            return self.window(depth)
        return self.projection(depth)

    def output(self, items):
        """Items (node, tag) as a select list with names."""
        names = [f"c{i + 1}" for i in range(len(items))]
        nodes = [Node([node, f" AS {name}"]) for (node, _), name in zip(items, names)]
        return listing(nodes), [(name, tag) for name, (_, tag) in zip(names, items)]

    def projection(self, depth):
        rng = self.rng
        source, scope = self.source(depth)
        make = self.expressions(scope)
        tags = [rng.choice(KEYS + ["[i32]"]) for _ in range(rng.randint(1, 4))]
        items, columns = self.output([(make.leaf(t) if rng.random() < 0.6 else make.make(t, 2), t) for t in tags])
        distinct = maybe("DISTINCT ") if rng.random() < 0.2 else ""
        return Node(["SELECT ", distinct, items, " FROM ", source, self.where(scope)]), columns

    def aggregate(self, depth):
        rng = self.rng
        source, scope = self.source(depth)
        make = self.expressions(scope)
        tags = [rng.choice(KEYS) for _ in range(rng.randint(0, 3))]
        keys = [make.leaf(t) if rng.random() < 0.8 else make.make(t, 1) for t in tags]
        calls = [(make.aggregate(1), None) for _ in range(rng.randint(1, 3))]
        kind = rng.choice(["", "", "ROLLUP", "CUBE", "SETS", "ALL"]) if keys else ""
        if kind in ("ROLLUP", "CUBE") and rng.random() < 0.5:
            calls.append((Node(["grouping_id()"]), "i64"))
        items, columns = self.output(list(zip(keys, tags)) + calls)
        words = [Node([str(k)]) for k in keys]
        if not keys:
            group = Node([])
        elif kind == "SETS":
            sets = [Node(["(", listing([w for w in words if rng.random() < 0.6], least=0), ")"]) for _ in range(2)] + [Node(["(", listing(words), ")"])]
            group = Node([" GROUP BY GROUPING SETS (", listing(sets), ")"])
        elif kind == "ALL":
            group = Node([" GROUP BY ALL"])
        else:
            group = Node([f" GROUP BY {kind}(" if kind else " GROUP BY ", listing(words), ")" if kind else ""])
        having = maybe(" HAVING count(*) > 1") if keys and rng.random() < 0.2 else ""
        return Node(["SELECT ", items, " FROM ", source, self.where(scope), group, having]), [(c, t or "i32?") for c, t in columns]

    def frame(self, order_tag):
        rng = self.rng
        bounds = ["UNBOUNDED PRECEDING", "2 PRECEDING", "1 PRECEDING", "CURRENT ROW", "1 FOLLOWING", "2 FOLLOWING", "UNBOUNDED FOLLOWING"]
        low, high = sorted(rng.sample(range(len(bounds)), 2))
        kind = "ROWS"
        if rng.random() < 0.4 and order_tag in ("i32", "date", "i64", "dec", "f64"):
            kind = "RANGE"
        return f" {kind} BETWEEN {bounds[low]} AND {bounds[high]}", kind

    def window(self, depth):
        rng = self.rng
        name, table = self.name(), rng.choice(TABLES[:2])
        scope = [(f"{name}.{c}", t) for c, t in table.tags.items()]
        make = self.expressions(scope)
        items = [(Node([f"{name}.id"]), "i32")]
        for _ in range(rng.randint(1, 3)):
            part = maybe("PARTITION BY ", make.leaf(rng.choice(KEYS)), " ") if rng.random() < 0.7 else ""
            tag = rng.choice(KEYS)
            way = rng.choice(["", " DESC", " NULLS LAST", " DESC NULLS FIRST"])
            key = make.columns(tag)
            unique = f"ORDER BY {rng.choice(key)}{way}, {name}.id" if key else f"ORDER BY {name}.id"
            chance = rng.random()
            if chance < 0.3:
                ties = f"ORDER BY {rng.choice(key)}{way}"
                items.append((Node([rng.choice(RANKS[1:5]), " OVER (", part, ties, ")"]), None))
            elif chance < 0.4:
                items.append((Node([rng.choice(RANKS), " OVER (", part, unique, ")"]), None))
            elif chance < 0.6:
                what = rng.choice(["lag({})", "lead({})", "lag({}, 2)", "lead({}, -1)", "first_value({})", "last_value({})", "nth_value({}, 2)", "lag({}) IGNORE NULLS", "last_value({}) IGNORE NULLS", "first_value({}) IGNORE NULLS"])
                frame = self.frame(None)[0] if "value" in what and rng.random() < 0.6 else ""
                before, after = what.split("{}")
                items.append((Node([before, make.leaf(rng.choice(KEYS)), after, " OVER (", part, unique, maybe(frame), ")"]), None))
            else:
                frame, kind = self.frame(tag) if rng.random() < 0.7 else ("", "")
                order = f"ORDER BY {rng.choice(key)}{way}" if kind == "RANGE" else unique
                call = rng.choice(["sum", "avg", "count", "max", "min", "collect_list", "stddev", "bool_or"])
                wanted = "bool" if call == "bool_or" else rng.choice(["i32", "i64", "dec"] if call in ("sum", "avg", "stddev") else KEYS)
                if call == "collect_list" and kind == "RANGE":
                    call = "count"
                items.append((Node([f"{call}(", make.leaf(wanted), ") OVER (", part, order, maybe(frame), ")"]), None))
        listed, columns = self.output(items)
        return Node(["SELECT ", listed, f" FROM {table.name} AS {name}", self.where(scope, 0.3)]), [(c, t or "i32?") for c, t in columns]

    def set_operation(self, depth):
        rng = self.rng
        tags = [rng.choice(KEYS) for _ in range(rng.randint(1, 3))]
        sides = []
        for _ in range(2):
            source, scope = self.source(depth - 1)
            make = self.expressions(scope)
            other = [rng.choice(["i32", "i64", "dec", "f64"]) if t in ("i32", "i64", "dec") and rng.random() < 0.3 else t for t in tags]
            items, columns = self.output([(make.leaf(t), t) for t in other])
            sides.append(Node(["SELECT ", items, " FROM ", source, self.where(scope)]))
        word = rng.choice(["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
        return Node(["(", sides[0], f") {word} (", sides[1], ")"]), list(zip([c for c, _ in columns], tags))

    def top(self):
        """(node, ordered)"""
        rng = self.rng
        query, columns = self.query(2)
        if rng.random() < 0.25:
            ways = [f"{c}{rng.choice(['', ' DESC', ' NULLS LAST', ' ASC NULLS FIRST'])}" for c, _ in columns]
            limit = maybe(f" LIMIT {rng.choice(WORDS['m'])}") if rng.random() < 0.6 else ""
            return Node(["SELECT * FROM (", query, ") ORDER BY ", Node([", ".join(ways)]), limit]), True
        return query, False

    def split(self):
        """A source and a predicate for ternary logic: with p, without p, and p unknown make the whole."""
        source, scope = self.source(2)
        items, _ = self.output([(Node([c]), t) for c, t in scope[:4]])
        return items, source, self.predicate(scope)
