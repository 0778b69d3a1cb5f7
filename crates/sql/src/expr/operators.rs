//! Binary and unary operators on values, by precedence climbing. Spark's levels, loosest first:
//! comparison, `|`, `^`, `&`, shifts, `+ - ||`, `* / % DIV`; then the signs and `~`. All of them
//! bind to the left.

use vonk_common::SparkResult;
use vonk_plan::expr::Expr;

use crate::parser::Parser;
use crate::tokens::Kind;

/// Level and operator name of a binary operator token.
fn binary(symbol: &str) -> Option<(u8, &'static str)> {
    Some(match symbol {
        "=" | "==" => (1, "=="),
        "<>" | "!=" => (1, "!="),
        "<" => (1, "<"),
        "<=" | "!>" => (1, "<="),
        ">" => (1, ">"),
        ">=" | "!<" => (1, ">="),
        "<=>" => (1, "<=>"),
        "|" => (2, "|"),
        "^" => (3, "^"),
        "&" => (4, "&"),
        "<<" => (5, "<<"),
        ">>" => (5, ">>"),
        ">>>" => (5, ">>>"),
        "+" => (6, "+"),
        "-" => (6, "-"),
        "||" => (6, "||"),
        "*" => (7, "*"),
        "/" => (7, "/"),
        "%" => (7, "%"),
        _ => return None,
    })
}

impl Parser<'_> {
    /// A value: what stands on either side of a predicate.
    pub fn value(&mut self) -> SparkResult<Expr> {
        self.value_from(1)
    }

    fn value_from(&mut self, lowest: u8) -> SparkResult<Expr> {
        let start = self.pos;
        let mut left = self.unary()?;
        while let Some((level, name)) = self.binary_operator() {
            if level < lowest {
                break;
            }
            self.next();
            let right = self.nested(|p| p.value_from(level + 1))?;
            self.grow()?;
            left = self.operator(name, vec![left, right], start);
        }
        Ok(left)
    }

    fn binary_operator(&self) -> Option<(u8, &'static str)> {
        match self.kind(0) {
            Kind::Symbol => binary(self.word(0)),
            Kind::Word if self.at("DIV") && !self.ends_n(1) && !self.sym_n(1, ".") => Some((7, "div")),
            _ => None,
        }
    }

    fn unary(&mut self) -> SparkResult<Expr> {
        let name = match (self.kind(0), self.word(0)) {
            (Kind::Symbol, "-") if self.kind(1) == Kind::Number => return self.primary(),
            (Kind::Symbol, "-") => "negative",
            (Kind::Symbol, "+") => "positive",
            (Kind::Symbol, "~") => "~",
            _ => return self.primary(),
        };
        let start = self.pos;
        self.next();
        let child = self.nested(|p| p.unary())?;
        self.grow()?;
        Ok(self.operator(name, vec![child], start))
    }
}
