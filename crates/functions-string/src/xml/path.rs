//! XPath 1.0 as a tree: parsing, without namespaces and variables.

pub mod evaluate;

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Number(f64),
    Text(String),
    Binary(Op, Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
    Call(String, Vec<Expr>),
    Path { start: Start, steps: Vec<Step> },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    Context,
    Root,
    Expr(Box<Expr>, Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Union,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Axis {
    Child,
    Descendant,
    DescendantOrSelf,
    Itself,
    Parent,
    Ancestor,
    AncestorOrSelf,
    Attribute,
    FollowingSibling,
    PrecedingSibling,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Name(String),
    Any,
    Text,
    Node,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub axis: Axis,
    pub test: Test,
    pub predicates: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 21] =
    ["//", "::", "..", "!=", "<=", ">=", "/", "(", ")", "[", "]", "@", ",", "|", "+", "-", "=", "<", ">", "*", "."];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = vec![];
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if c == '"' || c == '\'' {
            let end = rest[1..].find(c)?;
            out.push(Token::Text(rest[1..1 + end].to_string()));
            rest = &rest[end + 2..];
        } else if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            out.push(Token::Number(rest[..end].parse().ok()?));
            rest = &rest[end..];
        } else if c.is_alphabetic() || c == '_' {
            let mut end = rest.find(|c: char| !c.is_alphanumeric() && !"_-.".contains(c)).unwrap_or(rest.len());
            let tail = &rest[end..];
            if tail.starts_with(':') && !tail.starts_with("::") {
                let more = &tail[1..];
                let local = more.find(|c: char| !c.is_alphanumeric() && !"_-.".contains(c)).unwrap_or(more.len());
                end += 1 + local;
            }
            out.push(Token::Name(rest[..end].to_string()));
            rest = &rest[end..];
        } else {
            let symbol = SYMBOLS.iter().find(|s| rest.starts_with(**s))?;
            out.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        }
    }
    Some(out)
}

/// The expression; `None` when the text is not XPath.
pub fn parse(text: &str) -> Option<Expr> {
    let mut p = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let out = p.binary(0)?;
    (p.at == p.tokens.len()).then_some(out)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// Operators from the weakest to the strongest.
const LEVELS: [&[(&str, Op)]; 7] = [
    &[("or", Op::Or)],
    &[("and", Op::And)],
    &[("=", Op::Equal), ("!=", Op::NotEqual)],
    &[("<", Op::Less), ("<=", Op::LessEqual), (">", Op::Greater), (">=", Op::GreaterEqual)],
    &[("+", Op::Add), ("-", Op::Subtract)],
    &[("*", Op::Multiply), ("div", Op::Divide), ("mod", Op::Modulo)],
    &[("|", Op::Union)],
];

impl Parser {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(0), Some(Token::Symbol(s)) if *s == symbol)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn binary(&mut self, level: usize) -> Option<Expr> {
        self.depth += 1;
        if self.depth > 500 {
            return None;
        }
        let out = match LEVELS.get(level) {
            None => self.path(),
            // The minus sign binds weaker than the union alone.
            Some(_) if level == 6 && self.eat("-") => self.binary(6).map(|e| Expr::Negative(Box::new(e))),
            Some(operators) => self.chain(level, operators),
        };
        self.depth -= 1;
        out
    }

    fn chain(&mut self, level: usize, operators: &[(&str, Op)]) -> Option<Expr> {
        let mut left = self.binary(level + 1)?;
        loop {
            let found = operators.iter().find(|(text, _)| match self.peek(0) {
                Some(Token::Symbol(s)) => s == text,
                Some(Token::Name(n)) => n == text,
                _ => false,
            });
            let Some((_, op)) = found else { return Some(left) };
            self.at += 1;
            left = Expr::Binary(*op, Box::new(left), Box::new(self.binary(level + 1)?));
        }
    }

    fn path(&mut self) -> Option<Expr> {
        let call = matches!((self.peek(0), self.peek(1)), (Some(Token::Name(n)), Some(Token::Symbol("(")))
            if !matches!(n.as_str(), "text" | "node" | "comment" | "processing-instruction"));
        let start = match self.peek(0)?.clone() {
            Token::Number(n) => {
                self.at += 1;
                Expr::Number(n)
            }
            Token::Text(t) => {
                self.at += 1;
                Expr::Text(t)
            }
            Token::Symbol("(") => {
                self.at += 1;
                let inner = self.binary(0)?;
                if !self.eat(")") {
                    return None;
                }
                inner
            }
            Token::Name(name) if call => {
                self.at += 2;
                let mut args = vec![];
                if !self.eat(")") {
                    loop {
                        args.push(self.binary(0)?);
                        if self.eat(")") {
                            break;
                        }
                        if !self.eat(",") {
                            return None;
                        }
                    }
                }
                Expr::Call(name, args)
            }
            _ => return self.location(),
        };
        let predicates = self.predicates()?;
        if predicates.is_empty() && !self.is("/") && !self.is("//") {
            return Some(start);
        }
        let mut steps = vec![];
        self.more_steps(&mut steps)?;
        Some(Expr::Path { start: Start::Expr(Box::new(start), predicates), steps })
    }

    fn location(&mut self) -> Option<Expr> {
        let mut steps = vec![];
        let start = if self.is("/") || self.is("//") {
            let alone = self.is("/") && !self.step_follows(1);
            if alone {
                self.at += 1;
                return Some(Expr::Path { start: Start::Root, steps });
            }
            Start::Root
        } else {
            steps.push(self.step()?);
            Start::Context
        };
        self.more_steps(&mut steps)?;
        Some(Expr::Path { start, steps })
    }

    fn step_follows(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), Some(Token::Name(_) | Token::Symbol("*" | "@" | "." | "..")))
    }

    fn more_steps(&mut self, steps: &mut Vec<Step>) -> Option<()> {
        loop {
            if self.eat("//") {
                steps.push(Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: vec![] });
            } else if !self.eat("/") {
                return Some(());
            }
            steps.push(self.step()?);
        }
    }

    fn step(&mut self) -> Option<Step> {
        if self.eat("..") {
            return Some(Step { axis: Axis::Parent, test: Test::Node, predicates: vec![] });
        }
        if self.eat(".") {
            return Some(Step { axis: Axis::Itself, test: Test::Node, predicates: vec![] });
        }
        let mut axis = if self.eat("@") { Axis::Attribute } else { Axis::Child };
        if let (Some(Token::Name(name)), Some(Token::Symbol("::"))) = (self.peek(0), self.peek(1)) {
            axis = match name.as_str() {
                "child" => Axis::Child,
                "descendant" => Axis::Descendant,
                "descendant-or-self" => Axis::DescendantOrSelf,
                "self" => Axis::Itself,
                "parent" => Axis::Parent,
                "ancestor" => Axis::Ancestor,
                "ancestor-or-self" => Axis::AncestorOrSelf,
                "attribute" => Axis::Attribute,
                "following-sibling" => Axis::FollowingSibling,
                "preceding-sibling" => Axis::PrecedingSibling,
                _ => return None,
            };
            self.at += 2;
        }
        let test = match self.peek(0)?.clone() {
            Token::Symbol("*") => Test::Any,
            Token::Name(name) => {
                if matches!(self.peek(1), Some(Token::Symbol("("))) {
                    if !matches!(self.peek(2), Some(Token::Symbol(")"))) {
                        return None;
                    }
                    self.at += 2;
                    match name.as_str() {
                        "text" => Test::Text,
                        "node" => Test::Node,
                        _ => return None,
                    }
                } else {
                    Test::Name(name)
                }
            }
            _ => return None,
        };
        self.at += 1;
        Some(Step { axis, test, predicates: self.predicates()? })
    }

    fn predicates(&mut self) -> Option<Vec<Expr>> {
        let mut out = vec![];
        while self.eat("[") {
            out.push(self.binary(0)?);
            if !self.eat("]") {
                return None;
            }
        }
        Some(out)
    }
}
