"""Queries as trees of text, and how to make one smaller.

A node is a list of pieces, each text or a node. An expression carries the tag of its type, so that it can give
way to a part of itself or to a plain value of the same tag; what may be left out is marked. `shrink` keeps
cutting as long as its caller says that the smaller tree still shows what the larger one showed. It knows
nothing of SQL: a cut that makes nonsense simply does not show the difference any more.
"""


class Node:
    __slots__ = ("parts", "tag", "optional", "sep", "least", "leaves")

    def __init__(self, parts, tag=None, optional=False, sep="", least=None, leaves=()):
        self.parts, self.tag, self.optional = list(parts), tag, optional
        self.sep, self.least, self.leaves = sep, least, leaves

    def __str__(self):
        return self.sep.join(map(str, self.parts))

    def nodes(self):
        """This node and all below it, with the way to each."""
        stack = [((), self)]
        while stack:
            path, node = stack.pop(0)
            yield path, node
            stack.extend((path + (i,), p) for i, p in enumerate(node.parts) if isinstance(p, Node))

    def replaced(self, path, by):
        """The same tree with another node (or, for None, nothing) at the end of the way."""
        if not path:
            return by if by is not None else Node([], self.tag)
        parts = list(self.parts)
        child = parts[path[0]].replaced(path[1:], by) if len(path) > 1 else by
        if child is None:
            del parts[path[0]]
        else:
            parts[path[0]] = child
        return Node(parts, self.tag, self.optional, self.sep, self.least, self.leaves)


def text(pieces, tag=None, **kind):
    return Node(pieces, tag, **kind)


def listing(items, sep=", ", least=1):
    """A list that keeps its meaning as a query when items go, down to `least`."""
    return Node(items, sep=sep, least=least)


def maybe(*parts):
    """A clause that can be left out."""
    return Node(parts, optional=True)


def cuts(tree):
    """Smaller trees, the great cuts first."""
    for path, node in tree.nodes():
        if node.optional and node.parts:
            yield tree.replaced(path, Node([]))
        if node.least is not None and len(node.parts) > node.least:
            half = len(node.parts) // 2
            if half >= max(node.least, 2):
                for parts in (node.parts[:half], node.parts[half:]):
                    yield tree.replaced(path, Node(parts, sep=node.sep, least=node.least))
            for i in range(len(node.parts)):
                rest = node.parts[:i] + node.parts[i + 1 :]
                yield tree.replaced(path, Node(rest, sep=node.sep, least=node.least))
        if node.tag is not None and any(isinstance(p, Node) for p in node.parts):
            below = [n for p, n in node.nodes() if p and n.tag is not None]
            for part in sorted(below, key=lambda n: (n.tag != node.tag, -len(str(n)))):
                yield tree.replaced(path, part)
        if node.tag is not None:
            for leaf in node.leaves:
                if len(leaf) < len(str(node)):
                    yield tree.replaced(path, Node([leaf], node.tag))


def shrink(tree, still_shows, tries=150):
    """The smallest tree found for which `still_shows` holds."""
    again = True
    seen = {str(tree)}
    while again and tries > 0:
        again = False
        for smaller in cuts(tree):
            words = str(smaller)
            if words in seen:
                continue
            seen.add(words)
            tries -= 1
            if tries <= 0:
                break
            if still_shows(smaller):
                tree, again = smaller, True
                break
    return tree
