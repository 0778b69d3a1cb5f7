"""Random expressions of a wanted type over the columns in scope, from the lines of functions.py.

Most arguments have the type that their place asks for; a few do not, so that implicit casts and the errors
about them are met too. Depth is small: a difference in a deep expression is a difference in a part of it.
"""

import re

from data import ELEMENTS, INTEGERS, NUMBERS, ORDERED, PLAIN, TAGS, TIMES, TYPES, null
from functions import WORDS, aggregates, forms, scalars
from tree import Node

CLASSES = {"N": NUMBERS, "I": INTEGERS, "T": TIMES, "O": ORDERED, "P": [t for t in PLAIN if t != "bin"], "X": TAGS}
CLASSES["A"] = [t for t in TAGS if t[0] == "["]
CLASSES["M"] = [t for t in TAGS if t[0] == "{"]
CAST_TYPES = [TYPES[t][0] for t in TAGS] + ["DECIMAL(5,0)", "DECIMAL(38,0)", "VARCHAR(3)", "CHAR(5)", "INTERVAL MONTH", "INTERVAL SECOND", "DECIMAL(38,38)", "ARRAY<STRING>"]
NUMBER_TYPES = [TYPES[t][0] for t in NUMBERS] + ["DECIMAL(5,0)", "DECIMAL(3,2)", "STRING", "BOOLEAN", "TIMESTAMP"]
PLACE = re.compile(r"(<(?:'\w+'|[\[{(][\w\[\]{}():]*|[a-z]\w*|[NITOPXAM])>)")  # not the <DOUBLE> of a type


def serves(result, wanted, loose):
    return result == wanted or result in ("e", "k") or (wanted in CLASSES.get(result, ()) and (loose or result != "X"))


class Expressions:
    """`scope`: (column text, tag). `odd`: the share of arguments of a type that nobody asked for."""

    def __init__(self, rng, scope, odd=0.04, wild=0.5):
        self.rng, self.scope, self.odd, self.wild = rng, scope, odd, wild
        self.calls = [(r, n, a) for r, n, a in scalars()]
        self.forms = list(forms())
        self.aggregates = list(aggregates())

    def columns(self, tag):
        names = [c for c, t in self.scope if t == tag and (self.rng.random() < self.wild or not c.endswith("w"))]
        return names or [c for c, t in self.scope if t == tag]

    def leaf(self, tag):
        """A column, else a literal, else NULL."""
        rng, chance = self.rng, self.rng.random()
        names = self.columns(tag)
        plain = [c for c in names[:1]] + [null(tag)]
        if names and chance < 0.75:
            return Node([rng.choice(names)], tag, leaves=plain)
        if tag in TYPES and chance < 0.95:
            _, tame, wild = TYPES[tag]
            return Node([rng.choice(tame if rng.random() > self.wild / 3 else wild)], tag, leaves=plain)
        return Node([null(tag) if rng.random() < 0.8 else "NULL"], tag)

    def bind(self, spec, bound):
        """A concrete tag for a specification."""
        if spec in CLASSES:
            return self.rng.choice(CLASSES[spec])
        for letter in ("e", "k"):
            if re.search(rf"\b{letter}\b", spec):
                simple = ["i32", "str", "f64", "date"]
                inner = bound.setdefault(letter, self.rng.choice(ELEMENTS if spec == letter or spec == "[e]" else simple))
                spec = re.sub(rf"\b{letter}\b", inner.replace("\\", ""), spec)
        return spec

    def argument(self, spec, bound, depth):
        if spec.startswith("'"):
            pool = WORDS[spec.strip("'")]
            if self.rng.random() < self.odd / 2:
                return self.make(self.rng.choice(["str", "i32"]), depth - 1)
            return Node([self.rng.choice(pool)])
        if self.rng.random() < self.odd:
            spec = "X"
        return self.make(self.bind(spec, bound), depth - 1)

    def value(self, tag):
        """A leaf of any tag, composite ones from their parts."""
        if tag in TYPES:
            return self.leaf(tag)
        rng = self.rng
        if tag.startswith("["):
            return Node(["array(", self.value(tag[1:-1]), ", ", self.value(tag[1:-1]), ")"], tag)
        if tag.startswith("{"):
            key, _, item = tag[1:-1].partition(":")
            return Node(["map(", self.value(key), ", ", self.value(item), ")"], tag)
        return self.leaf(rng.choice(PLAIN))

    def make(self, tag, depth):
        if depth <= 0 or self.rng.random() < 0.12:
            return self.value(tag)
        for _ in range(12):
            if self.rng.random() < 0.5:
                result, name, arguments = self.rng.choice(self.calls)
                if serves(result, tag, self.odd):
                    return self.call(result, name, arguments, tag, depth)
            else:
                result, form = self.rng.choice(self.forms)
                if serves(result, tag, self.odd):
                    return self.form(result, form, tag, depth)
        return self.value(tag)

    def any(self, depth):
        """Any function or operator at all, each as likely as any other."""
        if self.rng.random() < 0.6:
            result, name, arguments = self.rng.choice(self.calls)
            return self.call(result, name, arguments, None, depth)
        result, form = self.rng.choice(self.forms)
        return self.form(result, form, None, depth)

    def start(self, result, tag):
        bound = {}
        if tag is not None and result in ("e", "k"):
            bound[result] = tag
        return bound, tag or (self.bind(result, bound) if result else None)

    def call(self, result, name, arguments, tag, depth):
        bound, tag = self.start(result, tag)
        parts, rng = [], self.rng
        for spec in arguments:
            if spec.endswith("?"):
                if rng.random() < 0.5:
                    break
                spec = spec[:-1]
            times = rng.randint(0, 2) if spec.endswith("*") else 1
            parts += [self.argument(spec.rstrip("*"), bound, depth) for _ in range(times)]
        if rng.random() < self.odd / 4 and parts:
            parts.pop()
        joined = [p for part in parts for p in (", ", part)][1:]
        return Node([name + "(", *joined, ")"], tag, leaves=self.plain(tag))

    def form(self, result, form, tag, depth):
        bound, tag = self.start(result, tag)
        parts = []
        for piece in PLACE.split(form):
            if not PLACE.fullmatch(piece):
                parts.append(piece)
            elif piece in ("<type>", "<ntype>"):
                parts.append(self.rng.choice(CAST_TYPES if piece == "<type>" else NUMBER_TYPES))
            else:
                parts.append(self.argument(piece[1:-1], bound, depth))
        return Node(parts, tag, leaves=self.plain(tag))

    def plain(self, tag):
        if tag not in TYPES:
            return ()
        return [c for c, t in self.scope if t == tag][:1] + [null(tag)]

    def aggregate(self, depth=1):
        """An aggregate whose answer does not depend on the order of rows; (node, tag)."""
        rng = self.rng
        result, name, arguments = rng.choice(self.aggregates)
        bound, parts = {}, []
        for piece in re.split(r"(<\w+>|'\w+')", arguments):
            if piece.startswith("<"):
                parts.append(self.make(self.bind(piece[1:-1], bound), depth - 1))
            elif piece.startswith("'"):
                parts.append(rng.choice(WORDS[piece.strip("'")]))
            else:
                parts.append(piece)
        distinct = "DISTINCT " if rng.random() < 0.15 and "," not in arguments else ""
        node = Node([f"{name}({distinct}", *parts, ")"], None)
        if rng.random() < 0.2:
            node = Node([node, Node([" FILTER (WHERE ", self.make("bool", depth), ")"], optional=True)])
        return node
