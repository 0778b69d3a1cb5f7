//! The value of an XPath in a document.

use super::super::{Document, Kind};
use super::{Axis, Expr, Op, Start, Step, Test};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Nodes(Vec<usize>),
    Number(f64),
    Text(String),
    Boolean(bool),
}

/// Where an expression is evaluated.
#[derive(Clone, Copy)]
struct Context {
    node: usize,
    position: usize,
    size: usize,
}

impl Document {
    /// The value of an expression from the document's root; `None` for unknown functions.
    pub fn evaluate(&self, expr: &Expr) -> Option<Value> {
        self.eval(expr, Context { node: 0, position: 1, size: 1 })
    }

    fn eval(&self, expr: &Expr, at: Context) -> Option<Value> {
        Some(match expr {
            Expr::Number(n) => Value::Number(*n),
            Expr::Text(t) => Value::Text(t.clone()),
            Expr::Negative(e) => Value::Number(-self.number(&self.eval(e, at)?)),
            Expr::Binary(op, a, b) => self.binary(*op, a, b, at)?,
            Expr::Call(name, args) => self.call(name, args, at)?,
            Expr::Path { start, steps } => {
                let mut nodes = match start {
                    Start::Root => vec![0],
                    Start::Context => vec![at.node],
                    Start::Expr(e, predicates) => match self.eval(e, at)? {
                        Value::Nodes(nodes) => self.filter(nodes, predicates)?,
                        _ => return None,
                    },
                };
                for step in steps {
                    let mut next = vec![];
                    for node in nodes {
                        let found = self.axis(node, step.axis).filter(|n| self.passes(*n, step)).collect();
                        next.extend(self.filter(found, &step.predicates)?);
                    }
                    next.sort_unstable();
                    next.dedup();
                    nodes = next;
                }
                Value::Nodes(nodes)
            }
        })
    }

    fn filter(&self, nodes: Vec<usize>, predicates: &[Expr]) -> Option<Vec<usize>> {
        let mut nodes = nodes;
        for predicate in predicates {
            let size = nodes.len();
            let mut kept = vec![];
            for (i, node) in nodes.into_iter().enumerate() {
                let value = self.eval(predicate, Context { node, position: i + 1, size })?;
                let keep = match value {
                    Value::Number(n) => n == (i + 1) as f64,
                    other => self.boolean(&other),
                };
                if keep {
                    kept.push(node);
                }
            }
            nodes = kept;
        }
        Some(nodes)
    }

    fn axis(&self, at: usize, axis: Axis) -> Box<dyn Iterator<Item = usize> + '_> {
        let none = || Box::new(std::iter::empty());
        let Some(node) = self.node(at) else { return none() };
        let parents = move |from: usize| {
            std::iter::successors(Some(from), move |n| (*n != 0).then(|| self.node(*n).map(|p| p.parent))?)
        };
        let below = move |from: usize| {
            let mut stack = vec![from];
            std::iter::from_fn(move || {
                let next = stack.pop()?;
                stack.extend(self.node(next)?.children.iter().rev());
                Some(next)
            })
        };
        let siblings = move || self.node(node.parent).map_or(&[][..], |p| p.children.as_slice());
        match axis {
            Axis::Child => Box::new(node.children.iter().copied()),
            Axis::Attribute => Box::new(node.attributes.iter().copied()),
            Axis::Itself => Box::new(std::iter::once(at)),
            Axis::Parent if at == 0 => none(),
            Axis::Parent => Box::new(std::iter::once(node.parent)),
            Axis::Ancestor => Box::new(parents(at).skip(1)),
            Axis::AncestorOrSelf => Box::new(parents(at)),
            Axis::Descendant => Box::new(below(at).skip(1)),
            Axis::DescendantOrSelf => Box::new(below(at)),
            Axis::FollowingSibling => Box::new(siblings().iter().copied().filter(move |n| *n > at)),
            Axis::PrecedingSibling => Box::new(siblings().iter().rev().copied().filter(move |n| *n < at)),
        }
    }

    fn passes(&self, at: usize, step: &Step) -> bool {
        match (self.node(at).map(|n| &n.kind), &step.test) {
            (_, Test::Node) => true,
            (Some(Kind::Text(_)), Test::Text) => true,
            (Some(Kind::Element(_)), Test::Any) => step.axis != Axis::Attribute,
            (Some(Kind::Attribute(..)), Test::Any) => true,
            (Some(Kind::Element(n) | Kind::Attribute(n, _)), Test::Name(want)) => n == want,
            _ => false,
        }
    }

    fn binary(&self, op: Op, a: &Expr, b: &Expr, at: Context) -> Option<Value> {
        let left = self.eval(a, at)?;
        match op {
            Op::Or if self.boolean(&left) => return Some(Value::Boolean(true)),
            Op::And if !self.boolean(&left) => return Some(Value::Boolean(false)),
            _ => {}
        }
        let right = self.eval(b, at)?;
        let arithmetic = |f: fn(f64, f64) -> f64| Value::Number(f(self.number(&left), self.number(&right)));
        Some(match op {
            Op::Or | Op::And => Value::Boolean(self.boolean(&right)),
            Op::Add => arithmetic(|x, y| x + y),
            Op::Subtract => arithmetic(|x, y| x - y),
            Op::Multiply => arithmetic(|x, y| x * y),
            Op::Divide => arithmetic(|x, y| x / y),
            Op::Modulo => arithmetic(|x, y| x % y),
            Op::Union => match (left, right) {
                (Value::Nodes(mut x), Value::Nodes(y)) => {
                    x.extend(y);
                    x.sort_unstable();
                    x.dedup();
                    Value::Nodes(x)
                }
                _ => return None,
            },
            _ => Value::Boolean(self.compare(op, &left, &right)),
        })
    }

    /// A node set compares as any of its nodes does.
    fn compare(&self, op: Op, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Nodes(nodes), Value::Boolean(_)) => {
                return self.compare(op, &Value::Boolean(!nodes.is_empty()), b);
            }
            (Value::Boolean(_), Value::Nodes(nodes)) => {
                return self.compare(op, a, &Value::Boolean(!nodes.is_empty()));
            }
            (Value::Nodes(nodes), _) => {
                return nodes.iter().any(|n| self.compare(op, &Value::Text(self.string(*n)), b));
            }
            (_, Value::Nodes(nodes)) => {
                return nodes.iter().any(|n| self.compare(op, a, &Value::Text(self.string(*n))));
            }
            _ => {}
        }
        if matches!(op, Op::Equal | Op::NotEqual) {
            let equal = match (a, b) {
                (Value::Boolean(_), _) | (_, Value::Boolean(_)) => self.boolean(a) == self.boolean(b),
                (Value::Number(_), _) | (_, Value::Number(_)) => self.number(a) == self.number(b),
                _ => self.text(a) == self.text(b),
            };
            return equal == (op == Op::Equal);
        }
        let (x, y) = (self.number(a), self.number(b));
        match op {
            Op::Less => x < y,
            Op::LessEqual => x <= y,
            Op::Greater => x > y,
            _ => x >= y,
        }
    }

    pub fn number(&self, v: &Value) -> f64 {
        match v {
            Value::Number(n) => *n,
            Value::Boolean(b) => f64::from(u8::from(*b)),
            other => {
                let text = self.text(other);
                let text = text.trim();
                let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
                if plain { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
            }
        }
    }

    pub fn boolean(&self, v: &Value) -> bool {
        match v {
            Value::Boolean(b) => *b,
            Value::Number(n) => *n != 0.0 && !n.is_nan(),
            Value::Text(t) => !t.is_empty(),
            Value::Nodes(n) => !n.is_empty(),
        }
    }

    pub fn text(&self, v: &Value) -> String {
        match v {
            Value::Text(t) => t.clone(),
            Value::Boolean(b) => b.to_string(),
            Value::Number(n) if n.is_infinite() => {
                if *n > 0.0 {
                    "Infinity".into()
                } else {
                    "-Infinity".into()
                }
            }
            Value::Number(n) => n.to_string(),
            Value::Nodes(nodes) => nodes.first().map(|n| self.string(*n)).unwrap_or_default(),
        }
    }

    fn call(&self, name: &str, args: &[Expr], at: Context) -> Option<Value> {
        let values: Option<Vec<Value>> = args.iter().map(|a| self.eval(a, at)).collect();
        let values = values?;
        let here = Value::Nodes(vec![at.node]);
        let first = values.first().unwrap_or(&here);
        let text = |i: usize| values.get(i).map(|v| self.text(v));
        let nodes = || match first {
            Value::Nodes(nodes) => Some(nodes.clone()),
            _ => None,
        };
        let named = |local: bool| {
            let name = nodes()?.first().and_then(|n| self.node(*n)).map(|n| match &n.kind {
                Kind::Element(n) | Kind::Attribute(n, _) => n.clone(),
                _ => String::new(),
            });
            let name = name.unwrap_or_default();
            Some(Value::Text(if local { name.rsplit(':').next().unwrap_or_default().to_string() } else { name }))
        };
        let round = |f: fn(f64) -> f64| Value::Number(f(self.number(first)));
        Some(match (name, values.len()) {
            ("last", 0) => Value::Number(at.size as f64),
            ("position", 0) => Value::Number(at.position as f64),
            ("true", 0) => Value::Boolean(true),
            ("false", 0) => Value::Boolean(false),
            ("count", 1) => Value::Number(nodes()?.len() as f64),
            ("sum", 1) => Value::Number(nodes()?.iter().map(|n| self.number(&Value::Text(self.string(*n)))).sum()),
            ("string", 0 | 1) => Value::Text(self.text(first)),
            ("number", 0 | 1) => Value::Number(self.number(first)),
            ("boolean", 1) => Value::Boolean(self.boolean(first)),
            ("not", 1) => Value::Boolean(!self.boolean(first)),
            ("name", 0 | 1) => named(false)?,
            ("local-name", 0 | 1) => named(true)?,
            ("floor", 1) => round(f64::floor),
            ("ceiling", 1) => round(f64::ceil),
            ("round", 1) => round(|n| (n + 0.5).floor()),
            ("concat", 2..) => Value::Text(values.iter().map(|v| self.text(v)).collect()),
            ("contains", 2) => Value::Boolean(text(0)?.contains(&text(1)?)),
            ("starts-with", 2) => Value::Boolean(text(0)?.starts_with(&text(1)?)),
            ("string-length", 0 | 1) => Value::Number(self.text(first).chars().count() as f64),
            ("normalize-space", 0 | 1) => {
                Value::Text(self.text(first).split_whitespace().collect::<Vec<_>>().join(" "))
            }
            ("substring-before", 2) => {
                Value::Text(text(0)?.split_once(&text(1)?).map(|(a, _)| a.to_string()).unwrap_or_default())
            }
            ("substring-after", 2) => {
                Value::Text(text(0)?.split_once(&text(1)?).map(|(_, b)| b.to_string()).unwrap_or_default())
            }
            ("substring", 2 | 3) => {
                let start = (self.number(values.get(1)?) + 0.5).floor();
                let end = match values.get(2) {
                    Some(n) => start + (self.number(n) + 0.5).floor(),
                    None => f64::INFINITY,
                };
                let kept = text(0)?
                    .chars()
                    .enumerate()
                    .filter(|(i, _)| {
                        let at = (*i + 1) as f64;
                        at >= start && at < end
                    })
                    .map(|(_, c)| c)
                    .collect();
                Value::Text(kept)
            }
            ("translate", 3) => {
                let (from, to): (Vec<char>, Vec<char>) = (text(1)?.chars().collect(), text(2)?.chars().collect());
                let mapped = text(0)?
                    .chars()
                    .filter_map(|c| match from.iter().position(|f| *f == c) {
                        Some(i) => to.get(i).copied(),
                        None => Some(c),
                    })
                    .collect();
                Value::Text(mapped)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn paths_find_nodes_and_values() {
        let text = "<a><b id=\"1\">b1</b><b id=\"2\">b2</b><c><d>3</d><d>4</d></c></a>";
        let doc = Document::parse(text).unwrap_or(Document { nodes: vec![] });
        for (path, want) in [
            ("a/b", "b1"),
            ("a/b[2]", "b2"),
            ("a/b[@id='2']", "b2"),
            ("a/b/@id", "1"),
            ("//d[last()]", "4"),
            ("sum(a/c/d)", "7"),
            ("count(//b)", "2"),
            ("a/c/d[. > 3]", "4"),
            ("a/x", ""),
            ("string(a/b[1]) = 'b1'", "true"),
            ("a/*[3]/d", "3"),
            ("//d/..", "34"),
            ("concat(a/b, '-', 1 + 2 * 3)", "b1-7"),
            ("a/b/text()", "b1"),
            ("a/c/d | a/b", "b1"),
            ("-a/c/d", "-3"),
            ("substring('12345', 2, 3)", "234"),
        ] {
            let got = parse(path).and_then(|e| doc.evaluate(&e)).map(|v| doc.text(&v));
            assert_eq!(got.as_deref(), Some(want), "{path}");
        }
        for bad in ["a[", "a b", "foo(1)", ""] {
            assert_eq!(parse(bad).and_then(|e| doc.evaluate(&e)), None, "{bad}");
        }
        for bad in ["bad", "<a>", "<a></b>", "<a/><b/>"] {
            assert_eq!(Document::parse(bad), None, "{bad}");
        }
    }
}
