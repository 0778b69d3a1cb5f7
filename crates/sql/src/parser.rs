//! The state of a parse and the steps that every rule is made of: looking at tokens, taking them,
//! measuring depth, and telling where and why a text does not fit.

use std::sync::Arc;

use vonk_common::{Origin, SparkError, SparkResult};
use vonk_plan::expr::{CallSyntax, Expr, ExprKind, FunctionCall};

use crate::options::ParseOptions;
use crate::parens::{Parens, starts_query};
use crate::tokens::{Kind, Token, tokenize};

pub(crate) struct Parser<'a> {
    pub src: &'a str,
    pub(crate) text: Arc<str>,
    pub(crate) tokens: Vec<Token>,
    pub parens: Parens,
    pub pos: usize,
    pub(crate) depth: usize,
    /// Height of the highest tree built at this depth so far.
    pub(crate) height: usize,
    pub nodes: usize,
    pub(crate) copied: usize,
    pub opts: &'a ParseOptions<'a>,
    /// The collation of strings that name none.
    pub collation: Option<String>,
    /// `?` met so far.
    pub positional: usize,
    /// `:name` was met.
    pub named_parameters: bool,
    /// Parameters of the lambdas around.
    pub lambdas: Vec<Vec<String>>,
    /// `OVER name` met so far, to be resolved by a WINDOW clause.
    pub named_windows: usize,
    /// The first fault that is not one of syntax: told when the whole text has proved well-formed.
    pub(crate) deferred: Option<SparkError>,
}

impl<'a> Parser<'a> {
    pub fn new(src: &'a str, opts: &'a ParseOptions<'a>) -> SparkResult<Self> {
        let tokens = tokenize(src, opts.double_quoted_identifiers)?;
        let parens = Parens::find(src, &tokens);
        Ok(Parser {
            src,
            text: src.into(),
            tokens,
            parens,
            pos: 0,
            depth: 0,
            height: 0,
            nodes: 0,
            copied: 0,
            opts,
            collation: opts.collation.clone(),
            positional: 0,
            named_parameters: false,
            lambdas: vec![],
            named_windows: 0,
            deferred: None,
        })
    }

    // ---- looking

    pub(crate) fn token(&self, i: usize) -> Token {
        let end = Token { kind: Kind::End, start: self.src.len(), end: self.src.len(), char_start: 0, char_end: 0 };
        self.tokens.get(i).or(self.tokens.last()).copied().unwrap_or(end)
    }

    pub fn kind(&self, ahead: usize) -> Kind {
        self.token(self.pos + ahead).kind
    }

    /// The text of the token `ahead` of the current one; empty at the end.
    pub fn word(&self, ahead: usize) -> &'a str {
        let t = self.token(self.pos + ahead);
        self.src.get(t.start..t.end).unwrap_or_default()
    }

    pub fn at_n(&self, ahead: usize, keyword: &str) -> bool {
        self.kind(ahead) == Kind::Word && self.word(ahead).eq_ignore_ascii_case(keyword)
    }

    pub fn at(&self, keyword: &str) -> bool {
        self.at_n(0, keyword)
    }

    pub fn at_all(&self, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(i, k)| self.at_n(i, k))
    }

    pub fn at_any(&self, keywords: &[&str]) -> bool {
        self.any_n(0, keywords)
    }

    pub fn any_n(&self, ahead: usize, keywords: &[&str]) -> bool {
        self.kind(ahead) == Kind::Word && {
            let w = self.word(ahead);
            keywords.iter().any(|k| k.eq_ignore_ascii_case(w))
        }
    }

    pub fn sym_n(&self, ahead: usize, symbol: &str) -> bool {
        self.kind(ahead) == Kind::Symbol && self.word(ahead) == symbol
    }

    pub fn sym(&self, symbol: &str) -> bool {
        self.sym_n(0, symbol)
    }

    pub fn at_end(&self) -> bool {
        self.kind(0) == Kind::End
    }

    /// Nothing can continue an expression or a clause at this token: a word before it is a name.
    pub fn ends_n(&self, ahead: usize) -> bool {
        match self.kind(ahead) {
            Kind::End => true,
            Kind::Symbol => matches!(self.word(ahead), ")" | "," | ";" | "]" | "|>"),
            _ => false,
        }
    }

    /// A query begins here.
    pub fn query_starts(&self) -> bool {
        if self.sym("(") { self.parens.is_query(self.pos) } else { starts_query(self.src, &self.tokens, self.pos) }
    }

    // ---- taking

    pub fn next(&mut self) {
        if self.pos + 1 < self.tokens.len() {
            self.pos += 1;
        }
    }

    pub fn skip(&mut self, n: usize) {
        (0..n).for_each(|_| self.next());
    }

    pub fn eat(&mut self, keyword: &str) -> bool {
        let hit = self.at(keyword);
        if hit {
            self.next();
        }
        hit
    }

    /// Takes the words if all of them follow.
    pub fn eat_all(&mut self, keywords: &[&str]) -> bool {
        let hit = self.at_all(keywords);
        if hit {
            self.skip(keywords.len());
        }
        hit
    }

    pub fn eat_sym(&mut self, symbol: &str) -> bool {
        let hit = self.sym(symbol);
        if hit {
            self.next();
        }
        hit
    }

    pub fn expect(&mut self, keyword: &str) -> SparkResult<()> {
        if self.eat(keyword) { Ok(()) } else { self.fail() }
    }

    pub fn expect_all(&mut self, keywords: &[&str]) -> SparkResult<()> {
        keywords.iter().try_for_each(|k| self.expect(k))
    }

    pub fn expect_sym(&mut self, symbol: &str) -> SparkResult<()> {
        if self.eat_sym(symbol) { Ok(()) } else { self.fail() }
    }

    /// A `>` that closes a type; takes one from `>>` and `>>>`.
    pub fn expect_closing_angle(&mut self) -> SparkResult<()> {
        if self.kind(0) == Kind::Symbol && matches!(self.word(0), ">>" | ">>>" | ">=") {
            if let Some(t) = self.tokens.get_mut(self.pos) {
                t.start += 1;
                t.char_start += 1;
            }
            return Ok(());
        }
        self.expect_sym(">")
    }

    pub fn expect_end(&mut self) -> SparkResult<()> {
        if self.at_end() { Ok(()) } else { self.fail() }
    }

    pub fn comma_list<T>(&mut self, mut item: impl FnMut(&mut Self) -> SparkResult<T>) -> SparkResult<Vec<T>> {
        let mut out = vec![self.beside(&mut item)?];
        while self.eat_sym(",") {
            out.push(self.beside(&mut item)?);
        }
        Ok(out)
    }

    pub fn in_parens<T>(&mut self, inner: impl FnOnce(&mut Self) -> SparkResult<T>) -> SparkResult<T> {
        self.expect_sym("(")?;
        let out = inner(self)?;
        self.expect_sym(")")?;
        Ok(out)
    }

    // ---- places and nodes

    /// The range from token `start` to the last one taken.
    pub fn origin(&self, start: usize) -> Option<Arc<Origin>> {
        let from = self.token(start);
        let to = self.token(self.pos.saturating_sub(1).max(start));
        Some(Arc::new(Origin::sql(self.text.clone(), from.char_start, to.char_end)))
    }

    pub fn make(&mut self, kind: ExprKind, start: usize) -> Expr {
        self.nodes += 1;
        Expr::new(kind).at(self.origin(start))
    }

    pub fn call(&mut self, name: &str, args: Vec<Expr>, start: usize) -> Expr {
        self.make(ExprKind::Function(FunctionCall::new(vec![name.to_string()], args)), start)
    }

    pub fn operator(&mut self, name: &str, args: Vec<Expr>, start: usize) -> Expr {
        let call = FunctionCall { syntax: CallSyntax::Operator, ..FunctionCall::new(vec![name.to_string()], args) };
        self.make(ExprKind::Function(call), start)
    }

    /// The text from token `start` up to the last one taken.
    pub fn text_since(&self, start: usize) -> &'a str {
        let from = self.token(start).start;
        let to = self.token(self.pos.saturating_sub(1)).end;
        self.src.get(from..to).unwrap_or_default().trim()
    }

    /// The text from the current token to the end.
    pub fn rest(&self) -> &'a str {
        self.src.get(self.token(self.pos).start..).unwrap_or_default()
    }
}
